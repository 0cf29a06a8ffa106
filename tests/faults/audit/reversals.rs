//! Credits follow their money: what was taken back of each payment is the share of it that is with the buyer again.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use harness::terms::CREDIT;

use super::{Books, Entry, Findings, Order};
use crate::provider::Back;
use crate::system::Reversals;

/// What is held is not there to be taken; more than this no wallet of a run holds at once.
const MOST_HELD: i64 = 1_000 * CREDIT;

impl Books<'_> {
    /// How many millionths of an order's credits must be gone, by what the provider and the store have: the share of
    /// the money that is back, fractions left to the buyer, and never more than was granted.
    pub(super) fn clawback(&self, order: &Order) -> i64 {
        if order.provider == "revenuecat" {
            return if self.is_refunded_by_store(order) { order.credits } else { 0 };
        }
        let Some((paid, back)) = self.money(order) else { return 0 };
        let back = (back.by_refunds + back.by_disputes).min(paid);
        let share = i128::from(order.bought()) * i128::from(back) / i128::from(paid);
        i64::try_from(share).unwrap_or(i64::MAX)
    }

    /// What was paid for an order, and what of it went back; none if it was paid for without money.
    fn money(&self, order: &Order) -> Option<(i64, Back)> {
        let (payment, charge) = self.charges.get(&order.id)?.first_key_value()?;
        let back = self.provider.back.get(payment).copied().unwrap_or_default();
        (charge.paid > 0).then_some((charge.paid, back))
    }

    /// What the ledger took back of an order.
    pub(super) fn taken_back(&self, order: &Order) -> i64 {
        let is_its = |source: &str| source.split(':').next() == Some(order.id.as_str());
        let entries =
            self.entries.iter().filter(|one| one.source_kind == "reversal" && is_its(&one.source_id));
        -entries.map(|entry| entry.amount).sum::<i64>()
    }

    /// What may be taken back of an order, least and most, of which some may be forgiven. What had lapsed before
    /// counts towards it, what lapses later does not.
    fn due(&self, order: &Order, lapsed: i64) -> RangeInclusive<i64> {
        let share = self.clawback(order);
        (share - lapsed).max(0)..=share
    }

    /// What was taken back of each payment is what must be, and was so at no time twice.
    pub(super) fn reversals(&self, findings: &mut Findings) {
        let mut by_order: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.source_kind == "reversal") {
            let order = entry.source_id.split(':').next().unwrap_or_default();
            by_order.entry(order).or_default().push(entry);
            findings.add(if entry.amount < 0 { "reversals" } else { "reinstatements" }, 1);
        }
        let lapsed = self.lapsed();
        for order in &self.orders {
            let entries = by_order.remove(order.id.as_str()).unwrap_or_default();
            let is_credited = self
                .entries
                .iter()
                .any(|entry| entry.source_kind == "payment" && entry.source_id == order.id);
            let taken: i64 = -entries.iter().map(|entry| entry.amount).sum::<i64>();
            let lapsed = lapsed.get(order.id.as_str()).copied().unwrap_or(0);
            let due = if is_credited { self.due(order, lapsed) } else { 0..=0 };
            let forgiven = order.credits_shortfall;
            findings.add("payments of which something is forgiven", u64::from(forgiven > 0));
            if !due.contains(&(taken + forgiven))
                || taken < 0
                || entries.iter().any(|entry| entry.user_id != order.user_id)
            {
                let (id, state) = (&order.id, &order.state);
                let text = format!(
                    "not taken back as the money went: {id} ({state}), {taken} and {forgiven} forgiven of {due:?}"
                );
                findings.violations.push(text);
            }
            if entries.iter().any(|entry| entry.amount.abs() > order.bought()) {
                findings
                    .violations
                    .push(format!("more was taken back at once than was granted: {}", order.id));
            }
            if let Some((paid, back)) = self.money(order) {
                findings.add("payments refunded", u64::from(back.by_refunds > 0));
                findings.add("payments disputed and not won", u64::from(back.by_disputes > 0));
                let state = state(paid, back);
                if order.state != state {
                    let text =
                        format!("{} instead of {state} ({}): {}", order.state, order.provider, order.id);
                    findings.violations.push(text);
                }
            }
        }
        findings.violations.extend(by_order.keys().map(|id| format!("taken back of no order: {id}")));
    }

    /// A balance is below zero only for what went back after it was spent, and nothing is spent from such a one. What
    /// had been held before is captured all the same. Where that is forgiven, no balance is ever below zero, and
    /// nothing is forgiven that was there.
    pub(super) fn debts(&self, findings: &mut Findings) {
        let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.source_kind == "reversal" && entry.amount < 0) {
            *taken.entry(&entry.user_id).or_default() -= entry.amount;
        }
        for entry in self.entries.iter().filter(|entry| entry.balance_after < 0) {
            findings.add("entries of wallets in debt", 1);
            let owed = taken.get(entry.user_id.as_str()).copied().unwrap_or(0);
            if entry.source_kind == "consume" {
                findings.violations.push(format!("overspent: {}", entry.id));
            } else if -entry.balance_after > owed {
                findings.violations.push(format!("a debt of nothing that went back: {}", entry.id));
            } else if self.reversals == Reversals::Clamp {
                findings.violations.push(format!("a debt that is to be forgiven: {}", entry.id));
            }
        }
        for order in self.orders.iter().filter(|order| order.credits_shortfall > 0) {
            if self.reversals == Reversals::Debt {
                findings.violations.push(format!("forgiven what is to be owed: {}", order.id));
            }
            let bought_at =
                self.entries.iter().find(|entry| entry.source_id == order.id).map(|entry| entry.at);
            let own = self.entries.iter().filter(|entry| entry.user_id == order.user_id);
            let since = own.filter(|entry| bought_at.is_some_and(|at| entry.at >= at));
            if since.map(|entry| entry.balance_after).min().is_none_or(|least| least > MOST_HELD) {
                findings.violations.push(format!("forgiven though it was there: {}", order.id));
            }
        }
    }
}

/// Where a paid order stands.
fn state(paid: i64, back: Back) -> &'static str {
    match back {
        Back { by_disputes: 1.., .. } => "disputed",
        Back { by_refunds, .. } if by_refunds >= paid => "refunded",
        Back { by_refunds: 1.., .. } => "partially_refunded",
        Back { .. } => "completed",
    }
}
