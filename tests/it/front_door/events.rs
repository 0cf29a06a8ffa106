//! Every change of a wallet and of an order is told, live and by webhook, once, with a number that says in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use harness::client::{Answer, Socket};
use harness::eventually::Look;
use harness::receiver::Receiver;
use harness::world::{GOOD_CARD, User, World};
use kernel::money::Credits;
use ledger::expiring::TellExpiringGrants;
use ledger::operations::ExpireGrants;
use notices::Event;
use serde_json::{Value, json};

use crate::events::{deliver, event, paid_session, publish};

const PATIENCE: Duration = Duration::from_secs(10);

/// An endpoint that takes these types; all if none are named.
async fn endpoint(world: &World, event_types: Value) -> Receiver {
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url(), "eventTypes": event_types});
    world.admin_post("/purser/v1/webhook-endpoints", body).expect(201).await;
    receiver
}

/// A stream of what happens to a user's wallets, and their state.
async fn live(world: &World, user: &User) -> (Socket, Value) {
    let ticket = world.api().post("/purser/v1/live-tickets").bearer(&user.api_key).expect(201).await;
    let path = format!("/purser/v1/live?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut socket = world.api().open_websocket(&path, "none").await.unwrap();
    let state = socket.receive_within(PATIENCE).await.unwrap();
    (socket, state)
}

async fn spend(world: &World, user: &User, key: &str, credits: Value) -> u16 {
    let answer = busy(world, user, "/purser/v1/wallets/me/debits", key, json!({"credits": credits})).await;
    answer.status()
}

/// Posts; again, with the same key, while the wallet is so busy that the answer is to try again.
async fn busy(world: &World, user: &User, path: &str, key: &str, body: Value) -> Answer {
    let sent = async || {
        let request = world.api().post(path).bearer(&user.api_key).idempotency_key(key);
        let answer = request.json(body.clone()).send().await.unwrap();
        if answer.status() == 503 { Look::NotYet(answer.to_string()) } else { Look::Done(answer) }
    };
    world.eventually("the wallet is free", sent).await
}

/// What was sent, by the number of the event in the wallet.
fn by_number(receiver: &Receiver, wallet: &str) -> BTreeMap<i64, Value> {
    let (mut ids, mut found) = (BTreeMap::new(), BTreeMap::new());
    for received in receiver.received() {
        let message = received.json();
        if message["data"]["walletId"] != wallet {
            continue;
        }
        let number = message["data"]["sequence"].as_i64().unwrap();
        let id = ids.entry(number).or_insert_with(|| received.id().to_owned());
        assert_eq!(id, received.id(), "two events have the number {number}: {message}");
        found.insert(number, message);
    }
    found
}

async fn last_notice(world: &World, wallet: &str) -> i64 {
    let query = "select last_notice from wallets where id = $1::text::uuid";
    sqlx::query_scalar(query).bind(wallet).fetch_one(world.pool()).await.unwrap()
}

/// Waits until all events of a wallet have arrived.
async fn all_of(world: &World, receiver: &Receiver, wallet: &str) -> BTreeMap<i64, Value> {
    let arrived = async || {
        let (last, found) = (last_notice(world, wallet).await, by_number(receiver, wallet));
        let numbers: Vec<i64> = found.keys().copied().collect();
        Look::when(numbers == (1..=last).collect::<Vec<_>>(), format!("{numbers:?} of {last}"))
    };
    world.eventually("all events have arrived", arrived).await;
    by_number(receiver, wallet)
}

fn credits(amount: &Value) -> i64 {
    amount.to_string().parse::<Credits>().unwrap().millionths()
}

/// Whether each change begins where the one before has ended.
fn require_chain(events: impl Iterator<Item = Value>, mut balance: i64, mut held: i64) -> (i64, i64) {
    for change in events {
        let moved = credits(&change["credits"]);
        match change["reason"].as_str().unwrap() {
            "hold" | "release" => held += moved,
            _ => balance += moved,
        }
        if change["reason"] == "capture" {
            held = credits(&change["held"]);
        }
        assert_eq!((credits(&change["balance"]), credits(&change["held"])), (balance, held), "{change}");
        let available = (balance - held).max(0);
        assert_eq!((credits(&change["available"]), credits(&change["debt"])), (available, 0), "{change}");
    }
    (balance, held)
}

/// Purchases of which the provider tells twice, debits, some of them twice, and holds, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_wallet_are_numbered_without_gaps_in_the_order_of_its_changes() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let receiver = endpoint(&world, json!([])).await;
    for user in [&alice, &bob] {
        world.buy(user, 500).await;
    }
    let (mut socket, state) = live(&world, &alice).await;
    let first = state["wallets"][0]["sequence"].as_i64().unwrap();
    let checkouts = join_all([&alice, &bob, &alice, &bob].map(|user| world.start_checkout(user, 100))).await;
    world.set_provider_faults(json!({"duplicate": 1.0, "reorder": 1.0, "seed": 11})).await;
    let pays = join_all(checkouts.iter().map(|checkout| world.pay(&checkout.session_id, GOOD_CARD)));
    let debits = join_all((0..120).map(|number| {
        let (world, user) = (&world, if number % 2 == 0 { &alice } else { &bob });
        // Each of alice's keys, and of bob's, comes twice.
        async move { spend(world, user, &format!("k{}", number / 4), json!(1.25)).await }
    }));
    let holds = join_all((0..10).map(|number| {
        let (world, alice) = (&world, &alice);
        async move {
            let key = format!("h{number}");
            let placed = busy(world, alice, "/purser/v1/wallets/me/holds", &key, json!({"credits": 3})).await;
            assert_eq!(placed.status(), 201, "{placed}");
            let hold = placed.json().unwrap()["holdId"].as_str().unwrap().to_owned();
            let path = format!("/purser/v1/holds/{hold}/capture");
            let captured = busy(world, alice, &path, &format!("c{number}"), json!({"credits": 2})).await;
            assert_eq!(captured.status(), 200, "{captured}");
        }
    }));
    let (_, statuses, _) = tokio::join!(pays, debits, holds);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    world.drain().await;

    for user in [&alice, &bob] {
        let told = all_of(&world, &receiver, &user.wallet_id).await;
        let changes = told.values().filter(|message| message["type"] == "wallet.changed");
        let changes: Vec<Value> = changes.map(|message| message["data"].clone()).collect();
        let debits = changes.iter().filter(|change| change["reason"] == "debit").count();
        assert_eq!(debits, 30, "each key debits once, and is told once");
        let balance = world.balance(&user.wallet_id).await;
        let (told_balance, held) = require_chain(changes.into_iter(), 0, 0);
        assert_eq!((told_balance / 1_000_000, held), (balance, 0));
        let of = |kind: &str| told.values().filter(|message| message["type"] == kind).count();
        assert_eq!((of("order.paid"), of("credits.added"), of("order.created")), (3, 3, 3));
    }
    // Who listens is told the same, after what the state had.
    let last = last_notice(&world, &alice.wallet_id).await;
    let mut heard = BTreeMap::new();
    while heard.len() < usize::try_from(last - first).unwrap() {
        let message = socket.receive_within(PATIENCE).await.unwrap();
        heard.insert(message["sequence"].as_i64().unwrap(), message);
    }
    assert_eq!(heard.keys().copied().collect::<Vec<_>>(), (first + 1..=last).collect::<Vec<_>>());
    let changes = heard.into_values().filter(|message| message["type"] == "wallet.changed");
    require_chain(changes, credits(&state["wallets"][0]["balance"]), 0);
    world.finish().await;
}

