//! Compares what the providers have been paid with our orders and the ledger. What was paid or went back without our
//! knowing is asked about, on the way that every payment takes; all else is for a person.

use crate::providers::ProviderError;
use crate::providers::stripe::listing::Listed;
use billing::payments::Provider;
use billing::provider_events::VerifyObject;
use billing::reconciliation::{Comparison, Finding, Ours, Theirs, operations, rules};
use kernel::clock::Timestamp;
use time::Duration;

use super::{DONE, Done, JobError, Jobs};

/// How far back the scheduled comparison looks: as long as Stripe goes on trying to deliver an event.
pub(crate) const PERIOD: Duration = Duration::days(3);
/// How old a payment must be before it is missed: its events may be under way.
const GRACE: Duration = Duration::minutes(15);
/// How much is compared at once.
const SLICE: Duration = Duration::days(1);

/// A stretch of time, with its beginning and without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Window {
    /// The slices that are compared one after the other, the oldest first.
    pub fn slices(self) -> impl Iterator<Item = Self> {
        let next = move |from: &Timestamp| Some(from.saturating_add(SLICE)).filter(|from| *from < self.to);
        std::iter::successors(Some(self.from).filter(|from| *from < self.to), next)
            .map(move |from| Self { from, to: from.saturating_add(SLICE).min(self.to) })
    }
}

