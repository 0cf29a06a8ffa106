//! Provider events: webhooks as received, what each says, what applying it led to, and the record of all that.

pub mod outcome;
pub mod record;
pub mod statement;

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, PaymentId};
use kernel::money::{AmountError, Credits};
use ledger::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use outcome::{Contradiction, EventOutcome, IgnoreReason, Remark};
pub use statement::{Statement, Uncreditable};

use crate::app_stores::StoreFact;
use crate::payments::ordering::OrderError;
use crate::payments::{Fact, Payment, Provider};
use crate::reversals::{ReversalFact, Reversed};
use crate::subscriptions::{Subscription, SubscriptionFact};

/// A webhook whose signature was verified, word for word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProviderEvent {
    pub provider: Provider,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: Timestamp,
    pub body: Box<RawValue>,
}

/// Applies webhooks that the API has accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyProviderEvents {
    /// One or more: webhooks that came together share a message.
    pub events: Vec<ProviderEvent>,
}
job!(ApplyProviderEvents: "provider.events" on Apply, 8 attempts);

/// Asks the provider about the object of an event that does not prove itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyObject {
    /// Who processes it.
    pub provider: Provider,
    /// Its id there, such as `cs_…` or `pi_…`.
    pub object_id: String,
    /// Of a subscription: its revision now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}
job!(VerifyObject: "object.verify" on Verify, 8 attempts);

impl VerifyObject {
    /// About an object of which no revision is known.
    pub fn new(provider: Provider, object_id: impl Into<String>) -> Self {
        Self { provider, object_id: object_id.into(), revision: None }
    }
}

/// An event, or an answer of the provider, that is ready to be applied.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The event that brought it; none for an answer.
    pub event: Option<Event>,
    pub content: Content,
}

/// What the record of an event keeps.
#[derive(Clone, Debug)]
pub struct Event {
    pub provider: Provider,
    /// Its id at the provider.
    pub id: String,
    /// Its type at the provider.
    pub kind: String,
    /// The object it is about.
    pub object_id: Option<String>,
    pub received_at: Timestamp,
    /// Its text, kept only if a person has to look at it.
    pub body: String,
}

/// What an event or answer says.
#[derive(Clone, Debug)]
pub enum Content {
    /// About a payment: applied by [`settlement::apply`](crate::settlement::apply), together with others.
    Payment(PaymentNews),
    /// About a subscription: see [`subscriptions::operations::apply`](crate::subscriptions::operations::apply).
    Subscription(Box<SubscriptionFact>),
    /// About a purchase in an app store: see [`app_stores::operations::apply`](crate::app_stores::operations::apply).
    Store(Box<StoreFact>),
    /// About a refund or dispute: see [`reversals::operations::apply`](crate::reversals::operations::apply).
    Reversal(Box<ReversalFact>),
}

/// What is said about a payment, if anything is.
#[derive(Clone, Debug)]
pub enum PaymentNews {
    Fact(Box<Fact>),
    /// Nothing that matters here.
    Ignored(IgnoreReason),
    /// Something that the event does not prove: the provider is asked about its object.
    NeedsVerification,
}

impl Incoming {
    /// The same, unless it carries another mark than this installation's: then it is nobody's.
    #[must_use]
    pub fn unless_of_another(self, mark: &str) -> Self {
        let is_other = self.content.installation().is_some_and(|installation| installation != mark);
        match is_other {
            true => Self { content: Content::ignored(IgnoreReason::AnotherInstallation), ..self },
            false => self,
        }
    }
}

impl Content {
    /// The mark that the object carries.
    fn installation(&self) -> Option<&str> {
        match self {
            Self::Payment(PaymentNews::Fact(fact)) => fact.installation.as_deref(),
            Self::Payment(PaymentNews::Ignored(_) | PaymentNews::NeedsVerification) | Self::Store(_) => None,
            Self::Subscription(fact) => fact.installation.as_deref(),
            Self::Reversal(fact) => fact.installation.as_deref(),
        }
    }

    pub fn fact(fact: Fact) -> Self {
        Self::Payment(PaymentNews::Fact(Box::new(fact)))
    }

    pub fn ignored(reason: IgnoreReason) -> Self {
        Self::Payment(PaymentNews::Ignored(reason))
    }

    pub fn needs_verification() -> Self {
        Self::Payment(PaymentNews::NeedsVerification)
    }
}

/// What applying led to, for those who want to know.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Credits were granted.
    Credited {
        /// The payment, as it is now.
        payment: Box<Payment>,
        /// The wallet's balance after it.
        balance: Credits,
    },
    /// A payment ended unpaid.
    Ended(Box<Payment>),
    /// A subscription began, went on, changed or ended.
    Subscription(Box<Subscription>),
    /// Credits followed money that went back, or came again.
    Reversed(Reversed),
    /// Money of a paid order went back by refunds, or came again because one failed.
    Refunded {
        /// The payment, as it is now.
        payment: Box<Payment>,
        /// How much has gone back so far, in smallest units, as the provider counts.
        refunded_minor: i64,
    },
    /// The buyer's bank asks about a payment, or has taken its money: a reason not to charge the card again unasked.
    Disputed(Box<Payment>),
    /// Money came that nobody ordered.
    Unordered { event_id: Option<String> },
    /// An event contradicts its order.
    Quarantined {
        /// Which event, if it was one.
        event_id: Option<String>,
        /// The order it names.
        payment_id: Option<PaymentId>,
        /// How.
        contradiction: Contradiction,
    },
    /// A job follows, which is written to the outbox.
    Job(OutboxId),
    /// The provider is to be asked about this object; of a subscription, with its revision.
    Verify { provider: Provider, object_id: String, revision: Option<i64> },
}

/// Why an event or answer cannot be applied. The caller rolls its transaction back.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The ledger refuses what follows from it: a paid order is not marked as paid without its credits.
    #[error("the ledger refuses the credits of payment {payment}: {refusal}")]
    Ledger { payment: PaymentId, refusal: Refusal },
    /// The ledger knows its cause already, though the payment does not.
    #[error("the ledger has posted this change of payment {0} before")]
    AlreadyPosted(PaymentId),
    #[error(transparent)]
    Amount(#[from] AmountError),
    #[error(transparent)]
    Order(OrderError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<OrderError> for ApplyError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Database(error) => Self::Database(error),
            OrderError::Coupon(_) | OrderError::PlacedBefore => Self::Order(error),
        }
    }
}

impl ApplyError {
    /// Whether trying again may help without anything else changing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if kernel::database::is_transient(error))
    }

    /// Whether it waited too long for what another transaction has locked.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Database(error) if kernel::database::is_locked(error))
    }
}
