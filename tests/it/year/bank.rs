//! What the provider says of the money: what was charged, what went back, which periods were paid.

use std::collections::BTreeMap;

use harness::world::World;
use serde_json::Value;

/// A payment that was made.
#[derive(Clone, Debug)]
pub struct Charge {
    pub intent: String,
    pub customer: String,
    /// The payment method.
    pub card: String,
    pub at: i64,
    pub cents: i64,
    /// What is with the buyer again, by refunds and disputes.
    pub gone: i64,
    /// Whether Purser charged a saved card by itself.
    pub is_recharge: bool,
    /// When money of it began to go back, or a bank to doubt it.
    pub doubted_at: Vec<i64>,
}

/// An invoice of a subscription that is settled.
#[derive(Clone, Debug)]
pub struct Invoice {
    pub id: String,
    pub subscription: String,
    pub at: i64,
    /// Price and amount of each line, before discounts and without tax on top.
    pub lines: Vec<(String, i64)>,
    pub period_end: i64,
    /// What it came to, with tax and before the customer's balance.
    pub total: i64,
    /// Its payment, if any money was taken.
    pub intent: Option<String>,
}

#[derive(Default)]
pub struct Bank {
    pub charges: BTreeMap<String, Charge>,
    pub invoices: Vec<Invoice>,
    /// The state of each subscription.
    pub subscriptions: BTreeMap<String, String>,
    /// When what was seen really happened, by its id.
    times: BTreeMap<String, i64>,
}

/// How the providers' clock has stood to everyone else's since the last look.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How far it was ahead, in seconds.
    pub skew: i64,
    /// When the clock was moved last. The providers' follows a moment after everyone else's, so that what happens in
    /// that moment bears a time from before.
    pub moved_at: i64,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}

/// A whole list; the provider may fail now and then.
async fn list(world: &World, path: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::<Value>::new(), String::new());
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let request = world.stripe_get(&format!("{path}{join}limit=100{after}"));
        let Ok(page) = request.require(200).await else { continue };
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        match found.last() {
            Some(last) if page["has_more"] == true => after = format!("&starting_after={}", text(last, "id")),
            _ => return found,
        }
    }
}

impl Bank {
    /// What the provider says now.
    pub async fn ask(world: &World, last: Self, times: Times) -> Self {
        let mut bank = Self { times: last.times, ..Self::default() };
        let mut by_charge = BTreeMap::new();
        for charge in list(world, "charges").await {
            if charge["status"] != "succeeded" || charge["payment_intent"].is_null() {
                continue;
            }
            let intent = text(&charge, "payment_intent");
            by_charge.insert(text(&charge, "id"), intent.clone());
            let at = bank.time_of(&charge, times);
            let made = Charge {
                intent: intent.clone(),
                customer: text(&charge, "customer"),
                card: text(&charge, "payment_method"),
                at,
                cents: number(&charge, "amount"),
                gone: number(&charge, "amount_refunded"),
                is_recharge: charge["metadata"]["run_id"].is_string(),
                doubted_at: Vec::new(),
            };
            bank.charges.insert(intent, made);
        }
        for (path, is_dispute) in
            [("refunds", false), ("disputes", true), ("radar/early_fraud_warnings", false)]
        {
            for doubt in list(world, path).await {
                let Some(intent) = by_charge.get(&text(&doubt, "charge")) else { continue };
                let at = bank.time_of(&doubt, times);
                let charge = bank.charges.get_mut(intent).unwrap();
                charge.doubted_at.push(at);
                if is_dispute {
                    let moved = doubt["balance_transactions"].as_array().unwrap().iter();
                    charge.gone -= moved.map(|moved| number(moved, "amount")).sum::<i64>();
                }
            }
        }
        bank.read_invoices(world).await;
        for subscription in list(world, "subscriptions?status=all").await {
            bank.subscriptions.insert(text(&subscription, "id"), text(&subscription, "status"));
        }
        bank
    }

    /// When something really happened.
    fn time_of(&mut self, happened: &Value, times: Times) -> i64 {
        let at = (number(happened, "created") - times.skew).max(times.moved_at);
        *self.times.entry(text(happened, "id")).or_insert(at)
    }

    async fn read_invoices(&mut self, world: &World) {
        let mut payments = BTreeMap::new();
        for payment in list(world, "invoice_payments").await {
            payments.insert(text(&payment, "invoice"), text(&payment["payment"], "payment_intent"));
        }
        for invoice in list(world, "invoices").await {
            let subscription = text(&invoice["parent"]["subscription_details"], "subscription");
            if invoice["status"] != "paid" || subscription.is_empty() {
                continue;
            }
            let id = text(&invoice, "id");
            let lines = match invoice["lines"]["has_more"].as_bool() {
                Some(true) => list(world, &format!("invoices/{id}/lines")).await,
                _ => invoice["lines"]["data"].as_array().unwrap().clone(),
            };
            let price = |line: &Value| text(&line["pricing"]["price_details"], "price");
            self.invoices.push(Invoice {
                intent: payments.get(&id).filter(|intent| !intent.is_empty()).cloned(),
                at: number(&invoice["status_transitions"], "paid_at"),
                total: number(&invoice, "total"),
                lines: lines.iter().map(|line| (price(line), number(line, "amount"))).collect(),
                period_end: lines.iter().map(|line| number(&line["period"], "end")).max().unwrap_or(0),
                id,
                subscription,
            });
        }
        // Listed are the newest first.
        self.invoices.reverse();
        self.invoices.sort_by_key(|invoice| invoice.at);
    }
}