impl Jobs {
    pub(super) async fn reconcile_payments(&self) -> Done {
        let now = self.clock.now();
        let mut whole = Comparison::default();
        for slice in (Window { from: now.saturating_sub(PERIOD), to: now }).slices() {
            whole.extend(self.reconcile(slice).await?);
        }
        for finding in &whole.findings {
            tracing::warn!(
                difference = finding.difference.as_str(), provider = finding.provider.as_str(),
                order = ?finding.order, object = ?finding.object, "the books differ; see `worker reconcile`"
            );
            self.repair(finding).await?;
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("purser_paid_not_credited").set(count(whole.paid_not_credited()));
        metrics::gauge!("purser_reconciliation_findings").set(count(whole.findings.len()));
        Ok(DONE)
    }

    /// Has the provider asked about a payment, where that mends the difference; says whether it does.
    pub(crate) async fn repair(&self, finding: &Finding) -> Result<bool, JobError> {
        let Some(object_id) = finding.repair.clone() else { return Ok(false) };
        let job = VerifyObject { provider: finding.provider, object_id };
        self.publisher.publish(&job).await?;
        Ok(true)
    }

    /// Compares the payments of a window. Changes nothing.
    pub(crate) async fn reconcile(&self, window: Window) -> Result<Comparison, JobError> {
        let mut told = self.stripe_payments(window).await?;
        told.extend(self.creem_payments(window).await?);
        let (mut told, ours) = self.beside_ours(told, window).await?;
        // Paid on a page that is older than the window, or not at all.
        let mut more = Vec::new();
        for order in rules::unheard(&told, &ours) {
            more.extend(self.ask_about(order).await?);
        }
        told.extend(more);
        Ok(rules::compare(&rules::merged(told), &ours, self.clock.now().saturating_sub(GRACE)))
    }

    /// Payments, each told once and with the order it names, and our orders that they may be for.
    async fn beside_ours(
        &self,
        told: Vec<Theirs>,
        window: Window,
    ) -> Result<(Vec<Theirs>, Vec<Ours>), JobError> {
        let mut told = rules::merged(told);
        let mut connection = self.pool.acquire().await?;
        operations::name_orders(&mut connection, &mut told).await?;
        let ours = operations::ours(&mut connection, &told, window.from, window.to).await?;
        Ok((told, ours))
    }

    async fn stripe_payments(&self, window: Window) -> Result<Vec<Theirs>, JobError> {
        let mut told = Vec::new();
        for listed in Listed::ALL {
            let mut after: Option<String> = None;
            loop {
                let (from, to) = (window.from, window.to);
                let page = self.ask(|| self.stripe.payments_page(listed, from, to, after.as_deref())).await?;
                told.extend(page.payments);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(told)
    }

    /// Creem's list has no orders of ours in it. Where it has payments that we do not know, our unpaid orders of the
    /// time are asked about, one by one.
    async fn creem_payments(&self, window: Window) -> Result<Vec<Theirs>, JobError> {
        let Some(creem) = &self.creem else { return Ok(Vec::new()) };
        let (mut told, mut next) = (Vec::new(), Some(1));
        while let Some(number) = next {
            let page = self.ask(|| creem.transactions(number)).await?;
            let payments: Vec<Theirs> =
                page.items.iter().filter_map(|transaction| transaction.theirs()).collect();
            let is_older = payments.last().is_some_and(|oldest| oldest.at < window.from);
            next = page.pagination.next_page.filter(|_| !is_older);
            told.extend(payments.into_iter().filter(|one| one.at >= window.from && one.at < window.to));
        }
        let (mut told, ours) = self.beside_ours(told, window).await?;
        let is_known = |one: &Theirs| ours.iter().any(|order| order.payment == one.payment);
        if told.iter().all(|one| one.order.is_some() || is_known(one)) {
            return Ok(told);
        }
        // A page that was opened before the window may have been paid in it.
        let opened = window.from.saturating_sub(SLICE);
        let unpaid = {
            let mut connection = self.pool.acquire().await?;
            operations::unpaid(&mut connection, Provider::Creem, opened, window.to).await?
        };
        for (order, page) in unpaid {
            let Some(found) = answered(self.ask(|| creem.checkout(&page)).await)? else { continue };
            match found.subscription_id() {
                Some(subscription) => rules::name_periods(&mut told, subscription, order),
                None => told.push(Theirs::of_fact(page, found.fact(), window.from)),
            }
        }
        Ok(told)
    }

    /// What a provider says of one order; none if it knows nothing of it.
    async fn ask_about(&self, order: &Ours) -> Result<Option<Theirs>, JobError> {
        let at = self.clock.now();
        let payment = order.payment.as_deref().unwrap_or_default();
        Ok(match (order.provider, order.session.as_deref()) {
            (Provider::Stripe, _) if payment.starts_with("in_") => {
                let found = answered(self.ask(|| self.stripe.invoice(payment)).await)?;
                let fact = found.and_then(|invoice| invoice.fact(at));
                fact.and_then(|fact| Theirs::of_subscription(payment.to_owned(), &fact, at))
            }
            (Provider::Stripe, Some(session)) => {
                let found = answered(self.ask(|| self.stripe.session(session)).await)?;
                found.map(|found| Theirs::of_fact(session.to_owned(), found.fact(false), at))
            }
            (Provider::Stripe, None) => {
                let found = answered(self.ask(|| self.stripe.intent(payment)).await)?;
                found.map(|found| Theirs::of_fact(payment.to_owned(), found.fact(), at))
            }
            (Provider::Creem, _) if payment.starts_with("tran_") => {
                let creem = self.creem()?;
                let found = answered(self.ask(|| creem.listed_transaction(payment)).await)?;
                found.and_then(|found| found.theirs())
            }
            (Provider::Creem, Some(page)) => {
                let creem = self.creem()?;
                let found = answered(self.ask(|| creem.checkout(page)).await)?;
                found.map(|found| Theirs::of_fact(page.to_owned(), found.fact(), at))
            }
            (Provider::Creem, None) | (Provider::Revenuecat | Provider::Manual, _) => None,
        })
    }
}

/// The answer, or none where the provider knows no such object.
fn answered<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, JobError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn slices_cover_a_window_without_gaps() {
        let window = Window { from: datetime!(2026-11-20 06:00 UTC), to: datetime!(2026-11-22 12:00 UTC) };
        let slices: Vec<Window> = window.slices().collect();
        assert_eq!(slices.len(), 3);
        assert_eq!((slices[0].from, slices[2].to), (window.from, window.to));
        assert!(slices.windows(2).all(|two| two[0].to == two[1].from));
        assert_eq!(Window { from: window.to, to: window.from }.slices().count(), 0);
    }
}
