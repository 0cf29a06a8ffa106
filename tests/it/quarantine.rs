//! The way out of quarantine: an operator sees what came beside what was expected, and credits, retries or dismisses.

use futures::future::join_all;
use harness::client::Answer;
use harness::world::{Checkout, GOOD_CARD, User, World};
use serde_json::{Value, json};

use crate::events::{deliver, event, intent_of, paid_session};
use crate::reconcile::reconcile;

const PATH: &str = "/purser/v1/provider-events";

async fn get(world: &World, path: &str) -> Value {
    let admin = &world.settings().secrets.admin_api_key;
    world.api().get(&format!("{PATH}{path}")).bearer(admin).expect(200).await
}

async fn open(world: &World) -> Vec<Value> {
    get(world, "?state=open").await["data"].as_array().unwrap().clone()
}

/// How many events wait, as those who run the installation see it first.
async fn needs_a_person(world: &World) -> usize {
    let admin = &world.settings().secrets.admin_api_key;
    let counted = world.api().get("/purser/v1/attention").bearer(admin).expect(200).await;
    usize::try_from(counted["quarantinedEvents"].as_u64().unwrap()).unwrap()
}

async fn act(world: &World, id: &str, verb: &str, body: Value) -> Answer {
    world.admin_post(&format!("/purser/v1/provider-events/{id}/{verb}"), body).send().await.unwrap()
}

fn refusal(answer: &Answer) -> (u16, Value) {
    (answer.status(), answer.json().unwrap()["error"]["code"].clone())
}

async fn audited(world: &World, verb: &str) -> i64 {
    world.count(&format!("admin_actions where action = 'provider_event.{verb}'")).await
}

/// Paid at the provider for what was ordered; but the order says that more is to be paid.
async fn pay_too_little(world: &World, user: &User) -> Checkout {
    let checkout = world.start_checkout(user, 2_500).await;
    raise(world, &checkout, 3_000).await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;
    checkout
}

async fn raise(world: &World, checkout: &Checkout, minor: i64) {
    let change = sqlx::query("update payments set amount_minor = $2 where provider_session = $1");
    change.bind(&checkout.session_id).bind(minor).execute(world.pool()).await.unwrap();
}

