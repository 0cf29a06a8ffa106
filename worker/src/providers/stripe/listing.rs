//! Stripe's list of payments, a page at a time: paid sessions, payments, and invoices of subscriptions. A payment may
//! be in all three.

use stripe::StripeRequest;
use stripe_billing::invoice::ListInvoice;
use stripe_checkout::checkout_session::ListCheckoutSession;
use stripe_core::payment_intent::ListPaymentIntent;
use stripe_shared::{CheckoutSessionStatus, InvoiceStatus};
use stripe_types::{List, RangeBoundsTs, RangeQueryTs};

use super::client::StripeClient;
use super::objects::{Intent, Session};
use super::subscriptions::Invoice;
use crate::providers::ProviderError;
use billing::reconciliation::Theirs;
use kernel::clock::Timestamp;

/// The most that Stripe gives at once.
const PAGE: i64 = 100;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Payment pages. Those that were not paid are left out, and those of subscriptions, whose invoices tell more.
    Sessions,
    /// Payments, with what went back of each.
    Intents,
    /// Invoices of subscriptions.
    Invoices,
}

impl Listed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Intents, Self::Invoices];
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Those of its payments that are paid.
    pub payments: Vec<Theirs>,
    /// After which object the next page begins; none if this is the last.
    pub next: Option<String>,
}

impl StripeClient {
    /// What was created from `from` until before `to`, the newest first.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn payments_page(
        &self,
        listed: Listed,
        from: Timestamp,
        to: Timestamp,
        after: Option<&str>,
    ) -> Result<Page, ProviderError> {
        let created = RangeQueryTs::Bounds(RangeBoundsTs {
            gte: Some(from.unix_timestamp()),
            lt: Some(to.unix_timestamp()),
            ..RangeBoundsTs::default()
        });
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
                    (id.clone(), paid(Theirs::of_fact(id, Session::from(session).fact(false), at)))
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
                    let theirs = Theirs::of_fact(id.clone(), Intent::from(intent).fact(), at);
                    (id, paid(Theirs { gone_back_minor, charge, ..theirs }))
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
                    let (at, invoice) = (moment(invoice.created), Invoice::from(invoice));
                    let id = invoice.id.clone();
                    (id.clone(), invoice.fact(at).and_then(|fact| Theirs::of_subscription(id, &fact, at)))
                })
                .await
            }
        }
    }

    async fn page<R, T>(
        &self,
        request: &R,
        read: impl Fn(T) -> (String, Option<Theirs>),
    ) -> Result<Page, ProviderError>
    where
        R: StripeRequest<Output = List<T>>,
        List<T>: miniserde::Deserialize,
    {
        let list = self.send(request, None).await?;
        let (ids, payments): (Vec<String>, Vec<Option<Theirs>>) = list.data.into_iter().map(read).unzip();
        let next = ids.into_iter().next_back().filter(|_| list.has_more);
        Ok(Page { payments: payments.into_iter().flatten().collect(), next })
    }
}

fn paid(theirs: Theirs) -> Option<Theirs> {
    theirs.is_paid.then_some(theirs)
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_unix_timestamp(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
