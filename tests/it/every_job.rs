//! Every job of the catalogue: its text on the wire, which must never change, and that doing it twice does it once.

use std::collections::BTreeSet;

use billing::app_stores::ClaimPurchases;
use billing::auto_recharge::{
    BeginRechargeMonth, ChargeRecharge, DetachCard, SaveRechargeCard, SweepRecharges,
};
use billing::checkins::ApplyCheckin;
use billing::payments::Provider;
use billing::payments::{
    ApplyPaymentFact, ConfirmSession, CreateCheckout, ExpirePayments, UpdateCustomers, VerifyPayment,
};
use billing::provider_events::{ApplyProviderEvents, ProviderEvent, VerifyObject};
use billing::quarantine::CreditProviderEvent;
use billing::reconciliation::ReconcilePayments;
use billing::refunds::RefundPayment;
use billing::reversals::ApplyPaymentReversal;
use billing::reversals::{Extent, ReversalFact, ReversalKind, ReversalState};
use billing::subscriptions::instructions::{ChangeSubscription, EndSubscription};
use billing::subscriptions::{ApplySubscriptionFact, OpenPortal};
use billing::subscriptions::{News, SubscriptionFact};
use harness::world::{Checkout, GOOD_CARD, User, World};
use jobs::{EncodedJob, JobSet};
use kernel::clock::Timestamp;
use kernel::ids::{
    AdjustmentId, PaymentId, RechargeRunId, RefundRequestId, SubscriptionId, SubscriptionInstructionId,
    WebhookDeliveryId,
};
use kernel::money::{Credits, Currency, Money};
use ledger::adjustments::AdjustCredits;
use ledger::adjustments::Adjustment;
use ledger::expiring::TellExpiringGrants;
use ledger::holds::ExpireHolds;
use ledger::levels::CheckRecharge;
use ledger::operations::ExpireGrants;
use notices::{Event, Notice, SendNotices};
use outgoing_webhooks::{DeliverWebhook, RetryWebhooks};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use worker::handlers::catalogue::AnyJob;
use worker::providers::stripe::objects::Session;

use crate::events::{event, paid_session, publish};

/// Each job as it travels. Messages of an older version wait in queues while a newer one is started: a line may be
/// added, never changed.
const WIRE: &str = include_str!("wire.jsonl");

#[test]
fn the_wire_format_of_jobs_does_not_change() {
    let mut kinds = BTreeSet::new();
    for text in WIRE.lines() {
        let job = AnyJob::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(EncodedJob::from(&job).body, text);
        kinds.insert(job.kind());
    }
    assert_eq!(kinds, AnyJob::KINDS.iter().copied().collect(), "every job has a line");
}

/// Gives a user five credits.
pub fn adjustment_of(user: &User) -> AdjustCredits {
    let adjustment = Adjustment {
        adjustment_id: AdjustmentId::new(),
        wallet_id: user.wallet_id.parse().unwrap(),
        credits: Credits::from_whole(5).unwrap(),
        entry_type: "manual".to_owned(),
        description: "an apology".to_owned(),
        by: "admin".to_owned(),
    };
    AdjustCredits { adjustment: Box::new(adjustment) }
}

/// A failed payment of a subscription that another seller has on the same account.
fn foreign_subscription(now: Timestamp) -> SubscriptionFact {
    SubscriptionFact {
        provider: Provider::Stripe,
        livemode: false,
        subscription: "sub_foreign".to_owned(),
        installation: None,
        payment_id: None,
        user_id: None,
        customer: None,
        at: now,
        revision: None,
        news: News::PaymentFailed,
    }
}

fn half_refund(payment_id: PaymentId) -> ReversalFact {
    ReversalFact {
        provider: Provider::Stripe,
        livemode: false,
        object_id: "re_1".to_owned(),
        kind: ReversalKind::Refund,
        standing: ReversalState::Taken,
        status: "succeeded".to_owned(),
        step: 2,
        extent: Extent::Part { money: Money::new(1_250, Currency::USD), paid_minor: None },
        installation: None,
        payment_id: Some(payment_id),
        provider_payments: Vec::new(),
    }
}

/// What providers are asked to do to their customers, their cards, their subscriptions and their payments.
fn of_customers(alice: &User) -> [EncodedJob; 5] {
    let (subscription_id, instruction_id) = (SubscriptionId::new(), SubscriptionInstructionId::new());
    let (customer, payment_method) = ("cus_gone".to_owned(), "pm_gone".to_owned());
    [
        EncodedJob::from(&EndSubscription { subscription_id, instruction_id }),
        EncodedJob::from(&ChangeSubscription { subscription_id, instruction_id }),
        EncodedJob::from(&RefundPayment { refund_request_id: RefundRequestId::new() }),
        EncodedJob::from(&DetachCard { customer, payment_method }),
        EncodedJob::from(&UpdateCustomers {
            user_id: alice.id.clone().try_into().unwrap(),
            wallets: vec![alice.wallet_id.parse().unwrap()],
        }),
    ]
}

