//! Selling: from what is for sale to credits in the wallet, at each provider, once for each request.

use std::time::Duration;

use harness::world::World;
use serde_json::{Value, json};

use super::{admin, get, order, pay, refusal, sell, shown, usd};

#[tokio::test(flavor = "multi_thread")]
async fn products_are_what_can_be_ordered() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let offered = world.api().get("/purser/v1/products").bearer(&alice.api_key).expect(200).await;
    // Packs of other APIs are not among them.
    assert_eq!(
        offered["packs"],
        json!([{"packId": "starter", "name": "Starter", "description": "", "credits": 100,
                "price": usd(1_500), "expiresAfterDays": null, "providers": ["stripe", "creem"]}])
    );
    let pro = &offered["plans"][0];
    assert_eq!((&pro["planId"], &pro["monthly"]["price"]), (&json!("pro"), &usd(999)), "{pro}");
    assert_eq!(pro["monthly"]["providers"], json!(["stripe", "creem"]));
    assert_eq!(pro["yearly"]["providers"], json!(["stripe"]));
    assert_eq!(offered["credits"], json!([{"credits": 1, "price": usd(1)}]));
    assert_eq!(world.api().get("/purser/v1/products").send().await.unwrap().status(), 401);
    for (body, expected) in [
        (json!({"packId": "micro"}), (404, "not_found")),
        (json!({"planId": "gold"}), (404, "not_found")),
        (json!({"packId": "starter", "quantity": 0}), (400, "invalid_request")),
        (json!({"packId": "starter", "credits": 5}), (400, "invalid_request")),
        (json!({}), (400, "invalid_request")),
        (json!({"credits": 5, "quantity": 2}), (400, "invalid_request")),
        (json!({"credits": 0}), (400, "invalid_credits")),
        (json!({"credits": 5, "currency": "eur"}), (409, "no_credit_price")),
        (json!({"credits": 5, "provider": "creem"}), (400, "creem_product_missing")),
        (json!({"planId": "team", "provider": "creem"}), (400, "creem_product_missing")),
        (json!({"packId": "starter", "currency": "eur"}), (400, "other_currency")),
        (json!({"packId": "starter", "coupon": "NONE"}), (400, "invalid_coupon")),
        (json!({"packId": "starter", "successUrl": "https://evil.example/"}), (400, "url_not_allowed")),
        (json!({"packId": "starter", "reference": ""}), (400, "invalid_request")),
        (json!({"packId": "starter", "metadata": {"a b": "c"}}), (400, "invalid_request")),
        (json!({"packId": "starter", "colour": "red"}), (400, "invalid_request")),
        (json!({"packId": "starter", "wallet": "user:nobody"}), (404, "wallet_not_found")),
    ] {
        let mut body = body;
        if body.get("wallet").is_none() {
            body["wallet"] = json!("user:alice");
        }
        let answer = world.admin_post("/purser/v1/orders", body.clone()).send().await.unwrap();
        assert_eq!(refusal(&answer), (expected.0, expected.1.to_owned()), "{body}: {answer}");
    }
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sale_is_credited_once_at_each_provider() {
    let world = World::start().await;
    sell(&world).await;
    world.set_provider_faults(json!({"duplicate": 1.0})).await;
    for (name, provider, what, credits, whole, minor) in [
        ("pack", "stripe", json!({"packId": "starter", "quantity": 2}), json!(200), 200, 3_000),
        ("items", "stripe", json!({"items": [{"packId": "starter"}]}), json!(100), 100, 1_500),
        ("amount", "stripe", json!({"credits": 250.5}), json!(250.5), 250, 251),
        ("plan", "stripe", json!({"planId": "pro"}), json!(10_000), 10_000, 999),
        ("year", "stripe", json!({"planId": "pro", "interval": "year"}), json!(120_000), 120_000, 9_990),
        ("creem-pack", "creem", json!({"packId": "starter", "quantity": 2}), json!(200), 200, 3_000),
        ("creem-plan", "creem", json!({"planId": "pro"}), json!(10_000), 10_000, 999),
    ] {
        let user = world.create_user(name).await;
        let mut body = what.clone();
        body["wallet"] = json!(user.wallet_id);
        body["provider"] = json!(provider);
        body["reference"] = json!(format!("cart-{name}"));
        body["metadata"] = json!({"seat": "7"});
        body["successUrl"] = json!("http://localhost:3000/thanks");
        let placed = order(&world, body).await;
        assert_eq!(
            (&placed["status"], &placed["amount"], &placed["credits"]),
            (&json!("pending"), &usd(minor), &credits),
            "{name}"
        );
        assert!(placed["checkoutUrl"].is_string(), "{placed}");
        pay(&world, &placed).await;
        let paid = shown(&world, &placed).await;
        assert_eq!((&paid["status"], &paid["checkoutUrl"]), (&json!("paid"), &Value::Null), "{paid}");
        assert!(paid["paidAt"].is_string() && paid["providerPayment"].is_string(), "{paid}");
        assert_eq!(paid["reference"], json!(format!("cart-{name}")));
        assert_eq!((&paid["metadata"], &paid["userId"]), (&json!({"seat": "7"}), &json!(name)));
        let entries = format!("ledger_entries where wallet_id = '{}'", user.wallet_id);
        assert_eq!(world.count(&entries).await, 1, "{name}");
        let balance = world.balance(&user.wallet_id).await;
        assert_eq!(balance, whole, "{name}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_once_for_its_key_for_ever() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let body = json!({"wallet": "user:alice", "packId": "starter", "reference": "r-1"});
    let send = |body: &Value| {
        let request = admin(&world, world.api().post("/purser/v1/orders")).idempotency_key("cart 1");
        request.json(body.clone()).send()
    };
    let tries = futures::future::join_all((0..5).map(|_| send(&body))).await;
    let mut ids: Vec<Value> = Vec::new();
    for answer in tries {
        let answer = answer.unwrap();
        assert!([201, 202].contains(&answer.status()), "{answer}");
        ids.push(answer.json().unwrap()["orderId"].clone());
    }
    ids.dedup();
    assert_eq!((ids.len(), world.count("payments").await), (1, 1));
    assert_eq!(
        refusal(&send(&json!({"wallet": "user:alice", "credits": 5})).await.unwrap()),
        (409, "idempotency_key_reused".to_owned())
    );
    // The pack is not sold any more, and what is kept of keys for a day is gone: it is the same order all the same.
    let mut pack = get(&world, "/purser/v1/catalog/packs/starter").await;
    pack["active"] = json!(false);
    admin(&world, world.api().put("/purser/v1/catalog/packs/starter")).json(pack).expect(200).await;
    world.advance(Duration::from_hours(3)).await;
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    let again = send(&body).await.unwrap();
    assert_eq!((again.status(), &again.json().unwrap()["orderId"]), (201, &ids[0]), "{again}");
    assert_eq!(again.header("location").unwrap(), format!("/purser/v1/orders/{}", ids[0].as_str().unwrap()));
    pay(&world, &again.json().unwrap()).await;
    let paid = send(&body).await.unwrap().json().unwrap();
    assert_eq!((&paid["orderId"], &paid["status"]), (&ids[0], &json!("paid")));
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("payments").await), (100, 1));
    // Another's key of the same name is another key.
    let hers = world.api().post("/purser/v1/orders").bearer(&alice.api_key).idempotency_key("cart 1");
    let hers = hers.json(json!({"wallet": "me", "credits": 500})).expect(201).await;
    assert_ne!(hers["orderId"], ids[0]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_page_is_polled_for() {
    let world = World::start().await;
    world.create_user("alice").await;
    sell(&world).await;
    let request = world.admin_post("/purser/v1/orders", json!({"wallet": "user:alice", "packId": "starter"}));
    let taken = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!((taken.status(), taken.header("preference-applied")), (202, Some("respond-async")), "{taken}");
    let path = taken.header("location").unwrap().to_owned();
    world.drain().await;
    assert!(get(&world, &path).await["checkoutUrl"].is_string());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_by_wallet_status_and_reference() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let bob = world.create_user("bob").await;
    sell(&world).await;
    let mut placed = Vec::new();
    for (who, reference) in [("alice", "a"), ("alice", "b"), ("bob", "a"), ("alice", "a")] {
        let body = json!({"wallet": format!("user:{who}"), "packId": "starter", "reference": reference});
        placed.push(order(&world, body).await);
    }
    pay(&world, &placed[1]).await;
    pay(&world, &placed[2]).await;
    let number = |order: &Value| order["number"].as_i64().unwrap();
    let listed = async |query: &str| -> Vec<i64> {
        let found = get(&world, &format!("/purser/v1/orders?{query}")).await;
        found["data"].as_array().unwrap().iter().map(number).collect()
    };
    let of = |places: &[usize]| -> Vec<i64> { places.iter().map(|place| number(&placed[*place])).collect() };
    for (query, expected) in [
        ("", of(&[3, 2, 1, 0])),
        ("wallet=user:alice", of(&[3, 1, 0])),
        ("status=paid", of(&[2, 1])),
        ("status=pending", of(&[3, 0])),
        ("status=refunded", of(&[])),
        ("wallet=user:alice&status=paid", of(&[1])),
        ("reference=a", of(&[3, 2, 0])),
        ("reference=a&wallet=user:alice", of(&[3, 0])),
        ("reference=a&status=paid", of(&[2])),
        ("reference=none", of(&[])),
    ] {
        assert_eq!(listed(query).await, expected, "{query}");
    }
    // Page by page it is the same list.
    let (mut cursor, mut all) = (String::new(), Vec::new());
    loop {
        let page = get(&world, &format!("/purser/v1/orders?limit=1&wallet=user:alice{cursor}")).await;
        all.extend(page["data"].as_array().unwrap().iter().map(number));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, of(&[3, 1, 0]));
    for query in ["status=completed", "limit=0", "cursor=x", "reference="] {
        let answer =
            admin(&world, world.api().get(&format!("/purser/v1/orders?{query}"))).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }

    // A user sees her own, and nobody else's.
    let hers = world.api().get("/purser/v1/orders").bearer(&bob.api_key).expect(200).await;
    assert_eq!((hers["data"].as_array().unwrap().len(), &hers["data"][0]["userId"]), (1, &json!("bob")));
    let path = format!("/purser/v1/orders/{}", placed[2]["orderId"].as_str().unwrap());
    world.api().get(&path).bearer(&bob.api_key).expect(200).await;
    let foreign = world.api().get(&path).bearer(&alice.api_key).send().await.unwrap();
    let unknown = "/purser/v1/orders/01936f2e-7c1a-7000-8000-00000000dead";
    let unknown = world.api().get(unknown).bearer(&alice.api_key).send().await.unwrap();
    assert_eq!((refusal(&foreign), refusal(&unknown)), (refusal(&unknown), (404, "not_found".to_owned())));
    let other =
        world.api().get("/purser/v1/orders?wallet=user:bob").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(other.status(), 404);
    let for_other = world.api().post("/purser/v1/orders").bearer(&alice.api_key);
    let for_other = for_other.json(json!({"wallet": "user:bob", "packId": "starter"})).send().await.unwrap();
    assert_eq!(for_other.status(), 404);
    world.finish().await;
}

/// An organization's wallet is bought for by its admins, and by servers in the name of an owner.
#[tokio::test(flavor = "multi_thread")]
async fn organizations_buy_too() {
    let world = World::start().await;
    let (owner, viewer) = (world.create_user("owner").await, world.create_user("viewer").await);
    sell(&world).await;
    let members = json!([{"userId": "owner", "role": "owner"}, {"userId": "viewer", "role": "viewer"}]);
    let made = world.admin_post("/purser/v1/organizations", json!({"name": "Acme", "members": members}));
    let org = made.expect(201).await["orgId"].as_str().unwrap().to_owned();
    let body = json!({"wallet": format!("org:{org}"), "packId": "starter"});
    let by_server = order(&world, body.clone()).await;
    assert_eq!((&by_server["userId"], &by_server["orgId"]), (&json!("owner"), &json!(org)));
    pay(&world, &by_server).await;
    let as_member = |key: &str| world.api().post("/purser/v1/orders").bearer(key).json(body.clone()).send();
    assert_eq!(as_member(&owner.api_key).await.unwrap().status(), 201);
    let refused = as_member(&viewer.api_key).await.unwrap();
    assert_eq!(refusal(&refused), (403, "role_not_allowed".to_owned()), "{refused}");
    let wallet = sqlx::query_scalar("select id::text from wallets where organization_id is not null");
    let wallet: String = wallet.fetch_one(world.pool()).await.unwrap();
    assert_eq!((world.balance(&wallet).await, world.balance(&owner.wallet_id).await), (100, 0));
    world.finish().await;
}
