//! What counts for a member, and for how long.

use std::time::Duration;

use harness::eventually::Look;
use harness::receiver::Receiver;
use harness::world::World;
use kernel::clock::to_rfc3339;
use kernel::money::Credits;
use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_member_spends_up_to_the_limit_and_not_a_millionth_more() {
    let world = World::start().await;
    let cast = acme(&world).await;
    let tomorrow = world.clock().now().date().next_day().unwrap().midnight().assume_utc();
    let set = limit(&world, &cast, 100, "day").await;
    let resets_at = json!(to_rfc3339(tomorrow));
    assert_eq!(set, json!({"credits": 100, "per": "day", "used": 0, "left": 100, "resetsAt": resets_at}));

    assert_eq!(status(&spend(&world, &cast, "own", 60).await), done());
    // A server spends for the member, alone and among others.
    let server = json!({"credits": 20, "memberId": "member"});
    let admin_key = &world.settings().secrets.admin_api_key;
    let debits = cast.path("debits");
    assert_eq!(status(&post(&world, &debits, admin_key, "server", server).await), done());
    let wallet = format!("org:{}", cast.id);
    let one = |key: &str, member: &str, credits: Value| {
        json!({"wallet": wallet, "credits": credits,
        "idempotencyKey": key, "memberId": member})
    };
    let batch = json!({"debits": [
        one("a", "member", json!(10)), one("b", "member", json!(20.000001)), one("c", "admin", json!(500)),
        one("d", "member", json!(10)),
    ]});
    let answer = world.admin_post("/purser/v1/debits/batch", batch).expect(200).await;
    let refused = &answer["data"][1]["error"];
    assert_eq!(refused["code"], "limit_reached", "{answer}");
    // The debits of a batch are made in any order.
    let mut reached = refused["limit"].clone();
    assert!([json!(0), json!(10), json!(20)].contains(&reached["left"].take()), "{answer}");
    let expected =
        json!({"memberId": "member", "credits": 100, "per": "day", "left": null, "resetsAt": resets_at});
    assert_eq!(reached, expected);
    for done in [0, 2, 3] {
        assert!(answer["data"][done]["debitId"].is_string(), "{answer}");
    }
    let least = json!({"credits": 0.000_001});
    let refused = post(&world, &debits, &cast.member.api_key, "least", least).await;
    assert_eq!(status(&refused), limit_reached(), "{refused}");
    let left = &refused.json().unwrap()["error"]["limit"]["left"];
    assert_eq!(left, &json!(0), "{refused}");

    // What was done before is answered as before, and counts once; what was refused may be tried again.
    assert_eq!(status(&spend(&world, &cast, "own", 60).await), done());
    limit(&world, &cast, 105, "day").await;
    assert_eq!(status(&spend(&world, &cast, "more", 6).await), limit_reached());
    assert_eq!(status(&spend(&world, &cast, "more", 5).await), done());
    let standing = standing(&world, &cast).await;
    assert_eq!((&standing["used"], &standing["left"]), (&json!(105), &json!(0)));
    assert_eq!(world.balance(&cast.wallet_id).await, 1_000 - 105 - 500);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_count_when_they_are_placed_and_what_comes_back_counts_no_more() {
    let world = World::builder().capture_above_hold(Credits::from_whole(500).unwrap()).start().await;
    let cast = acme(&world).await;
    limit(&world, &cast, 100, "day").await;
    let bearer = &cast.member.api_key;
    let place = async |key: &str, credits: i64| {
        let body = json!({"credits": credits, "ttlSeconds": 60});
        post(&world, &cast.path("holds"), bearer, key, body).await
    };
    let end = async |placed: &Answer, deed: &str, key: &str, body: Value| {
        let hold = placed.json().unwrap()["holdId"].as_str().unwrap().to_owned();
        post(&world, &format!("/purser/v1/holds/{hold}/{deed}"), bearer, key, body).await
    };
    let used = async || standing(&world, &cast).await["used"].clone();

    let first = place("first", 60).await;
    assert_eq!((first.status(), used().await), (201, json!(60)));
    assert_eq!(status(&place("second", 41).await), limit_reached());
    // The key of what was refused is free, and the same request is the same hold.
    let second = place("second", 40).await;
    assert_eq!((second.status(), place("second", 40).await.status(), used().await), (201, 201, json!(100)));
    assert_eq!(status(&spend(&world, &cast, "debit", 1).await), limit_reached());

    let part = json!({"credits": 20, "final": false});
    assert_eq!(end(&first, "capture", "part", part.clone()).await.status(), 200);
    assert_eq!((end(&first, "capture", "part", part).await.status(), used().await), (200, json!(100)));
    assert_eq!(end(&first, "capture", "rest", json!({"credits": 10})).await.status(), 200);
    assert_eq!(used().await, json!(70));
    // Above the hold: only as far as the limit goes.
    let above = end(&second, "capture", "above", json!({"credits": 71})).await;
    assert_eq!(status(&above), limit_reached(), "{above}");
    let above = end(&second, "capture", "above", json!({"credits": 70})).await;
    assert_eq!((above.status(), used().await), (200, json!(100)), "{above}");

    // The capture is given back in part, and the debit of another.
    let debit = above.json().unwrap()["debitId"].as_str().unwrap().to_owned();
    let refund = format!("/purser/v1/debits/{debit}/refund");
    assert_eq!(post(&world, &refund, bearer, "back", json!({"credits": 30})).await.status(), 200);
    assert_eq!(post(&world, &refund, bearer, "back", json!({"credits": 30})).await.status(), 200);
    assert_eq!(used().await, json!(70));
    let third = place("third", 20).await;
    assert_eq!((end(&third, "release", "away", json!({})).await.status(), used().await), (200, json!(70)));
    place("fourth", 30).await;
    world.advance(Duration::from_secs(61)).await;
    let lapsed = async || Look::when(used().await == json!(70), used().await.to_string());
    world.eventually("the hold has lapsed", lapsed).await;
    world.finish().await;
}

/// What was counted yesterday makes no room today, also when it comes back today.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_and_a_month_begin_anew_and_take_nothing_back_from_before() {
    let world = World::start().await;
    let cast = acme(&world).await;
    limit(&world, &cast, 100, "day").await;
    until_tomorrow(&world).await;
    let bearer = &cast.member.api_key;
    let debit = spend(&world, &cast, "first", 60).await.json().unwrap();
    let hold = json!({"credits": 40, "ttlSeconds": 172_800});
    let hold = post(&world, &cast.path("holds"), bearer, "hold", hold).await.json().unwrap();
    assert_eq!(status(&spend(&world, &cast, "second", 1).await), limit_reached());
    until_tomorrow(&world).await;
    assert_eq!(standing(&world, &cast).await["used"], json!(0));
    assert_eq!(status(&spend(&world, &cast, "third", 100).await), done());
    let refund = format!("/purser/v1/debits/{}/refund", debit["debitId"].as_str().unwrap());
    assert_eq!(post(&world, &refund, bearer, "back", json!({})).await.status(), 200);
    let hold = hold["holdId"].as_str().unwrap();
    let capture = format!("/purser/v1/holds/{hold}/capture");
    let captured = post(&world, &capture, bearer, "capture", json!({"credits": 25})).await;
    assert_eq!(captured.status(), 200, "{captured}");
    // It is an entry of today, and counted yesterday.
    let entry = captured.json().unwrap()["debitId"].as_str().unwrap().to_owned();
    let refund = format!("/purser/v1/debits/{entry}/refund");
    assert_eq!(post(&world, &refund, bearer, "back too", json!({})).await.status(), 200);
    assert_eq!(standing(&world, &cast).await["used"], json!(100));
    assert_eq!(status(&spend(&world, &cast, "fourth", 1).await), limit_reached());

    // By the month too: what came back counts no more, and if the month began between, only today's does.
    let by_month = limit(&world, &cast, 500, "month").await;
    let shown = (by_month["per"].clone(), by_month["credits"].clone());
    assert_eq!(shown, (json!("month"), json!(500)));
    assert_eq!(by_month["used"], json!(100));
    world.advance(Duration::from_secs(32 * 86_400)).await;
    assert_eq!(standing(&world, &cast).await["used"], json!(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_changed_at_once_and_does_not_begin_anew() {
    let world = World::start().await;
    let cast = acme(&world).await;
    limit(&world, &cast, 100, "day").await;
    assert_eq!(status(&spend(&world, &cast, "first", 60).await), done());
    let lower = limit(&world, &cast, 50, "day").await;
    assert_eq!((&lower["used"], &lower["left"]), (&json!(60), &json!(0)));
    assert_eq!(status(&spend(&world, &cast, "second", 1).await), limit_reached());
    let nothing = limit(&world, &cast, 0, "month").await;
    assert_eq!((&nothing["used"], &nothing["per"]), (&json!(60), &json!("month")));
    // A role that is set without a limit leaves it.
    let put = async |body: Value| {
        admin(&world, world.api().put(&member_path(&cast, "member"))).json(body).expect(200).await
    };
    assert_eq!(put(json!({"role": "admin"})).await["limit"], nothing);
    assert_eq!(status(&spend(&world, &cast, "second", 1).await), limit_reached());
    assert_eq!(put(json!({"role": "member", "limit": null})).await["limit"], Value::Null);
    assert_eq!(status(&spend(&world, &cast, "second", 100).await), done());

    // Without a limit nothing was counted; the limit goes on with what was.
    assert_eq!(limit(&world, &cast, 70, "day").await["left"], json!(10));
    // Who leaves and comes back on the same day has used as much.
    delete(&world, &member_path(&cast, "member")).await;
    assert_eq!(put(json!({"role": "member"})).await["limit"], Value::Null);
    assert_eq!(limit(&world, &cast, 70, "day").await["used"], json!(60));
    let recorded = get(&world, "/purser/v1/audit-log?limit=50").await;
    let limits = recorded["data"].as_array().unwrap().iter();
    let limits: Vec<&Value> =
        limits.filter(|action| action["action"] == "organization.member_limit").collect();
    assert_eq!(limits.len(), 6, "{recorded}");
    assert_eq!(limits[0]["details"]["limits"], json!({"day": 70, "month": null}), "{recorded}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_told_once_in_its_period_to_webhooks_and_live() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"url": receiver.url(), "eventTypes": ["limit.reached"]});
    world.admin_post("/purser/v1/webhook-endpoints", endpoint).expect(201).await;
    let cast = acme(&world).await;
    limit(&world, &cast, 10, "day").await;
    until_tomorrow(&world).await;
    for (key, credits) in [("a", 8), ("b", 3), ("c", 3), ("d", 2), ("e", 1)] {
        spend(&world, &cast, key, credits).await;
    }
    world.drain().await;
    let told = receiver.wait_for(1).await;
    let data = told[0].json()["data"].clone();
    assert_eq!(
        (&data["orgId"], &data["memberId"]),
        (&json!(cast.id.to_string()), &json!("member")),
        "{data}"
    );
    assert_eq!(
        (&data["credits"], &data["left"], &data["per"]),
        (&json!(10), &json!(2), &json!("day")),
        "{data}"
    );
    assert!(data["sequence"].is_number() && data["resetsAt"].is_string(), "{data}");
    // Used up exactly, on the next day, is reached too.
    until_tomorrow(&world).await;
    spend(&world, &cast, "f", 10).await;
    spend(&world, &cast, "g", 1).await;
    world.drain().await;
    assert_eq!(receiver.wait_for(2).await[1].json()["data"]["left"], json!(0));
    // Another limit is another one.
    limit(&world, &cast, 11, "day").await;
    spend(&world, &cast, "h", 1).await;
    world.drain().await;
    assert_eq!(receiver.wait_for(3).await.len(), 3);
    world.finish().await;
}
