//! Payments: orders, what providers say about them, and what follows.
//!
//! An order is stored before anything is asked of a provider. A provider's word arrives as a [`Fact`], from a signed
//! event or from asking; [`rules::decide`] compares it with the order and says what follows;
//! [`settlement::apply`](crate::settlement::apply) does it, for a whole batch, in one transaction with the ledger.

pub(crate) mod acceptance;
pub mod events;
pub mod facts;
pub mod history;
pub(crate) mod movements;
pub mod ordering;
pub mod orders;
pub(crate) mod periods;
pub mod placing;
pub mod rules;
pub mod store;
pub mod superseding;
#[cfg(test)]
pub(crate) mod tests;

use jobs::job;
use serde::{Deserialize, Serialize};

use crate::coupons::Redemption;
use crate::plans::Interval;
pub use crate::provider::Provider;
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, RequestId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::{Credits, Money};
use kernel::text_enum;

text_enum! {
    /// Through which API a purchase was made.
    Dialect {
        Native => "native",
        Wasdi => "wasdi",
        Timeproof => "timeproof",
        Billing => "billing",
        Samsar => "samsar",
        Allmine => "allmine",
    }
}

text_enum! {
    /// Why a payment is made.
    Kind {
        /// A person buys once.
        OneTime => "one_time",
        /// The balance fell below its threshold.
        AutoRecharge => "auto_recharge",
        /// A period of a plan.
        Subscription => "subscription",
    }
}

text_enum! {
    /// What a provider's page is for.
    Mode {
        Payment => "payment",
        Setup => "setup",
        Subscription => "subscription",
    }
}

text_enum! {
    /// Where a payment stands.
    State {
        /// Ordered; the provider does not know of it yet.
        Created => "created",
        /// The buyer can pay.
        Pending => "pending",
        /// Paid and credited.
        Completed => "completed",
        /// It will not be paid.
        Failed => "failed",
        /// Its time is up.
        Expired => "expired",
        /// All money went back.
        Refunded => "refunded",
        /// Some money went back.
        PartiallyRefunded => "partially_refunded",
        /// The buyer's bank took it back.
        Disputed => "disputed",
    }
}

impl State {
    /// Whether the money has ever arrived, even if it went back since.
    pub fn is_paid(self) -> bool {
        match self {
            Self::Created | Self::Pending | Self::Failed | Self::Expired => false,
            Self::Completed | Self::Refunded | Self::PartiallyRefunded | Self::Disputed => true,
        }
    }

    /// Whether the provider may still say something new about paying.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Pending)
    }
}

/// A line of an order.
#[derive(Clone, Debug)]
pub struct Item {
    /// The pack, if it is one of the catalog.
    pub pack_id: Option<String>,
    /// What the buyer reads.
    pub name: String,
    pub quantity: i64,
    /// For one.
    pub credits: Credits,
    /// Price of one, in the order's currency, in its smallest unit.
    pub amount_minor: i64,
}

/// An order to be stored.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub user_id: UserId,
    /// Who receives the credits.
    pub wallet_id: WalletId,
    /// The organization whose wallet that is.
    pub organization_id: Option<OrganizationId>,
    pub dialect: Dialect,
    pub kind: Kind,
    /// Who takes the money.
    pub provider: Provider,
    /// What the page is for.
    pub mode: Mode,
    /// Real money?
    pub livemode: bool,
    pub items: Vec<Item>,
    /// What is granted when it is paid.
    pub credits: Credits,
    /// What is to be paid.
    pub amount: Money,
    /// For people: `Purchase 2500 credits`.
    pub summary: String,
    /// Where the provider's page returns to; none: the configured pages.
    pub return_urls: Option<ReturnUrls>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// The plan, for a period of one.
    pub plan: Option<PlanPeriod>,
    /// The coupon that it uses. `amount` is what is left to pay; the bonus is not in `credits`.
    pub redemption: Option<Redemption>,
    /// For how many days from when it is paid its credits last; none: for good, or as long as the plan says.
    pub expires_after_days: Option<i32>,
    pub labels: Labels,
    /// The request that places it; none: it can be placed again.
    pub request: Option<RequestMark>,
}

/// What the host application calls an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Its own id of it, up to [`REFERENCE_MAX`] characters.
    pub reference: Option<String>,
    pub metadata: Metadata,
}

