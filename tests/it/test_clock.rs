//! The test clock: one call, and time has passed for every process and for the providers.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::eventually::{Look, eventually};
use harness::world::{GOOD_CARD, World};
use kernel::clock::Clock;
use kernel::config::Mode;
use kernel::{database, test_clock};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;

use crate::cluster::blocking;

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const DAY: i64 = 86_400;
const MONTH: i64 = 31 * DAY + 7_200;

fn advance(world: &World, body: Value) -> Request {
    world.admin_post("/purser/v1/test/clock", body)
}

async fn shown(world: &World) -> Value {
    let admin = &world.settings().secrets.admin_api_key;
    world.api().get("/purser/v1/test/clock").bearer(admin).expect(200).await
}

fn moment(answer: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(answer["now"].as_str().unwrap(), &Rfc3339).unwrap()
}

async fn refused(request: Request) -> (u16, String) {
    let answer: Answer = request.send().await.unwrap();
    (answer.status(), answer.json().unwrap()["error"]["code"].as_str().unwrap().to_owned())
}

/// A worker that was killed and comes back goes by it too.
#[tokio::test(flavor = "multi_thread")]
async fn every_process_and_the_emulator_go_by_the_test_clock() {
    let world = World::builder()
        .api_process(DEV)
        .worker_process(DEV)
        .scheduler_process(DEV)
        .emulator_process(DEV)
        .start()
        .await;
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "interval": "month"});
    let opened = world.api().post("/payment/create-session").bearer(&alice.api_key).json(order);
    let opened = opened.expect(201).await["data"].clone();
    world.pay(opened["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let hold = json!({"credits": 100, "ttlSeconds": 3_600});
    world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key).json(hold).expect(201).await;
    world.worker().kill9().unwrap();

    let before = moment(&shown(&world).await);
    let moved = advance(&world, json!({"advanceSeconds": MONTH})).expect(200).await;
    assert_eq!((&moved["aheadSeconds"], &moved["inForce"]), (&json!(MONTH), &json!(true)));
    let passed = moment(&moved) - before;
    assert!((MONTH..MONTH + 60).contains(&passed.whole_seconds()), "{passed}");
    let login = world.api().get("/v1/credits").bearer(&session).send().await.unwrap();
    assert_eq!(login.status(), 401, "the API goes by another time");
    let emulated = world.emulator().get("/_emulator/clock").expect(200).await["now"].as_i64().unwrap();
    assert!((emulated - moment(&shown(&world).await).unix_timestamp()).abs() < 60, "{emulated}");

    world.worker().start().unwrap();
    // The scheduler has the hold expired at once, not when half a minute has passed.
    world.wait_for_rows(1, "holds where state = 'expired'").await;
    world.wait_for_rows(2, "ledger_entries where entry_type = 'subscription' and amount > 0").await;
    let by_the_worker =
        "ledger_entries where entry_type = 'subscription' and created_at > now() + interval '31 days'";
    world.wait_for_rows(1, by_the_worker).await;
    assert_eq!(world.count("provider_events where outcome = 'quarantined'").await, 0);
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_passes_as_asked_and_never_backwards() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let real = |code: &str, status| (status, code.to_owned());
    for body in [
        json!({"advanceSeconds": -1}),
        json!({"advanceSeconds": 1.5}),
        json!({"advanceSeconds": "60"}),
        json!({"advanceSeconds": 4_000_000_000_i64}),
        json!({"advanceSeconds": 60, "to": "2099-01-01T00:00:00Z"}),
        json!({"to": "tomorrow"}),
        json!({"to": "9999-12-31T00:00:00Z"}),
        json!({"seconds": 60}),
        json!({"advanceSeconds": 60, "skew": 1}),
        json!({}),
        json!([60]),
    ] {
        let (status, _) = refused(advance(&world, body.clone())).await;
        assert_eq!(status, 400, "{body}");
    }
    let past = json!({"to": "2020-01-01T00:00:00Z"});
    assert_eq!(refused(advance(&world, past)).await, real("clock_not_backwards", 409));
    let theirs = world.api().post("/purser/v1/test/clock").bearer(&alice.api_key);
    assert_eq!(refused(theirs.json(json!({"advanceSeconds": 60}))).await, real("bound_credential", 403));
    assert_eq!(shown(&world).await["aheadSeconds"], 0);

    let target = world.clock().now() + time::Duration::days(40);
    let moved = advance(&world, json!({"to": target.format(&Rfc3339).unwrap()})).expect(200).await;
    assert!(moment(&moved) >= target && moment(&moved) < target + time::Duration::minutes(1), "{moved}");
    assert_eq!(
        advance(&world, json!({"advanceSeconds": 0})).expect(200).await["aheadSeconds"],
        moved["aheadSeconds"]
    );

    // Even if the record of the key were lost, the move happens once.
    let again = || {
        let request =
            world.api().post("/purser/v1/test/clock").bearer(&world.settings().secrets.admin_api_key);
        request.idempotency_key("a month").json(json!({"advanceSeconds": MONTH}))
    };
    let first = again().expect(200).await;
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    assert_eq!(again().expect(200).await["aheadSeconds"], first["aheadSeconds"]);
    assert!(world.clock().now() >= target + time::Duration::seconds(MONTH));
    world.finish().await;
}

