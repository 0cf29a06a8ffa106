//! The host application received one notice for all credits that were added, removed or restored, however often each
//! was sent.

use std::collections::BTreeMap;

use kernel::money::Credits;
use serde_json::Value;

use super::{Books, Entry, Findings};

impl Books<'_> {
    pub(super) fn notices(&self, findings: &mut Findings) {
        let mut messages: BTreeMap<&str, &str> = BTreeMap::new();
        for received in self.received {
            findings.add("messages to the host application", 1);
            let first = messages.entry(received.id()).or_insert(&received.body);
            if *first != received.body {
                findings.violations.push(format!("two messages under one id: {}", received.id()));
            }
        }
        findings
            .add("messages to the host application, repeated", (self.received.len() - messages.len()) as u64);
        let mut notices: BTreeMap<String, u64> = BTreeMap::new();
        for message in messages.values().filter_map(|body| notice(body)) {
            *notices.entry(message).or_default() += 1;
        }
        let numbers: BTreeMap<&str, i64> =
            self.orders.iter().map(|order| (order.id.as_str(), order.number)).collect();
        for entry in &self.entries {
            let Some(due) = due(entry, &numbers) else { continue };
            findings.add("notices due", 1);
            match notices.get_mut(&due) {
                Some(count) if *count > 0 => *count -= 1,
                _ => findings.violations.push(format!("a notice never reached the host application: {due}")),
            }
        }
        let left = notices.iter().filter(|(_, count)| **count > 0);
        let left = left.map(|(message, count)| {
            format!("a notice reached the host application too often: {message} ({count})")
        });
        findings.violations.extend(left);
    }
}

/// The notice that an entry must have led to.
fn due(entry: &Entry, numbers: &BTreeMap<&str, i64>) -> Option<String> {
    let kind = match (entry.source_kind.as_str(), entry.amount) {
        ("payment", _) => "credits.added",
        ("reversal", ..0) => "credits.removed",
        ("reversal", _) => "credits.restored",
        _ => return None,
    };
    let number = numbers.get(entry.source_id.split(':').next()?)?;
    let credits = Credits::from_millionths(entry.amount.abs()).to_json();
    let balance = Credits::from_millionths(entry.balance_after).to_json();
    Some(format!("{kind} of payment {number}: {credits}, then {balance} for {}", entry.user_id))
}

/// The notice in a message, if it is about credits that follow money.
fn notice(body: &str) -> Option<String> {
    let message: Value = serde_json::from_str(body).ok()?;
    let (kind, data) = (message["type"].as_str()?, &message["data"]);
    let (credits, balance, user) = (&data["credits"], &data["balance"], data["userId"].as_str()?);
    let is_about_money = ["credits.added", "credits.removed", "credits.restored"].contains(&kind);
    is_about_money
        .then(|| format!("{kind} of payment {}: {credits}, then {balance} for {user}", data["paymentId"]))
}