/// Characters of a [`Labels::reference`], at most.
pub const REFERENCE_MAX: usize = 200;

/// A request under an idempotency key. What it asks for is done once, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMark {
    pub id: RequestId,
    /// Of what is asked for: under the same key nothing else can be asked for.
    pub fingerprint: Vec<u8>,
}

/// A period of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPeriod {
    pub plan_id: String,
    /// How long it is.
    pub interval: Interval,
}

/// Where a provider's page sends the buyer. Already checked against the allowed origins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnUrls {
    /// After paying.
    pub success: String,
    /// After giving up.
    pub cancel: String,
}

impl Payment {
    /// Whether it can be paid on any page that names it, one after the other if need be, as a package can: on its
    /// own pages and on those of Payment Links. Another order has one page, and ends with it.
    pub fn takes_any_page(&self) -> bool {
        self.dialect == Dialect::Wasdi
    }

    /// What is to be paid for it, or what was paid and accepted in its place.
    pub fn due(&self) -> Money {
        self.accepted.unwrap_or(self.amount)
    }

    /// What it grants for its price; where nothing is bought, what its code gives.
    pub fn granted(&self) -> Credits {
        if self.credits.is_positive() { self.credits } else { self.bonus }
    }

    /// When what it grants lapses, once it is paid: with its period, or so many days after it was paid.
    pub fn credits_lapse_at(&self) -> Option<Timestamp> {
        self.credits_expire_at.or_else(|| self.days_after_paying(self.expires_after_days))
    }

    /// When what its coupon adds lapses, once it is paid.
    pub fn bonus_lapses_at(&self) -> Option<Timestamp> {
        self.days_after_paying(self.bonus_expires_after_days)
    }

    fn days_after_paying(&self, days: Option<i32>) -> Option<Timestamp> {
        let (paid_at, days) = self.completed_at.zip(days)?;
        Some(paid_at.saturating_add(time::Duration::days(days.into())))
    }

    /// Whether a coupon is used for it.
    pub fn has_coupon(&self) -> bool {
        self.discount_minor > 0 || self.bonus.is_positive()
    }
}

/// A page that a provider has opened.
#[derive(Clone, Debug)]
pub struct OpenedCheckout {
    pub session: String,
    /// Where the buyer pays.
    pub url: String,
    /// The provider's payment, where it exists before paying.
    pub provider_payment: Option<String>,
    /// The provider's customer it was opened for, where that is known before paying.
    pub customer: Option<String>,
    /// Until when it is open.
    pub expires_at: Timestamp,
}

/// A payment as stored.
#[derive(Clone, Debug)]
pub struct Payment {
    pub id: PaymentId,
    /// Its number, for dialects whose ids are numbers.
    pub number: i64,
    pub user_id: UserId,
    /// Who receives the credits.
    pub wallet_id: WalletId,
    /// The organization whose wallet that is.
    pub organization_id: Option<OrganizationId>,
    pub dialect: Dialect,
    pub kind: Kind,
    /// Who takes the money.
    pub provider: Provider,
    /// What the page is for.
    pub mode: Mode,
    /// Real money?
    pub livemode: bool,
    pub state: State,
    /// What is granted when it is paid.
    pub credits: Credits,
    /// What is to be paid.
    pub amount: Money,
    /// For people.
    pub summary: String,
    /// Where the page returns to.
    pub return_urls: Option<ReturnUrls>,
    /// Counts the checkouts opened for it.
    pub attempt: i32,
    /// The buyer at the provider.
    pub provider_customer: Option<String>,
    pub provider_session: Option<String>,
    /// The payment at the provider (a PaymentIntent at Stripe).
    pub provider_payment: Option<String>,
    /// Where the buyer pays, while that is possible.
    pub checkout_url: Option<String>,
    pub progress: Progress,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Until when the page that is open now can be paid on.
    pub page_expires_at: Option<Timestamp>,
    /// When it was paid.
    pub completed_at: Option<Timestamp>,
    /// The plan, for a period of one.
    pub plan: Option<PlanPeriod>,
    /// When the period ends that it pays for; see [`Payment::credits_lapse_at`].
    pub credits_expire_at: Option<Timestamp>,
    /// For how many days from when it is paid its credits last.
    pub expires_after_days: Option<i32>,
    /// What a coupon took off the price, in smallest units.
    pub discount_minor: i64,
    /// What a coupon adds to the credits.
    pub bonus: Credits,
    /// For how many days from when it is paid they last.
    pub bonus_expires_after_days: Option<i32>,
    pub labels: Labels,
    /// Whether a refund or dispute of it is known.
    pub has_reversals: bool,
    /// What was paid, where an operator accepted something else than was ordered.
    pub accepted: Option<Money>,
}

