//! Reconciliation of refunds and disputes that no event has announced, of payments older than what is compared.

use std::time::Duration;

use billing::payments::Provider;
use billing::provider_events::VerifyObject;
use billing::reconciliation::{ReconcilePayments, Rest};
use harness::world::{Checkout, GOOD_CARD, User, World};
use jobs::EncodedJob;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::events::publish;
use crate::reconcile::{intent_of, open, reconcile, sell_over_creem};

const DAY: Duration = Duration::from_secs(86_400);

/// Reconciliation runs only when a test says so.
async fn start() -> World {
    World::builder().without_scheduler().start().await
}

/// Ten days pass, and from then on no event arrives.
async fn grow_old(world: &World) {
    world.advance(10 * DAY).await;
    world.lose_events().await;
}

/// So long that no event can be under way any more.
async fn settle(world: &World) {
    world.advance(Duration::from_secs(3_600)).await;
}

async fn refund(world: &World, intent: &str, amount: i64) -> Value {
    world.stripe_post("refunds", &format!("payment_intent={intent}&amount={amount}")).expect(200).await
}

async fn dispute(world: &World, intent: &str, amount: i64) -> Value {
    let body = json!({"payment_intent": intent, "amount": amount});
    world.emulator().post("/_emulator/disputes").json(body).expect(200).await
}

async fn buy(world: &World, user: &User, credits: i64) -> String {
    let bought: Checkout = world.buy(user, credits).await;
    intent_of(world, &bought).await
}

/// Does the scheduled comparison.
async fn compare(world: &World) {
    publish(world, &ReconcilePayments::default()).await;
    world.drain().await;
}

/// The differences, sorted.
async fn differences(world: &World) -> Vec<String> {
    let looked = reconcile(world, &[]).await;
    let mut found: Vec<String> = looked.differences().iter().map(|found| (*found).to_owned()).collect();
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_and_disputes_of_older_payments_are_found_and_followed() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    let (refunded, disputed) = (buy(&world, &alice, 500).await, buy(&world, &alice, 700).await);
    grow_old(&world).await;
    refund(&world, &refunded, 200).await;
    dispute(&world, &disputed, 700).await;
    // Its events may be under way.
    let fresh = reconcile(&world, &[]).await;
    assert_eq!((fresh.exit_code, fresh.findings.len(), fresh.in_flight), (0, 0, 2), "{fresh:?}");
    settle(&world).await;
    assert_eq!(differences(&world).await, ["dispute_not_known", "refund_not_known"]);
    // Looking changes nothing.
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("reversals").await), (1_200, 0));
    for _ in 0..2 {
        compare(&world).await;
        assert_eq!((world.balance(&alice.wallet_id).await, world.count("reversals").await), (300, 2));
    }
    assert_eq!(world.count("payments where state = 'disputed' and withdrawn_minor = 700").await, 1);
    assert_eq!(differences(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// The sums that went back do not tell one from the other: each refund and dispute is compared by its id.
#[tokio::test(flavor = "multi_thread")]
async fn a_known_dispute_hides_no_refund_and_a_known_refund_no_failure() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    let (first, second) = (buy(&world, &alice, 1_000).await, buy(&world, &alice, 500).await);
    world.advance(10 * DAY).await;
    let fails = refund(&world, &second, 500).await;
    world.drain().await;
    world.lose_events().await;
    refund(&world, &first, 200).await;
    world.set_provider_faults(json!({})).await;
    dispute(&world, &first, 300).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 700);
    world.lose_events().await;
    let path = format!("/_emulator/refunds/{}/settle", fails["id"].as_str().unwrap());
    world.emulator().post(&path).json(json!({"succeeded": false})).expect(200).await;
    settle(&world).await;
    assert_eq!(differences(&world).await, ["refund_not_known", "refund_not_known"]);
    assert_eq!(reconcile(&world, &["--apply"]).await.exit_code, 0);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000);
    assert_eq!(differences(&world).await, Vec::<String>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_an_older_period_is_found_and_those_of_others_are_left_alone() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    let plan = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro",
                      "success_url": "http://localhost:3000/", "cancel_url": "http://localhost:3000/"});
    let page = open(&world, &alice, plan).await;
    world.pay(&page, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    let other = json!({"kind": "payment_intent", "amount": 900});
    let other = world.emulator().post("/_emulator/foreign").json(other).expect(200).await;
    let paid = world.stripe_get("invoice_payments?limit=1").expect(200).await;
    grow_old(&world).await;
    refund(&world, paid["data"][0]["payment"]["payment_intent"].as_str().unwrap(), 333).await;
    refund(&world, other["payment_intent"].as_str().unwrap(), 900).await;
    settle(&world).await;
    let looked = reconcile(&world, &[]).await;
    assert_eq!((looked.differences(), looked.foreign), (vec!["refund_not_known"], 1), "{looked:?}");
    compare(&world).await;
    // A third, and the buyer keeps the fraction.
    assert_eq!(world.balance(&alice.wallet_id).await, 6_666);
    assert_eq!(world.count("reversals").await, 1);
    world.finish().await;
}

