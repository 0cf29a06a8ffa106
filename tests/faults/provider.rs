//! The provider's own view: its events, its charges, paid periods of subscriptions, and what it paid back.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use harness::client::Client;
use harness::invoices::{Account, Invoice};
use harness::system::Secrets;
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

/// A payment that was made.
#[derive(Clone, Debug)]
pub struct Charge {
    /// When, in Unix seconds by the provider's clock.
    pub at: i64,
    /// What it came to, with tax, in the smallest unit; a customer's balance may have paid a part of it.
    pub paid: i64,
    /// What of it is no tax, where the provider says so.
    pub net: Option<i64>,
}

/// What was charged for each order, by the provider's payment.
pub type Charges = BTreeMap<String, BTreeMap<String, Charge>>;

/// A paid period of a subscription, or a paid change of its plan.
#[derive(Clone, Debug)]
pub struct Period {
    /// The invoice of Stripe's, or the transaction of Creem's.
    pub id: String,
    pub subscription: String,
    /// Whose balance at the provider takes part in it: the customer, or at Creem the subscription.
    pub payer: String,
    /// The order that it is the first payment of.
    pub first_of: Option<String>,
    /// The payment; one of Stripe's that no money was taken for has none, and is named by the period.
    pub payment: String,
    pub charge: Charge,
    /// Price and amount of each line, before discounts and tax.
    pub lines: Vec<(String, i64)>,
    /// When it ends, in Unix seconds.
    pub end: i64,
}

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
    /// Of orders; later periods of subscriptions are none.
    pub charges: Charges,
    pub periods: Vec<Period>,
    /// When subscriptions ended, in Unix seconds.
    pub ended: BTreeMap<String, i64>,
    /// By the provider's payment.
    pub back: BTreeMap<String, Back>,
}

impl Provider {
    /// # Errors
    /// When the provider does not answer, or an event makes no sense.
    pub async fn ask(emulator: &Client, secrets: &Secrets) -> Result<Self> {
        let listed = emulator.get("/_emulator/events").require(200).await?;
        let listed = listed["events"].as_array().context("no list of events")?;
        let (mut charges, mut ended) = (Charges::new(), BTreeMap::new());
        let (mut firsts, mut events) = (BTreeMap::new(), Vec::new());
        let mut reversals: BTreeMap<&str, Reversal> = BTreeMap::new();
        for event in listed {
            events.push(read(event)?);
            if let Some((order, payment, charge)) = charge(event) {
                let known = charges.entry(order).or_default().entry(payment).or_insert(charge.clone());
                known.net = known.net.or(charge.net);
            }
            firsts.extend(first_period(event));
            ended.extend(end(event));
            // The newest are last.
            reversals.extend(reversal(event));
        }
        let mut back: BTreeMap<String, Back> = BTreeMap::new();
        for reversal in reversals.into_values() {
            let back = back.entry(reversal.payment).or_default();
            let sum = if reversal.is_dispute { &mut back.by_disputes } else { &mut back.by_refunds };
            *sum += reversal.minor;
        }
        let mut periods = stripe_periods(emulator, secrets, &firsts).await?;
        periods.extend(creem_periods(emulator, secrets, &firsts).await?);
        for period in &periods {
            if let Some(order) = &period.first_of {
                charges
                    .entry(order.clone())
                    .or_default()
                    .insert(period.payment.clone(), period.charge.clone());
            }
        }
        Ok(Self { events, charges, periods, ended, back })
    }
}

/// The order that each first period is of, by its invoice or transaction.
type Firsts = BTreeMap<String, String>;

async fn stripe_periods(emulator: &Client, secrets: &Secrets, firsts: &Firsts) -> Result<Vec<Period>> {
    let account = Account { emulator, secret_key: &secrets.stripe_secret_key };
    let invoices = account.settled_invoices().await?.into_iter();
    let period = |invoice: Invoice| {
        let first_of = firsts.get(&invoice.id).cloned();
        // Of a later one, the order is made of what was paid, with its tax.
        let net = if first_of.is_some() { invoice.net } else { invoice.paid };
        Period {
            first_of,
            payment: invoice.intent.unwrap_or_else(|| invoice.id.clone()),
            charge: Charge { at: invoice.at, paid: invoice.total, net: Some(net) },
            id: invoice.id,
            subscription: invoice.subscription,
            payer: invoice.customer,
            lines: invoice.lines,
            end: invoice.period_end,
        }
    };
    Ok(invoices.map(period).collect())
}

