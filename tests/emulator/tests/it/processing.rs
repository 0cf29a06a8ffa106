//! Payments that take days: bank debits, and cards whose bank is slow; and several pages for one order.

use serde_json::{Value, json};

use crate::harness::{Emulator, strict, text};

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

async fn session_of(emulator: &Emulator, session: &Value) -> Value {
    emulator.read("checkout/sessions", &session["id"]).await
}

/// <https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers> and
/// <https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-account-numbers>
#[tokio::test]
async fn a_bank_debit_is_decided_days_later() {
    for (account, kind, refusal) in [
        ("000123456789", "us_bank_account", None),
        ("000222222227", "us_bank_account", Some("insufficient_funds")),
        ("DE89 3704 0044 0532 0130 00", "sepa_debit", None),
        ("DE62370400440532013001", "sepa_debit", Some("generic_decline")),
    ] {
        let emulator = Emulator::start(None).await;
        let session = emulator.session(1000, "&invoice_creation[enabled]=true").await;
        let paid = emulator.pay(&session, json!({"bank_account": account})).await;
        assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("complete"), &json!("unpaid")));
        assert_eq!(paid["invoice"], Value::Null);
        let intent = emulator.read("payment_intents", &paid["payment_intent"]).await;
        strict::<stripe_shared::PaymentIntent>(&intent);
        assert_eq!(
            (&intent["status"], &intent["payment_method_types"]),
            (&json!("processing"), &json!([kind]))
        );
        let method = emulator.read("payment_methods", &intent["payment_method"]).await;
        strict::<stripe_shared::PaymentMethod>(&method);
        strict::<stripe_shared::Charge>(&emulator.read("charges", &intent["latest_charge"]).await);
        emulator.advance(4 * DAY).await;
        assert_eq!(session_of(&emulator, &session).await["payment_status"], "unpaid");
        emulator.advance(DAY + 60).await;
        let decided = session_of(&emulator, &session).await;
        let intent = emulator.read("payment_intents", &paid["payment_intent"]).await;
        if let Some(code) = refusal {
            assert_eq!(decided["payment_status"], "unpaid");
            assert_eq!(
                (&intent["status"], &intent["last_payment_error"]["decline_code"]),
                (&json!("requires_payment_method"), &json!(code))
            );
            assert_eq!(emulator.events("checkout.session.async_payment_failed").await.len(), 1);
            assert_eq!(emulator.events("payment_intent.payment_failed").await.len(), 1);
        } else {
            assert_eq!(
                (&decided["payment_status"], &intent["status"]),
                (&json!("paid"), &json!("succeeded"))
            );
            assert_eq!(emulator.events("checkout.session.async_payment_succeeded").await.len(), 1);
            assert!(decided["invoice"].is_string(), "its invoice comes with the money");
        }
    }
}

#[tokio::test]
async fn a_debit_that_succeeds_can_be_disputed_and_one_may_never_be_decided() {
    let emulator = Emulator::start(None).await;
    let session = emulator.session(1000, "").await;
    emulator.pay(&session, json!({"bank_account": "DE35370400440532013002"})).await;
    let undecided = emulator.session(1000, "").await;
    emulator.pay(&undecided, json!({"async": true})).await;
    emulator.advance(60 * DAY).await;
    assert_eq!(emulator.events("charge.dispute.created").await.len(), 1);
    assert_eq!(session_of(&emulator, &undecided).await["payment_status"], "unpaid");
    let settle = format!("checkout/{}/settle", text(&undecided["id"]));
    emulator.done("POST", &settle, json!({"succeeded": true})).await;
    assert_eq!(session_of(&emulator, &undecided).await["payment_status"], "paid");
    let wrong = emulator.session(1000, "").await;
    let path = format!("checkout/{}/pay", text(&wrong["id"]));
    let refused = emulator.control("POST", &path, json!({"bank_account": "123"})).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("account_number_invalid")));
    let cards = emulator.session(1000, "&allowed_payment_method_types[0]=card").await;
    let path = format!("checkout/{}/pay", text(&cards["id"]));
    assert_eq!(emulator.control("POST", &path, json!({"async": true})).await.status, 400);
}

