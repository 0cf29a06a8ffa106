//! Numbers that move while somebody looks: the overview, and what the machinery does.

use harness::browser::Screen;
use harness::world::World;
use serde_json::json;

use super::{employ, pay_too_little, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_counts_on_while_it_is_looked_at() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let page = sign_in(&world, &employ(&world, "Vera", "viewer").await, Screen::DESK).await;
    page.sees("Nothing needs you").await;
    page.wait_for("document.querySelectorAll('value-chart canvas').length === 6").await;
    page.value("window.stayed = true").await;
    page.click("#figures details summary").await;
    world.buy(&alice, 1_250).await;
    // What needs somebody comes by itself; the figures too, and at once for who comes back to the window.
    pay_too_little(&world, &alice).await;
    page.sees("in quarantine").await;
    page.value("void window.dispatchEvent(new Event('focus'))").await;
    page.sees("$12.50").await;
    page.sees("1,250").await;
    // What was opened stays open, and has the new number.
    let shown = "document.querySelector('#figures details[open] tbody').innerText.includes('12.50')";
    page.wait_for(shown).await;
    assert_eq!(page.value("window.stayed").await, json!(true), "the page was loaded again");
    page.goto("/console?interval=hour").await;
    page.sees("$12.50").await;
    assert_eq!(page.value("document.querySelectorAll('#figures tbody')[0].rows.length").await, json!(24));
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_shows_what_ran_by_the_schedule() {
    let world = World::start().await;
    let entries = i64::try_from(scheduler::schedule::SCHEDULE.len()).unwrap();
    world.wait_for_rows(entries, "schedule_runs").await;
    let admin = &world.settings().secrets.admin_api_key;
    let system = world.api().get("/purser/v1/system").bearer(admin).expect(200).await;
    let schedule = system["schedule"].as_array().unwrap();
    for entry in scheduler::schedule::SCHEDULE {
        let run = schedule.iter().find(|run| run["name"] == entry.name);
        let run = run.unwrap_or_else(|| panic!("{} did not run: {schedule:?}", entry.name));
        assert_eq!((&run["everySeconds"], &run["failure"]), (&json!(entry.every.as_secs()), &json!(null)));
    }
    let page = sign_in(&world, &employ(&world, "Vera", "viewer").await, Screen::DESK).await;
    page.goto("/console/system").await;
    page.sees("payments.reconcile").await;
    page.sees("Jobs that wait to be published").await;
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_says_how_long_jobs_wait_in_their_queues() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    // Workers note it every ten seconds.
    world.wait_for_rows(1, "queue_waits where role = 'apply' and waited_seconds < 60").await;
    let admin = &world.settings().secrets.admin_api_key;
    let system = world.api().get("/purser/v1/system").bearer(admin).expect(200).await;
    let queues = system["queues"].as_array().unwrap();
    let queue = |name: &str| queues.iter().find(|queue| queue["name"] == name).unwrap();
    assert!(queue("apply")["takenAt"].is_string() && queue("apply")["waitedSeconds"].is_i64(), "{system}");
    assert_eq!(queue("delay.2s")["takenAt"], json!(null));
    let page = sign_in(&world, &employ(&world, "Vera", "viewer").await, Screen::DESK).await;
    page.sees("Nothing needs you").await;
    // What a worker would note that is behind by ten minutes; long ago it is no news.
    let behind = "insert into queue_waits values ('verify', 600, now()), ('recharge', 7200, now() - interval '1 h') \
                  on conflict (role) do update \
                  set waited_seconds = excluded.waited_seconds, taken_at = excluded.taken_at";
    sqlx::query(behind).execute(world.pool()).await.unwrap();
    page.sees("that jobs wait in a queue").await;
    assert!(page.text().await.contains("10 min"), "{}", page.text().await);
    page.finish().await;
    world.finish().await;
}
