//! What goes wrong with refunds and disputes elsewhere, one test each.

use billing::payments::Provider;
use billing::reversals::ApplyPaymentReversal;
use billing::reversals::{Extent, ReversalFact, ReversalKind, ReversalState};
use harness::world::{GOOD_CARD, World};
use kernel::money::{Currency, Money};
use serde_json::{Value, json};

use super::{buy_with, close, dispute, intent_of, message, refund, resend, settle, shown, state, usd};
use crate::events::{deliver, event, publish};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const REFUND_PENDING: &str = "4000000000007726";
const REFUND_FAILS: &str = "4000000000005126";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_refund_takes_all_credits_back_and_notifies_the_user() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let made = refund(&world, &intent, None).await;
    let told = message(&mut socket, "credits.removed").await;
    assert_eq!(
        (&told["credits"], &told["balance"], &told["reason"]),
        (&json!(2_500), &json!(0), &json!("refund"))
    );
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let shown = shown(&world).await;
    for (field, value) in [
        ("status", json!("refunded")),
        ("refunded", usd(2_500)),
        ("withdrawn", usd(0)),
        ("creditsReversed", json!(2_500)),
        ("creditsShortfall", json!(0)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(
        shown["reversals"],
        json!([{"id": made["id"], "kind": "refund", "standing": "taken", "status": "succeeded",
                "amount": usd(2_500)}])
    );
    let orders = world.api().get("/orders").bearer(&alice.api_key).expect(200).await;
    assert_eq!(orders["data"][0]["status"], "refunded");
    let listed = world.api().get("/credits/transactions").bearer(&alice.api_key).expect(200).await;
    assert_eq!(
        (&listed["data"][0]["type"], &listed["data"][0]["amount"]),
        (&json!("refund"), &json!(-2_500))
    );
    // The purchase is history: it is not undone in the eyes of those who only ask whether it was paid.
    let history = world.api().get("/api/payments/history").bearer(&alice.api_key).expect(200).await;
    assert_eq!(history["payments"][0]["status"], "completed");
    let admin = &world.settings().secrets.admin_api_key;
    let none = format!("/purser/v1/orders/{}", uuid::Uuid::new_v4());
    assert_eq!(world.api().get(&none).bearer(admin).send().await.unwrap().status(), 404);
    assert_eq!(world.api().get(&none).bearer(&alice.api_key).send().await.unwrap().status(), 404);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partial_refund_takes_its_share_once_however_late_or_often_reported() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    world.set_provider_faults(json!({"duplicate": 1.0, "reorder": 1.0, "seed": 7})).await;
    for (amount, left, state_then) in [
        (Some(1_000), 1_500, "partially_refunded"),
        (Some(500), 1_000, "partially_refunded"),
        (None, 0, "refunded"),
    ] {
        refund(&world, &intent, amount).await;
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, left);
        assert_eq!(state(&world).await, state_then);
    }
    world.set_provider_faults(json!({})).await;
    for kind in ["charge.refunded", "refund.updated", "refund.created", "payment_intent.succeeded"] {
        resend(&world, kind).await;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    assert_eq!(world.count("ledger_entries where entry_type = 'refund'").await, 3);
    assert_eq!(state(&world).await, "refunded");
    world.finish().await;
}

/// Tax buys nothing, and goes back with the rest: half of what was paid is half of the credits.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_payment_with_tax_its_share_goes_back() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.emulator().put("/_emulator/stripe/tax").json(json!({"basis_points": 2_000})).expect(200).await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    world.set_provider_faults(json!({"duplicate": 1.0, "reorder": 1.0, "seed": 7})).await;
    // Of 3000 cents that were paid. What was ordered cost 2500.
    for (amount, left, state_then) in [
        (Some(1_500), 1_250, "partially_refunded"),
        (Some(1_000), 416, "partially_refunded"),
        (None, 0, "refunded"),
    ] {
        refund(&world, &intent, amount).await;
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, left);
        assert_eq!(state(&world).await, state_then);
    }
    assert_eq!(shown(&world).await["refunded"], usd(3_000));
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let disputed = dispute(&world, &intent, Some(600), false).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (2_000, "disputed".to_owned()));
    close(&world, &disputed, true).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (2_500, "completed".to_owned()));
    world.finish().await;
}

