//! Renewals as Stripe does them: a draft, an hour, an attempt, days of retries.
//! <https://docs.stripe.com/billing/subscriptions/webhooks>,
//! <https://docs.stripe.com/billing/revenue-recovery/smart-retries>

use serde_json::{Value, json};

use crate::harness::{Emulator, strict, text};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Saved, but every charge to it fails.
const FAILING: &str = "pm_card_chargeCustomerFail";

fn period_end(subscription: &Value) -> i64 {
    subscription["items"]["data"][0]["current_period_end"].as_i64().expect("a time")
}

async fn use_card(emulator: &Emulator, subscription: &Value, card: &str) {
    let form = format!("customer={}", text(&subscription["customer"]));
    let method = emulator.ok("POST", &format!("payment_methods/{card}/attach"), &form).await;
    let form = format!("default_payment_method={}", text(&method["id"]));
    emulator.ok("POST", &format!("subscriptions/{}", text(&subscription["id"])), &form).await;
}

async fn status(emulator: &Emulator, subscription: &Value) -> String {
    text(&emulator.read("subscriptions", &subscription["id"]).await["status"]).to_owned()
}

#[tokio::test]
async fn the_invoice_of_a_new_period_is_a_draft_for_an_hour() {
    let emulator = Emulator::start(None).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
    let end = period_end(&subscription);
    emulator.set_clock(end + 60).await;
    let draft = emulator.invoices(&subscription).await.remove(0);
    strict::<stripe_shared::Invoice>(&draft);
    assert_eq!((&draft["status"], &draft["billing_reason"]), (&json!("draft"), &json!("subscription_cycle")));
    assert_eq!((&draft["number"], &draft["ending_balance"]), (&Value::Null, &Value::Null));
    assert_eq!(draft["automatically_finalizes_at"], end + HOUR);
    // The invoice's own period is the one that ended; that of its line is the one it pays for.
    assert_eq!(draft["period_end"], end);
    assert!(draft["lines"]["data"][0]["period"]["end"].as_i64() > Some(end));
    let renewed = emulator.read("subscriptions", &subscription["id"]).await;
    assert_eq!(
        (&renewed["status"], renewed["items"]["data"][0]["current_period_start"].as_i64()),
        (&json!("active"), Some(end))
    );
    assert_eq!(emulator.events("invoice.paid").await.len(), 1, "nothing was collected yet");
    emulator.set_clock(end + HOUR - 1).await;
    assert_eq!(emulator.events("invoice.finalized").await.len(), 1);
    emulator.set_clock(end + HOUR + 5).await;
    let paid = emulator.invoices(&subscription).await.remove(0);
    assert_eq!(
        (&paid["status"], &paid["amount_paid"], &paid["id"]),
        (&json!("paid"), &json!(999), &draft["id"])
    );
    let at = async |kind: &str| emulator.events(kind).await[1]["created"].as_i64().expect("a time");
    assert_eq!(at("invoice.created").await, end);
    assert_eq!((at("invoice.finalized").await, at("invoice.paid").await), (end + HOUR, end + HOUR));
}

#[tokio::test]
async fn months_in_one_step_tell_the_same_story_as_months_that_pass() {
    let emulator = Emulator::start(None).await;
    let monthly = emulator.subscribe("price_pro_month", "", json!({})).await;
    let slow = emulator.subscribe("price_team_month", "", json!({})).await;
    use_card(&emulator, &slow, FAILING).await;
    let before = emulator.story().await.len();
    emulator.advance(95 * DAY).await;
    let story = emulator.story().await.split_off(before);
    assert!(story.is_sorted_by_key(|(_, at)| *at), "{story:#?}");
    let of = |kind: &str| story.iter().filter(|(one, _)| one == kind).map(|(_, at)| *at).collect::<Vec<_>>();
    let (created, paid, failed) = (of("invoice.created"), of("invoice.paid"), of("invoice.payment_failed"));
    assert_eq!((created.len(), paid.len(), failed.len()), (4, 3, 4));
    let first = period_end(&slow) + HOUR;
    assert_eq!(failed, [0, 3, 6, 9].map(|days| first + days * DAY));
    assert_eq!(of("customer.subscription.deleted"), [first + 9 * DAY]);
    assert_eq!(paid[0], period_end(&monthly) + HOUR);
    let invoice = emulator.invoices(&monthly).await.remove(0);
    assert_eq!(invoice["status_transitions"]["paid_at"], paid[2]);
}

