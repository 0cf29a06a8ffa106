//! What is sold, and its administration.

use harness::world::World;
use serde_json::{Value, json};

use super::{admin, complaint, data, get, post};

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_listed_as_documented_without_provider_ids() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let plans = get(&world, &alice, "/subscription/plans").await;
    assert_eq!(
        plans[0],
        json!({"id": "pro", "name": "Pro", "description": "For growing teams", "price_monthly": 999,
               "price_yearly": 9990, "currency": "usd", "credits_included": 10_000,
               "credits_included_yearly": 120_000, "features": ["Unlimited AI chat", "Priority support"]})
    );
    let missing = world.api().get("/subscription/plans").send().await.unwrap();
    assert_eq!(complaint(&missing), (401, "UNAUTHORIZED".to_owned()));
    let not_admin = world.api().get("/admin/billing/plans").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(complaint(&not_admin), (403, "FORBIDDEN".to_owned()));

    let new = json!({"id": "solo", "name": "Solo", "price_monthly": 100, "credits_included": 5.5});
    let create = || admin(&world, world.api().post("/admin/billing/plans")).json(new.clone());
    let made = data(create().expect(201).await);
    assert_eq!((&made["credits_included"], &made["credits_included_yearly"]), (&json!(5.5), &json!(66)));
    assert_eq!(complaint(&create().send().await.unwrap()), (409, "PLAN_EXISTS".to_owned()));
    let change = json!({"is_active": false, "stripe_price_id_monthly": "price_solo"});
    let update = admin(&world, world.api().put("/admin/billing/plans/solo")).json(change);
    let changed = data(update.expect(200).await);
    assert_eq!(
        (&changed["name"], &changed["stripe_price_id_monthly"]),
        (&json!("Solo"), &json!("price_solo"))
    );
    let unknown = admin(&world, world.api().put("/admin/billing/plans/none")).json(json!({}));
    assert_eq!(complaint(&unknown.send().await.unwrap()), (404, "NOT_FOUND".to_owned()));
    let all = data(admin(&world, world.api().get("/admin/billing/plans")).expect(200).await);
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(get(&world, &alice, "/subscription/plans").await.as_array().unwrap().len(), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_plans_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let create = |body: Value| admin(&world, world.api().post("/admin/billing/plans")).json(body);
    let with = |field: &str, value: Value| {
        let mut body = json!({"id": "solo", "name": "Solo", "price_monthly": 100, "credits_included": 5});
        body[field] = value;
        body
    };
    for (field, value) in [
        ("name", json!(null)),
        ("name", json!("")),
        ("id", json!("no spaces")),
        ("id", json!("")),
        ("price_monthly", json!(-1)),
        ("price_monthly", json!(9.99)),
        ("price_monthly", json!("999")),
        ("price_yearly", json!(-1)),
        ("currency", json!("dollars")),
        ("credits_included", json!(0)),
        ("credits_included", json!(-5)),
        ("credits_included", json!(0.000_000_1)),
        ("credits_included", json!(1e30)),
        ("features", json!("many")),
    ] {
        let body = with(field, value);
        let answer = create(body.clone()).send().await.unwrap();
        assert_eq!(complaint(&answer), (400, "INVALID_REQUEST".to_owned()), "{body}");
    }
    // Each id at a provider stands for one plan.
    create(with("creem_product_id", json!("prod_1"))).expect(201).await;
    let mut twin = with("creem_product_id", json!("prod_1"));
    twin["id"] = json!("twin");
    assert_eq!(complaint(&create(twin).send().await.unwrap()), (409, "PROVIDER_PRICE_TAKEN".to_owned()));
    // Null takes a field away, leaving it out keeps it.
    let update = |body: Value| admin(&world, world.api().put("/admin/billing/plans/solo")).json(body);
    let kept = data(update(json!({"price_yearly": 1_000, "name": "Duo"})).expect(200).await);
    assert_eq!((&kept["creem_product_id"], &kept["price_yearly"]), (&json!("prod_1"), &json!(1_000)));
    let taken = data(update(json!({"price_yearly": null, "creem_product_id": null})).expect(200).await);
    assert_eq!((&taken["creem_product_id"], &taken["price_yearly"]), (&json!(null), &json!(null)));
    assert_eq!(taken["name"], json!("Duo"));
    let renamed = update(json!({"id": "other"})).send().await.unwrap();
    assert_eq!(complaint(&renamed), (400, "INVALID_REQUEST".to_owned()));
    world.finish().await;
}

/// Every endpoint of the document, without a session and as a user who is no administrator.
#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_refuses_unauthorized_callers() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let of_users =
        ["/credits/balance", "/credits/transactions", "/orders", "/orders/1", "/subscription/plans"];
    let of_admins = [
        "/admin/billing/plans",
        "/admin/billing/coupons",
        "/admin/credits/transactions",
        "/admin/checkin/config",
    ];
    for path in of_users.iter().chain(&of_admins) {
        for request in [world.api().get(path), world.api().get(path).bearer("rubbish")] {
            let answer = request.send().await.unwrap();
            assert_eq!(complaint(&answer), (401, "UNAUTHORIZED".to_owned()), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        // What a gateway would say about the caller is not believed from outside.
        let claimed = world.api().get(path).header("x-user-id", "alice").header("x-user-role", "admin");
        assert_eq!(claimed.send().await.unwrap().status(), 401, "{path}");
    }
    for path in of_admins {
        let answer = world.api().get(path).bearer(&alice.api_key).send().await.unwrap();
        assert_eq!(complaint(&answer), (403, "FORBIDDEN".to_owned()), "{path}");
    }
    for path in ["/checkin", "/payment/create-session", "/subscription/portal"] {
        let answer = world.api().post(path).json(json!({})).send().await.unwrap();
        assert_eq!(complaint(&answer), (401, "UNAUTHORIZED".to_owned()), "{path}");
    }
    for path in ["/admin/billing/plans", "/admin/billing/coupons", "/admin/credits/manual"] {
        let answer = post(&world, &alice, path, json!({})).await;
        assert_eq!(complaint(&answer), (403, "FORBIDDEN".to_owned()), "{path}");
    }
    for path in ["/admin/billing/plans/pro", "/admin/checkin/config"] {
        let answer = world.api().put(path).bearer(&alice.api_key).json(json!({})).send().await.unwrap();
        assert_eq!(complaint(&answer), (403, "FORBIDDEN".to_owned()), "{path}");
    }
    // The session cookie of the document's own system is a session.
    let session = world.create_session(&alice).await;
    let cookie = format!("better-auth.session_token={session}");
    let balance = world.api().get("/credits/balance").header("cookie", &cookie).expect(200).await;
    assert_eq!(data(balance), json!({"balance": 0}));
    for (path, status) in [("/orders/x/y", 404), ("/admin/billing/nothing", 404)] {
        assert_eq!(
            world.api().get(path).bearer(&alice.api_key).send().await.unwrap().status(),
            status,
            "{path}"
        );
    }
    let wrong = world.api().delete("/orders").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(complaint(&wrong), (405, "METHOD_NOT_ALLOWED".to_owned()));
    world.finish().await;
}