/// It tells the sum only, and its charge carries no list of refunds.
#[tokio::test(flavor = "multi_thread")]
async fn the_charge_refunded_event_alone_reverses_a_payment() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    world.lose_events().await;
    refund(&world, &intent, Some(500)).await;
    refund(&world, &intent, Some(750)).await;
    let charges = world.stripe_get(&format!("charges?payment_intent={intent}")).expect(200).await;
    let charge = &charges["data"][0];
    assert_eq!(charge["amount_refunded"], 1_250);
    deliver(&world, &event("charge.refunded", charge)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_250);
    assert_eq!(world.count("reversals where kind = 'refund'").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_after_success_returns_the_credits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, REFUND_FAILS).await;
    let made = refund(&world, &intent, Some(2_000)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    settle(&world, &made, false).await;
    let told = message(&mut socket, "credits.restored").await;
    assert_eq!((&told["credits"], &told["balance"]), (&json!(2_000), &json!(2_500)));
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(state(&world).await, "completed");
    // What was told before it failed is delivered again.
    resend(&world, "refund.created").await;
    resend(&world, "charge.refunded").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    // Another one succeeds after that.
    refund(&world, &intent, Some(500)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_000);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_refund_takes_its_credits_once_and_at_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, REFUND_PENDING).await;
    let made = refund(&world, &intent, None).await;
    assert_eq!(made["status"], "pending");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    settle(&world, &made, true).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    assert_eq!(shown(&world).await["reversals"][0]["status"], "succeeded");
    assert_eq!(world.count("ledger_entries").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_takes_no_credits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let asked = dispute(&world, &intent, None, true).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    let shown_now = shown(&world).await;
    assert_eq!(shown_now["status"], "paid");
    assert_eq!(shown_now["reversals"][0]["standing"], "announced");
    close(&world, &asked, false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(shown(&world).await["reversals"][0]["status"], "warning_closed");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_credits_when_funds_are_withdrawn_not_when_created() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    world.lose_events().await;
    let lost = dispute(&world, &intent, None, false).await;
    world.set_provider_faults(json!({})).await;
    resend(&world, "charge.dispute.created").await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (2_500, "completed".to_owned()));
    resend(&world, "charge.dispute.funds_withdrawn").await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "disputed".to_owned()));
    close(&world, &lost, false).await;
    resend(&world, "charge.dispute.created").await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "disputed".to_owned()));
    assert_eq!(shown(&world).await["reversals"][0]["status"], "lost");
    assert_eq!(world.count("ledger_entries where entry_type = 'dispute'").await, 1);
    world.finish().await;
}

/// Five types of events with five ids, each delivered twice, the last first.
#[tokio::test(flavor = "multi_thread")]
async fn a_won_dispute_returns_its_credits_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let won = dispute(&world, &intent, None, false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.set_provider_faults(json!({"duplicate": 1.0})).await;
    close(&world, &won, true).await;
    for kind in ["closed", "funds_reinstated", "funds_withdrawn", "created"] {
        resend(&world, &format!("charge.dispute.{kind}")).await;
    }
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (2_500, "completed".to_owned()));
    assert_eq!(world.count("ledger_entries where entry_type = 'reinstatement'").await, 1);
    world.finish().await;
}

/// Nothing of it came until it was over.
#[tokio::test(flavor = "multi_thread")]
async fn a_won_dispute_reported_in_reverse_order_changes_nothing() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    world.lose_events().await;
    let won = dispute(&world, &intent, None, false).await;
    close(&world, &won, true).await;
    world.set_provider_faults(json!({})).await;
    for kind in ["closed", "funds_reinstated", "funds_withdrawn", "created"] {
        resend(&world, &format!("charge.dispute.{kind}")).await;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(world.count("ledger_entries").await, 1);
    world.finish().await;
}

/// A reinstatement that is not netted makes a later refund take too little; one in money instead of credits gives back
/// too little: the pack costs another number than it grants.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_won_after_a_partial_refund_leaves_the_refund_and_a_later_one_takes_the_rest() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let order = json!({"channel": "stripe", "type": "credits", "pack_id": "micro"});
    let opened =
        world.api().post("/payment/create-session").bearer(&alice.api_key).json(order).expect(201).await;
    let session = opened["data"]["session_id"].as_str().unwrap().to_owned();
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let intent = intent_of(&world, &session).await;
    refund(&world, &intent, Some(300)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 80);
    // The whole charge, although a part of it has gone back: never more than the grant.
    let won = dispute(&world, &intent, None, false).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "disputed".to_owned()));
    close(&world, &won, true).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 80);
    assert_eq!(state(&world).await, "partially_refunded");
    refund(&world, &intent, None).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "refunded".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_during_a_dispute_takes_no_more_than_the_grant() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let lost = dispute(&world, &intent, Some(2_000), false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_500);
    let made = json!({"id": "re_late", "object": "refund", "amount": 2_500, "currency": "usd", "livemode": false,
                      "status": "succeeded", "payment_intent": intent, "charge": null});
    deliver(&world, &event("refund.created", &made)).await;
    world.drain().await;
    // The other purchase is whole.
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000);
    close(&world, &lost, true).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (1_000, "refunded".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_reported_before_its_payment_is_not_lost() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.lose_events().await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    refund(&world, &intent, Some(1_500)).await;
    world.set_provider_faults(json!({})).await;
    resend(&world, "refund.created").await;
    assert_eq!(world.count("ledger_entries").await, 0);
    assert_eq!(world.count("reversals where payment_id is not null").await, 1);
    assert_eq!(state(&world).await, "pending");
    resend(&world, "checkout.session.completed").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000);
    assert_eq!(state(&world).await, "partially_refunded");
    resend(&world, "payment_intent.succeeded").await;
    assert_eq!(world.count("ledger_entries").await, 2);
    world.finish().await;
}

