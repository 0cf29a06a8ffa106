//! The few fields of Creem's objects that matter here, read tolerantly, and the facts that they become.

use std::collections::HashMap;

use serde::Deserialize;
use time::Duration;

use crate::providers::{INSTALLATION, PAYMENT_ID, Reference, USER_ID};
use billing::payments::{Fact, Mode, Progress, Provider, Stage};
use billing::reconciliation::ProviderPayment;
use billing::subscriptions::{Line, News, Paid, PriceOf, Standing, SubscriptionFact, SubscriptionState};
use kernel::clock;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::Money;

/// What we gave, as it comes back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Metadata(HashMap<String, serde_json::Value>);

impl Metadata {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.as_str())
    }

    /// The mark of the installation that gave it.
    fn installation(&self) -> Option<String> {
        self.text(INSTALLATION).map(str::to_owned)
    }

    fn payment_id(&self) -> Option<PaymentId> {
        self.text(PAYMENT_ID).and_then(|id| id.parse().ok())
    }
}

/// What was paid, and how. Smallest units.
#[derive(Clone, Debug, Deserialize)]
pub struct Amounts {
    /// The price, before discount and, unless the product's price includes it, tax.
    pub amount: i64,
    /// What the buyer paid, tax included.
    #[serde(default)]
    pub amount_paid: Option<i64>,
    /// What a discount took off.
    #[serde(default)]
    pub discount_amount: Option<i64>,
    /// Upper case.
    pub currency: String,
    /// `paid`, `pending`, …
    #[serde(default)]
    pub status: Option<String>,
}

impl Amounts {
    /// What was to be paid for the product: the price less the discount.
    fn net(&self) -> Option<i64> {
        self.amount.checked_sub(self.discount_amount.unwrap_or(0))
    }

    /// What was paid for the product: the net price, where the buyer paid that much or, with tax, more.
    fn money(&self) -> Option<Money> {
        let net = self.net()?;
        let minor = self.amount_paid.map_or(net, |paid| paid.min(net));
        Some(Money::new(minor, self.currency.to_ascii_lowercase().parse().ok()?))
    }

    /// Whether the money arrived, whatever went back of it since.
    fn is_paid(&self) -> bool {
        let paid = ["paid", "partialRefund", "refunded", "chargedBack", "chargeback"];
        self.status.as_deref().is_some_and(|status| paid.contains(&status))
    }
}

/// An order: what a checkout became.
#[derive(Clone, Debug, Deserialize)]
pub struct Order {
    /// `ord_…`
    pub id: String,
    #[serde(flatten)]
    pub amounts: Amounts,
    /// `onetime` or `recurring`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// `tran_…`
    #[serde(default)]
    pub transaction: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Checkout {
    /// `ch_…`
    pub id: String,
    /// `test`, `sandbox` or `prod`.
    pub mode: String,
    /// `pending`, `processing`, `completed` or `expired`.
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub request_id: Option<String>,
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// Once it is paid.
    #[serde(default)]
    pub order: Option<Order>,
    #[serde(default)]
    pub customer: Option<Reference>,
    /// Where the buyer pays.
    #[serde(default)]
    pub checkout_url: Option<String>,
    /// What came of it, if its product recurs.
    #[serde(default)]
    pub subscription: Option<Reference>,
}

/// Whether it is real money.
pub(super) fn is_live(mode: &str) -> bool {
    !matches!(mode, "test" | "sandbox")
}

impl Checkout {
    /// The subscription that it began.
    pub fn subscription_id(&self) -> Option<&str> {
        self.subscription.as_ref().map(Reference::id)
    }

    /// Our order, where it comes back.
    pub fn payment_id(&self) -> Option<PaymentId> {
        let by_request = || self.request_id.as_deref().and_then(|id| id.split(':').next()?.parse().ok());
        self.metadata.as_ref().and_then(Metadata::payment_id).or_else(by_request)
    }

    /// The mark of the installation that it is from.
    pub fn installation(&self) -> Option<String> {
        self.metadata.as_ref().and_then(Metadata::installation)
    }

    /// The payment that paid it, unless it began a subscription.
    pub fn transaction_id(&self) -> Option<&str> {
        let order = self.order.as_ref().filter(|order| order.kind.as_deref() != Some("recurring"))?;
        order.transaction.as_ref().map(Reference::id)
    }

