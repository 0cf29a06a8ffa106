//! The provider's own view: its events, its charges and what it paid back, all from its record of events.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use harness::client::Client;
use serde_json::Value;

/// One event, as far as the audit goes.
#[derive(Clone, Debug)]
pub struct Event {
    pub provider: String,
    pub id: String,
    /// Deliveries that were answered with success.
    pub accepted: u64,
    /// Attempts that were not.
    pub failed: u64,
    /// Whether no delivery of it was accepted, nor will be.
    pub is_lost: bool,
}

/// What was charged for each order: the provider's payments, and how much in the smallest unit.
pub type Charges = BTreeMap<String, BTreeSet<(String, i64)>>;

/// A refund or a dispute as it stands at last.
struct Reversal {
    payment: String,
    is_dispute: bool,
    /// How much of the money is back with the buyer: nothing of a refund that failed or a dispute that was won.
    minor: i64,
}

/// How much of a payment is back with the buyer, in the smallest unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Back {
    pub by_refunds: i64,
    pub by_disputes: i64,
}

pub struct Provider {
    pub events: Vec<Event>,
    pub charges: Charges,
    /// By the provider's payment.
    pub back: BTreeMap<String, Back>,
}

impl Provider {
    /// # Errors
    /// When the provider does not answer, or an event makes no sense.
    pub async fn ask(emulator: &Client) -> Result<Self> {
        let listed = emulator.get("/_emulator/events").require(200).await?;
        let listed = listed["events"].as_array().context("no list of events")?;
        let mut provider = Self { events: Vec::new(), charges: Charges::new(), back: BTreeMap::new() };
        let invoices: BTreeMap<&str, &str> = listed.iter().filter_map(invoice_payment).collect();
        let mut reversals: BTreeMap<&str, Reversal> = BTreeMap::new();
        for event in listed {
            provider.events.push(read(event)?);
            if let Some((order, payment, amount)) = charge(event, &invoices) {
                provider.charges.entry(order).or_default().insert((payment, amount));
            }
            // The newest are last.
            reversals.extend(reversal(event));
        }
        for reversal in reversals.into_values() {
            let back = provider.back.entry(reversal.payment).or_default();
            let sum = if reversal.is_dispute { &mut back.by_disputes } else { &mut back.by_refunds };
            *sum += reversal.minor;
        }
        Ok(provider)
    }
}

fn read(event: &Value) -> Result<Event> {
    let deliveries = event["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let attempts = deliveries.iter().filter_map(|delivery| delivery["attempts"].as_array()).flatten();
    let (accepted, failed): (Vec<&Value>, Vec<&Value>) =
        attempts.partition(|attempt| attempt["status"] == 200);
    let is_over = |delivery: &Value| delivery["state"] == "dropped" || delivery["state"] == "failed";
    Ok(Event {
        provider: event["provider"].as_str().context("an event without a provider")?.to_owned(),
        id: event["id"].as_str().context("an event without an id")?.to_owned(),
        accepted: accepted.len() as u64,
        failed: failed.len() as u64,
        is_lost: !deliveries.is_empty() && deliveries.iter().all(is_over),
    })
}

/// An invoice and its payment.
fn invoice_payment(event: &Value) -> Option<(&str, &str)> {
    let paid = &event["data"]["object"];
    let is_about_it = event["type"] == "invoice_payment.paid";
    Some((paid["invoice"].as_str()?, paid["payment"]["payment_intent"].as_str()?)).filter(|_| is_about_it)
}

/// The order, the payment and the amount, if the event says that an order was paid. A payment on a page has two events:
/// of the page and of the payment.
fn charge(event: &Value, invoices: &BTreeMap<&str, &str>) -> Option<(String, String, i64)> {
    let (payment, order, amount) = match event["type"].as_str()? {
        "checkout.session.completed" => {
            let session = &event["data"]["object"];
            if session["payment_status"] != "paid" {
                return None;
            }
            // A plan's page has an invoice instead.
            let invoiced = || invoices.get(session["invoice"].as_str()?).copied();
            let payment = session["payment_intent"].as_str().or_else(invoiced)?;
            (payment, session["client_reference_id"].as_str()?, session["amount_total"].as_i64()?)
        }
        "payment_intent.succeeded" => {
            let intent = &event["data"]["object"];
            let order = intent["metadata"]["payment_id"].as_str()?;
            (intent["id"].as_str()?, order, intent["amount_received"].as_i64()?)
        }
        "checkout.completed" => {
            let checkout = &event["object"];
            let order = checkout["request_id"].as_str()?.split(':').next()?;
            (checkout["id"].as_str()?, order, checkout["order"]["amount_paid"].as_i64()?)
        }
        _ => return None,
    };
    Some((order.to_owned(), payment.to_owned(), amount))
}

/// A refund or dispute by its id, as the event has it.
fn reversal(event: &Value) -> Option<(&str, Reversal)> {
    let is_stripe = event["provider"] == "stripe";
    let object = if is_stripe { &event["data"]["object"] } else { &event["object"] };
    let payment = if is_stripe { &object["payment_intent"] } else { &object["checkout"]["id"] };
    let kind = event["type"].as_str()?;
    let (is_dispute, minor) = if kind.starts_with("refund.") {
        // A pending refund counts as paid back.
        let is_back = matches!(object["status"].as_str()?, "pending" | "requires_action" | "succeeded");
        let amount = if is_stripe { &object["amount"] } else { &object["refund_amount"] };
        (false, if is_back { amount.as_i64()? } else { 0 })
    } else if kind.starts_with("charge.dispute.") {
        let moved = object["balance_transactions"].as_array()?.iter();
        (true, -moved.filter_map(|moved| moved["amount"].as_i64()).sum::<i64>())
    } else if kind == "dispute.created" {
        (true, object["amount"].as_i64()?)
    } else {
        return None;
    };
    Some((object["id"].as_str()?, Reversal { payment: payment.as_str()?.to_owned(), is_dispute, minor }))
}