/// An authentic event of another page than the order's.
async fn another_page(world: &World, user: &User, checkout: &Checkout) -> Value {
    let mut session = paid_session(world, user, checkout).await;
    session["id"] = json!("cs_test_another_page");
    session["payment_intent"] = json!("pi_of_another_page");
    event("checkout.session.completed", &session)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_paid_in_another_way_is_credited_once_and_the_books_agree() {
    let world = World::start().await;
    world.emulator().put("/_emulator/clock").json(json!({"advance_seconds": -3_600})).expect(200).await;
    let alice = world.create_user("alice").await;
    pay_too_little(&world, &alice).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    assert_eq!(reconcile(&world, &[]).await.differences(), ["amount_differs"]);
    let waiting = open(&world).await;
    assert!(!waiting.is_empty());
    assert_eq!(needs_a_person(&world).await, waiting.len());
    let id = waiting[0]["id"].as_str().unwrap();
    let shown = get(&world, &format!("/{id}")).await;
    assert!(shown["text"].as_str().unwrap().contains(shown["eventId"].as_str().unwrap()), "{shown}");
    assert_eq!((&shown["reason"], &shown["state"]), (&json!("amount"), &json!("open")), "{shown}");
    assert_eq!(shown["said"]["amount"], json!({"minor": 2_500, "currency": "usd"}), "{shown}");
    assert_eq!(shown["order"]["amount"], json!({"minor": 3_000, "currency": "usd"}), "{shown}");
    assert_eq!(shown["order"]["orderId"], shown["orderId"]);

    let credited = act(&world, id, "credit", json!({"reason": "sold at the old price"})).await;
    assert_eq!(credited.status(), 200, "{:?}", credited.json());
    assert_eq!(credited.json().unwrap()["state"], "credited");
    let again = act(&world, id, "credit", json!({"reason": "once more"})).await;
    assert_eq!(refusal(&again), (409, json!("already_settled")));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!((audited(&world, "credit").await, world.count("ledger_entries").await), (1, 1));
    // What else was said of the same payment agrees now.
    assert_eq!(open(&world).await, Vec::<Value>::new());
    let compared = reconcile(&world, &[]).await;
    assert_eq!((compared.agreeing, compared.findings.len()), (1, 0), "{compared:?}");

    // All of what was paid goes back, and with it all that was granted.
    let payment: String =
        sqlx::query_scalar("select provider_payment from payments").fetch_one(world.pool()).await.unwrap();
    world.stripe_post("refunds", &format!("payment_intent={payment}")).expect(200).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.finish().await;
}

/// Operators, and the order's own page paid meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn operators_and_late_events_together_credit_an_order_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for round in 1..=4 {
        let checkout = world.start_checkout(&alice, 2_500).await;
        let mut odd = another_page(&world, &alice, &checkout).await;
        odd["data"]["object"]["id"] = json!(format!("cs_test_another_page_{round}"));
        odd["data"]["object"]["payment_intent"] = json!(format!("pi_of_another_page_{round}"));
        deliver(&world, &odd).await;
        world.drain().await;
        let id = format!("stripe:{}", odd["id"].as_str().unwrap());
        let good = event("checkout.session.completed", &paid_session(&world, &alice, &checkout).await);
        let reason = json!({"reason": "paid on another page"});
        let operators = join_all((0..4).map(|_| act(&world, &id, "credit", reason.clone())));
        let retry = act(&world, &id, "retry", json!({}));
        let (operators, retry, ..) =
            futures::join!(operators, retry, deliver(&world, &good), deliver(&world, &odd));
        let statuses: Vec<u16> = operators.iter().map(|answer| answer.status()).collect();
        assert!(statuses.iter().filter(|status| **status == 200).count() <= 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        assert!([202, 409].contains(&retry.status()));
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 2_500 * round);
        assert_eq!(world.count("ledger_entries").await, round);
        assert_eq!(world.count("payments where state = 'completed'").await, round);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_applied_again_after_a_repair() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = pay_too_little(&world, &alice).await;
    let waiting = open(&world).await;
    let id = waiting[0]["id"].as_str().unwrap();
    // Nothing is repaired yet: it stays.
    assert_eq!(act(&world, id, "retry", json!({})).await.status(), 202);
    world.drain().await;
    assert_eq!(open(&world).await.len(), waiting.len());
    raise(&world, &checkout, 2_500).await;
    for waiting in &waiting {
        let id = waiting["id"].as_str().unwrap();
        act(&world, id, "retry", json!({"reason": "the price is right now"})).await;
        act(&world, id, "retry", json!({})).await;
    }
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("ledger_entries").await), (2_500, 1));
    assert_eq!(open(&world).await, Vec::<Value>::new());
    let shown = get(&world, &format!("/{id}")).await;
    assert_ne!(shown["state"], "open", "{shown}");
    assert_eq!(shown["text"], Value::Null);
    let again = act(&world, id, "dismiss", json!({"reason": "late"})).await;
    assert_eq!(refusal(&again), (409, json!("not_quarantined")));
    assert!(audited(&world, "retry").await >= 2);
    world.finish().await;
}

/// The provider, asked, contradicts the order: no event brought that, and yet it waits for an operator.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_contradicts_its_order_has_the_same_way_out() {
    let world = World::builder().verify_always().start().await;
    let alice = world.create_user("alice").await;
    let checkout = pay_too_little(&world, &alice).await;
    let waiting = open(&world).await;
    assert!(waiting.iter().all(|event| event["type"] == "answer"), "{waiting:?}");
    assert!(!waiting.is_empty());
    raise(&world, &checkout, 2_500).await;
    for event in &waiting {
        assert_eq!(act(&world, event["id"].as_str().unwrap(), "retry", json!({})).await.status(), 202);
    }
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, open(&world).await.len()), (2_500, 0));

    // Another one is credited as it is.
    pay_too_little(&world, &alice).await;
    let id = open(&world).await[0]["id"].as_str().unwrap().to_owned();
    let credited = act(&world, &id, "credit", json!({"reason": "a promise"})).await;
    assert_eq!(credited.status(), 200, "{credited}");
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, open(&world).await.len()), (5_000, 0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_credited_is_refused_and_can_be_dismissed() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 3] = [
        ("other_mode", |session| session["livemode"] = json!(true)),
        ("not_paid", |session| {
            session["payment_status"] = json!("unpaid");
            session["amount_total"] = json!(1);
        }),
        ("already_credited", |session| {
            session["id"] = json!("cs_test_second");
            session["payment_intent"] = json!("pi_second");
        }),
    ];
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for (code, change) in cases {
        let checkout = world.start_checkout(&alice, 2_500).await;
        let mut session = paid_session(&world, &alice, &checkout).await;
        if code == "already_credited" {
            deliver(&world, &event("checkout.session.completed", &session)).await;
            world.drain().await;
        }
        change(&mut session);
        deliver(&world, &event("checkout.session.completed", &session)).await;
        world.drain().await;
        let waiting = open(&world).await;
        assert_eq!(waiting.len(), 1, "{code}: {waiting:?}");
        let id = waiting[0]["id"].as_str().unwrap();
        let before = world.balance(&alice.wallet_id).await;
        let refused = act(&world, id, "credit", json!({"reason": "please"})).await;
        assert_eq!(refusal(&refused), (409, json!(code)));
        assert_eq!(world.balance(&alice.wallet_id).await, before);
        let both = futures::join!(
            act(&world, id, "dismiss", json!({"reason": "nothing follows"})),
            act(&world, id, "dismiss", json!({"reason": "nothing follows"}))
        );
        let mut statuses = [both.0.status(), both.1.status()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{code}");
        assert_eq!(open(&world).await.len(), 0);
    }
    assert_eq!((audited(&world, "dismiss").await, audited(&world, "credit").await), (3, 0));
    let mut connection = world.pool().acquire().await.unwrap();
    let counted = billing::provider_events::record::quarantined_count(&mut connection).await.unwrap();
    assert_eq!((counted, world.count("provider_events where outcome = 'quarantined'").await), (0, 3));
    drop(connection);
    world.finish().await;
}