    /// What it says about its order. The subscription says whether a period is paid, not its checkout.
    pub fn fact(self) -> Fact {
        let payment_id = self.payment_id();
        let metadata = self.metadata.unwrap_or_default();
        let recurs = self.order.as_ref().is_some_and(|order| order.kind.as_deref() == Some("recurring"));
        let paid = self.order.as_ref().filter(|order| {
            !recurs && self.status.as_deref() == Some("completed") && order.amounts.is_paid()
        });
        let stage = match (paid, self.status.as_deref()) {
            (Some(_), _) => Stage::Paid,
            (None, Some("expired")) => Stage::Expired,
            (None, _) => Stage::Open,
        };
        Fact {
            provider: Provider::Creem,
            livemode: is_live(&self.mode),
            stage,
            installation: metadata.installation(),
            payment_id,
            user_id: metadata.text(USER_ID).map(str::to_owned),
            session: Some(self.id),
            provider_payment: paid
                .map(|order| order.transaction.as_ref().map_or(order.id.as_str(), Reference::id).to_owned()),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            mode: self.order.as_ref().map(|_| if recurs { Mode::Subscription } else { Mode::Payment }),
            money: paid.and_then(|order| order.amounts.money()),
            discount_minor: paid.and_then(|order| order.amounts.discount_amount),
            progress: Progress {
                session_status: self.status,
                payment_status: Some(if stage == Stage::Paid { "paid" } else { "unpaid" }.to_owned()),
                ..Progress::default()
            },
        }
    }
}

/// A product, within another object.
#[derive(Clone, Debug, Deserialize)]
pub struct Product {
    /// `prod_…`
    pub id: String,
}

/// A payment, of an order or of a period.
#[derive(Clone, Debug, Deserialize)]
pub struct Transaction {
    /// `tran_…`
    pub id: String,
    /// Of what, for a period.
    #[serde(default)]
    pub subscription: Option<Reference>,
    /// When the period that is paid for begins: milliseconds since 1970.
    #[serde(default)]
    pub period_start: Option<i64>,
    /// When it ends: milliseconds since 1970.
    #[serde(default)]
    pub period_end: Option<i64>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub created_at: Option<i64>,
    #[serde(flatten)]
    pub amounts: Amounts,
    /// `test`, `sandbox` or `prod`.
    #[serde(default)]
    pub mode: Option<String>,
    /// What has gone back of it, with tax.
    #[serde(default)]
    pub refunded_amount: Option<i64>,
    #[serde(default)]
    pub order: Option<Reference>,
}

/// A page of the list of all payments, the newest first.
#[derive(Clone, Debug, Deserialize)]
pub struct Transactions {
    pub items: Vec<ListedTransaction>,
    /// Where it goes on.
    pub pagination: Pagination,
}

/// Where a list goes on.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Pagination {
    /// None after the last page.
    #[serde(default)]
    pub next_page: Option<u32>,
}

/// A payment with what became of it.
#[derive(Clone, Debug, Deserialize)]
pub struct ListedTransaction {
    #[serde(flatten)]
    pub transaction: Transaction,
}

