//! What Stripe says about subscriptions: the few fields that matter of invoices and subscriptions, read tolerantly,
//! and the facts that they become.
//!
//! `invoice.paid` is what credits a period, whatever its billing reason; the session and the payment of the same money
//! credit nothing in this mode.

use serde::Deserialize;

use super::objects::{Metadata, installation, money, null_is_default, payment_id};
use crate::providers::{Reference, USER_ID};
use billing::payments::{Fact, Invoice as PaymentInvoice, Progress, Provider, Stage};
use billing::subscriptions::{Line, News, Paid, PriceOf, Standing, SubscriptionFact, SubscriptionState};
use kernel::clock::{Timestamp, from_unix_seconds};

#[derive(Clone, Debug, Deserialize)]
pub struct Invoice {
    /// `in_…`
    pub id: String,
    pub livemode: bool,
    /// `paid`, `open`, …
    pub status: Option<String>,
    /// `subscription_create`, `subscription_cycle`, …
    pub billing_reason: Option<String>,
    /// Smallest units.
    pub amount_paid: i64,
    /// Lower case.
    pub currency: String,
    /// Smallest units.
    #[serde(default)]
    pub amount_due: Option<i64>,
    /// Smallest units, before discounts and exclusive tax: the sum of all lines.
    #[serde(default)]
    pub subtotal: Option<i64>,
    /// Smallest units, after discounts.
    #[serde(default)]
    pub total_excluding_tax: Option<i64>,
    /// Smallest units, with tax, before the customer's balance.
    #[serde(default)]
    pub total: Option<i64>,
    #[serde(default)]
    pub customer: Option<Reference>,
    /// Where the payer can read it.
    #[serde(default)]
    pub hosted_invoice_url: Option<String>,
    /// As the payer reads it.
    #[serde(default)]
    pub number: Option<String>,
    /// The document.
    #[serde(default)]
    pub invoice_pdf: Option<String>,
    /// What we gave to the page of a one-off purchase.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// What it belongs to.
    #[serde(default)]
    pub parent: Option<InvoiceParent>,
    /// What is paid for.
    #[serde(default)]
    pub lines: Lines,
}

/// What an invoice belongs to.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceParent {
    #[serde(default)]
    pub subscription_details: Option<SubscriptionDetails>,
}

/// The subscription of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct SubscriptionDetails {
    /// `sub_…`
    pub subscription: Reference,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Lines {
    #[serde(default)]
    pub data: Vec<InvoiceLine>,
    /// Whether there are more than these: an event or answer holds the first ten.
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceLine {
    /// Smallest units, before discounts.
    pub amount: i64,
    /// What is paid for.
    #[serde(default)]
    pub pricing: Option<Pricing>,
    #[serde(default)]
    pub period: Option<Period>,
    /// What it comes from.
    #[serde(default)]
    pub parent: Option<LineParent>,
}

/// What a line comes from.
#[derive(Clone, Debug, Deserialize)]
pub struct LineParent {
    #[serde(default)]
    pub subscription_item_details: Option<ItemDetails>,
    #[serde(default)]
    pub invoice_item_details: Option<ItemDetails>,
}

/// Whether a line is for a part of a period.
#[derive(Clone, Debug, Deserialize)]
pub struct ItemDetails {
    #[serde(default)]
    pub proration: bool,
}

/// What a line is for.
#[derive(Clone, Debug, Deserialize)]
pub struct Pricing {
    #[serde(default)]
    pub price_details: Option<PriceDetails>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PriceDetails {
    /// `price_…`; none for an amount that was written by hand.
    #[serde(default)]
    pub price: Option<Reference>,
}

/// For when a line is.
#[derive(Clone, Debug, Deserialize)]
pub struct Period {
    /// Unix seconds.
    #[serde(default)]
    pub start: Option<i64>,
    /// Unix seconds.
    pub end: i64,
}

impl Invoice {
    /// What it says about its subscription; none for an invoice of something else. `at` is when it was said.
    pub fn fact(self, at: Timestamp) -> Option<SubscriptionFact> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.clone())?;
        let news = if self.status.as_deref() == Some("paid") {
            let invoice = Some(Box::new(self.details()));
            let periods = self.lines.data.iter().filter_map(|line| line.period.as_ref());
            let period = periods.max_by_key(|period| period.end);
            News::Paid(Paid {
                payment: self.id,
                is_first: Some(self.billing_reason.as_deref() == Some("subscription_create")),
                money: money(self.amount_paid, Some(&self.currency))?,
                due: self.amount_due,
                net: self.total_excluding_tax,
                total: self.total,
                lines: self.lines.data.iter().map(InvoiceLine::line).collect(),
                price_of: PriceOf::Payment,
                period_start: period.and_then(|period| period.start).and_then(from_unix_seconds),
                period_end: period.map(|period| period.end).and_then(from_unix_seconds),
                receipt_url: self.hosted_invoice_url,
                invoice,
            })
        } else {
            News::PaymentFailed
        };
        Some(SubscriptionFact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            subscription: details.subscription.id().to_owned(),
            installation: installation(&details.metadata),
            payment_id: payment_id(&details.metadata),
            user_id: details.metadata.get(USER_ID).cloned(),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            at,
            revision: None,
            news,
        })
    }
}

