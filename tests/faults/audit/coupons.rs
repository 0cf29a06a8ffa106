//! Coupons: each is worth what it says, and no more orders are paid with it than may use it.

use std::collections::BTreeMap;

use harness::terms::CREDIT;

use super::{Books, Findings};

impl Books<'_> {
    pub(super) fn coupons(&self, findings: &mut Findings) {
        let orders: BTreeMap<&str, _> = self.orders.iter().map(|order| (order.id.as_str(), order)).collect();
        let mut paid: BTreeMap<&str, u64> = BTreeMap::new();
        for (id, wanted) in &self.clients.coupon_orders {
            let Some(order) = orders.get(id.as_str()) else {
                findings.violations.push(format!("an order with a coupon is nowhere: {id}"));
                continue;
            };
            let told = (wanted.user.as_str(), wanted.price, wanted.credits * CREDIT, wanted.bonus * CREDIT);
            let has = (order.user_id.as_str(), order.amount_minor, order.credits, order.bonus_credits);
            if told != has {
                findings
                    .violations
                    .push(format!("a coupon is worth something else: {id} {has:?}, {wanted:?}"));
            }
            let Some(charges) = self.charges.get(id) else { continue };
            *paid.entry(&wanted.code).or_default() += 1;
            findings.add("charges with a coupon", 1);
            if charges.values().any(|charge| charge.net != Some(wanted.price)) {
                findings.violations.push(format!("charged otherwise than with the coupon: {id} {charges:?}"));
            }
            let is_bonus = |kind: &str, source: &str| kind == "coupon" && source == id;
            let entries = self.entries.iter().filter(|entry| is_bonus(&entry.source_kind, &entry.source_id));
            let added: Vec<i64> = entries.map(|entry| entry.amount).collect();
            let due: Vec<i64> = [wanted.bonus * CREDIT].into_iter().filter(|bonus| *bonus > 0).collect();
            if added != due {
                findings.violations.push(format!("a coupon added {added:?} instead of {due:?}: {id}"));
            }
        }
        for (code, limit) in &self.clients.coupons {
            let times = paid.get(code.as_str()).copied().unwrap_or(0);
            findings.add("coupons for one order only", u64::from(limit.is_some()));
            if limit.is_some_and(|limit| times > limit) {
                findings.violations.push(format!("a coupon was used {times} times: {code}"));
            }
        }
        let entries = self.entries.iter().filter(|entry| entry.source_kind == "coupon");
        let unknown = entries.filter(|entry| !self.clients.coupon_orders.contains_key(&entry.source_id));
        findings
            .violations
            .extend(unknown.map(|entry| format!("a bonus without a coupon: {}", entry.source_id)));
    }
}