/// How far a payment has come, in its provider's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub session_status: Option<String>,
    pub payment_status: Option<String>,
    /// Of the provider's payment (a PaymentIntent at Stripe).
    pub payment_intent_status: Option<String>,
    /// The provider's receipt. Anyone who has the address can read it, so it is kept out of logs.
    pub receipt_url: Option<String>,
    pub failure: Option<String>,
    /// What the buyer is charged, with tax and after discounts at the provider: money that goes back is a share of
    /// this. Smallest units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
}

/// The invoice of a payment. Anyone who has its addresses can read it, so they are kept out of logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id at the provider.
    pub id: String,
    /// As the buyer reads it; none before it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The address of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdf_url: Option<String>,
    /// The address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
}

/// What a provider says about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Who says it.
    pub provider: Provider,
    /// Real money?
    pub livemode: bool,
    pub stage: Stage,
    /// The mark of the installation that the object is from, where it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// The order, where the reference or metadata that we gave comes back.
    pub payment_id: Option<PaymentId>,
    /// The buyer, where the metadata that we gave comes back.
    pub user_id: Option<String>,
    /// The session it is about.
    pub session: Option<String>,
    /// The provider's payment it is about.
    pub provider_payment: Option<String>,
    pub customer: Option<String>,
    /// What the page was for.
    pub mode: Option<Mode>,
    /// How much was, or is to be, paid for what was ordered: after discounts, before tax that was added.
    pub money: Option<Money>,
    /// What discounts at the provider took off, where it says so. Smallest units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_minor: Option<i64>,
    #[serde(flatten)]
    pub progress: Progress,
}

/// What a fact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing final: open, unpaid, processing, or an attempt was declined and the buyer may try again.
    Open,
    /// The money is there.
    Paid,
    /// It will not be paid.
    Failed,
    /// Its time is up.
    Expired,
    /// Only details of a payment: its receipt, its invoice.
    Details,
}

/// Applies what the provider said when it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyPaymentFact {
    /// What the provider said.
    pub fact: Box<Fact>,
}
job!(ApplyPaymentFact: "payment.fact" on Apply, 8 attempts);

/// Has the provider's customers of these wallets that were made for a user get the user's address as it is now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateCustomers {
    pub user_id: UserId,
    /// Those that the user could buy for when the address changed.
    pub wallets: Vec<WalletId>,
}
job!(UpdateCustomers: "customers.update" on Verify, 8 attempts);

/// Opens the provider's payment page for an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateCheckout {
    pub payment_id: PaymentId,
}
job!(CreateCheckout: "checkout.create" on Checkout, 8 attempts);

/// Asks the provider how a payment stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyPayment {
    pub payment_id: PaymentId,
}
job!(VerifyPayment: "payment.verify" on Verify, 8 attempts);

/// Asks the provider whether a page that a caller names was paid, and for which order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmSession {
    /// The session's id at Stripe, as it was given to us.
    pub session: String,
}
job!(ConfirmSession: "session.confirm" on Verify, 1 attempts);

/// Looks for orders whose time is up and has each of them verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpirePayments {}
job!(ExpirePayments: "payments.expire" on Verify, 3 attempts);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckoutReply {
    /// The page is open.
    Opened {
        session: String,
        /// Where the buyer pays.
        url: String,
        /// The payment's id at the provider, where it is known before paying.
        payment_intent: Option<String>,
    },
    /// The provider refuses the order.
    Refused {
        status: u16,
        /// Its words, fit for the buyer.
        message: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ConfirmReply {
    /// It was paid, for an order that is credited or will be in a moment.
    Paid,
    /// There is no such session, or it is not paid, or it does not match its order.
    NotPaid,
    /// The provider gave no answer.
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
}
