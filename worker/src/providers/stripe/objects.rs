//! The few fields of Stripe's objects that matter here, read tolerantly: a field that is new, missing or null must
//! not lose an event. What they say becomes a [`Fact`].

use std::collections::HashMap;

use serde::Deserialize;

use billing::payments::{Fact, Mode, Progress, Provider, Stage};
use kernel::ids::PaymentId;
use kernel::money::Money;

use crate::providers::{INSTALLATION, PAYMENT_ID, Reference, USER_ID};

/// The metadata of an object: what this installation gave to it.
pub type Metadata = HashMap<String, String>;

#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// `cs_…`
    pub id: String,
    pub livemode: bool,
    /// `payment`, `setup` or `subscription`.
    pub mode: Option<String>,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: Option<String>,
    /// Smallest units, tax included.
    pub amount_total: Option<i64>,
    /// Smallest units, before discounts and exclusive tax.
    #[serde(default)]
    pub amount_subtotal: Option<i64>,
    #[serde(default)]
    pub total_details: Option<TotalDetails>,
    /// Lower case.
    pub currency: Option<String>,
    /// What we, or a Payment Link's address, gave.
    pub client_reference_id: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// Null until the buyer pays.
    #[serde(default)]
    pub payment_intent: Option<Reference>,
    /// The saving of a card, in setup mode.
    #[serde(default)]
    pub setup_intent: Option<Reference>,
    #[serde(default)]
    pub customer: Option<Reference>,
    /// The Payment Link on which it was opened, if it was on one.
    #[serde(default)]
    pub payment_link: Option<Reference>,
    /// The first invoice, in subscription mode.
    #[serde(default)]
    pub invoice: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// `pi_…`
    pub id: String,
    pub livemode: bool,
    /// `succeeded`, `requires_payment_method`, `processing`, `canceled`, …
    pub status: String,
    /// What was asked for, in smallest units.
    pub amount: i64,
    pub amount_received: i64,
    /// Lower case.
    pub currency: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    #[serde(default)]
    pub customer: Option<Reference>,
    /// Why the last attempt failed.
    #[serde(default)]
    pub last_payment_error: Option<PaymentError>,
    /// The receipt of its charge, where that is expanded.
    #[serde(skip)]
    pub receipt_url: Option<String>,
}

/// Why an attempt to pay failed.
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentError {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// Such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// Such as `do_not_try_again`.
    #[serde(default)]
    pub advice_code: Option<String>,
    /// The card network's own advice.
    #[serde(default)]
    pub network_advice_code: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    pub livemode: bool,
    /// The payment it belongs to.
    #[serde(default)]
    pub payment_intent: Option<Reference>,
    /// What we gave to the payment.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// Where the buyer's receipt is.
    pub receipt_url: Option<String>,
}

pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// What the total of a page is made of.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TotalDetails {
    /// Smallest units.
    #[serde(default)]
    pub amount_discount: i64,
}

impl Session {
    /// What is charged for the order: after discounts, before tax that is added on the page. A price that includes tax
    /// is charged with it.
    fn net(&self) -> Option<i64> {
        let discount = self.total_details.map_or(0, |details| details.amount_discount);
        match self.amount_subtotal {
            Some(subtotal) => subtotal.checked_sub(discount),
            None => self.amount_total,
        }
    }

    /// Whether it is of a Payment Link that names no order, and money was paid on it: nothing here leads to it, so
    /// nobody would hear of it.
    pub fn is_unordered(&self) -> bool {
        let names_nothing = !self.metadata.contains_key(PAYMENT_ID) && self.client_reference_id.is_none();
        let is_paid = self.payment_status.as_deref() == Some("paid");
        self.payment_link.is_some() && names_nothing && is_paid
    }