#[tokio::test]
async fn retries_and_what_comes_after_them_are_the_sellers_choice() {
    for (then, expected) in [("unpaid", "unpaid"), ("past_due", "past_due"), ("canceled", "canceled")] {
        let emulator = Emulator::start(None).await;
        let wanted = json!({"retry_after_days": [1, 5], "then": then});
        assert_eq!(emulator.done("PUT", "stripe/dunning", wanted.clone()).await, wanted);
        let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
        use_card(&emulator, &subscription, FAILING).await;
        let first = period_end(&subscription) + HOUR;
        emulator.set_clock(first + 60).await;
        assert_eq!(status(&emulator, &subscription).await, "past_due");
        let told = emulator.events("invoice.payment_failed").await[0]["data"]["object"].clone();
        assert_eq!(
            (&told["attempt_count"], told["next_payment_attempt"].as_i64()),
            (&json!(1), Some(first + DAY))
        );
        emulator.set_clock(first + DAY + 60).await;
        assert_eq!(status(&emulator, &subscription).await, "past_due");
        emulator.set_clock(first + 6 * DAY + 60).await;
        assert_eq!(status(&emulator, &subscription).await, expected);
        let last = emulator.events("invoice.payment_failed").await.pop().expect("an event");
        assert_eq!(last["data"]["object"]["next_payment_attempt"], Value::Null);
        let unpaid = emulator.invoices(&subscription).await.remove(0);
        assert_eq!(unpaid["status"], "open");
        // What follows a period later: nothing, a draft that stays one, or another attempt.
        emulator.advance(31 * DAY + HOUR).await;
        let invoices = emulator.invoices(&subscription).await;
        let expected = match then {
            "canceled" => ("open", 2),
            "unpaid" => ("draft", 3),
            _ => ("open", 3),
        };
        assert_eq!((text(&invoices[0]["status"]), invoices.len()), expected, "{then}");
    }
    let emulator = Emulator::start(None).await;
    let wrong =
        emulator.control("PUT", "stripe/dunning", json!({"retry_after_days": [1], "then": "x"})).await;
    assert_eq!((wrong.status, &wrong.body["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn a_card_that_works_again_makes_the_subscription_active() {
    let emulator = Emulator::start(None).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
    use_card(&emulator, &subscription, FAILING).await;
    emulator.set_clock(period_end(&subscription) + HOUR + 60).await;
    assert_eq!(status(&emulator, &subscription).await, "past_due");
    use_card(&emulator, &subscription, "pm_card_visa").await;
    emulator.advance(3 * DAY).await;
    assert_eq!(status(&emulator, &subscription).await, "active");
    let paid = emulator.invoices(&subscription).await.remove(0);
    assert_eq!((&paid["status"], &paid["attempt_count"]), (&json!("paid"), &json!(2)));
}

#[tokio::test]
async fn a_subscription_canceled_within_the_hour_is_not_collected() {
    let emulator = Emulator::start(None).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
    emulator.set_clock(period_end(&subscription) + 60).await;
    emulator.ok("DELETE", &format!("subscriptions/{}", text(&subscription["id"])), "").await;
    emulator.advance(2 * DAY).await;
    let draft = emulator.invoices(&subscription).await.remove(0);
    assert_eq!((&draft["status"], &draft["auto_advance"]), (&json!("draft"), &json!(false)));
    assert_eq!(emulator.events("charge.succeeded").await.len(), 1);
}

#[tokio::test]
async fn the_clocks_of_providers_and_others_can_differ() {
    let emulator = Emulator::start(None).await;
    emulator.done("PUT", "clock", json!({"stopped": true})).await;
    let now = emulator.done("GET", "clock", Value::Null).await["now"].as_i64().expect("a time");
    for skew in [-7200, 20] {
        let shown = emulator.done("PUT", "clock", json!({"skew_seconds": skew})).await;
        assert_eq!((shown["now"].as_i64(), shown["skew_seconds"].as_i64()), (Some(now), Some(skew)));
        emulator.pay(&emulator.session(1000, "").await, json!({})).await;
        let paid = emulator.events("checkout.session.completed").await.pop().expect("an event");
        assert_eq!(paid["created"].as_i64(), Some(now + skew));
    }
    // Everything of a payment happens in one second while the clock stands still.
    let times: Vec<i64> = emulator.story().await.into_iter().map(|(_, at)| at).collect();
    assert!(times.iter().all(|at| *at == now - 7200 || *at == now + 20), "{times:?}");
    let first = emulator.events("payment_intent.created").await[0]["id"].clone();
    let later = emulator.done("GET", &format!("events?after={}", text(&first)), Value::Null).await;
    let later = later["events"].as_array().expect("a list").clone();
    assert_eq!(later.len(), emulator.story().await.len() - 1);
    let refused = emulator.control("PUT", "clock", json!({"skew": 1})).await;
    assert_eq!((refused.status, &refused.body["error"]["param"]), (400, &json!("skew")));
    let session = emulator.session(1000, "").await;
    let shown = emulator.done("PUT", "clock", json!({"stopped": false, "skew_seconds": 0})).await;
    assert_eq!(shown["next_due"], session["expires_at"].as_i64().expect("a time") - 7220);
}