/// A worker that hangs goes by the new time only when it no longer does: whoever asks again with the key learns it.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_not_in_force_yet_is_asked_about_with_its_key() {
    let world = World::builder().worker_process(DEV).start().await;
    world.worker().sigstop().unwrap();
    let again = async || {
        let admin = &world.settings().secrets.admin_api_key;
        let request = world.api().post("/purser/v1/test/clock").bearer(admin).idempotency_key("an hour");
        let moved = request.json(json!({"advanceSeconds": 3_600})).expect(200).await;
        (moved["aheadSeconds"].clone(), moved["inForce"].clone())
    };
    assert_eq!(again().await, (json!(3_600), json!(false)));
    world.worker().sigcont().unwrap();
    assert_eq!(again().await, (json!(3_600), json!(true)));
    assert_eq!(again().await, (json!(3_600), json!(true)));
    world.finish().await;
}

/// When the database server goes down, every process loses the connection over which it hears of moves. A process that
/// answers afterwards has heard of this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_right_after_an_outage_is_in_force_where_it_is_answered() {
    let world = World::builder().own_servers().api_process(DEV).start().await;
    let before = moment(&shown(&world).await);
    world.settle_queues().await;
    let postgres = world.servers().postgres();
    blocking(|| postgres.kill9().and_then(|()| postgres.start()));
    let admin = &world.settings().secrets.admin_api_key;
    let again = async || {
        let request = world.api().post("/purser/v1/test/clock").bearer(admin).idempotency_key("a month");
        let answer = request.json(json!({"advanceSeconds": MONTH})).send().await.unwrap();
        if answer.status() != 200 || answer.json().unwrap()["inForce"] == false {
            return Look::NotYet(answer.to_string());
        }
        Look::Done(answer.json().unwrap())
    };
    let moved = eventually("the clock is moved", Duration::from_secs(60), again).await.unwrap();
    assert!(moment(&moved) >= before + time::Duration::seconds(MONTH), "{moved}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_connections_end_when_the_time_of_their_credential_has_passed() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    let mut socket = world.api().open_websocket("/ws", &session).await.unwrap();
    world.advance(Duration::from_hours(25)).await;
    let ended = socket.receive_within(Duration::from_secs(10)).await.unwrap_err();
    assert!(format!("{ended:#}").contains("closed the WebSocket"), "{ended:#}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_money_has_no_test_clock() {
    let world = World::builder().live().start().await;
    assert_eq!(refused(advance(&world, json!({"advanceSeconds": 60}))).await, (403, "live_mode".to_owned()));
    let admin = &world.settings().secrets.admin_api_key;
    let looked = world.api().get("/purser/v1/test/clock").bearer(admin);
    assert_eq!(refused(looked).await, (403, "live_mode".to_owned()));
    // A database whose clock was moved holds no real books.
    let connections = world.settings().connections(1).unwrap();
    let start = async || {
        let (clock, primary) = (Clock::system(), database::primary(&connections).unwrap());
        test_clock::start(&clock, &primary, &connections, Mode::Live, CancellationToken::new()).await
    };
    start().await.unwrap();
    world.advance(Duration::from_secs(60)).await;
    assert!(start().await.unwrap_err().to_string().contains("PURSER_MODE is live"));
    world.finish().await;
}
