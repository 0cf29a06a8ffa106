//! What Stripe says of the periods of subscriptions that were paid.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::client::Client;

/// An invoice of a subscription that is settled.
#[derive(Clone, Debug)]
pub struct Invoice {
    pub id: String,
    pub subscription: String,
    pub customer: String,
    /// When it was settled, in Unix seconds.
    pub at: i64,
    /// Price and amount of each line, before discounts and without tax on top.
    pub lines: Vec<(String, i64)>,
    pub period_end: i64,
    /// Its payment, if any money was taken.
    pub intent: Option<String>,
    /// What was paid in money, tax included.
    pub paid: i64,
    /// What it came to, with tax and before the customer's balance.
    pub total: i64,
    /// What was charged for: after discounts, before tax and the customer's balance.
    pub net: i64,
}

/// A Stripe account as its owner sees it.
pub struct Account<'a> {
    pub emulator: &'a Client,
    pub secret_key: &'a str,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}

impl Account<'_> {
    /// A whole list; `path` begins after `/v1/`. The provider may fail now and then: it is asked until it answers.
    ///
    /// # Errors
    /// When an answer is no list.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut found, mut after) = (Vec::<Value>::new(), String::new());
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let request = self.emulator.get(&format!("/v1/{path}{join}limit=100{after}"));
            let Ok(page) = request.bearer(self.secret_key).require(200).await else { continue };
            found.extend(rows(&page)?.iter().cloned());
            match found.last() {
                Some(last) if page["has_more"] == true => {
                    after = format!("&starting_after={}", text(last, "id"));
                }
                _ => return Ok(found),
            }
        }
    }

    /// The settled invoices of all subscriptions, the earliest first.
    ///
    /// # Errors
    /// When an answer makes no sense.
    pub async fn settled_invoices(&self) -> Result<Vec<Invoice>> {
        let mut payments = std::collections::BTreeMap::new();
        for payment in self.list("invoice_payments").await? {
            payments.insert(text(&payment, "invoice"), text(&payment["payment"], "payment_intent"));
        }
        let mut invoices = Vec::new();
        for invoice in self.list("invoices").await? {
            let subscription = text(&invoice["parent"]["subscription_details"], "subscription");
            if invoice["status"] != "paid" || subscription.is_empty() {
                continue;
            }
            let id = text(&invoice, "id");
            let lines = match invoice["lines"]["has_more"].as_bool() {
                Some(true) => self.list(&format!("invoices/{id}/lines")).await?,
                _ => rows(&invoice["lines"])?.clone(),
            };
            let price = |line: &Value| text(&line["pricing"]["price_details"], "price");
            invoices.push(Invoice {
                intent: payments.get(&id).filter(|intent| !intent.is_empty()).cloned(),
                customer: text(&invoice, "customer"),
                at: number(&invoice["status_transitions"], "paid_at"),
                lines: lines.iter().map(|line| (price(line), number(line, "amount"))).collect(),
                period_end: lines.iter().map(|line| number(&line["period"], "end")).max().unwrap_or(0),
                paid: number(&invoice, "amount_paid"),
                total: number(&invoice, "total"),
                net: number(&invoice, "total_excluding_tax"),
                id,
                subscription,
            });
        }
        // Listed are the newest first.
        invoices.reverse();
        invoices.sort_by_key(|invoice| invoice.at);
        Ok(invoices)
    }
}

fn rows(page: &Value) -> Result<&Vec<Value>> {
    page["data"].as_array().with_context(|| format!("no list: {page}"))
}
