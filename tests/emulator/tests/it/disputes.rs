//! Money that goes back: disputes and their ends, inquiries, warnings, refunds in steps.
//! <https://docs.stripe.com/disputes/how-disputes-work>

use serde_json::{Value, json};

use crate::harness::{Emulator, strict, text};

const DAY: i64 = 86_400;

/// A paid session over 10,000 cents; returns the session.
async fn buy(emulator: &Emulator, card: &str) -> Value {
    emulator.pay(&emulator.session(10_000, "").await, json!({"card": card})).await
}

/// The types of the events about disputes and warnings, oldest first.
async fn told(emulator: &Emulator) -> Vec<String> {
    let kinds = emulator.story().await.into_iter().map(|(kind, _)| kind);
    kinds.filter(|kind| kind.starts_with("charge.dispute") || kind.starts_with("radar")).collect()
}

#[tokio::test]
async fn a_dispute_is_lost_and_a_part_comes_back() {
    let emulator = Emulator::start(None).await;
    let paid = buy(&emulator, "4242424242424242").await;
    let dispute = emulator.done("POST", "disputes", json!({"payment_intent": paid["payment_intent"]})).await;
    let close = format!("disputes/{}/close", text(&dispute["id"]));
    for wrong in [json!({"won": false, "returned": 10_000}), json!({"won": true, "returned": 1}), json!({})] {
        assert_eq!(emulator.control("POST", &close, wrong).await.status, 400);
    }
    let closed = emulator.done("POST", &close, json!({"won": false, "returned": 1})).await;
    assert_eq!(closed["status"], "lost");
    let movements: Vec<i64> = closed["balance_transactions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|movement| movement["amount"].as_i64().expect("cents"))
        .collect();
    assert_eq!(movements, [-10_000, 1]);
    let read = emulator.read("disputes", &dispute["id"]).await;
    strict::<stripe_shared::Dispute>(&read);
    assert_eq!(
        told(&emulator).await,
        [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed"
        ]
    );
    let refund = format!("payment_intent={}", text(&paid["payment_intent"]));
    assert_eq!(emulator.api("POST", "refunds", &refund, None).await.body["error"]["code"], "charge_disputed");
}

#[tokio::test]
async fn what_was_refunded_before_is_not_disputed() {
    let emulator = Emulator::start(None).await;
    let paid = buy(&emulator, "4242424242424242").await;
    for amount in [1000, 2000] {
        let form = format!("payment_intent={}&amount={amount}", text(&paid["payment_intent"]));
        emulator.ok("POST", "refunds", &form).await;
    }
    let steps: Vec<Value> = emulator.events("charge.refunded").await;
    assert_eq!(steps[1]["data"]["object"]["amount_refunded"], 3000);
    let dispute = emulator.done("POST", "disputes", json!({"payment_intent": paid["payment_intent"]})).await;
    assert_eq!(dispute["amount"], 7000);
}

#[tokio::test]
async fn an_inquiry_moves_no_money_until_it_is_escalated() {
    let emulator = Emulator::start(None).await;
    let closed_by_time = buy(&emulator, "4000000000001976").await;
    let inquiry = emulator.ok("GET", "disputes", "").await["data"][0].clone();
    assert_eq!(
        (&inquiry["status"], &inquiry["balance_transactions"]),
        (&json!("warning_needs_response"), &json!([]))
    );
    emulator.advance(120 * DAY + 1).await;
    assert_eq!(emulator.read("disputes", &inquiry["id"]).await["status"], "warning_closed");
    assert_eq!(told(&emulator).await, ["charge.dispute.created", "charge.dispute.closed"]);
    // Its charge can be refunded all the same.
    let form = format!("payment_intent={}", text(&closed_by_time["payment_intent"]));
    emulator.ok("POST", "refunds", &form).await;
    let paid = buy(&emulator, "4242424242424242").await;
    let wanted = json!({"payment_intent": paid["payment_intent"], "inquiry": true});
    let inquiry = emulator.done("POST", "disputes", wanted).await;
    let escalate = format!("disputes/{}/escalate", text(&inquiry["id"]));
    let escalated = emulator.done("POST", &escalate, json!({})).await;
    assert_eq!(
        (&escalated["status"], &escalated["balance_transactions"][0]["amount"]),
        (&json!("needs_response"), &json!(-10_000))
    );
    assert_eq!(told(&emulator).await[3..], ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]);
    assert_eq!(emulator.control("POST", &escalate, json!({})).await.status, 400);
    emulator.advance(121 * DAY).await;
    assert_eq!(emulator.read("disputes", &inquiry["id"]).await["status"], "needs_response");
}

