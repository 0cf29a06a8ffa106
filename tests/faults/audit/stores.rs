//! Purchases in app stores: each is credited once, to its buyer, unless its money went back.

use std::collections::BTreeMap;

use super::{Books, Findings, Order};
use crate::actors::revenuecat::STORE;

impl Books<'_> {
    pub(super) fn store_purchases(&self, findings: &mut Findings) {
        let mut orders: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.provider == "revenuecat") {
            orders.entry(transaction(order).unwrap_or_default()).or_default().push(order);
        }
        for (transaction, purchase) in &self.clients.store_purchases {
            findings.add("purchases in a store", 1);
            findings.add("purchases in a store, refunded", u64::from(purchase.is_refunded));
            match orders.remove(transaction.as_str()).unwrap_or_default().as_slice() {
                // Refunded before it was credited: it never is.
                [] if purchase.is_refunded => {}
                [] => findings.violations.push(format!("bought in a store and not credited: {transaction}")),
                [order] if order.user_id != purchase.user => {
                    findings.violations.push(format!("bought in a store by another: {transaction}"));
                }
                [order] => {
                    let is_its = |kind: &str, id: &str| kind == "payment" && id == order.id;
                    let entries = self.entries.iter().filter(|one| is_its(&one.source_kind, &one.source_id));
                    let credited: Vec<i64> = entries.map(|entry| entry.amount).collect();
                    if credited != [order.credits] {
                        let text = format!("bought in a store, credited {credited:?}: {transaction}");
                        findings.violations.push(text);
                    }
                }
                [..] => findings.violations.push(format!("bought in a store, ordered twice: {transaction}")),
            }
        }
        let unknown =
            orders.keys().map(|transaction| format!("an order for no purchase in a store: {transaction}"));
        findings.violations.extend(unknown);
    }

    /// Whether the store has given the money of an order back.
    pub(super) fn is_refunded_by_store(&self, order: &Order) -> bool {
        let purchase = transaction(order).and_then(|id| self.clients.store_purchases.get(id));
        purchase.is_some_and(|purchase| purchase.is_refunded)
    }
}

/// The store's id of what an order is for.
fn transaction(order: &Order) -> Option<&str> {
    order.provider_payment.as_deref()?.strip_prefix(STORE)?.strip_prefix(':')
}