/// <https://docs.stripe.com/india-recurring-payments>: a card payment may be processing for 26 hours.
#[tokio::test]
async fn a_card_is_processing_for_a_day_with_its_holder_there_or_away() {
    let emulator = Emulator::start(None).await;
    let session = emulator.session(1000, "").await;
    let paid = emulator.pay(&session, json!({"processing_seconds": DAY})).await;
    assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("complete"), &json!("unpaid")));
    let customer = emulator.ok("POST", "customers", "name=a").await;
    let form = format!("customer={}", text(&customer["id"]));
    let method = emulator.ok("POST", "payment_methods/pm_card_visa/attach", &form).await;
    let slow = format!("payment_methods/{}", text(&method["id"]));
    emulator.done("POST", &format!("{slow}/processing"), json!({"seconds": DAY})).await;
    let form = format!(
        "amount=900&currency=usd&confirm=true&off_session=true&error_on_requires_action=true&{form}&payment_method={}",
        text(&method["id"])
    );
    let [good, bad] = [
        emulator.ok("POST", "payment_intents", &form).await,
        emulator.ok("POST", "payment_intents", &form).await,
    ];
    assert_eq!(good["status"], "processing");
    let cancel = format!("payment_intents/{}/cancel", text(&bad["id"]));
    assert_eq!(
        emulator.api("POST", &cancel, "", None).await.body["error"]["code"],
        "payment_intent_unexpected_state"
    );
    emulator
        .done("POST", &format!("payment_intents/{}/settle", text(&bad["id"])), json!({"succeeded": false}))
        .await;
    emulator.advance(DAY + 60).await;
    assert_eq!(session_of(&emulator, &session).await["payment_status"], "paid");
    let status =
        async |intent: &Value| emulator.read("payment_intents", &intent["id"]).await["status"].clone();
    assert_eq!(
        (status(&good).await, status(&bad).await),
        (json!("succeeded"), json!("requires_payment_method"))
    );
    emulator.done("POST", &format!("{slow}/decline"), json!({"reason": "insufficient_funds"})).await;
    let later = emulator.ok("POST", "payment_intents", &form).await;
    emulator.advance(DAY + 60).await;
    assert_eq!(status(&later).await, "requires_payment_method");
    emulator.done("POST", &format!("{slow}/processing"), json!({"seconds": 0})).await;
    assert_eq!(emulator.api("POST", "payment_intents", &form, None).await.status, 402);
}

/// <https://docs.stripe.com/billing/subscriptions/ach-debit>
#[tokio::test]
async fn a_subscription_by_debit_is_active_until_the_debit_fails() {
    for (account, paid, status) in [("000123456789", "paid", "active"), ("000111111113", "open", "past_due")]
    {
        let emulator = Emulator::start(None).await;
        let subscription = emulator.subscribe("price_pro_month", "", json!({"bank_account": account})).await;
        assert_eq!(subscription["status"], "active");
        assert_eq!(emulator.invoices(&subscription).await[0]["status"], "open");
        assert!(emulator.events("invoice.paid").await.is_empty());
        emulator.advance(5 * DAY + 60).await;
        let after = emulator.read("subscriptions", &subscription["id"]).await;
        assert_eq!(
            (&emulator.invoices(&subscription).await[0]["status"], &after["status"]),
            (&json!(paid), &json!(status))
        );
        if status == "active" {
            // The renewal is collected from the same account, and takes as long.
            let end = after["items"]["data"][0]["current_period_end"].as_i64().expect("a time");
            emulator.set_clock(end + HOUR + 60).await;
            assert_eq!(emulator.invoices(&subscription).await[0]["status"], "open");
            emulator.advance(5 * DAY).await;
            assert_eq!(emulator.events("invoice.paid").await.len(), 2);
        }
    }
}

#[tokio::test]
async fn several_pages_of_one_customer_are_all_paid() {
    let emulator = Emulator::start(None).await;
    let customer = emulator.ok("POST", "customers", "name=a").await;
    let more = format!("&customer={}&client_reference_id=order-1&metadata[order]=1", text(&customer["id"]));
    let form = format!(
        "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
         &line_items[0][price]=price_pro_month{more}"
    );
    let [first, second] = [
        emulator.ok("POST", "checkout/sessions", &form).await,
        emulator.ok("POST", "checkout/sessions", &form).await,
    ];
    let payments = [emulator.session(1000, &more).await, emulator.session(1000, &more).await];
    for session in [&first, &second, &payments[0], &payments[1]] {
        emulator.pay(session, json!({})).await;
    }
    let list = emulator.ok("GET", &format!("subscriptions?customer={}", text(&customer["id"])), "").await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(emulator.events("charge.succeeded").await.len(), 4);
}