/// What an operator has decided about is no difference in the books.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_dismissed_is_not_reported_again() {
    let world = World::start().await;
    world.emulator().put("/_emulator/clock").json(json!({"advance_seconds": -3_600})).expect(200).await;
    let alice = world.create_user("alice").await;
    pay_too_little(&world, &alice).await;
    assert_eq!(reconcile(&world, &[]).await.differences(), ["amount_differs"]);
    for event in open(&world).await {
        let id = event["id"].as_str().unwrap();
        assert_eq!(act(&world, id, "dismiss", json!({"reason": "refunded"})).await.status(), 200);
    }
    assert_eq!(reconcile(&world, &[]).await.findings.len(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_see_events_page_by_page_and_give_reasons() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for page in 0..5 {
        let checkout = world.start_checkout(&alice, 2_500).await;
        let mut odd = another_page(&world, &alice, &checkout).await;
        odd["data"]["object"]["id"] = json!(format!("cs_test_{page}"));
        deliver(&world, &odd).await;
    }
    world.drain().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&world, &format!("?state=open&provider=stripe&limit=2{cursor}")).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].clone()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 5);
    assert_eq!(get(&world, "?provider=creem").await["data"], json!([]));
    assert!(get(&world, "").await["data"].as_array().unwrap().len() >= 5);
    let admin = &world.settings().secrets.admin_api_key;
    for wrong in ["?state=nothing", "?provider=paypal", "?cursor=x", "?limit=0"] {
        world.api().get(&format!("{PATH}{wrong}")).bearer(admin).expect(400).await;
    }
    let id = seen[0].as_str().unwrap();
    for body in [json!({}), json!({"reason": " "}), json!({"reason": "x".repeat(501)})] {
        for verb in ["credit", "dismiss"] {
            assert_eq!(act(&world, id, verb, body.clone()).await.status(), 400, "{verb} {body}");
        }
    }
    for unknown in ["stripe:evt_none", "evt_none", "paypal:evt_1"] {
        world.api().get(&format!("/purser/v1/provider-events/{unknown}")).bearer(admin).expect(404).await;
        for verb in ["credit", "retry", "dismiss"] {
            assert_eq!(act(&world, unknown, verb, json!({"reason": "x"})).await.status(), 404, "{unknown}");
        }
    }
    world.api().get(PATH).bearer(&alice.api_key).expect(403).await;
    world.api().get(PATH).expect(401).await;
    for verb in ["credit", "retry", "dismiss"] {
        let request =
            world.api().post(&format!("/purser/v1/provider-events/{id}/{verb}")).bearer(&alice.api_key);
        request.json(json!({"reason": "mine"})).expect(403).await;
    }
    assert_eq!(world.count("admin_actions where action like 'provider_event%'").await, 0);
    world.finish().await;
}

/// The page's payment event carries the same order: an accepted payment is known by both.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_one_order_is_not_credited_to_another() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let first = world.start_checkout(&alice, 2_500).await;
    let paid = paid_session(&world, &alice, &first).await;
    deliver(&world, &event("checkout.session.completed", &paid)).await;
    let second = world.start_checkout(&alice, 2_500).await;
    let mut borrowed = intent_of(&paid_session(&world, &alice, &second).await);
    borrowed["id"] = paid["payment_intent"].clone();
    borrowed["amount_received"] = json!(1);
    deliver(&world, &event("payment_intent.succeeded", &borrowed)).await;
    world.drain().await;
    let id = open(&world).await[0]["id"].as_str().unwrap().to_owned();
    let refused = act(&world, &id, "credit", json!({"reason": "again"})).await;
    assert_eq!(refusal(&refused), (409, json!("payment_of_another_order")));
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}