/// Creem lists neither refunds nor disputes, but tells with each payment how much of it has gone back.
#[tokio::test(flavor = "multi_thread")]
async fn what_went_back_of_older_creem_payments_is_found() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    sell_over_creem(&world).await;
    let plan = json!({"channel": "creem", "type": "subscription", "plan_id": "pro",
                      "success_url": "http://localhost:3000/"});
    let page = open(&world, &alice, plan).await;
    let pay = world.emulator().post(&format!("/_emulator/creem/checkouts/{page}/pay"));
    pay.json(json!({"card": GOOD_CARD})).expect(200).await;
    world.drain().await;
    grow_old(&world).await;
    let key = &world.settings().secrets.creem_api_key;
    let listed =
        world.emulator().get("/creem/v1/transactions/search").header("x-api-key", key).expect(200).await;
    let transaction = json!({"transaction_id": listed["items"][0]["id"]});
    world.emulator().post("/_emulator/creem/disputes").json(transaction).expect(200).await;
    settle(&world).await;
    assert_eq!(differences(&world).await, ["refund_not_known"]);
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    for _ in 0..2 {
        compare(&world).await;
        assert_eq!(world.balance(&alice.wallet_id).await, 0);
    }
    assert_eq!(differences(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// A comparison is many jobs, each of a slice of time: what the first ones found is carried to the last.
#[tokio::test(flavor = "multi_thread")]
async fn what_each_slice_finds_is_kept_in_one_place() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    let bought = buy(&world, &alice, 500).await;
    grow_old(&world).await;
    refund(&world, &bought, 200).await;
    settle(&world).await;
    let now = world.clock().now();
    let rest = Rest {
        from: now - time::Duration::days(1),
        until: now,
        slice_seconds: 6 * 3_600,
        findings: 2,
        paid_not_credited: 1,
    };
    publish(&world, &ReconcilePayments { rest: Some(rest) }).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 300);
    let kept = "reconciliation_runs where findings = 3 and paid_not_credited = 1";
    assert_eq!(world.count(kept).await, 1);
    world.finish().await;
}

/// Delivers a job that has failed so often that it may only fail once more.
async fn publish_last_attempt(world: &World, job: &EncodedJob) {
    let addresses = &world.settings().addresses;
    let connection = Connection::connect(&addresses.amqp_url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-purser-attempt".into(), AMQPValue::LongUInt(7));
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_message_id(uuid::Uuid::now_v7().to_string().as_str().into());
    let queue = format!("{}.verify", addresses.amqp_prefix);
    channel
        .basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            job.body.as_bytes(),
            properties,
        )
        .await
        .unwrap();
    connection.close(200, "".into()).await.unwrap();
}

/// It is not asked for again for ever, and whoever looks sees what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_read_ends_as_a_dead_letter_that_names_the_object() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    world.set_provider_faults(json!({"unreadable": 1.0})).await;
    let asked = [
        (Provider::Stripe, "re_lost", "GET /v1/refunds/re_lost"),
        (Provider::Stripe, "in_lost", "GET /v1/invoices/in_lost"),
        (Provider::Creem, "tran_lost", "/v1/transactions?transaction_id=tran_lost"),
    ];
    for (number, (provider, id, words)) in (1..).zip(asked) {
        let job = EncodedJob::from(&VerifyObject::new(provider, id.to_owned()));
        publish_last_attempt(&world, &job).await;
        world.wait_for_rows(number, "dead_letters").await;
        let found = format!("dead_letters where reason like 'failed 8 times, %{words} cannot be read'");
        assert_eq!(world.count(&found).await, 1, "{words}");
    }
    world.set_provider_faults(json!({})).await;
    world.finish().await;
}