/// <https://docs.stripe.com/api/radar/early_fraud_warnings/object>
#[tokio::test]
async fn a_warning_comes_before_a_dispute_or_a_refund_settles_it() {
    let emulator = Emulator::start(None).await;
    let paid = buy(&emulator, "4242424242424242").await;
    let wanted = json!({"payment_intent": paid["payment_intent"], "fraud_type": "made_with_stolen_card"});
    let warning = emulator.done("POST", "early_fraud_warnings", wanted).await;
    let path = format!("radar/early_fraud_warnings?payment_intent={}", text(&paid["payment_intent"]));
    let listed = emulator.ok("GET", &path, "").await["data"][0].clone();
    assert_eq!((&listed["id"], &listed["actionable"]), (&warning["id"], &json!(true)));
    emulator.ok("POST", "refunds", &format!("payment_intent={}", text(&paid["payment_intent"]))).await;
    assert_eq!(emulator.read("radar/early_fraud_warnings", &warning["id"]).await["actionable"], false);
    assert_eq!(
        told(&emulator).await,
        ["radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"]
    );
    let by_card = buy(&emulator, "4000000000005423").await;
    assert_eq!(told(&emulator).await.len(), 3);
    let wrong = json!({"payment_intent": by_card["payment_intent"], "fraud_type": "nonsense"});
    assert_eq!(
        emulator.control("POST", "early_fraud_warnings", wrong).await.body["error"]["param"],
        "fraud_type"
    );
    emulator.done("POST", "disputes", json!({"payment_intent": by_card["payment_intent"]})).await;
    assert_eq!(told(&emulator).await.last().map(String::as_str), Some("radar.early_fraud_warning.updated"));
}

/// <https://docs.stripe.com/api/charges/create>
#[tokio::test]
async fn a_charge_without_an_intent_is_disputed_and_refunded() {
    let emulator = Emulator::start(None).await;
    let form = "amount=900&currency=usd&source=tok_visa&metadata[order]=7";
    let charge = emulator.ok("POST", "charges", form).await;
    strict::<stripe_shared::Charge>(&charge);
    assert_eq!((&charge["payment_intent"], &charge["status"]), (&Value::Null, &json!("succeeded")));
    let dispute = emulator.done("POST", "disputes", json!({"charge": charge["id"], "amount": 400})).await;
    assert_eq!((&dispute["payment_intent"], &dispute["amount"]), (&Value::Null, &json!(400)));
    emulator.done("POST", &format!("disputes/{}/close", text(&dispute["id"])), json!({"won": true})).await;
    let refund = emulator.ok("POST", "refunds", &format!("charge={}", text(&charge["id"]))).await;
    assert_eq!(refund["payment_intent"], Value::Null);
    let declined = "amount=900&currency=usd&source=tok_chargeDeclined";
    let refused = emulator.api("POST", "charges", declined, None).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (402, &json!("card_declined")));
    assert_eq!(
        emulator.control("POST", "disputes", json!({})).await.body["error"]["code"],
        "parameter_missing"
    );
}

/// <https://docs.stripe.com/refunds#failed-refunds>
#[tokio::test]
async fn a_refund_that_succeeded_fails_days_later() {
    let emulator = Emulator::start(None).await;
    let paid = buy(&emulator, "4242424242424242").await;
    let form = format!("payment_intent={}&amount=3000", text(&paid["payment_intent"]));
    let refund = emulator.ok("POST", "refunds", &form).await;
    assert_eq!(refund["status"], "succeeded");
    emulator.advance(20 * DAY).await;
    let settle = format!("refunds/{}/settle", text(&refund["id"]));
    let failed = emulator.done("POST", &settle, json!({"succeeded": false})).await;
    strict::<stripe_shared::Refund>(&emulator.read("refunds", &refund["id"]).await);
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("expired_or_canceled_card"))
    );
    assert_eq!(emulator.events("refund.failed").await.len(), 1);
    let charge = emulator.read("charges", &refund["charge"]).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(0), &json!(false)));
}
