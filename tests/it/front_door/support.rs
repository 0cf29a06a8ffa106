//! What those who help users look for: anything by any id, the story of an order, what needs a person, and corrections.

use harness::world::World;
use serde_json::{Value, json};

use super::{admin, get, order, pay, refusal, sell, shown};

fn kinds(found: &Value) -> Vec<&str> {
    found["data"].as_array().unwrap().iter().map(|hit| hit["type"].as_str().unwrap()).collect()
}

/// An order of a pack that is paid for.
async fn paid(world: &World, user: &str) -> Value {
    let body = json!({"wallet": format!("user:{user}"), "packId": "starter", "reference": "basket-7"});
    let placed = order(world, body).await;
    pay(world, &placed).await;
    shown(world, &placed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_orders_are_found_by_whatever_id_there_is() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.create_user("bob").await;
    let change = json!({"email": "Alice@example.com", "name": "Alice"});
    admin(&world, world.api().put("/purser/v1/users/alice")).json(change).expect(200).await;
    sell(&world).await;
    let bought = paid(&world, "alice").await;
    let id = bought["orderId"].as_str().unwrap();
    let session = "select provider_session from payments where id = $1::text::uuid";
    let session: String = sqlx::query_scalar(session).bind(id).fetch_one(world.pool()).await.unwrap();
    let customer = "insert into provider_customers (provider, wallet_id, customer_id, created_at)
                    select 'stripe', id, 'cus_alice', now() from wallets where user_id = 'alice'
                    on conflict (provider, wallet_id) do update set customer_id = 'cus_alice'";
    sqlx::query(customer).execute(world.pool()).await.unwrap();
    let payment = bought["providerPayment"].as_str().unwrap();
    let number = bought["number"].to_string();
    let event: String = sqlx::query_scalar("select event_id from provider_events limit 1")
        .fetch_one(world.pool())
        .await
        .unwrap();
    let spent = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    let debit = spent.json(json!({"credits": 1})).expect(200).await;
    let debit = debit["debitId"].as_str().unwrap();
    let grants = get(&world, "/purser/v1/wallets/user:alice/grants").await;
    let grant = grants["data"][0]["grantId"].as_str().unwrap();
    for (text, kind) in [
        ("ali", "user"),
        ("user:alice", "user"),
        ("alice@EXAMPLE.com", "user"),
        (&alice.wallet_id, "user"),
        ("cus_alice", "user"),
        (id, "order"),
        (&number, "order"),
        (payment, "order"),
        (&session, "order"),
        ("basket-7", "order"),
        (&event, "provider_event"),
        (debit, "debit"),
        (grant, "grant"),
    ] {
        let query: String = reqwest::Url::parse_with_params("http://a/", [("query", text)])
            .unwrap()
            .query()
            .unwrap()
            .to_owned();
        let found = get(&world, &format!("/purser/v1/search?{query}")).await;
        assert_eq!(kinds(&found), [kind], "{text}: {found}");
        if kind != "provider_event" {
            assert_eq!(found["data"][0]["walletId"], json!(alice.wallet_id), "{text}: {found}");
        }
    }
    for text in ["nobody", "4d1d0f39-2a3c-4c8e-9d54-6f3f1f6d0e01", "org:99"] {
        assert_eq!(kinds(&get(&world, &format!("/purser/v1/search?query={text}")).await), [""; 0], "{text}");
    }
    let bare = admin(&world, world.api().get("/purser/v1/search"));
    assert_eq!(refusal(&bare.send().await.unwrap()), (400, "invalid_request".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_its_story() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let bought = paid(&world, "alice").await;
    let id = bought["orderId"].as_str().unwrap();
    let finance = world.create_operator("finance").await;
    let refund = world.api().post(&format!("/purser/v1/orders/{id}/refund")).bearer(&finance.token);
    let refund = refund.json(json!({"reason": "Bought by mistake"})).send().await.unwrap();
    assert!([200, 202].contains(&refund.status()), "{refund}");
    world.drain().await;
    let viewer = world.create_operator("viewer").await;
    let path = format!("/purser/v1/orders/{id}/timeline");
    let told = world.api().get(&path).bearer(&viewer.token).expect(200).await;
    let steps = told["data"].as_array().unwrap();
    let find = |kind: &str, what: &str| {
        let is_it = |step: &&Value| step["type"] == kind && step["what"] == what;
        steps.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {what}: {told}"))
    };
    assert_eq!((&steps[0]["type"], &steps[0]["what"]), (&json!("order"), &json!("created")));
    assert_eq!(find("order", "paid")["amount"], json!({"minor": 1_500, "currency": "usd"}));
    assert_eq!(find("entry", "purchase")["credits"], json!(100));
    assert_eq!(find("entry", "refund")["credits"], json!(-100));
    assert_eq!(find("refund", "requested")["state"], json!("done"));
    let decision = find("decision", "order.refund");
    assert_eq!(decision["actor"], json!(format!("operator:{}", finance.id)));
    assert_eq!(decision["reason"], json!("Bought by mistake"));
    assert!(
        steps.iter().any(|step| step["type"] == "provider_event" && step["state"] == "applied"),
        "{told}"
    );
    let times: Vec<&str> = steps.iter().map(|step| step["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // It is for those who help her.
    let hers = world.api().get(&path).bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(refusal(&hers), (403, "bound_credential".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_are_corrected_once_and_within_what_is_there() {
    let world = World::builder().without_scheduler().start().await;
    world.create_user("alice").await;
    let finance = world.create_operator("finance").await;
    let path = "/purser/v1/wallets/user:alice/adjustments";
    let adjust = |key: &str, credits: Value| {
        let request = world.api().post(path).bearer(&finance.token).idempotency_key(key);
        request.json(json!({"credits": credits, "reason": "Counted twice"}))
    };
    for _ in 0..2 {
        let done = adjust("first", json!(20.5)).expect(201).await;
        assert_eq!((&done["credits"], &done["balance"]), (&json!(20.5), &json!(20.5)));
    }
    assert_eq!(adjust("second", json!(-5)).expect(201).await["balance"], json!(15.5));
    let refused = async |key: &str, credits: Value| refusal(&adjust(key, credits).send().await.unwrap());
    assert_eq!(refused("first", json!(7)).await, (409, "idempotency_key_reused".to_owned()));
    assert_eq!(refused("third", json!(-15.500_001)).await, (402, "insufficient_credits".to_owned()));
    for wrong in [json!(0), json!(1_000_000_001), json!("5"), json!(0.000_000_1)] {
        assert_eq!(refused("fourth", wrong.clone()).await, (400, "invalid_credits".to_owned()), "{wrong}");
    }
    let log = get(&world, "/purser/v1/audit-log").await;
    let made = log["data"].as_array().unwrap().iter().filter(|one| one["action"] == "credits.adjust");
    let actors: Vec<&Value> = made.map(|one| &one["actor"]).collect();
    assert_eq!(actors, [&json!(format!("operator:{}", finance.id)); 2]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machinery_is_shown() {
    let world = World::start().await;
    let shown = get(&world, "/purser/v1/system").await;
    assert_eq!(shown["mode"], json!("test"));
    let processes = shown["processes"].as_array().unwrap();
    assert!(processes.iter().any(|one| one["connections"].as_i64().unwrap() > 0), "{shown}");
    let queues: Vec<&str> =
        shown["queues"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for role in ["apply", "verify", "notify"] {
        assert!(queues.contains(&role), "{role}: {queues:?}");
    }
    let newest =
        sqlx::query_scalar::<_, i64>("select max(version) from _sqlx_migrations").fetch_one(world.pool());
    assert_eq!(shown["migrations"][0]["number"], json!(newest.await.unwrap()));
    world.finish().await;
}
