//! Refunds by sellers and disputes by banks, of any payment at Stripe and at Creem. Most of the credits are spent by
//! then, so wallets fall into debt.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::Request;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::load::{Load, new_key, text};

/// The provider refuses what has been refunded already or is under dispute.
const DONE_OR_REFUSED: [u16; 2] = [200, 400];
/// Milliseconds until a bank has decided.
const DECISION: std::ops::Range<u64> = 0..3_000;

pub async fn act(load: &Load, random: &mut StdRng) -> Result<()> {
    if random.random() { at_stripe(load, random).await } else { at_creem(load, random).await }
}

async fn at_stripe(load: &Load, random: &mut StdRng) -> Result<()> {
    let key = &load.secrets.stripe_secret_key;
    let list = || load.emulator.get("/v1/payment_intents?limit=100").bearer(key);
    let listed = load.require("stripe: payments", &[200], list).await?;
    let paid = rows(&listed["data"])?.filter(|intent| intent["status"] == "succeeded");
    let Some(intent) = paid.collect::<Vec<_>>().choose(random).copied() else { return Ok(()) };
    let (id, paid) = (text(intent, "id")?, intent["amount_received"].as_i64().context("no amount")?);
    let part = random.random_range(1..=paid);
    match random.random_range(0..7) {
        0 => refund(load, &id, None).await.map(drop),
        1 => refund(load, &id, Some(part)).await.map(drop),
        2 => {
            // In parts that together may be more than there is.
            for _ in 0..3 {
                refund(load, &id, Some((part / 2).max(1))).await?;
            }
            Ok(())
        }
        3 => {
            // It fails after it has succeeded: the seller has the money again.
            let Some(refund) = refund(load, &id, Some(part)).await? else { return Ok(()) };
            let path = format!("/_emulator/refunds/{}/settle", text(&refund, "id")?);
            load.emulator.post(&path).json(json!({"succeeded": false})).require(200).await.map(drop)
        }
        4 => {
            let warning =
                load.emulator.post("/_emulator/early_fraud_warnings").json(json!({"payment_intent": id}));
            once(load, "stripe: warning of fraud", warning).await.map(drop)
        }
        _ => dispute(load, &id, Some(part).filter(|_| random.random()), random).await,
    }
}

/// Refunds a part, or what is left; none if the provider refuses.
async fn refund(load: &Load, intent: &str, amount: Option<i64>) -> Result<Option<Value>> {
    let key = new_key();
    let amount = amount.map(|amount| format!("&amount={amount}")).unwrap_or_default();
    let create = || {
        let request = load.emulator.post("/v1/refunds").bearer(&load.secrets.stripe_secret_key);
        let form = request.header("content-type", "application/x-www-form-urlencoded").idempotency_key(&key);
        form.body(format!("payment_intent={intent}{amount}"))
    };
    let answer = load.settle("stripe: refund", create).await;
    ensure!(DONE_OR_REFUSED.contains(&answer.status()), "unexpected answer: {answer}");
    if answer.status() == 200 { answer.json().map(Some) } else { Ok(None) }
}

/// The bank asks, or takes back, and decides for one or the other, for a part, or not within the run. What it only
/// asked about, it may take back after all.
async fn dispute(load: &Load, intent: &str, amount: Option<i64>, random: &mut StdRng) -> Result<()> {
    let body = json!({"payment_intent": intent, "amount": amount, "inquiry": random.random_range(0..3) == 0});
    let opened = load.emulator.post("/_emulator/disputes").json(body);
    let Some(dispute) = once(load, "stripe: dispute", opened).await? else { return Ok(()) };
    let path = format!("/_emulator/disputes/{}", text(&dispute, "id")?);
    if random.random() {
        // Refused unless it is an inquiry.
        let escalated = load.emulator.post(&format!("{path}/escalate")).json(json!({}));
        once(load, "stripe: inquiry escalated", escalated).await?;
    }
    let all = dispute["amount"].as_i64().context("no amount")?;
    let verdict = match random.random_range(0..5) {
        0 => return Ok(()),
        1 => json!({"won": true}),
        2 | 3 if all > 1 => json!({"won": false, "returned": random.random_range(1..all)}),
        _ => json!({"won": false}),
    };
    tokio::time::sleep(Duration::from_millis(random.random_range(DECISION))).await;
    let closed = load.emulator.post(&format!("{path}/close")).json(verdict);
    once(load, "stripe: dispute decided", closed).await.map(drop)
}

async fn at_creem(load: &Load, random: &mut StdRng) -> Result<()> {
    let key = &load.secrets.creem_api_key;
    let path = "/creem/v1/transactions/search?page_size=100";
    let list = || load.emulator.get(path).header("x-api-key", key);
    let listed = load.require("creem: payments", &[200], list).await?;
    let is_here = |paid: &&Value| paid["status"] == "paid" || paid["status"] == "partialRefund";
    let paid = rows(&listed["items"])?.filter(is_here);
    let Some(paid) = paid.collect::<Vec<_>>().choose(random).copied() else { return Ok(()) };
    let (id, all) = (text(paid, "id")?, paid["amount_paid"].as_i64().context("no amount")?);
    let (what, path) = match random.random_range(0..4) {
        0 => ("creem: dispute", "/_emulator/creem/disputes"),
        _ => ("creem: refund", "/_emulator/creem/refunds"),
    };
    for _ in 0..random.random_range(1..4) {
        let body = match random.random() {
            true => json!({"transaction_id": id, "amount": random.random_range(1..=all)}),
            false => json!({"transaction_id": id}),
        };
        once(load, what, load.emulator.post(path).json(body)).await?;
    }
    Ok(())
}

fn rows(listed: &Value) -> Result<impl Iterator<Item = &Value>> {
    Ok(listed.as_array().context("no list")?.iter())
}

/// A control of the emulator; none if it is refused, or if the emulator is frozen for longer than one waits. Whether it
/// was done then, the audit reads in the emulator.
async fn once(load: &Load, what: &'static str, request: Request) -> Result<Option<Value>> {
    let Ok(answer) = request.send().await else {
        load.journal.count(what, "no answer");
        return Ok(None);
    };
    load.journal.count(what, answer.status().to_string());
    ensure!(DONE_OR_REFUSED.contains(&answer.status()), "unexpected answer: {answer}");
    if answer.status() == 200 { answer.json().map(Some) } else { Ok(None) }
}