async fn creem_periods(emulator: &Client, secrets: &Secrets, firsts: &Firsts) -> Result<Vec<Period>> {
    let (mut periods, mut number) = (Vec::new(), 1);
    loop {
        let path = format!("/creem/v1/transactions/search?page_size=100&page_number={number}");
        let page = emulator.get(&path).header("x-api-key", &secrets.creem_api_key).require(200).await?;
        for paid in page["items"].as_array().context("no list of transactions")? {
            periods.extend(creem_period(paid, firsts));
        }
        match page["pagination"]["next_page"].as_i64() {
            Some(next) => number = next,
            None => return Ok(periods),
        }
    }
}

fn creem_period(paid: &Value, firsts: &Firsts) -> Option<Period> {
    let (id, subscription) = (paid["id"].as_str()?.to_owned(), paid["subscription"].as_str()?.to_owned());
    let (amount, total) = (paid["amount"].as_i64()?, paid["amount_paid"].as_i64()?);
    let net = amount - paid["discount_amount"].as_i64()?;
    Some(Period {
        first_of: firsts.get(&id).cloned(),
        payer: subscription.clone(),
        subscription,
        payment: id.clone(),
        charge: Charge { at: paid["created_at"].as_i64()? / 1_000, paid: total, net: Some(net) },
        // Which product it is for does not show, but its price does.
        lines: vec![(format!("creem {amount}"), amount)],
        end: paid["period_end"].as_i64()? / 1_000,
        id,
    })
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

/// The first period of a plan's order, and the order.
fn first_period(event: &Value) -> Option<(String, String)> {
    let (period, order) = match event["type"].as_str()? {
        "checkout.session.completed" => {
            let session = &event["data"]["object"];
            let is_plan = session["mode"] == "subscription";
            (session["invoice"].as_str().filter(|_| is_plan)?, session["client_reference_id"].as_str()?)
        }
        "checkout.completed" => {
            let checkout = &event["object"];
            let is_plan = checkout["subscription"].is_object();
            let order = checkout["request_id"].as_str()?.split(':').next()?;
            (checkout["order"]["transaction"].as_str().filter(|_| is_plan)?, order)
        }
        _ => return None,
    };
    Some((period.to_owned(), order.to_owned()))
}

/// A subscription, and when it ended.
fn end(event: &Value) -> Option<(String, i64)> {
    match event["type"].as_str()? {
        "customer.subscription.deleted" => {
            Some((event["data"]["object"]["id"].as_str()?.to_owned(), event["created"].as_i64()?))
        }
        "subscription.canceled" => {
            Some((event["object"]["id"].as_str()?.to_owned(), event["created_at"].as_i64()? / 1_000))
        }
        _ => None,
    }
}

/// The order, the payment and the charge, if the event says that an order was paid. A payment on a page has two events:
/// of the page and of the payment. What a plan's page was paid by, its invoice says.
fn charge(event: &Value) -> Option<(String, String, Charge)> {
    let at = event["created"].as_i64().or_else(|| Some(event["created_at"].as_i64()? / 1_000))?;
    let (order, payment, paid, net) = match event["type"].as_str()? {
        "checkout.session.completed" => {
            let session = &event["data"]["object"];
            if session["payment_status"] != "paid" {
                return None;
            }
            let total = session["amount_total"].as_i64()?;
            let tax = session["total_details"]["amount_tax"].as_i64().unwrap_or(0);
            let order = session["client_reference_id"].as_str()?;
            (order, session["payment_intent"].as_str()?, total, Some(total - tax))
        }
        "payment_intent.succeeded" => {
            let intent = &event["data"]["object"];
            let order = intent["metadata"]["payment_id"].as_str()?;
            (order, intent["id"].as_str()?, intent["amount_received"].as_i64()?, None)
        }
        "checkout.completed" => {
            let (checkout, order) = (&event["object"], &event["object"]["order"]);
            let net = order["sub_total"].as_i64()? - order["discount_amount"].as_i64()?;
            let id = checkout["request_id"].as_str()?.split(':').next()?;
            (id, order["transaction"].as_str()?, order["amount_paid"].as_i64()?, Some(net))
        }
        _ => return None,
    };
    Some((order.to_owned(), payment.to_owned(), Charge { at, paid, net }))
}

/// A refund or dispute by its id, as the event has it.
fn reversal(event: &Value) -> Option<(&str, Reversal)> {
    let is_stripe = event["provider"] == "stripe";
    let object = if is_stripe { &event["data"]["object"] } else { &event["object"] };
    let payment = if is_stripe { &object["payment_intent"] } else { &object["transaction"]["id"] };
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
