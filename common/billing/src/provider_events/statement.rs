//! What an event or an answer says, kept where it contradicts its order.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::payments::{Fact, Mode, Provider, Stage};
use crate::reversals::{Extent, ReversalFact};
use crate::subscriptions::{News, SubscriptionFact};
use kernel::money::Money;

/// What is said, whichever provider says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", content = "fact", rename_all = "snake_case")]
pub enum Statement {
    Payment(Box<Fact>),
    Subscription(Box<SubscriptionFact>),
    Reversal(Box<ReversalFact>),
}

/// Why what is said cannot be credited, whatever an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncreditable {
    /// It does not say that money has arrived.
    NotPaid,
    /// Credits are not given for test money in place of real money, nor the reverse.
    OtherMoney,
}

impl Statement {
    pub fn provider(&self) -> Provider {
        match self {
            Self::Payment(fact) => fact.provider,
            Self::Subscription(fact) => fact.provider,
            Self::Reversal(fact) => fact.provider,
        }
    }

    /// The object to ask the provider about to hear it again.
    pub fn object_id(&self) -> Option<&str> {
        match self {
            Self::Payment(fact) => fact.session.as_deref().or(fact.provider_payment.as_deref()),
            Self::Subscription(fact) => Some(match &fact.news {
                // How a subscription stands says nothing about its payments.
                News::Paid(paid) => &paid.payment,
                News::PaymentFailed | News::Standing(_) => &fact.subscription,
            }),
            Self::Reversal(fact) => Some(&fact.object_id),
        }
    }

    /// How much it says was paid; none if it does not say that anything was.
    pub fn paid(&self) -> Option<Option<Money>> {
        match self {
            // A saved card is no money.
            Self::Payment(fact) => {
                (fact.stage == Stage::Paid && fact.mode != Some(Mode::Setup)).then_some(fact.money)
            }
            Self::Subscription(fact) => match &fact.news {
                News::Paid(paid) => Some(Some(paid.money)),
                News::PaymentFailed | News::Standing(_) => None,
            },
            Self::Reversal(_) => None,
        }
    }

    /// The amount that it is about, of money that came or went back.
    pub fn amount(&self) -> Option<Money> {
        match self {
            Self::Payment(fact) => fact.money,
            Self::Subscription(_) => self.paid().flatten(),
            Self::Reversal(fact) => match fact.extent {
                Extent::Part { money, .. } => Some(money),
                Extent::All => None,
            },
        }
    }

    /// Whether it can be credited to an order for real money, or for test money.
    ///
    /// # Errors
    /// [`Uncreditable`].
    pub fn creditable(&self, livemode: bool) -> Result<(), Uncreditable> {
        let is_live = match self {
            Self::Payment(fact) => fact.livemode,
            Self::Subscription(fact) => fact.livemode,
            Self::Reversal(fact) => fact.livemode,
        };
        if self.paid().is_none() {
            return Err(Uncreditable::NotPaid);
        }
        if is_live == livemode { Ok(()) } else { Err(Uncreditable::OtherMoney) }
    }

    pub(crate) fn to_json(&self) -> Value {
        // A statement is made of texts and numbers, which JSON has.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}
