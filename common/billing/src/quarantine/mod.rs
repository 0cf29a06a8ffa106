//! The way out of quarantine. An authentic event that contradicts its order credits nothing and waits for an operator,
//! who credits the order as paid, has the event applied again after a repair, or dismisses it. Each event is settled
//! once, and the audit log records how.

pub mod operations;
mod store;

use std::fmt;
use std::str::FromStr;

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::text_enum;
use serde::{Deserialize, Serialize};

use crate::payments::{Payment, Provider};
pub use crate::provider_events::outcome::EventState;
use crate::provider_events::record::RecordedEvent;
use crate::provider_events::{Statement, Uncreditable};

/// An event of a provider, written `stripe:evt_…`: two providers may use the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventKey {
    pub provider: Provider,
    pub event_id: String,
}

impl fmt::Display for EventKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.provider.as_str(), self.event_id)
    }
}

/// A text that is no event's id.
#[derive(Debug, thiserror::Error)]
#[error("the id of an event is its provider and its id there, such as `stripe:evt_1`")]
pub struct InvalidEventKey;

impl FromStr for EventKey {
    type Err = InvalidEventKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, event_id) = text.split_once(':').ok_or(InvalidEventKey)?;
        let provider: Provider = serde_json::from_value(provider.into()).map_err(|_| InvalidEventKey)?;
        Ok(Self { provider, event_id: event_id.to_owned() })
    }
}

/// A part of the list of events, the newest first.
#[derive(Clone, Debug)]
pub struct Page {
    pub state: Option<EventState>,
    pub provider: Option<Provider>,
    /// Those before this one.
    pub before: Option<(Timestamp, EventKey)>,
    pub limit: i64,
}

/// An event with what it says and the order that it contradicts.
#[derive(Clone, Debug)]
pub struct Contradicted {
    pub event: RecordedEvent,
    /// Its text, while it waits and once it is settled by hand.
    pub body: Option<String>,
    /// None for events that were recorded before statements were.
    pub statement: Option<Statement>,
    pub order: Option<Payment>,
}

text_enum! {
    /// Why an order is not credited for an event.
    CreditRefusal {
        NoEvent => "no_event",
        NotQuarantined => "not_quarantined",
        /// An operator has settled it before.
        Settled => "already_settled",
        /// It names no order that exists.
        NoOrder => "no_order",
        /// The order is credited already.
        Credited => "already_credited",
        /// It does not say that money has arrived.
        NotPaid => "not_paid",
        /// It is test money for an order of real money, or the reverse.
        OtherMoney => "other_mode",
        /// Its payment is another order's.
        OfAnotherOrder => "payment_of_another_order",
        /// What it says was not kept, or does not say enough to be credited: apply it again.
        NotUnderstood => "not_understood",
    }
}

impl From<Uncreditable> for CreditRefusal {
    fn from(reason: Uncreditable) -> Self {
        match reason {
            Uncreditable::NotPaid => Self::NotPaid,
            Uncreditable::OtherMoney => Self::OtherMoney,
        }
    }
}

/// Why an event is not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error("{0:?}")]
    Refused(CreditRefusal),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Credits the order of an event in quarantine as paid, for an operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreditProviderEvent {
    pub event: EventKey,
    /// Who, as [`audit::AdminAction::actor`] has it.
    pub by: String,
    /// Why.
    pub reason: String,
}
job!(CreditProviderEvent: "provider_event.credit" on Apply, 8 attempts);

/// What [`CreditProviderEvent`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CreditReply {
    Credited { payment_id: PaymentId },
    Refused { refusal: CreditRefusal },
}
