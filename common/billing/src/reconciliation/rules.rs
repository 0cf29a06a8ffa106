//! Comparing the provider's payments with our orders. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Comparison, Difference, Finding, ProviderPayment, RecordedPayment};
use crate::payments::Provider;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// Merges what a page, a payment and an invoice say about one payment.
pub fn merged(told: Vec<ProviderPayment>) -> Vec<ProviderPayment> {
    let mut merged: BTreeMap<String, ProviderPayment> = BTreeMap::new();
    for theirs in told {
        let key = theirs.payment.clone().unwrap_or_else(|| theirs.id.clone());
        match merged.get_mut(&key) {
            None => {
                merged.insert(key, theirs);
            }
            Some(known) => {
                if known.session.is_none() && theirs.session.is_some() {
                    // The page knows most, so it is what is asked about again.
                    known.id.clone_from(&theirs.id);
                    known.session.clone_from(&theirs.session);
                    known.money = theirs.money.or(known.money);
                }
                known.order = known.order.or(theirs.order);
                known.installation = known.installation.take().or(theirs.installation);
                known.money = known.money.or(theirs.money);
                known.subscription = known.subscription.take().or(theirs.subscription);
                known.is_renewal |= theirs.is_renewal;
                known.is_paid |= theirs.is_paid;
                known.gone_back_minor = known.gone_back_minor.max(theirs.gone_back_minor);
                known.charge = known.charge.take().or(theirs.charge);
                known.at = known.at.max(theirs.at);
            }
        }
    }
    merged.into_values().collect()
}

/// Names, in the payments of a subscription, the order that began it; the first of them is that order's own.
pub fn name_periods(theirs: &mut [ProviderPayment], subscription: &str, order: PaymentId) {
    let is_its = |payment: &&mut ProviderPayment| payment.subscription.as_deref() == Some(subscription);
    let mut periods: Vec<&mut ProviderPayment> = theirs.iter_mut().filter(is_its).collect();
    periods.sort_by_key(|payment| payment.at);
    for (number, payment) in periods.into_iter().enumerate() {
        payment.order = Some(order);
        payment.is_renewal = number > 0;
    }
}

/// The credited orders that the provider's lists lack: it must be asked about each.
pub fn unheard<'a>(theirs: &[ProviderPayment], ours: &'a [RecordedPayment]) -> Vec<&'a RecordedPayment> {
    let index = Index::new(ours);
    let heard: BTreeSet<PaymentId> =
        theirs.iter().filter_map(|theirs| index.find(theirs)).map(|ours| ours.id).collect();
    ours.iter().filter(|ours| ours.state.is_paid() && !heard.contains(&ours.id)).collect()
}

/// Compares payments, each once (see [`merged`]), with the recorded orders. One that is newer than
/// `settled_before` and not credited is in flight.
pub fn compare(
    theirs: &[ProviderPayment],
    ours: &[RecordedPayment],
    settled_before: Timestamp,
) -> Comparison {
    let index = Index::new(ours);
    let mut comparison = Comparison::default();
    let mut paid: BTreeSet<PaymentId> = BTreeSet::new();
    for payment in theirs.iter().filter(|payment| payment.is_paid) {
        let verdict = match index.find(payment) {
            None if index.is_foreign(payment) => {
                comparison.foreign = comparison.foreign.saturating_add(1);
                continue;
            }
            // A later period that cost nothing, as in a trial, or after a change of plan, may be no order.
            None if payment.is_renewal && payment.money.is_some_and(|money| money.minor == 0) => continue,
            None => Some(missing(&index, payment)),
            Some(order) => {
                let difference = difference(order, payment);
                if difference != Some(Difference::PaidTwice) {
                    paid.insert(order.id);
                }
                difference
            }
        };
        match verdict {
            None => comparison.agreeing = comparison.agreeing.saturating_add(1),
            Some(Difference::PaidNotCredited) if payment.at > settled_before => {
                comparison.in_flight = comparison.in_flight.saturating_add(1);
            }
            Some(difference) => comparison.findings.push(finding(&index, payment, difference)),
        }
    }
    let credited = ours.iter().filter(|order| order.state.is_paid());
    for order in credited.filter(|order| !paid.contains(&order.id)) {
        comparison.findings.push(of_order(order, Difference::CreditedNotPaid));
    }
    for order in ours.iter().filter(|order| !agrees_with_ledger(order)) {
        comparison.findings.push(of_order(order, Difference::LedgerDiffers));
    }
    comparison
}

/// What is paid as ordered, of which more went back than is known.
pub fn gone_back_unknown(theirs: &[ProviderPayment], ours: &[RecordedPayment]) -> Comparison {
    let index = Index::new(ours);
    let unknown = theirs.iter().filter(|payment| {
        index.find(payment).and_then(|order| difference(order, payment)) == Some(Difference::RefundNotKnown)
    });
    let findings = unknown.map(|payment| finding(&index, payment, Difference::RefundNotKnown)).collect();
    Comparison { findings, ..Comparison::default() }
}

