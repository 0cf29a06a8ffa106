//! Daily credits: once a day in the configured time zone, also when that changes.

use std::time::Duration;

use harness::client::Answer;
use harness::world::{User, World};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{admin, complaint, data, get};

async fn configure(world: &World, config: Value) -> Value {
    data(admin(world, world.api().put("/admin/checkin/config")).json(config).expect(200).await)
}

async fn check_in(world: &World, user: &User) -> Answer {
    world.api().post("/checkin").bearer(&user.api_key).send().await.unwrap()
}

/// Moves the world's clock to a moment, which is in its future.
async fn go_to(world: &World, at: time::OffsetDateTime) {
    let wait = at - world.clock().now();
    world.advance(Duration::try_from(wait).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_check_ins_count_once_a_day() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let config = json!({"enabled": true, "credits_per_day": 10, "time_zone": "UTC",
                        "streak_bonuses": [{"days": 2, "bonus_credits": 5}]});
    configure(&world, config).await;
    let tries = (0..50).map(|_| world.api().post("/checkin").bearer(&alice.api_key).send());
    let answers: Vec<Answer> =
        futures::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status() == 200).collect();
    assert_eq!(done.len(), 1);
    let first = data(done[0].json().unwrap());
    assert_eq!((&first["credits"], &first["balance"], &first["streak"]), (&json!(10), &json!(10), &json!(1)));
    for answer in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(complaint(answer), (409, "ALREADY_CHECKED_IN".to_owned()));
    }
    world.advance(Duration::from_hours(24)).await;
    let next = data(world.api().post("/checkin").bearer(&alice.api_key).expect(200).await);
    assert_eq!((&next["credits"], &next["streak"]), (&json!(15), &json!(2)));
    assert_eq!(world.balance(&alice.wallet_id).await, 25);
    world.finish().await;
}

/// Days begin where the configuration says, also those of 23 and of 25 hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_at_midnight_of_its_time_zone() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let config =
        configure(&world, json!({"enabled": true, "credits_per_day": 10, "time_zone": "Europe/Rome"})).await;
    assert_eq!(config["time_zone"], json!("Europe/Rome"));
    // The last Sunday of March 2027 has 23 hours in Rome, the last of October 25.
    for (at, streak) in [
        (datetime!(2027-03-27 22:59:59 UTC), Some(1)),
        (datetime!(2027-03-27 23:00:01 UTC), Some(2)),
        (datetime!(2027-03-28 21:59:58 UTC), None),
        (datetime!(2027-03-28 22:00:01 UTC), Some(3)),
        (datetime!(2027-03-30 22:00:01 UTC), Some(1)),
        (datetime!(2027-10-30 21:59:59 UTC), Some(1)),
        (datetime!(2027-10-30 22:00:01 UTC), Some(2)),
        (datetime!(2027-10-31 22:59:58 UTC), None),
        (datetime!(2027-10-31 23:00:01 UTC), Some(3)),
    ] {
        go_to(&world, at).await;
        let answer = check_in(&world, &alice).await;
        match streak {
            Some(streak) => assert_eq!(data(answer.json().unwrap())["streak"], json!(streak), "{at}"),
            None => {
                assert_eq!(complaint(&answer), (409, "ALREADY_CHECKED_IN".to_owned()), "{at}");
                let status = get(&world, &alice, "/checkin/status").await;
                assert_eq!(status["checked_in_today"], json!(true));
            }
        }
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 70);
    world.finish().await;
}

/// Whatever an administrator changes holds from then on, and never gives a day twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_applies_from_then_on() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let not_yet = configure(&world, json!({"enabled": false})).await;
    assert_eq!(not_yet["enabled"], json!(false));
    assert_eq!(complaint(&check_in(&world, &alice).await), (403, "CHECKIN_DISABLED".to_owned()));
    configure(
        &world,
        json!({"enabled": true, "credits_per_day": 10, "time_zone": "UTC", "streak_bonuses": []}),
    )
    .await;
    go_to(&world, datetime!(2027-05-01 23:30 UTC)).await;
    assert_eq!(data(check_in(&world, &alice).await.json().unwrap())["credits"], json!(10));
    // In Tokyo it is the next morning: that is no second day.
    configure(&world, json!({"time_zone": "Asia/Tokyo", "credits_per_day": 20})).await;
    assert_eq!(complaint(&check_in(&world, &alice).await), (409, "ALREADY_CHECKED_IN".to_owned()));
    go_to(&world, datetime!(2027-05-02 15:00:01 UTC)).await;
    let next = data(check_in(&world, &alice).await.json().unwrap());
    assert_eq!((&next["credits"], &next["streak"]), (&json!(20), &json!(2)));
    for (field, value) in [
        ("credits_per_day", json!(0)),
        ("credits_per_day", json!(-5)),
        ("credits_per_day", json!(1.5)),
        ("credits_per_day", json!(1_000_001)),
        ("time_zone", json!("Mars/Olympus")),
        ("time_zone", json!("../etc/passwd")),
        ("streak_bonuses", json!([{"days": 1, "bonus_credits": 5}])),
        ("streak_bonuses", json!([{"days": 3, "bonus_credits": 5}, {"days": 3, "bonus_credits": 6}])),
        ("streak_bonuses", json!([{"days": 3, "bonus_credits": 0}])),
        ("enabled", json!("yes")),
    ] {
        let change = admin(&world, world.api().put("/admin/checkin/config")).json(json!({field: value}));
        let answer = change.send().await.unwrap();
        assert_eq!(complaint(&answer), (400, "INVALID_REQUEST".to_owned()), "{field} {value}");
    }
    let kept = data(admin(&world, world.api().get("/admin/checkin/config")).expect(200).await);
    let expected =
        json!({"enabled": true, "credits_per_day": 20, "streak_bonuses": [], "time_zone": "Asia/Tokyo"});
    assert_eq!(kept, expected);
    // Who changed what is recorded.
    assert_eq!(world.count("admin_actions where action = 'checkin.configure'").await, 3);
    world.finish().await;
}

/// Without a worker the day is claimed, and its credits come when there is one again.
#[tokio::test(flavor = "multi_thread")]
async fn a_bonus_is_given_once_for_its_streak() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let bonuses = json!([{"days": 2, "bonus_credits": 5}, {"days": 4, "bonus_credits": 100}]);
    configure(&world, json!({"enabled": true, "credits_per_day": 1, "streak_bonuses": bonuses})).await;
    let mut given = Vec::new();
    // Four days in a row, one left out, two more.
    for hours in [0, 24, 24, 24, 48, 24] {
        world.advance(Duration::from_hours(hours)).await;
        given.push(data(check_in(&world, &alice).await.json().unwrap())["credits"].as_i64().unwrap());
    }
    assert_eq!(given, [1, 6, 1, 101, 1, 6]);
    assert_eq!(world.balance(&alice.wallet_id).await, 116);
    let listed = get(&world, &alice, "/credits/transactions").await;
    assert_eq!((&listed[0]["type"], listed.as_array().unwrap().len()), (&json!("checkin"), 6));
    world.finish().await;
}