/// A buyer who paid an order twice gets the second payment back and keeps the credits of the first.
#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_a_second_payment_of_an_order_takes_no_credits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let payment_id = shown(&world).await["orderId"].as_str().unwrap().parse().unwrap();
    let fact = ReversalFact {
        provider: Provider::Stripe,
        livemode: false,
        object_id: "re_second".to_owned(),
        kind: ReversalKind::Refund,
        standing: ReversalState::Taken,
        status: "succeeded".to_owned(),
        step: 2,
        extent: Extent::Part { money: Money::new(2_500, Currency::USD), paid_minor: None },
        installation: None,
        payment_id: Some(payment_id),
        provider_payments: vec!["pi_second".to_owned(), "ch_second".to_owned()],
    };
    publish(&world, &ApplyPaymentReversal { fact: Box::new(fact) }).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (2_500, "completed".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradictory_refund_is_quarantined_and_a_foreign_one_ignored() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 3] = [
        ("currency", |refund| refund["currency"] = json!("jpy")),
        ("livemode", |refund| refund["livemode"] = json!(true)),
        ("amount", |refund| refund["amount"] = json!(-5)),
    ];
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    for (reason, change) in cases {
        let mut made = json!({"id": "re_odd", "object": "refund", "amount": 2_500, "currency": "usd",
                              "livemode": false, "status": "succeeded", "payment_intent": intent});
        change(&mut made);
        let told = event("refund.created", &made);
        for _ in 0..2 {
            deliver(&world, &told).await;
        }
        world.drain().await;
        let found =
            world.count(&format!("provider_events where reason = '{reason}' and body is not null")).await;
        assert_eq!(found, 1, "{reason}");
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(world.count("reversals").await, 0);

    // A foreign payment on the same account.
    let form =
        "amount=900&currency=usd&confirm=true&payment_method=pm_card_visa&return_url=http://localhost/";
    let foreign = world.stripe_post("payment_intents", form).expect(200).await;
    refund(&world, foreign["id"].as_str().unwrap(), None).await;
    world.drain().await;
    assert_eq!(world.count("reversals").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inconclusive_reversal_is_verified_with_stripe() {
    let world = World::builder().verify_always().start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let made = json!({"id": "re_made_up", "object": "refund", "amount": 2_500, "currency": "usd", "livemode": false,
                      "status": "succeeded", "payment_intent": intent});
    let mut world = world;
    world.allow_dead_letters();
    deliver(&world, &event("refund.created", &made)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    refund(&world, &intent, Some(500)).await;
    let taken = dispute(&world, &intent, Some(1_000), false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000);
    close(&world, &taken, true).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_000);
    world.finish().await;
}

/// Refunds, disputes and their ends, with everything told twice, while the worker is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn credits_follow_their_money_once_despite_dying_workers() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let mut intents = Vec::new();
    for _ in 0..4 {
        intents.push(buy_with(&world, &alice, 1_000, GOOD_CARD).await);
    }
    world.set_provider_faults(json!({"duplicate": 1.0, "reorder": 0.5, "seed": 3})).await;
    let refunding = async {
        for intent in &intents {
            for _ in 0..3 {
                refund(&world, intent, Some(200)).await;
            }
        }
    };
    let killing = async {
        for _ in 0..3 {
            world.worker().kill9().unwrap();
            world.worker().start().unwrap();
        }
    };
    futures::join!(refunding, killing);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 4 * 400);
    assert_eq!(world.count("reversals where standing = 'taken'").await, 12);
    assert_eq!(
        world.count("payments where state = 'partially_refunded' and credits_reversed = 600000000").await,
        4
    );
    world.finish().await;
}
