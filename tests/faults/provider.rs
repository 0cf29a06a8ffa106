//! The provider's own view: what it told, and what it charged, each from its record of events.

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

/// Everything that happened there.
pub struct Provider {
    pub events: Vec<Event>,
    pub charges: Charges,
}

impl Provider {
    /// Asks for it.
    ///
    /// # Errors
    /// When the provider does not answer, or an event makes no sense.
    pub async fn ask(emulator: &Client) -> Result<Self> {
        let listed = emulator.get("/_emulator/events").require(200).await?;
        let listed = listed["events"].as_array().context("no list of events")?;
        let mut provider = Self { events: Vec::new(), charges: Charges::new() };
        for event in listed {
            provider.events.push(read(event)?);
            if let Some((order, payment, amount)) = charge(event) {
                provider.charges.entry(order).or_default().insert((payment, amount));
            }
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
        provider: event["provider"].as_str().context("an event of nobody")?.to_owned(),
        id: event["id"].as_str().context("an event without an id")?.to_owned(),
        accepted: accepted.len() as u64,
        failed: failed.len() as u64,
        is_lost: !deliveries.is_empty() && deliveries.iter().all(is_over),
    })
}

/// The order, the payment and the amount, if the event says that an order was paid. A payment on a page is told twice,
/// of the page and of the payment.
fn charge(event: &Value) -> Option<(String, String, i64)> {
    let (payment, order, amount) = match event["type"].as_str()? {
        "checkout.session.completed" => {
            let session = &event["data"]["object"];
            if session["payment_status"] != "paid" {
                return None;
            }
            // A plan's page has an invoice instead.
            let payment = session["payment_intent"].as_str().or(session["id"].as_str())?;
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
