//! The catalogue of jobs: every message that travels between processes, one entry each.
//!
//! An entry says what the job is for, what it carries, its stable name on the wire, which role does it, and how often
//! an unexpected failure is tried again before the job becomes a dead letter. (An outage of the database, the broker
//! or a provider never counts.) A renamed job keeps its wire name. The worker matches on [`AnyJob`] exhaustively, so
//! a job without a handler does not compile.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::Date;

use crate::clock::Timestamp;
use crate::domain::dead_letters::rules::is_plain;
use crate::domain::ledger::adjustments::Adjustment;
use crate::domain::payments::{Fact, Provider};
use crate::domain::reversals::ReversalFact;
use crate::domain::subscriptions::SubscriptionFact;
use crate::ids::{MessageId, PaymentId, RechargeRunId, UserId, WalletId, WebhookDeliveryId};
use crate::money::Credits;

/// A group of workers with a queue of its own, scaled on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Applies what events prove: credits, states, the ledger's upkeep.
    Apply,
    /// Opens checkouts at the provider.
    Checkout,
    /// Tells users and the host application.
    Notify,
    /// Recharges wallets.
    Recharge,
    /// Asks the provider what an event does not prove.
    Verify,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Apply, Self::Checkout, Self::Notify, Self::Recharge, Self::Verify];

    /// The name in queues, the command line and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Checkout => "checkout",
            Self::Notify => "notify",
            Self::Recharge => "recharge",
            Self::Verify => "verify",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("there is no role {text:?}: the roles are apply, checkout, notify, recharge, verify")
        })
    }
}

macro_rules! jobs {
    ($($(#[doc = $doc:literal])+ $name:ident => $kind:literal on $role:ident, $attempts:literal attempts;)+) => {
        /// Any job, as it travels: `{"kind": …, "payload": …}`.
        #[derive(Clone, Debug, Serialize)]
        #[serde(tag = "kind", content = "payload")]
        pub enum AnyJob {
            $($(#[doc = $doc])+ #[serde(rename = $kind)] $name($name),)+
        }

        impl AnyJob {
            /// The stable names of all jobs.
            pub const KINDS: &[&str] = &[$($kind,)+];

            /// The stable name.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $kind,)+ }
            }

            /// Who does it.
            pub fn role(&self) -> Role {
                match self { $(Self::$name(_) => Role::$role,)+ }
            }

            /// How often it is tried before it becomes a dead letter.
            pub fn attempts(&self) -> u32 {
                match self { $(Self::$name(_) => $attempts,)+ }
            }

            /// Reads a job as it travelled.
            ///
            /// # Errors
            /// When it is no JSON, of an unknown kind, or its payload does not fit.
            pub fn read(bytes: &[u8]) -> Result<Self, UnreadableJob> {
                let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(UnreadableJob::Text)?;
                match envelope.kind {
                    $($kind => Ok(Self::$name(
                        serde_json::from_str(envelope.payload.get()).map_err(UnreadableJob::Text)?,
                    )),)+
                    unknown => Err(UnreadableJob::unknown(unknown)),
                }
            }
        }

        $(impl From<$name> for AnyJob {
            fn from(job: $name) -> Self {
                Self::$name(job)
            }
        })+
    };
}

jobs! {
    /// Applies webhooks that the API has accepted.
    ReceiveEvents => "provider.events" on Apply, 8 attempts;
    /// Applies what the provider said when it was asked.
    ApplyFact => "payment.fact" on Apply, 8 attempts;
    /// Applies what the provider said of a subscription when it was asked.
    ApplySubscription => "subscription.fact" on Apply, 8 attempts;
    /// Applies what the provider said of a refund or dispute when it was asked.
    ApplyReversal => "payment.reversal" on Apply, 8 attempts;
    /// Credits a check-in whose day is claimed.
    ApplyCheckin => "checkin.apply" on Apply, 8 attempts;
    /// Credits purchases in app stores whose buyers have become known.
    ClaimPurchases => "purchases.claim" on Apply, 3 attempts;
    /// Moves credits for an administrator.
    AdjustCredits => "credits.adjust" on Apply, 8 attempts;
    /// Takes lapsed grants off the balances.
    ExpireGrants => "grants.expire" on Apply, 3 attempts;
    /// Frees the credits of holds whose time is up.
    ExpireHolds => "holds.expire" on Apply, 3 attempts;
    /// Opens the provider's payment page for an order.
    CreateCheckout => "checkout.create" on Checkout, 8 attempts;
    /// Opens the provider's page on which subscriptions are managed.
    OpenPortal => "portal.open" on Checkout, 1 attempts;
    /// Asks the provider how a payment stands.
    VerifyPayment => "payment.verify" on Verify, 8 attempts;
    /// Asks the provider about the object of an event that does not prove itself.
    VerifyObject => "object.verify" on Verify, 8 attempts;
    /// Asks the provider whether a page, of which somebody says so, was paid for an order of ours.
    ConfirmSession => "session.confirm" on Verify, 1 attempts;
    /// Looks for orders whose time is up and has each of them verified.
    ExpirePayments => "payments.expire" on Verify, 3 attempts;
    /// Compares the providers' payments of the last days with ours, and asks about those that are not credited.
    ReconcilePayments => "payments.reconcile" on Verify, 3 attempts;
    /// Decides whether a wallet is to be recharged now.
    CheckRecharge => "recharge.check" on Recharge, 8 attempts;
    /// Charges a wallet's card for a recharge that is decided, or finds out what became of it.
    ChargeRecharge => "recharge.charge" on Recharge, 8 attempts;
    /// Records the card that was saved for recharging a wallet.
    SaveCard => "recharge.card" on Recharge, 8 attempts;
    /// Looks for wallets to recharge that nothing has asked about, and for recharges of which nothing was heard.
    SweepRecharges => "recharge.sweep" on Recharge, 3 attempts;
    /// Has the wallets looked at whose monthly cap was reached in an earlier month.
    BeginMonth => "recharge.month" on Recharge, 3 attempts;
    /// Tells users what happened to their wallets, and has the host application told.
    Notify => "notify.send" on Notify, 8 attempts;
    /// Tells one webhook endpoint of the host application.
    DeliverWebhook => "webhook.deliver" on Notify, 8 attempts;
    /// Looks for deliveries that are to be tried again.
    RetryWebhooks => "webhooks.retry" on Notify, 3 attempts;
}

#[derive(Deserialize)]
struct Envelope<'a> {
    kind: &'a str,
    #[serde(borrow, default = "no_payload")]
    payload: &'a RawValue,
}

fn no_payload<'a>() -> &'a RawValue {
    RawValue::NULL
}

/// A message that is no job of this version.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableJob {
    /// Not the expected JSON. What it says is not repeated in full: bodies stay out of logs.
    #[error("unreadable at line {}, column {}", .0.line(), .0.column())]
    Text(serde_json::Error),
    /// A kind that this version does not know.
    #[error("unknown kind {0:?}")]
    Kind(String),
    /// What is no name of a kind at all: it is not repeated either.
    #[error("no name of a kind")]
    NoName,
}

impl UnreadableJob {
    fn unknown(kind: &str) -> Self {
        if is_plain(kind) { Self::Kind(kind.to_owned()) } else { Self::NoName }
    }
}

/// A webhook whose signature was verified, word for word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProviderEvent {
    /// Who sent it.
    pub provider: Provider,
    /// When it arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: Timestamp,
    /// Its text.
    pub body: Box<RawValue>,
}