impl Invoice {
    /// What it adds to the one-off purchase that it was made for; none if that is none of ours.
    pub fn purchase_fact(self) -> Option<Fact> {
        let payment_id = payment_id(&self.metadata).filter(|_| !self.is_for_subscription())?;
        let invoice = Some(self.details());
        Some(Fact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            stage: Stage::Details,
            installation: installation(&self.metadata),
            payment_id: Some(payment_id),
            user_id: self.metadata.get(USER_ID).cloned(),
            session: None,
            provider_payment: None,
            customer: None,
            mode: None,
            money: None,
            discount_minor: None,
            progress: Progress { invoice, ..Progress::default() },
        })
    }

    /// What its payment keeps of it.
    fn details(&self) -> PaymentInvoice {
        PaymentInvoice {
            id: self.id.clone(),
            number: self.number.clone(),
            pdf_url: self.invoice_pdf.clone(),
            page_url: self.hosted_invoice_url.clone(),
        }
    }

    /// Whether it is for a subscription, and not written by hand or for something else.
    pub fn is_for_subscription(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.subscription_details.is_some())
    }

    /// Whether it shows all that it charges for. One that does not proves too little: its lines are asked for.
    pub fn is_whole(&self) -> bool {
        let sum: Option<i64> =
            self.lines.data.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount));
        !self.lines.has_more && self.subtotal.is_none_or(|subtotal| sum == Some(subtotal))
    }
}

