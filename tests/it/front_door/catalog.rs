//! What is sold: packs, plans and coupons are made, changed and retired, say how long their credits last, and codes
//! are redeemed.

use std::time::Duration;

use harness::client::Answer;
use harness::eventually::Look;
use harness::world::World;
use serde_json::{Value, json};

use super::{admin, get, order, pay, refusal, sell, shown, usd};

const DAY: Duration = Duration::from_hours(24);

async fn put(world: &World, path: &str, body: Value) -> Answer {
    admin(world, world.api().put(path)).json(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_made_changed_and_retired() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let plan = json!({"planId": "gold", "name": "Gold", "monthly": {"price": usd(1_999), "credits": 500}});
    let made = world.admin_post("/purser/v1/catalog/plans", plan.clone()).expect(201).await;
    assert_eq!((&made["monthly"]["price"], &made["yearly"]), (&usd(1_999), &Value::Null));
    let again = world.admin_post("/purser/v1/catalog/plans", plan).send().await.unwrap();
    assert_eq!(refusal(&again), (409, "plan_exists".to_owned()));
    let path = "/purser/v1/catalog/plans/gold";
    // Put back as it is, it stays as it is.
    let found = get(&world, path).await;
    assert_eq!(put(&world, path, found.clone()).await.json().unwrap(), found);
    let listed = get(&world, "/purser/v1/catalog/plans").await;
    assert_eq!((listed["data"].as_array().map(Vec::len), &listed["nextCursor"]), (Some(3), &Value::Null));
    for (change, complaint) in [
        (json!({"monthly": {"price": usd(-1), "credits": 1}}), "monthly.price must be"),
        (json!({"monthly": {"price": usd(1), "credits": 0}}), "monthly.credits must be"),
        (json!({"yearly": {"price": {"minor": 1, "currency": "eur"}, "credits": 1}}), "in the currency of"),
        (json!({"planId": "silver"}), "planId differs"),
        (json!({"price": 5}), "There is no field `price`"),
        (
            json!({"monthly": {"price": {"minor": 1, "currency": "usd", "tax": 1}, "credits": 1}}),
            "There is no field `monthly.price.tax`",
        ),
    ] {
        let mut body = found.clone();
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let answer = put(&world, path, body).await;
        assert!(answer.status() == 400 && answer.text().contains(complaint), "{complaint}: {answer}");
    }
    let mut retired = found;
    retired["active"] = json!(false);
    assert_eq!(put(&world, path, retired).await.json().unwrap()["active"], json!(false));
    let body = json!({"wallet": "user:alice", "planId": "gold"});
    let order = world.admin_post("/purser/v1/orders", body).send().await.unwrap();
    assert_eq!(refusal(&order), (404, "not_found".to_owned()));
    assert_eq!(put(&world, "/purser/v1/catalog/plans/none", get(&world, path).await).await.status(), 400);
    let none = admin(&world, world.api().get("/purser/v1/catalog/plans/none")).send().await.unwrap();
    assert_eq!(none.status(), 404);
    let none = admin(&world, world.api().get("/purser/v1/catalog/packs/none")).send().await.unwrap();
    assert_eq!(none.status(), 404);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_made_changed_and_retired() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let made = json!({"code": "half", "percent": 50, "maxRedemptions": 1, "packIds": ["starter"]});
    let made = world.admin_post("/purser/v1/catalog/coupons", made).expect(201).await;
    assert_eq!(
        (&made["code"], &made["percent"], &made["amountOff"]),
        (&json!("HALF"), &json!(50), &Value::Null)
    );
    let path = format!("/purser/v1/catalog/coupons/{}", made["couponId"].as_str().unwrap());
    let placed = order(&world, json!({"wallet": "user:alice", "packId": "starter", "coupon": "half"})).await;
    assert_eq!((&placed["amount"], &placed["discount"]), (&usd(750), &usd(750)));
    pay(&world, &placed).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    assert_eq!(get(&world, &path).await["redemptions"], 1);
    let lower = put(&world, &path, json!({"maxRedemptions": 0})).await;
    assert_eq!(lower.status(), 400, "{lower}");
    let more = put(&world, &path, json!({"maxRedemptions": 2, "active": false})).await.json().unwrap();
    assert_eq!(
        (&more["maxRedemptions"], &more["active"], &more["packIds"]),
        (&json!(2), &json!(false), &json!([]))
    );
    let body = json!({"wallet": "user:alice", "packId": "starter", "coupon": "half"});
    let refused = world.admin_post("/purser/v1/orders", body).send().await.unwrap();
    assert_eq!(refusal(&refused), (400, "invalid_coupon".to_owned()));
    for body in [
        json!({"code": "A"}),
        json!({"code": "A", "percent": 5, "credits": 5}),
        json!({"code": "A", "percent": 101}),
        json!({"code": "A", "credits": 5, "expiresAfterDays": 0}),
        json!({"code": "A", "percent": 5, "kind": "percent"}),
    ] {
        let answer = world.admin_post("/purser/v1/catalog/coupons", body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{answer}");
    }
    for code in ["B", "C"] {
        let off = json!({"code": code, "amountOff": usd(100)});
        world.admin_post("/purser/v1/catalog/coupons", off).expect(201).await;
    }
    let first = get(&world, "/purser/v1/catalog/coupons?limit=2").await;
    let codes = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|coupon| coupon["code"].clone()).collect()
    };
    let next = first["nextCursor"].as_str().unwrap();
    let second = get(&world, &format!("/purser/v1/catalog/coupons?limit=2&cursor={next}")).await;
    assert_eq!((codes(&first), codes(&second)), (vec![json!("C"), json!("B")], vec![json!("HALF")]));
    assert_eq!(second["nextCursor"], Value::Null);
    let nobody = world.api().get(&path).bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(nobody.status(), 403);
    world.finish().await;
}