    /// What the session says. A `completed` session whose money is still on its way is open, not paid.
    pub fn fact(self, async_failed: bool) -> Fact {
        let net = self.net();
        let stage = match (self.status.as_deref(), self.payment_status.as_deref()) {
            _ if async_failed => Stage::Failed,
            // The invoice says whether a subscription is paid.
            _ if self.mode.as_deref() == Some("subscription")
                && self.status.as_deref() == Some("complete") =>
            {
                Stage::Open
            }
            // A page on which nothing has to be paid says `no_payment_required` from the start.
            (Some("expired"), _) => Stage::Expired,
            (_, Some("paid" | "no_payment_required")) if self.status.as_deref() != Some("open") => {
                Stage::Paid
            }
            _ => Stage::Open,
        };
        let payment_id = payment_id(&self.metadata)
            .or_else(|| self.client_reference_id.as_deref().and_then(|reference| reference.parse().ok()));
        Fact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            stage,
            installation: installation(&self.metadata),
            payment_id,
            user_id: self.metadata.get(USER_ID).cloned(),
            session: Some(self.id),
            provider_payment: self.payment_intent.or(self.setup_intent).map(|intent| intent.id().to_owned()),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            mode: self.mode.as_deref().and_then(mode),
            money: net.and_then(|minor| money(minor, self.currency.as_deref())),
            discount_minor: self.total_details.map(|details| details.amount_discount),
            progress: Progress {
                session_status: self.status,
                payment_status: self.payment_status,
                payment_intent_status: (stage == Stage::Paid).then(|| "succeeded".to_owned()),
                failure: async_failed
                    .then(|| "the payment failed after the checkout was completed".to_owned()),
                charged_minor: self.amount_total.filter(|_| stage == Stage::Paid),
                ..Progress::default()
            },
        }
    }
}

impl Intent {
    /// What the payment says. A declined attempt is not the end: the buyer may try another card on the same page.
    pub fn fact(self) -> Fact {
        let stage = match self.status.as_str() {
            "succeeded" => Stage::Paid,
            "canceled" => Stage::Failed,
            _ => Stage::Open,
        };
        let minor = if stage == Stage::Paid { self.amount_received } else { self.amount };
        let failure = self.last_payment_error.and_then(|error| error.decline_code.or(error.code));
        Fact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            stage,
            installation: installation(&self.metadata),
            payment_id: payment_id(&self.metadata),
            user_id: self.metadata.get(USER_ID).cloned(),
            session: None,
            provider_payment: Some(self.id),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            mode: None,
            money: money(minor, Some(&self.currency)),
            discount_minor: None,
            progress: Progress {
                payment_status: (stage == Stage::Paid).then(|| "paid".to_owned()),
                payment_intent_status: Some(self.status),
                receipt_url: self.receipt_url,
                failure: if stage == Stage::Paid { None } else { failure },
                charged_minor: (stage == Stage::Paid).then_some(self.amount_received),
                ..Progress::default()
            },
        }
    }
}

impl Charge {
    /// What the charge adds: the receipt.
    pub fn fact(self) -> Fact {
        Fact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            stage: Stage::Details,
            installation: installation(&self.metadata),
            payment_id: payment_id(&self.metadata),
            user_id: self.metadata.get(USER_ID).cloned(),
            session: None,
            provider_payment: self.payment_intent.map(|intent| intent.id().to_owned()),
            customer: None,
            mode: None,
            money: None,
            discount_minor: None,
            progress: Progress { receipt_url: self.receipt_url, ..Progress::default() },
        }
    }
}

pub(super) fn payment_id(metadata: &Metadata) -> Option<PaymentId> {
    metadata.get(PAYMENT_ID).and_then(|id| id.parse().ok())
}

/// The mark of the installation that gave the metadata.
pub(super) fn installation(metadata: &Metadata) -> Option<String> {
    metadata.get(INSTALLATION).cloned()
}

fn mode(text: &str) -> Option<Mode> {
    match text {
        "payment" => Some(Mode::Payment),
        "setup" => Some(Mode::Setup),
        "subscription" => Some(Mode::Subscription),
        _ => None,
    }
}

pub(super) fn money(minor: i64, currency: Option<&str>) -> Option<Money> {
    Some(Money::new(minor, currency?.parse().ok()?))
}