/// Leaves out payments that an operator has looked at and dismissed, by any of the ids that the provider knows them by.
pub fn without_dismissed(
    comparison: &mut Comparison,
    theirs: &[ProviderPayment],
    dismissed: &HashSet<String>,
) {
    let is_dismissed = |payment: &ProviderPayment| payment.objects().any(|id| dismissed.contains(id));
    let left_out: HashSet<&str> =
        theirs.iter().filter(|payment| is_dismissed(payment)).map(|payment| payment.id.as_str()).collect();
    comparison.findings.retain(|finding| match finding.difference {
        Difference::PaidNotCredited
        | Difference::AmountDiffers
        | Difference::PaidTwice
        | Difference::UnknownOrder => {
            finding.object.as_deref().is_none_or(|object| !left_out.contains(object))
        }
        Difference::CreditedNotPaid
        | Difference::RefundNotKnown
        | Difference::DisputeNotKnown
        | Difference::LedgerDiffers => true,
    });
}

/// Our orders by what a payment may know them by.
struct Index<'a> {
    by_id: HashMap<PaymentId, &'a RecordedPayment>,
    by_provider_id: HashMap<&'a str, &'a RecordedPayment>,
}

impl<'a> Index<'a> {
    fn new(ours: &'a [RecordedPayment]) -> Self {
        let provider_ids =
            |order: &'a RecordedPayment| [&order.session, &order.payment].into_iter().flatten();
        Self {
            by_id: ours.iter().map(|order| (order.id, order)).collect(),
            by_provider_id: ours
                .iter()
                .flat_map(|order| provider_ids(order).map(move |id| (id.as_str(), order)))
                .collect(),
        }
    }

    /// Whether a payment that is for no order of ours is nobody's: it names none, or an unknown one without our mark.
    fn is_foreign(&self, theirs: &ProviderPayment) -> bool {
        let is_known = |order| self.by_id.contains_key(&order);
        theirs.order.is_none_or(|order| theirs.installation.is_none() && !is_known(order))
    }

    /// The order that a payment is for. A renewal names the order of the first period, and is not for that.
    fn find(&self, theirs: &ProviderPayment) -> Option<&'a RecordedPayment> {
        let known = |id: &Option<String>| self.by_provider_id.get(id.as_deref()?).copied();
        known(&theirs.payment)
            .or_else(|| known(&theirs.session))
            .or_else(|| self.by_id.get(&theirs.order?).copied().filter(|_| !theirs.is_renewal))
            .filter(|order| order.provider == theirs.provider)
    }
}

/// Of a payment that names an order and is for none that we have.
fn missing(index: &Index<'_>, payment: &ProviderPayment) -> Difference {
    let begun = payment.order.is_some_and(|order| index.by_id.contains_key(&order));
    if payment.is_renewal && begun { Difference::PaidNotCredited } else { Difference::UnknownOrder }
}

fn difference(order: &RecordedPayment, payment: &ProviderPayment) -> Option<Difference> {
    let is_other = matches!((&order.payment, &payment.payment), (Some(a), Some(b)) if a != b);
    if order.state.is_paid() && is_other {
        return Some(Difference::PaidTwice);
    }
    if payment.money.is_some_and(|money| money != order.money) {
        return Some(Difference::AmountDiffers);
    }
    if !order.state.is_paid() {
        return Some(Difference::PaidNotCredited);
    }
    // At Stripe a dispute is no part of what was refunded: one that is known hides no refund that is not.
    let known = match order.provider {
        Provider::Stripe => order.refunded_minor,
        Provider::Creem | Provider::Revenuecat | Provider::Manual => {
            order.refunded_minor.saturating_add(order.withdrawn_minor)
        }
    };
    (payment.gone_back_minor > known).then_some(Difference::RefundNotKnown)
}

/// An order has its entry exactly when it is paid, and that says what was ordered; one without credits has none.
fn agrees_with_ledger(order: &RecordedPayment) -> bool {
    let due = (order.state.is_paid() && order.credits.is_positive()).then_some(order.credits);
    order.credited == due
}

fn finding(index: &Index<'_>, payment: &ProviderPayment, difference: Difference) -> Finding {
    let order = index.find(payment);
    let repair = match difference {
        Difference::PaidNotCredited => Some(payment.id.clone()),
        Difference::RefundNotKnown => payment.charge.clone(),
        Difference::CreditedNotPaid
        | Difference::AmountDiffers
        | Difference::PaidTwice
        | Difference::UnknownOrder
        | Difference::DisputeNotKnown
        | Difference::LedgerDiffers => None,
    };
    Finding {
        difference,
        provider: payment.provider,
        order: order.map(|order| order.id).or(payment.order),
        object: Some(payment.id.clone()),
        ours: order.map(|order| order.money),
        theirs: payment.money,
        repair,
    }
}

fn of_order(order: &RecordedPayment, difference: Difference) -> Finding {
    Finding {
        difference,
        provider: order.provider,
        order: Some(order.id),
        object: order.payment.clone().or_else(|| order.session.clone()),
        ours: Some(order.money),
        theirs: None,
        repair: None,
    }
}