/// See [`AnyJob::ReceiveEvents`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiveEvents {
    /// One or more: webhooks that came together share a message.
    pub events: Vec<ProviderEvent>,
}

/// See [`AnyJob::ApplyFact`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyFact {
    /// What the provider said.
    pub fact: Box<Fact>,
}

/// See [`AnyJob::ApplySubscription`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplySubscription {
    /// What the provider said.
    pub fact: Box<SubscriptionFact>,
}

/// See [`AnyJob::ApplyReversal`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyReversal {
    /// What the provider said.
    pub fact: Box<ReversalFact>,
}

/// See [`AnyJob::ApplyCheckin`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyCheckin {
    /// Who checked in.
    pub user_id: UserId,
    /// On which day.
    #[serde(with = "calendar_day")]
    pub day: Date,
}

time::serde::format_description!(calendar_day, Date, "[year]-[month]-[day]");

/// What [`ApplyCheckin`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinReply {
    /// The wallet's balance right after it.
    pub balance: Credits,
}

/// See [`AnyJob::AdjustCredits`]. Answered with an [`Adjusted`](crate::domain::ledger::adjustments::Adjusted).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdjustCredits {
    /// What to do.
    pub adjustment: Box<Adjustment>,
}

/// See [`AnyJob::ClaimPurchases`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimPurchases {}

/// See [`AnyJob::ExpireGrants`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireGrants {}

/// See [`AnyJob::ExpireHolds`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireHolds {}

/// See [`AnyJob::CreateCheckout`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateCheckout {
    /// The order.
    pub payment_id: PaymentId,
}

/// See [`AnyJob::OpenPortal`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenPortal {
    /// Whose page.
    pub provider: Provider,
    /// The customer there.
    pub customer: String,
    /// Where the page returns to. Already checked against the allowed origins.
    pub return_url: String,
}