impl InvoiceLine {
    fn line(&self) -> Line {
        let details = self.pricing.as_ref().and_then(|pricing| pricing.price_details.as_ref());
        let parent = self.parent.as_ref().and_then(|parent| {
            parent.subscription_item_details.as_ref().or(parent.invoice_item_details.as_ref())
        });
        Line {
            price: details.and_then(|details| details.price.as_ref()).map(|price| price.id().to_owned()),
            amount: self.amount,
            is_proration: parent.is_some_and(|details| details.proration),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    pub livemode: bool,
    /// `active`, `past_due`, `canceled`, …
    pub status: String,
    /// Whether it ends with the period.
    #[serde(default)]
    pub cancel_at_period_end: bool,
    /// When it is to end; how flexible billing says that it ends with the period.
    #[serde(default)]
    pub cancel_at: Option<i64>,
    #[serde(default)]
    pub customer: Option<Reference>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    #[serde(default)]
    pub items: Items,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Items {
    #[serde(default)]
    pub data: Vec<Item>,
}

/// Something that a subscription bills.
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    /// Unix seconds.
    #[serde(default)]
    pub current_period_end: Option<i64>,
    #[serde(default)]
    pub price: Option<Reference>,
}

impl Subscription {
    /// How it stands. `at` is when that was said.
    pub fn fact(self, at: Timestamp) -> SubscriptionFact {
        let state = match self.status.as_str() {
            "active" | "trialing" => SubscriptionState::Active,
            "past_due" | "unpaid" => SubscriptionState::PastDue,
            "paused" => SubscriptionState::Paused,
            "canceled" | "incomplete_expired" => SubscriptionState::Canceled,
            // `incomplete`, and what is new: not more than agreed on.
            _ => SubscriptionState::Incomplete,
        };
        let period_end = self.items.data.iter().filter_map(|item| item.current_period_end).max();
        SubscriptionFact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            subscription: self.id,
            installation: installation(&self.metadata),
            payment_id: payment_id(&self.metadata),
            user_id: self.metadata.get(USER_ID).cloned(),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            at,
            revision: None,
            news: News::Standing(Standing {
                state,
                cancel_at_period_end: self.cancel_at_period_end || self.cancel_at.is_some(),
                current_period_end: period_end.and_then(from_unix_seconds),
                price: self
                    .items
                    .data
                    .iter()
                    .find_map(|item| item.price.as_ref())
                    .map(|price| price.id().to_owned()),
            }),
        }
    }
}

impl From<stripe_shared::Invoice> for Invoice {
    fn from(invoice: stripe_shared::Invoice) -> Self {
        let details = invoice.parent.and_then(|parent| parent.subscription_details);
        Self {
            id: invoice.id.map(|id| id.to_string()).unwrap_or_default(),
            livemode: invoice.livemode,
            status: invoice.status.map(|status| status.as_str().to_owned()),
            billing_reason: invoice.billing_reason.map(|reason| reason.as_str().to_owned()),
            amount_paid: invoice.amount_paid,
            amount_due: Some(invoice.amount_due),
            currency: invoice.currency.to_string(),
            customer: invoice.customer.map(|customer| Reference::Id(customer.id().to_string())),
            hosted_invoice_url: invoice.hosted_invoice_url,
            number: invoice.number,
            invoice_pdf: invoice.invoice_pdf,
            metadata: invoice.metadata.unwrap_or_default(),
            parent: Some(InvoiceParent {
                subscription_details: details.map(|details| SubscriptionDetails {
                    subscription: Reference::Id(details.subscription.id().to_string()),
                    metadata: details.metadata.unwrap_or_default(),
                }),
            }),
            subtotal: Some(invoice.subtotal),
            total_excluding_tax: invoice.total_excluding_tax,
            total: Some(invoice.total),
            lines: Lines {
                data: invoice.lines.data.into_iter().map(InvoiceLine::from).collect(),
                has_more: invoice.lines.has_more,
            },
        }
    }
}

impl From<stripe_shared::InvoiceLineItem> for InvoiceLine {
    fn from(line: stripe_shared::InvoiceLineItem) -> Self {
        let details = line.pricing.and_then(|pricing| pricing.price_details);
        Self {
            amount: line.amount,
            pricing: Some(Pricing {
                price_details: details.map(|details| PriceDetails {
                    price: Some(Reference::Id(details.price.id().to_string())),
                }),
            }),
            period: Some(Period { start: Some(line.period.start), end: line.period.end }),
            parent: line.parent.map(|parent| LineParent {
                subscription_item_details: parent
                    .subscription_item_details
                    .map(|details| ItemDetails { proration: details.proration }),
                invoice_item_details: parent
                    .invoice_item_details
                    .map(|details| ItemDetails { proration: details.proration }),
            }),
        }
    }
}

impl From<stripe_shared::Subscription> for Subscription {
    fn from(subscription: stripe_shared::Subscription) -> Self {
        let items = subscription.items.data.into_iter().map(|item| Item {
            current_period_end: Some(item.current_period_end),
            price: Some(Reference::Id(item.price.id.to_string())),
        });
        Self {
            id: subscription.id.to_string(),
            livemode: subscription.livemode,
            status: subscription.status.as_str().to_owned(),
            cancel_at_period_end: subscription.cancel_at_period_end,
            cancel_at: subscription.cancel_at,
            customer: Some(Reference::Id(subscription.customer.id().to_string())),
            metadata: subscription.metadata,
            items: Items { data: items.collect() },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const AT: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

    fn invoice(status: &str, reason: &str, parent: &serde_json::Value) -> Option<SubscriptionFact> {
        let invoice: Invoice = serde_json::from_value(json!({
            "id": "in_1", "livemode": false, "status": status, "billing_reason": reason, "amount_paid": 799,
            "currency": "usd", "customer": "cus_1", "parent": parent,
            "lines": {"data": [
                {"amount": 999, "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}},
                 "period": {"start": 1_790_000_000, "end": 1_792_592_000}},
                {"amount": 50, "pricing": null, "period": null}]}
        }))
        .unwrap();
        invoice.fact(AT)
    }

    #[test]
    fn an_invoice_of_a_subscription_says_what_was_paid_for() {
        let parent = json!({"subscription_details": {"subscription": {"id": "sub_1"}, "metadata": null}});
        let fact = invoice("paid", "subscription_cycle", &parent).unwrap();
        assert_eq!(fact.subscription, "sub_1");
        let News::Paid(paid) = fact.news else { panic!("not paid") };
        assert_eq!((paid.is_first, paid.money.minor), (Some(false), 799));
        assert_eq!(
            paid.lines,
            [
                Line { price: Some("price_1".to_owned()), amount: 999, is_proration: false },
                Line { price: None, amount: 50, is_proration: false }
            ]
        );
        assert_eq!(paid.period_end.unwrap().unix_timestamp(), 1_792_592_000);
        assert_eq!(invoice("open", "subscription_cycle", &parent).unwrap().news, News::PaymentFailed);
        assert_eq!(invoice("paid", "manual", &json!(null)), None);
    }

    #[test]
    fn states_that_are_new_are_not_taken_for_active() {
        let state = |status: &str| {
            let subscription: Subscription =
                serde_json::from_value(json!({"id": "sub_1", "livemode": false, "status": status})).unwrap();
            match subscription.fact(AT).news {
                News::Standing(standing) => standing.state,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(state("trialing"), SubscriptionState::Active);
        assert_eq!(state("unpaid"), SubscriptionState::PastDue);
        assert_eq!(state("a_new_one"), SubscriptionState::Incomplete);
    }
}