impl ListedTransaction {
    /// The payment as it is compared with the orders; none if it is not paid. Creem's list does not name orders.
    pub fn payment(&self) -> Option<ProviderPayment> {
        let Transaction { id, amounts, subscription, .. } = &self.transaction;
        let money = amounts.money().filter(|_| amounts.is_paid())?;
        let subscription = subscription.as_ref().map(|subscription| subscription.id().to_owned());
        Some(ProviderPayment {
            provider: Provider::Creem,
            id: id.clone(),
            session: None,
            payment: Some(id.clone()),
            order: None,
            installation: None,
            is_renewal: subscription.is_some(),
            subscription,
            is_paid: true,
            money: Some(money),
            gone_back_minor: self.transaction.gone_back_minor().unwrap_or(0),
            charge: Some(id.clone()),
            at: self.transaction.created_at().unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    /// `test`, `sandbox` or `prod`.
    pub mode: String,
    /// `active`, `scheduled_cancel`, `canceled`, …
    pub status: String,
    /// What we gave to its checkout.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// What is subscribed to.
    #[serde(default)]
    pub product: Option<Product>,
    #[serde(default)]
    pub customer: Option<Reference>,
    /// The last payment, where the whole of it is there.
    #[serde(default)]
    pub last_transaction: Option<Transaction>,
    /// ISO 8601.
    #[serde(default)]
    pub current_period_end_date: Option<String>,
    /// When it was last changed, as by a move to another product; its payments leave this as it is. ISO 8601.
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// What a change costs is paid in the same moment, give or take so much.
const PAYMENT_OF_CHANGE: Duration = Duration::minutes(1);

impl Transaction {
    /// Whether nothing of it is left: the seller, or the buyer's bank, gave all of it back.
    pub fn is_given_back(&self) -> bool {
        let back = ["refunded", "chargedBack", "chargeback"];
        self.amounts.status.as_deref().is_some_and(|status| back.contains(&status))
    }

    /// The subscription that it pays for a period of.
    pub fn subscription_id(&self) -> Option<&str> {
        self.subscription.as_ref().map(Reference::id)
    }

    fn period_start(&self) -> Option<Timestamp> {
        clock::from_unix_milliseconds(self.period_start?)
    }

    fn period_end(&self) -> Option<Timestamp> {
        clock::from_unix_milliseconds(self.period_end?)
    }

    fn created_at(&self) -> Option<Timestamp> {
        clock::from_unix_milliseconds(self.created_at?)
    }
}

impl Subscription {
    /// That its last payment was made; none where the payment is not there, or not paid. On a change of product that
    /// is a part of the price. No payment names its product, so the subscription's is told, also by an event: Creem
    /// sends it up to an hour after the payment was made.
    pub fn paid(&self, at: Timestamp) -> Option<SubscriptionFact> {
        let transaction =
            self.last_transaction.as_ref().filter(|transaction| transaction.amounts.is_paid())?;
        let amounts = &transaction.amounts;
        let line = self.product.as_ref().map(|product| Line {
            price: Some(product.id.clone()),
            amount: amounts.amount,
            is_proration: false,
        });
        let paid = Paid {
            payment: transaction.id.clone(),
            is_first: None,
            money: amounts.money()?,
            due: amounts.net(),
            net: None,
            total: None,
            lines: line.into_iter().collect(),
            price_of: self.price_of(transaction),
            period_start: transaction.period_start(),
            period_end: transaction.period_end().or_else(|| self.period_end()),
            receipt_url: None,
            invoice: None,
        };
        Some(self.with(at, News::Paid(paid)))
    }

    /// What its product says about a payment.
    fn price_of(&self, payment: &Transaction) -> PriceOf {
        let changed_at = self.updated_at.as_deref().and_then(clock::from_rfc3339);
        match changed_at.zip(payment.created_at()) {
            Some((changed_at, paid_at)) if changed_at <= paid_at.saturating_add(PAYMENT_OF_CHANGE) => {
                PriceOf::UnchangedSubscription
            }
            Some(_) | None => PriceOf::ChangedSubscription,
        }
    }

    /// How it stands. `expired` is no end: Creem tries to collect again.
    pub fn standing(&self, at: Timestamp) -> SubscriptionFact {
        let state = match self.status.as_str() {
            "active" | "trialing" | "scheduled_cancel" => SubscriptionState::Active,
            "past_due" | "unpaid" | "expired" => SubscriptionState::PastDue,
            "paused" => SubscriptionState::Paused,
            "canceled" => SubscriptionState::Canceled,
            _ => SubscriptionState::Incomplete,
        };
        let standing = Standing {
            state,
            cancel_at_period_end: self.status == "scheduled_cancel",
            current_period_end: self.period_end(),
            price: self.product.as_ref().map(|product| product.id.clone()),
        };
        self.with(at, News::Standing(standing))
    }

    fn period_end(&self) -> Option<Timestamp> {
        clock::from_rfc3339(self.current_period_end_date.as_deref()?)
    }

    fn with(&self, at: Timestamp, news: News) -> SubscriptionFact {
        let metadata = self.metadata.clone().unwrap_or_default();
        SubscriptionFact {
            provider: Provider::Creem,
            livemode: is_live(&self.mode),
            subscription: self.id.clone(),
            installation: metadata.installation(),
            payment_id: metadata.payment_id(),
            user_id: metadata.text(USER_ID).map(str::to_owned),
            customer: self.customer.as_ref().map(|customer| customer.id().to_owned()),
            at,
            revision: None,
            news,
        }
    }
}
