//! Stripe's lists, a page at a time: of payments, which are paid sessions, payments, and invoices of subscriptions, and
//! of refunds and disputes. A payment may be in all three of its lists.

use stripe::StripeRequest;
use stripe_billing::invoice::ListInvoice;
use stripe_checkout::checkout_session::ListCheckoutSession;
use stripe_core::dispute::ListDispute;
use stripe_core::payment_intent::ListPaymentIntent;
use stripe_core::refund::ListRefund;
use stripe_shared::{CheckoutSessionStatus, InvoiceStatus};
use stripe_types::{List, RangeBoundsTs, RangeQueryTs};

use super::client::StripeClient;
use super::objects::{Intent, Session};
use super::reversals::{Dispute, Refund};
use super::subscriptions::Invoice;
use crate::providers::ProviderError;
use billing::reconciliation::{ProviderPayment, ProviderReversal};
use kernel::clock::{Timestamp, from_unix_seconds};

/// The most that Stripe lists at once.
const PAGE: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Payment pages. Those that were not paid are left out, and those of subscriptions, whose invoices say more.
    Sessions,
    /// Payments, with how much of each went back.
    Intents,
    Invoices,
}

impl Listed {
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Intents, Self::Invoices];
}

/// What goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesBack {
    Refunds,
    Disputes,
}

impl GoesBack {
    pub const ALL: [Self; 2] = [Self::Refunds, Self::Disputes];
}

#[derive(Clone, Debug)]
pub struct Page<Listed> {
    /// What is on it and counts: of payments, those that are paid.
    pub listed: Vec<Listed>,
    /// The object after which the next page begins; none if this is the last.
    pub next: Option<String>,
}

impl StripeClient {
    /// A page of what was created from `from` until before `to`, the newest first.
    pub async fn payments_page(
        &self,
        listed: Listed,
        from: Timestamp,
        to: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<ProviderPayment>, ProviderError> {
        let created = created(from, to);
        match listed {
            Listed::Sessions => {
                let request = ListCheckoutSession::new()
                    .created(created)
                    .status(CheckoutSessionStatus::Complete)
                    .limit(PAGE);
                let request = match after {
                    Some(after) => request.starting_after(after),
                    None => request,
                };
                self.page(&request, |session| {
                    let (id, at) = (session.id.to_string(), moment(session.created));
                    (id.clone(), paid(ProviderPayment::of_fact(id, Session::from(session).fact(false), at)))
                })
                .await
            }
            Listed::Intents => {
                let request = ListPaymentIntent::new()
                    .created(created)
                    .expand(vec!["data.latest_charge".to_owned()])
                    .limit(PAGE);
                let request = match after {
                    Some(after) => request.starting_after(after),
                    None => request,
                };
                self.page(&request, |intent| {
                    let (id, at) = (intent.id.to_string(), moment(intent.created));
                    let charge = intent.latest_charge.as_ref().and_then(|charge| charge.as_object());
                    let gone_back_minor = charge.map_or(0, |charge| charge.amount_refunded);
                    let charge = charge.map(|charge| charge.id.to_string());
                    let payment = ProviderPayment::of_fact(id.clone(), Intent::from(intent).fact(), at);
                    (id, paid(ProviderPayment { gone_back_minor, charge, ..payment }))
                })
                .await
            }
            Listed::Invoices => {
                let request = ListInvoice::new().created(created).status(InvoiceStatus::Paid).limit(PAGE);
                let request = match after {
                    Some(after) => request.starting_after(after),
                    None => request,
                };
                self.page(&request, |invoice| {
                    // It may have been paid days after it was made.
                    let paid_at = invoice.status_transitions.paid_at;
                    let (at, invoice) = (moment(paid_at.unwrap_or(invoice.created)), Invoice::from(invoice));
                    let id = invoice.id.clone();
                    (
                        id.clone(),
                        invoice.fact(at).and_then(|fact| ProviderPayment::of_subscription(id, &fact, at)),
                    )
                })
                .await
            }
        }
    }

    /// A page of the refunds or disputes that were created from `from` until before `to`, the newest first. They do not
    /// say whose they are.
    pub async fn reversals_page(
        &self,
        listed: GoesBack,
        from: Timestamp,
        to: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<ProviderReversal>, ProviderError> {
        let created = created(from, to);
        match listed {
            GoesBack::Refunds => {
                let request = ListRefund::new().created(created).limit(PAGE);
                let request = match after {
                    Some(after) => request.starting_after(after),
                    None => request,
                };
                self.page(&request, |refund| {
                    let (id, at) = (refund.id.to_string(), moment(refund.created));
                    let fact = Refund::from(refund).fact(false);
                    (id, fact.map(|fact| ProviderReversal { fact, at }))
                })
                .await
            }
            GoesBack::Disputes => {
                let request = ListDispute::new().created(created).limit(PAGE);
                let request = match after {
                    Some(after) => request.starting_after(after),
                    None => request,
                };
                self.page(&request, |dispute| {
                    let moved = dispute.balance_transactions.iter().map(|moved| moved.created);
                    let at = moment(moved.max().unwrap_or(0).max(dispute.created));
                    let (id, fact) = (dispute.id.to_string(), Dispute::from(dispute).fact());
                    (id, fact.map(|fact| ProviderReversal { fact, at }))
                })
                .await
            }
        }
    }

    async fn page<R, T, Listed>(
        &self,
        request: &R,
        read: impl Fn(T) -> (String, Option<Listed>),
    ) -> Result<Page<Listed>, ProviderError>
    where
        R: StripeRequest<Output = List<T>>,
        List<T>: miniserde::Deserialize,
    {
        let list = self.send(request, None).await?;
        let (ids, listed): (Vec<String>, Vec<Option<Listed>>) = list.data.into_iter().map(read).unzip();
        let next = ids.into_iter().next_back().filter(|_| list.has_more);
        Ok(Page { listed: listed.into_iter().flatten().collect(), next })
    }
}

fn created(from: Timestamp, to: Timestamp) -> RangeQueryTs {
    RangeQueryTs::Bounds(RangeBoundsTs {
        gte: Some(from.unix_timestamp()),
        lt: Some(to.unix_timestamp()),
        ..RangeBoundsTs::default()
    })
}

fn paid(payment: ProviderPayment) -> Option<ProviderPayment> {
    payment.is_paid.then_some(payment)
}

fn moment(seconds: i64) -> Timestamp {
    from_unix_seconds(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