/// See [`AnyJob::VerifyPayment`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyPayment {
    /// The order.
    pub payment_id: PaymentId,
}

/// See [`AnyJob::VerifyObject`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyObject {
    /// Who has it.
    pub provider: Provider,
    /// Its id there, such as `cs_…` or `pi_…`.
    pub object_id: String,
}

/// See [`AnyJob::ConfirmSession`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmSession {
    /// The session's id at Stripe, as it was given to us.
    pub session: String,
}

/// What [`ConfirmSession`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ConfirmReply {
    /// It was paid, for an order of ours, which is credited or will be in a moment.
    Paid,
    /// There is no such session, or it is not paid, or not for what an order of ours asks.
    NotPaid,
    /// The provider gave no answer.
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
}

/// See [`AnyJob::ExpirePayments`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpirePayments {}

/// See [`AnyJob::ReconcilePayments`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReconcilePayments {}

/// See [`AnyJob::CheckRecharge`]. Answered with a [`Check`](crate::domain::recharge::Check).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckRecharge {
    /// The wallet.
    pub wallet_id: WalletId,
}

/// See [`AnyJob::ChargeRecharge`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChargeRecharge {
    /// The recharge.
    pub run_id: RechargeRunId,
}

/// See [`AnyJob::SaveCard`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaveCard {
    /// The order, of mode `setup`, on whose page it was given.
    pub payment_id: PaymentId,
}

/// See [`AnyJob::SweepRecharges`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepRecharges {}

/// See [`AnyJob::BeginMonth`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BeginMonth {}

/// See [`AnyJob::Notify`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notify {
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}

/// Something that those who see a wallet want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The wallet.
    pub wallet_id: WalletId,
    /// What they are told: an object whose `type` says what happened.
    pub body: serde_json::Value,
    /// Which it is and when it happened. None in messages of versions that did not say.
    #[serde(flatten)]
    pub stamp: Option<Stamp>,
}

/// What tells a notice from another of the same words, however often its job is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which.
    pub message_id: MessageId,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub happened_at: Timestamp,
}

impl Notice {
    /// Something that has happened now.
    pub fn new(now: Timestamp, wallet_id: WalletId, body: serde_json::Value) -> Self {
        let stamp = Stamp { message_id: MessageId::new(), happened_at: now };
        Self { wallet_id, body, stamp: Some(stamp) }
    }
}

/// See [`AnyJob::DeliverWebhook`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// What is delivered to whom.
    pub delivery_id: WebhookDeliveryId,
    /// How many attempts there were before: a message that comes again after its attempt was recorded does nothing.
    pub attempts: i32,
}

/// See [`AnyJob::RetryWebhooks`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetryWebhooks {}

/// What [`CreateCheckout`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckoutReply {
    /// The page is open.
    Opened {
        /// The provider's session.
        session: String,
        /// Where the buyer pays.
        url: String,
        /// The payment's id at the provider, where it is known before paying.
        payment_intent: Option<String>,
    },
    /// The provider refuses the order.
    Refused {
        /// Its HTTP status.
        status: u16,
        /// Its words, fit for the buyer.
        message: String,
    },
}

/// What [`OpenPortal`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PortalReply {
    /// The page is open.
    Opened {
        /// Its address.
        url: String,
    },
    /// The provider knows no such customer.
    NoCustomer,
    /// The provider refuses.
    Refused {
        /// Its words.
        message: String,
    },
    /// The provider cannot be asked now.
    Unavailable {
        /// Why.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_wire_and_an_event_keeps_its_bytes() {
        let text = "{\"a\" : 1.10,\n \"b\":\"\\u00e9\"}";
        let event = ProviderEvent {
            provider: Provider::Stripe,
            received_at: time::macros::datetime!(2026-11-21 08:00:00.123456 UTC),
            body: RawValue::from_string(text.to_owned()).unwrap_or_default(),
        };
        let job = AnyJob::from(ReceiveEvents { events: vec![event.clone(), event] });
        let wire = serde_json::to_vec(&job).unwrap_or_default();
        let Ok(AnyJob::ReceiveEvents(read)) = AnyJob::read(&wire) else { panic!("not read") };
        assert_eq!(read.events.len(), 2);
        assert!(read.events.iter().all(|event| event.body.get() == text));
    }

    #[test]
    fn unknown_kinds_and_broken_text_are_told_apart() {
        assert!(matches!(AnyJob::read(br#"{"kind":"x","payload":{}}"#), Err(UnreadableJob::Kind(_))));
        assert!(matches!(AnyJob::read(b"{"), Err(UnreadableJob::Text(_))));
        assert!(matches!(
            AnyJob::read(br#"{"kind":"payment.verify","payload":{}}"#),
            Err(UnreadableJob::Text(_))
        ));
    }
}
