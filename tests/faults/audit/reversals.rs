//! Credits follow their money: what was taken back of each payment is the share of it that is with the buyer again.

use std::collections::BTreeMap;

use super::{Books, Entry, Findings, Order};
use crate::provider::Back;

impl Books<'_> {
    /// How many millionths of an order's credits must be gone, by what the provider and the store have: the share of
    /// the money that is back, fractions left to the buyer, and never more than was granted.
    pub(super) fn clawback(&self, order: &Order) -> i64 {
        if order.provider == "revenuecat" {
            return if self.is_refunded_by_store(order) { order.credits } else { 0 };
        }
        let Some((paid, back)) = self.money(order) else { return 0 };
        let back = (back.by_refunds + back.by_disputes).min(paid);
        let share = i128::from(order.credits) * i128::from(back) / i128::from(paid);
        i64::try_from(share).unwrap_or(i64::MAX)
    }

    /// What was paid for an order, and what of it went back.
    fn money(&self, order: &Order) -> Option<(i64, Back)> {
        let (payment, paid) = self.provider.charges.get(&order.id)?.first()?;
        Some((*paid, self.provider.back.get(payment).copied().unwrap_or_default()))
    }

    /// What was taken back of each payment is what must be, and was so at no time twice.
    pub(super) fn reversals(&self, findings: &mut Findings) {
        let mut by_order: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.source_kind == "reversal") {
            let order = entry.source_id.split(':').next().unwrap_or_default();
            by_order.entry(order).or_default().push(entry);
            findings.add(if entry.amount < 0 { "reversals" } else { "reinstatements" }, 1);
        }
        for order in &self.orders {
            let entries = by_order.remove(order.id.as_str()).unwrap_or_default();
            let is_credited = self
                .entries
                .iter()
                .any(|entry| entry.source_kind == "payment" && entry.source_id == order.id);
            let taken: i64 = -entries.iter().map(|entry| entry.amount).sum::<i64>();
            let due = if is_credited { self.clawback(order) } else { 0 };
            if taken != due || entries.iter().any(|entry| entry.user_id != order.user_id) {
                let (id, state) = (&order.id, &order.state);
                let text =
                    format!("not taken back as the money went: {id} ({state}), {taken} millionths of {due}");
                findings.violations.push(text);
            }
            if entries.iter().any(|entry| entry.amount.abs() > order.credits) {
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
    /// had been held before is captured all the same.
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
