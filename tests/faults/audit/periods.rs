//! Subscriptions: each paid period is credited once with what its lines buy, and its credits lapse when its renewal is
//! decided, and not before.

use std::collections::{BTreeMap, BTreeSet};

use harness::terms::{CREDIT, GRACE, Plan, worth};

use super::{Books, Findings, Lapse, Order};
use crate::provider::Period;

/// Clocks are read one after the other, and the providers' shows whole seconds.
const SKEW: i64 = 5;
/// In seconds.
const OVERDUE: i64 = 120;

impl Books<'_> {
    /// Finds the order that each paid period became; what was charged for it is a charge of that order.
    pub(super) fn find_periods(&mut self, findings: &mut Findings) {
        let mut by_payment: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.kind == "subscription") {
            by_payment.entry(order.provider_payment.as_deref().unwrap_or_default()).or_default().push(order);
        }
        let known: BTreeSet<&str> = self.orders.iter().map(|order| order.id.as_str()).collect();
        let provider = self.provider;
        for period in &provider.periods {
            let orders = by_payment.get(period.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let ids: Vec<&str> = match &period.first_of {
                Some(id) => known.get(id.as_str()).copied().into_iter().collect(),
                None => orders.iter().map(|order| order.id.as_str()).collect(),
            };
            match ids.as_slice() {
                [id] => {
                    let charges = self.charges.entry((*id).to_owned()).or_default();
                    charges.insert(period.payment.clone(), period.charge.clone());
                    self.periods.insert((*id).to_owned(), period);
                }
                [] => findings.violations.push(format!("a paid period is nowhere: {}", period.id)),
                [..] => findings.violations.push(format!("a paid period is there twice: {}", period.id)),
            }
        }
    }

    /// Each paid period buys what its lines are worth, for the owner of its subscription. What a change of plan gives
    /// back makes a later one of the same payer buy less, whichever comes first.
    pub(super) fn periods(&self, findings: &mut Findings) {
        let plans = self.plans();
        let orders: BTreeMap<&str, &Order> =
            self.orders.iter().map(|order| (order.id.as_str(), order)).collect();
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let mut payers: BTreeMap<&str, Payer> = BTreeMap::new();
        for (id, period) in &self.periods {
            let Some(order) = orders.get(id.as_str()) else { continue };
            if *owners.entry(&period.subscription).or_insert(&order.user_id) != order.user_id {
                findings.violations.push(format!("a period is another's: {id}"));
            }
            let payer = payers.entry(&period.payer).or_default();
            let worth = worth(&period.lines, &plans);
            payer.bought += worth;
            payer.granted += order.credits;
            payer.is_even &= order.credits == worth;
            payer.most += worth.max(0);
            findings.add("periods paid", 1);
            findings.add("periods renewed or changed", u64::from(period.first_of.is_none()));
            if order.credits > worth.max(0) {
                findings
                    .violations
                    .push(format!("a period bought too much: {id} {} of {worth}", order.credits));
            }
        }
        for (id, payer) in payers {
            let carried = self.carried.get(id).copied().unwrap_or(0);
            findings.add("payers with something carried on", u64::from(!payer.is_even));
            let has_nothing_back = payer.most == payer.bought;
            if payer.granted + carried != payer.bought || carried > 0 || has_nothing_back && !payer.is_even {
                findings
                    .violations
                    .push(format!("periods bought otherwise than paid: {id} {payer:?} {carried}"));
            }
        }
    }

    /// The plans under the names that lines have for them.
    fn plans(&self) -> Vec<Plan> {
        let sold = self.load.plans.iter();
        let creem = sold.clone().map(|plan| Plan { price: format!("creem {}", plan.cents), ..plan.clone() });
        sold.cloned().chain(creem).collect()
    }

    /// How much has lapsed of what each order bought.
    pub(super) fn lapsed(&self) -> BTreeMap<&str, i64> {
        let mut lapsed = BTreeMap::new();
        for lapse in &self.lapses {
            *lapsed.entry(lapse.order_id.as_deref().unwrap_or_default()).or_default() += lapse.amount;
        }
        lapsed
    }

    /// Nothing lapses but what is left of periods that are over, once it is decided that another one follows, or none;
    /// and then all of it does.
    pub(super) fn lapses(&self, findings: &mut Findings) {
        let mut lapses: BTreeMap<&str, Vec<&Lapse>> = BTreeMap::new();
        for lapse in &self.lapses {
            findings.add("lapses", 1);
            lapses.entry(lapse.order_id.as_deref().unwrap_or_default()).or_default().push(lapse);
        }
        let now = self.load.now().unix_timestamp();
        for order in self.orders.iter().filter(|order| self.periods.contains_key(&order.id)) {
            let Some(period) = self.periods.get(&order.id) else { continue };
            for lapse in lapses.remove(order.id.as_str()).unwrap_or_default() {
                let at = lapse.at + SKEW;
                if at < period.end || !self.is_decided(order, period, at) {
                    let (id, end) = (&order.id, period.end);
                    findings.violations.push(format!("lapsed too soon: {id} at {} of {end}", lapse.at));
                }
            }
        }
        // What is over is taken off within half a minute, and cannot be spent meanwhile.
        let before = now - OVERDUE;
        let lasts = |until: &Option<i64>| until.is_none_or(|until| until > now);
        for (id, left, _) in self.left.iter().filter(|(_, _, until)| lasts(until)) {
            let Some(period) = self.periods.get(id) else { continue };
            if period.end < before && self.is_decided_by_itself(period, before) {
                let credits = left / CREDIT;
                findings.violations.push(format!("credits of a period that is over: {credits} of {id}"));
            }
        }
        findings.violations.extend(lapses.keys().map(|id| format!("lapsed of no period: {id}")));
    }

    /// Whether what follows a period was decided at a time: by its subscription, by another one of its owner, or for
    /// want of any word.
    fn is_decided(&self, order: &Order, period: &Period, at: i64) -> bool {
        let is_owners = |other: &&Order| other.user_id == order.user_id;
        let mut others = self.orders.iter().filter(is_owners).filter_map(|other| self.periods.get(&other.id));
        self.is_decided_by_itself(period, at)
            || others.any(|other| other.end > period.end && other.charge.at <= at)
    }

    fn is_decided_by_itself(&self, period: &Period, at: i64) -> bool {
        let mut others = self.provider.periods.iter();
        self.provider.ended.get(&period.subscription).is_some_and(|ended| *ended <= at)
            || at >= period.end + GRACE
            || others.any(|other| {
                other.subscription == period.subscription && other.end > period.end && other.charge.at <= at
            })
    }
}

/// Who pays for periods. Amounts are in millionths of a credit.
#[derive(Debug)]
struct Payer {
    bought: i64,
    granted: i64,
    /// What would be bought if nothing were ever given back.
    most: i64,
    /// Whether each period granted what it bought.
    is_even: bool,
}

impl Default for Payer {
    fn default() -> Self {
        Self { bought: 0, granted: 0, most: 0, is_even: true }
    }
}