/// Remembers what was ever in the outbox.
async fn watch_outbox(world: &World) {
    for statement in [
        "create table was_in_outbox (body text)",
        "create function remember() returns trigger language plpgsql as
         $$ begin insert into was_in_outbox values (new.body); return new; end $$",
        "create trigger remember after insert on outbox for each row execute function remember()",
    ] {
        sqlx::query(statement).execute(world.pool()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debits_cost_the_outbox_nothing_unless_an_endpoint_takes_them() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let others = endpoint(&world, json!(["credits.added", "grant.expired"])).await;
    world.buy(&alice, 500).await;
    world.drain().await;
    watch_outbox(&world).await;
    let (mut socket, state) = live(&world, &alice).await;
    let first = state["wallets"][0]["sequence"].as_i64().unwrap();
    let all = async |from: i64| {
        let debits = (from..from + 100).map(|number| async move { number.to_string() });
        let keys = join_all(debits).await;
        let done = join_all(keys.iter().map(|key| spend(&world, &alice, key, json!(0.5)))).await;
        assert!(done.iter().all(|status| *status == 200), "{done:?}");
    };
    all(0).await;
    let mut heard = BTreeSet::new();
    while heard.len() < 100 {
        let message = socket.receive_within(PATIENCE).await.unwrap();
        assert_eq!((&message["type"], &message["reason"]), (&json!("wallet.changed"), &json!("debit")));
        heard.insert(message["sequence"].as_i64().unwrap());
    }
    assert_eq!(heard, (first + 1..=first + 100).collect());
    assert_eq!(world.count("was_in_outbox").await, 0);

    let receiver = endpoint(&world, json!(["wallet.changed"])).await;
    all(100).await;
    receiver.wait_for(100).await;
    let groups = world.count("was_in_outbox where body like '%wallet.changed%'").await;
    assert!((1..100).contains(&groups), "debits that come together are told together: {groups}");
    world.drain().await;
    assert_eq!((receiver.received().len(), others.received().len()), (100, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_told_from_its_beginning_to_its_last_refund() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let receiver = endpoint(&world, json!([])).await;
    let paid = world.buy(&alice, 2_500).await;
    let session = world.stripe_get(&format!("checkout/sessions/{}", paid.session_id)).expect(200).await;
    let refund = format!("payment_intent={}&amount=1000", session["payment_intent"].as_str().unwrap());
    world.stripe_post("refunds", &refund).expect(200).await;
    world.drain().await;
    let declined = world.start_checkout(&alice, 700).await;
    let mut failed = paid_session(&world, &alice, &declined).await;
    failed["payment_status"] = json!("unpaid");
    deliver(&world, &event("checkout.session.async_payment_failed", &failed)).await;
    let left = world.start_checkout(&alice, 800).await;
    let expire = format!("/_emulator/checkout/{}/expire", left.session_id);
    world.emulator().post(&expire).json(json!({})).expect(200).await;
    world.drain().await;

    let told = all_of(&world, &receiver, &alice.wallet_id).await;
    let kinds: Vec<&str> = told.values().map(|message| message["type"].as_str().unwrap()).collect();
    let begins = ["order.created", "wallet.changed", "order.paid", "credits.added"];
    let refunded = ["wallet.changed", "order.refunded", "credits.removed"];
    let ends = [
        "order.created",
        "order.failed",
        "payment.failed",
        "order.created",
        "order.expired",
        "payment.expired",
    ];
    let mut of_refund = kinds[4..7].to_vec();
    of_refund.sort_unstable_by_key(|kind| refunded.iter().position(|known| known == kind));
    assert_eq!((&kinds[..4], of_refund.as_slice(), &kinds[7..]), (&begins[..], &refunded[..], &ends[..]));

    let rows: Vec<(uuid::Uuid, i64, i64)> =
        sqlx::query_as("select id, number, amount_minor from payments order by number")
            .fetch_all(world.pool())
            .await
            .unwrap();
    let orders = told.values().filter(|message| message["data"]["orderId"].is_string());
    for message in orders {
        let data = &message["data"];
        let (id, number, amount) = rows.iter().find(|row| data["orderId"] == json!(row.0)).unwrap();
        if message["type"].as_str().unwrap().starts_with("order.") {
            let shown = (&data["number"], &data["amount"], &data["kind"], &data["userId"]);
            let price = json!({"minor": amount, "currency": "usd"});
            assert_eq!(shown, (&json!(number), &price, &json!("one_time"), &json!("alice")), "{id}");
        } else {
            assert_eq!(data["paymentId"], json!(number), "{id}");
        }
        assert!(
            message["timestamp"].as_str().unwrap().len() == "2026-11-28T08:00:00.000Z".len(),
            "{message}"
        );
    }
    let back = told.values().find(|message| message["type"] == "order.refunded").unwrap();
    assert_eq!(back["data"]["refunded"], json!({"minor": 1_000, "currency": "usd"}));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_that_lapse_soon_are_told_of_once_and_again_when_they_have() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let receiver = endpoint(&world, json!(["grant.expiring", "grant.expired", "wallet.changed"])).await;
    for credits in [60, 100, 50] {
        world.buy(&alice, credits).await;
    }
    for (amount, days) in [(60, 6), (100, 9)] {
        let lapses = "update grants set expires_at = $1 where amount = $2";
        let at = world.clock().now() + time::Duration::days(days);
        sqlx::query(lapses).bind(at).bind(amount * 1_000_000_i64).execute(world.pool()).await.unwrap();
    }
    assert_eq!(spend(&world, &alice, "one", json!(10)).await, 200);
    let of = |kind: &str| -> Vec<Value> {
        let all = receiver.received().into_iter().map(|received| received.json());
        all.filter(|message| message["type"] == kind).map(|message| message["data"].clone()).collect()
    };
    for _ in 0..2 {
        publish(&world, &TellExpiringGrants {}).await;
        world.drain().await;
    }
    let soon = of("grant.expiring");
    assert_eq!((soon.len(), &soon[0]["credits"]), (1, &json!(50)), "{soon:?}");
    assert!(soon[0]["grantId"].is_string() && soon[0]["expiresAt"].as_str().unwrap().ends_with('Z'));

    world.advance(Duration::from_secs(7 * 86_400)).await;
    for _ in 0..2 {
        publish(&world, &ExpireGrants {}).await;
        publish(&world, &TellExpiringGrants {}).await;
        world.drain().await;
    }
    let (soon, over) = (of("grant.expiring"), of("grant.expired"));
    assert_eq!((soon.len(), &soon[1]["credits"]), (2, &json!(100)), "{soon:?}");
    assert_eq!(over.len(), 1, "{over:?}");
    assert_eq!((&over[0]["credits"], &over[0]["balance"]), (&json!(50), &json!(150)));
    assert_eq!(over[0]["grantId"], soon[0]["grantId"]);
    let lapse = of("wallet.changed").pop().unwrap();
    assert_eq!((&lapse["reason"], &lapse["credits"]), (&json!("lapse"), &json!(-50)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn misspelled_types_are_refused_with_the_list() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let receiver = Receiver::start().await;
    let write = |types: Value| json!({"url": receiver.url(), "eventTypes": types});
    let made = world.admin_post("/purser/v1/webhook-endpoints", write(json!(Event::TYPES))).expect(201).await;
    let path = format!("/purser/v1/webhook-endpoints/{}", made["endpointId"].as_str().unwrap());
    for wrong in ["credit.added", "wallet.change", "order.*", ""] {
        let body = write(json!(["credits.added", wrong]));
        let put = world.api().put(&path).bearer(&world.settings().secrets.admin_api_key).json(body.clone());
        for request in [put, world.admin_post("/purser/v1/webhook-endpoints", body)] {
            let refused = request.send().await.unwrap();
            assert_eq!(refused.status(), 400, "{wrong}");
            let all_are_named = Event::TYPES.iter().all(|name| refused.text().contains(name));
            assert!(all_are_named && refused.text().contains("eventTypes"), "{refused}");
        }
    }
    world.finish().await;
}

/// Each type is described, with an example that has its fields.
#[test]
fn every_event_is_described() {
    let document: Value = serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap();
    let described = document["webhooks"].as_object().unwrap();
    let names: BTreeSet<&str> = described.keys().map(String::as_str).collect();
    assert_eq!(names, Event::TYPES.iter().copied().chain(["endpoint.test"]).collect());
    for (name, item) in described {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        let (schema, example) = (&content["schema"]["properties"], &content["example"]);
        assert_eq!((&schema["type"]["enum"], &example["type"]), (&json!([name]), &json!(name)));
        assert!(item["post"]["summary"].as_str().unwrap().len() > 10, "{name}");
        let fields =
            |value: &Value| value.as_object().cloned().unwrap_or_default().into_iter().map(|(name, _)| name);
        let known: BTreeSet<String> = fields(&schema["data"]["properties"]).collect();
        let shown: BTreeSet<String> = fields(&example["data"]).collect();
        assert!(shown.is_subset(&known), "{name}: {shown:?} {known:?}");
        for field in schema["data"]["required"].as_array().into_iter().flatten() {
            assert!(shown.contains(field.as_str().unwrap()), "{name}: {field}");
        }
    }
}

/// Read from the tests' text, since they run in any order and not always all of them.
#[test]
fn every_type_is_sent_in_a_test() {
    let mut texts = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("it"), &mut texts);
    let missing: Vec<&&str> = Event::TYPES
        .iter()
        .filter(|name| {
            // The listener of the tests of recharging leaves the first word out.
            let rest = name.strip_prefix("auto_recharge.");
            let is_in = |text: &String| {
                text.contains(&format!("\"{name}\""))
                    || rest.is_some_and(|rest| {
                        text.contains("Listener") && text.contains(&format!("\"{rest}\""))
                    })
            };
            !texts.iter().any(is_in)
        })
        .collect();
    assert!(missing.is_empty(), "no test waits for {missing:?}");
}

fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}
