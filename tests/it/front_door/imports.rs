//! Imports: each user once, with an opening balance once for each import, whatever is sent again and by how many.

use futures::future::join_all;
use harness::world::World;
use serde_json::{Value, json};

use super::{get, refusal};

async fn import(world: &World, body: Value) -> Value {
    world.admin_post("/purser/v1/imports", body).expect(200).await
}

fn outcomes(answer: &Value) -> Vec<&str> {
    let all = answer["data"].as_array().unwrap();
    all.iter().map(|one| one["outcome"].as_str().unwrap()).collect()
}

fn alice() -> Value {
    json!({"userId": "alice", "email": "alice@example.com", "name": "Alice", "credits": 120.5,
           "expiresAt": "2099-01-01T00:00:00Z", "stripeCustomerId": "cus_alice"})
}

/// A user who is there already, without anything.
async fn registered(world: &World, id: &str) {
    world.put_user(id, json!({})).expect(201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_with_what_they_have_and_a_second_time_changes_nothing() {
    let world = World::start().await;
    let users = json!([alice(), {"userId": "bob", "credits": 3, "kind": "promotional"}, {"userId": "carl"}]);
    let dry = import(&world, json!({"name": "launch", "dryRun": true, "users": users})).await;
    assert_eq!(outcomes(&dry), ["created", "created", "created"]);
    assert_eq!(world.count("users where id in ('alice', 'bob', 'carl')").await, 0);

    let body = json!({"name": "launch", "users": users});
    assert_eq!(outcomes(&import(&world, body.clone()).await), ["created", "created", "created"]);
    assert_eq!(outcomes(&import(&world, body.clone()).await), ["unchanged", "unchanged", "unchanged"]);
    let wallet = get(&world, "/purser/v1/wallets/user:alice").await;
    assert_eq!((&wallet["balance"], &wallet["lapsing"][0]["credits"]), (&json!(120.5), &json!(120.5)));
    let grant = get(&world, "/purser/v1/wallets/user:bob/grants").await["data"][0].clone();
    assert_eq!((&grant["kind"], &grant["expiresAt"]), (&json!("promotional"), &Value::Null));
    let entries = get(&world, "/purser/v1/wallets/user:alice/entries").await["data"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!((&entries[0]["type"], &entries[0]["credits"]), (&json!("opening_balance"), &json!(120.5)));
    let user = get(&world, "/purser/v1/users/alice").await;
    assert_eq!((&user["email"], &user["name"]), (&json!("alice@example.com"), &json!("Alice")));
    assert_eq!(world.count("provider_customers where customer_id = 'cus_alice'").await, 1);
    assert_eq!(world.count("admin_actions where action = 'users.import'").await, 1);

    // Spent, lapsed, voided: what was given was given.
    world.admin_post("/purser/v1/wallets/user:bob/debits", json!({"credits": 3})).expect(200).await;
    assert_eq!(outcomes(&import(&world, body).await), ["unchanged", "unchanged", "unchanged"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_reported_and_what_is_lacking_is_given_only_on_request() {
    let world = World::start().await;
    import(&world, json!({"name": "launch", "users": [alice()]})).await;
    let mut other = alice();
    (other["credits"], other["email"]) = (json!(500), json!("other@example.com"));
    for complete in [false, true] {
        let body = json!({"name": "launch", "completeExisting": complete, "users": [other]});
        let answer = import(&world, body).await;
        let differences = json!([
            {"field": "email", "given": "other@example.com", "found": "alice@example.com"},
            {"field": "credits", "given": "500", "found": "120.5"}]);
        assert_eq!(
            answer["data"],
            json!([{"userId": "alice", "outcome": "different", "differences": differences}])
        );
    }
    // Under another name the credits would be given again: that takes a word.
    let again = json!({"name": "second", "users": [alice()]});
    let answer = import(&world, again.clone()).await;
    assert_eq!(
        answer["data"][0]["differences"],
        json!([{"field": "credits", "given": "120.5", "found": null}])
    );
    assert_eq!(get(&world, "/purser/v1/wallets/user:alice").await["balance"], json!(120.5));

    registered(&world, "bob").await;
    let bob =
        json!({"userId": "bob", "email": "bob@example.com", "credits": 7, "stripeCustomerId": "cus_bob"});
    let body = |complete| json!({"name": "launch", "completeExisting": complete, "users": [bob]});
    assert_eq!(outcomes(&import(&world, body(false)).await), ["different"]);
    assert_eq!(outcomes(&import(&world, body(true)).await), ["completed"]);
    assert_eq!(outcomes(&import(&world, body(true)).await), ["unchanged"]);
    assert_eq!(get(&world, "/purser/v1/wallets/user:bob").await["balance"], json!(7));
    assert_eq!(get(&world, "/purser/v1/users/bob").await["email"], json!("bob@example.com"));
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_who_cannot_be_imported_is_refused_alone_and_the_others_come() {
    let world = World::start().await;
    registered(&world, "gone").await;
    let gone = world.api().delete("/purser/v1/users/gone").bearer(&world.settings().secrets.admin_api_key);
    assert_eq!(gone.send().await.unwrap().status(), 204);
    import(&world, json!({"name": "before", "users": [alice()]})).await;
    let users = json!([
        {"userId": "gone", "credits": 1},
        {"userId": "late", "credits": 1, "expiresAt": "2020-01-01T00:00:00Z"},
        {"userId": "thief", "stripeCustomerId": "cus_alice"},
        {"userId": "minus", "credits": -1},
        {"userId": "fine", "credits": 1.1234567},
        {"userId": "many", "credits": 1e300},
        {"userId": "", "credits": 1},
        {"userId": "mail", "email": "nobody"},
        {"userId": "odd", "stripeCustomerId": "sub_1"},
        {"userId": "good", "credits": 2, "stripeCustomerId": "cus_good"},
        {"userId": "good", "credits": 3},
        {"userId": "same", "stripeCustomerId": "cus_good"},
        {"userId": "alice", "credits": 9_223_372_036_854_i64},
    ]);
    let params = [
        "userId",
        "expiresAt",
        "stripeCustomerId",
        "credits",
        "credits",
        "credits",
        "userId",
        "email",
        "stripeCustomerId",
        "",
        "userId",
        "stripeCustomerId",
    ];
    let body = json!({"name": "launch", "completeExisting": true, "users": users});
    let answer = import(&world, body).await;
    for (index, param) in params.into_iter().enumerate() {
        let one = &answer["data"][index];
        let expected = if param.is_empty() { "created" } else { "refused" };
        assert_eq!(
            (&one["outcome"], one["error"]["param"].as_str()),
            (&json!(expected), (!param.is_empty()).then_some(param)),
            "{one}"
        );
    }
    // Only the ledger finds that a balance would be too large.
    assert_eq!(answer["data"][12]["error"]["param"], json!("credits"), "{answer}");
    assert_eq!(
        world.count("users where id in ('late', 'thief', 'minus', 'fine', 'mail', 'odd', 'same')").await,
        0
    );
    assert_eq!(get(&world, "/purser/v1/wallets/user:good").await["balance"], json!(2));
    assert_eq!(get(&world, "/purser/v1/wallets/user:alice").await["balance"], json!(120.5));

    for (body, param) in [
        (json!({"name": "a:b", "users": [alice()]}), "name"),
        (json!({"name": "a", "users": []}), "users"),
        (json!({"name": "a", "users": vec![json!({"userId": "x"}); 1_001]}), "users"),
        (json!({"name": "a", "users": [{"userId": "x", "expiresAt": "2027-01-31"}]}), "users[0].expiresAt"),
        (json!({"name": "a", "users": [{"userId": "x", "balance": 1}]}), "users[0].balance"),
    ] {
        let answer = world.admin_post("/purser/v1/imports", body).send().await.unwrap();
        assert_eq!(refusal(&answer), (400, "invalid_request".to_owned()), "{answer}");
        assert_eq!(answer.json().unwrap()["error"]["param"], json!(param));
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_importing_the_same_users_at_once_give_each_one_opening_balance() {
    let world = World::start().await;
    let user = |index: usize| {
        json!({"userId": format!("user-{index}"), "credits": 10,
                                     "stripeCustomerId": format!("cus_{index}")})
    };
    // Some are there already, and each request has them in another order.
    for index in 0..20 {
        registered(&world, &format!("user-{index}")).await;
    }
    let requests = (0..8_usize).map(|shift| {
        let users: Vec<Value> = (0..60).map(|index| user((index * 7 + shift * 11) % 60)).collect();
        let body = json!({"name": "launch", "completeExisting": true, "users": users});
        world.admin_post("/purser/v1/imports", body).send()
    });
    let statuses: Vec<u16> =
        join_all(requests).await.into_iter().map(|answer| answer.unwrap().status()).collect();
    assert!(statuses.iter().all(|status| [200, 409, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(world.count("wallets where balance = 10000000").await, 60);
    assert_eq!(world.count("ledger_entries where source_kind = 'import'").await, 60);
    assert_eq!(world.count("provider_customers").await, 60);
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_opening_balance_is_told() {
    let world = World::start().await;
    let ticket = async |wallet: &str| {
        let made = world.admin_post("/purser/v1/live-tickets", json!({"wallet": wallet})).expect(201).await;
        made["ticket"].as_str().unwrap().to_owned()
    };
    registered(&world, "alice").await;
    let path = format!("/purser/v1/live?ticket={}", ticket("user:alice").await);
    let mut socket = world.api().open_websocket(&path, "nothing").await.unwrap();
    let before = socket.receive().await.unwrap()["wallets"][0]["sequence"].as_i64().unwrap();
    import(&world, json!({"name": "launch", "completeExisting": true, "users": [alice()]})).await;
    let told = socket.receive().await.unwrap();
    assert_eq!((&told["type"], &told["credits"]), (&json!("wallet.changed"), &json!(120.5)), "{told}");
    assert_eq!(told["sequence"], json!(before + 1));
    world.drain().await;
    world.finish().await;
}