/// Every job, about one order of a user's.
pub async fn every_job(world: &World, alice: &User, checkout: &Checkout) -> Vec<EncodedJob> {
    let session = paid_session(world, alice, checkout).await;
    let payment_id: PaymentId = session["client_reference_id"].as_str().unwrap().parse().unwrap();
    let told = event("checkout.session.completed", &session).to_string();
    let told = ProviderEvent {
        provider: Provider::Stripe,
        received_at: world.clock().now(),
        body: RawValue::from_string(told).unwrap(),
    };
    let fact = serde_json::from_value::<Session>(session.clone()).unwrap().fact(false);
    let now = world.clock().now();
    let event = Event::RechargePaused { reason: "declined" };
    let notice = Notice::new(now, alice.wallet_id.parse().unwrap(), None, &event);
    let (run_id, setup_id) = recharge(world).await;
    let today = world.clock().now().date();
    let claim = "insert into checkins (user_id, day, time_zone, wallet_id, streak, credits, checked_in_at)
                 select user_id, $1, 'UTC', id, 1, 10000000, now() from wallets";
    sqlx::query(claim).bind(today).execute(world.pool()).await.unwrap();
    let object_id = checkout.session_id.clone();
    let mut jobs = vec![
        EncodedJob::from(&ApplyProviderEvents { events: vec![told.clone(), told] }),
        EncodedJob::from(&ApplyPaymentFact { fact: Box::new(fact) }),
        EncodedJob::from(&ApplySubscriptionFact { fact: Box::new(foreign_subscription(now)) }),
        EncodedJob::from(&ClaimPurchases {}),
        EncodedJob::from(&ApplyPaymentReversal { fact: Box::new(half_refund(payment_id)) }),
        EncodedJob::from(&ExpireGrants {}),
        EncodedJob::from(&TellExpiringGrants {}),
        EncodedJob::from(&ExpireHolds {}),
        EncodedJob::from(&ApplyCheckin { user_id: "alice".to_owned().try_into().unwrap(), day: today }),
        EncodedJob::from(&adjustment_of(alice)),
        EncodedJob::from(&OpenPortal {
            provider: Provider::Stripe,
            customer: "cus_gone".to_owned(),
            return_url: "http://localhost:3000/".to_owned(),
        }),
        EncodedJob::from(&CreateCheckout { payment_id }),
        EncodedJob::from(&VerifyPayment { payment_id }),
        EncodedJob::from(&VerifyObject::new(Provider::Stripe, object_id.clone())),
        EncodedJob::from(&ConfirmSession { session: object_id }),
        EncodedJob::from(&ExpirePayments {}),
        EncodedJob::from(&CheckRecharge { wallet_id: alice.wallet_id.parse().unwrap() }),
        EncodedJob::from(&ChargeRecharge { run_id }),
        EncodedJob::from(&SaveRechargeCard { payment_id: setup_id }),
        EncodedJob::from(&SweepRecharges {}),
        EncodedJob::from(&BeginRechargeMonth {}),
        EncodedJob::from(&ReconcilePayments::default()),
        EncodedJob::from(&CreditProviderEvent {
            event: "stripe:evt_unknown".parse().unwrap(),
            by: "admin".to_owned(),
            reason: "none".to_owned(),
        }),
        EncodedJob::from(&SendNotices { notices: vec![notice] }),
        EncodedJob::from(&DeliverWebhook { delivery_id: WebhookDeliveryId::new(), attempts: 0 }),
        EncodedJob::from(&RetryWebhooks {}),
    ];
    jobs.extend(of_customers(alice));
    let kinds: BTreeSet<&str> = jobs.iter().map(|job| job.kind).collect();
    assert_eq!(kinds, AnyJob::KINDS.iter().copied().collect(), "every job is here");
    jobs
}

/// What all of them lead to, once the order is paid, however often each is done.
pub async fn require_done_once(world: &World, alice: &User) {
    assert_eq!(world.balance(&alice.wallet_id).await, 1_265);
    assert_eq!(world.count("ledger_entries").await, 5);
    assert_eq!(world.count("payments").await, 3);
    let shown = world.emulator().get("/_emulator/requests").expect(200).await;
    let opened: &Value = &shown["requests"]["POST /v1/checkout/sessions"]["executed"];
    assert_eq!(opened, &json!(2), "{shown}");
    assert_eq!(shown["requests"]["POST /v1/payment_intents"]["executed"], 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_done_twice_takes_effect_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let jobs = every_job(&world, &alice, &checkout).await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    for job in jobs.iter().chain(&jobs).rev() {
        publish(&world, job.clone()).await;
    }
    world.drain().await;
    require_done_once(&world, &alice).await;
    world.finish().await;
}

/// Recharges a wallet: the run, and the order with which the card was saved.
async fn recharge(world: &World) -> (RechargeRunId, PaymentId) {
    let bob = world.create_user("bob").await;
    let asked =
        world.api().post("/v1/enable_autorecharge").bearer(&bob.api_key).json(json!({})).expect(200).await;
    world.pay(asked["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let run = sqlx::query_scalar("select id from recharge_runs where state = 'succeeded'");
    let setup = sqlx::query_scalar("select id from payments where mode = 'setup'");
    let run: RechargeRunId = run.fetch_one(world.pool()).await.unwrap();
    (run, setup.fetch_one(world.pool()).await.unwrap())
}