/// From when it is paid, however long it was ordered before.
#[tokio::test(flavor = "multi_thread")]
async fn credits_last_as_long_as_their_pack_and_coupon_say() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for (id, days) in [("brief", 30), ("lasting", 60)] {
        let pack =
            json!({"packId": id, "name": id, "credits": 100, "price": usd(500), "expiresAfterDays": days});
        world.admin_post("/purser/v1/catalog/packs", pack).expect(201).await;
    }
    let bonus = json!({"code": "MORE", "bonusCredits": 7, "expiresAfterDays": 10});
    world.admin_post("/purser/v1/catalog/coupons", bonus).expect(201).await;
    let mixed = json!({"wallet": "user:alice", "items": [{"packId": "brief"}, {"packId": "lasting"}]});
    let refused = world.admin_post("/purser/v1/orders", mixed).send().await.unwrap();
    assert_eq!(refused.status(), 400, "{refused}");
    assert!(refused.text().contains("last differently long"), "{refused}");

    let placed = order(&world, json!({"wallet": "user:alice", "packId": "brief", "coupon": "MORE"})).await;
    // The pack is changed meanwhile: what was ordered stays.
    let mut pack = get(&world, "/purser/v1/catalog/packs/brief").await;
    pack["expiresAfterDays"] = json!(1);
    assert_eq!(put(&world, "/purser/v1/catalog/packs/brief", pack).await.status(), 200);
    world.advance(Duration::from_mins(20)).await;
    pay(&world, &placed).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 107);
    let lasting = "select round(extract(epoch from expires_at - created_at) / 86400)::bigint from grants
                   order by amount";
    let days: Vec<i64> = sqlx::query_scalar(lasting).fetch_all(world.pool()).await.unwrap();
    assert_eq!(days, [10, 30]);
    for (days, left) in [(11, 100), (20, 0)] {
        world.advance(days * DAY).await;
        let lapsed = async || Look::equal(world.balance(&alice.wallet_id).await, left);
        world.eventually("what has had its time lapses", lapsed).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_within_its_limits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let bob = world.create_user("bob").await;
    for coupon in [
        json!({"code": "GIFT", "credits": 12.5, "maxPerUser": 1, "maxRedemptions": 2, "expiresAfterDays": 30}),
        json!({"code": "MORE", "bonusCredits": 7}),
    ] {
        world.admin_post("/purser/v1/catalog/coupons", coupon).expect(201).await;
    }
    let redeem = |user: &str, code: &str, key: &str| {
        let request = admin(&world, world.api().post("/purser/v1/redemptions")).idempotency_key(key);
        request.json(json!({"wallet": format!("user:{user}"), "code": code})).send()
    };
    let first = redeem("alice", "gift", "one").await.unwrap();
    let given = first.json().unwrap();
    assert_eq!(
        (first.status(), &given["bonusCredits"], &given["amount"]),
        (201, &json!(12.5), &usd(0)),
        "{first}"
    );
    let again = redeem("alice", "gift", "one").await.unwrap();
    assert_eq!((again.status(), &again.json().unwrap()["orderId"]), (201, &given["orderId"]));
    let twice = redeem("alice", "GIFT", "two").await.unwrap();
    assert_eq!(refusal(&twice), (400, "invalid_coupon".to_owned()), "{twice}");
    assert_eq!(refusal(&redeem("bob", "MORE", "three").await.unwrap()), (400, "invalid_coupon".to_owned()));
    // Many at once: one use is left.
    let names: Vec<String> = (0..5).map(|number| format!("user-{number}")).collect();
    for name in &names {
        world.create_user(name).await;
    }
    let tries = names.iter().map(|name| redeem(name, "GIFT", name));
    let answers = futures::future::join_all(tries).await;
    let taken = answers.iter().filter(|answer| answer.as_ref().unwrap().status() < 300).count();
    assert_eq!(taken, 1);
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (12, 0));
    assert_eq!(world.count("grants where source = 'coupon' and expires_at is not null").await, 2);
    assert_eq!(world.count("ledger_entries where entry_type = 'coupon' and amount = 12500000").await, 2);
    assert_eq!(shown(&world, &given).await["status"], "paid");
    // It is for what it says only.
    sell(&world).await;
    let body = json!({"wallet": "user:alice", "packId": "starter", "coupon": "GIFT"});
    let bought = world.admin_post("/purser/v1/orders", body).send().await.unwrap();
    assert_eq!(refusal(&bought), (400, "invalid_coupon".to_owned()), "{bought}");
    // A user redeems for herself.
    let her = world.api().post("/purser/v1/redemptions").bearer(&bob.api_key);
    let her = her.json(json!({"wallet": "user:alice", "code": "GIFT"})).send().await.unwrap();
    assert_eq!(her.status(), 404);
    world.finish().await;
}
