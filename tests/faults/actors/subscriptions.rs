//! Subscribers: they take a plan, at Stripe or at Creem, change it there, leave it now or at its end, and come back.
//! Time passes during a run, so that their periods are renewed.

use anyhow::{Context, Result, ensure};
use harness::client::Answer;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::{billing, buyer};
use crate::load::{Load, new_key, text};

pub async fn act(load: &Load, random: &mut StdRng) -> Result<()> {
    match random.random_range(0..6) {
        0 => change_at_stripe(load, random).await,
        1 => change_at_creem(load, random).await,
        _ => subscribe(load, random).await,
    }
}

async fn subscribe(load: &Load, random: &mut StdRng) -> Result<()> {
    let user = load.subscribers.choose(random).context("no subscribers")?;
    let (channel, plan) =
        (["stripe", "creem"].choose(random).context("nobody sells")?, load.plan(random)?.id);
    let key = new_key();
    let order = || {
        let request = load.api.post("/payment/create-session").bearer(&user.api_key).idempotency_key(&key);
        request.json(json!({"channel": channel, "type": "subscription", "plan_id": plan}))
    };
    let opened = load.settle("subscription: create session", order).await;
    if opened.status() == 409 {
        ensure!(billing::has_one(&opened), "unexpected answer: {opened}");
        return Ok(());
    }
    ensure!(opened.status() == 201, "unexpected answer: {opened}");
    let session = text(&opened.json()?["data"], "session_id")?;
    buyer::pays(load, &session, random).await?;
    Ok(())
}

/// The seller changes any subscription: to the other plan, with what that costs or gives back, or to no plan.
async fn change_at_stripe(load: &Load, random: &mut StdRng) -> Result<()> {
    let key = &load.secrets.stripe_secret_key;
    let list = || load.emulator.get("/v1/subscriptions?status=active&limit=100").bearer(key);
    let listed = load.require("stripe: subscriptions", &[200], list).await?;
    let listed = listed["data"].as_array().context("no list")?;
    let Some(chosen) = listed.choose(random) else { return Ok(()) };
    let (path, request_key) = (format!("/v1/subscriptions/{}", text(chosen, "id")?), new_key());
    let form = match random.random_range(0..8) {
        0 => {
            let cancel = || load.emulator.delete(&path).bearer(key).idempotency_key(&request_key);
            let ended = load.settle("stripe: subscription ended", cancel).await;
            // Stripe knows no keys of these requests: one that ended without an answer is not found the second time.
            return if ended.status() == 404 { Ok(()) } else { done_or_refused(&ended) };
        }
        1 | 2 => "cancel_at_period_end=true".to_owned(),
        _ => {
            let item = &chosen["items"]["data"][0];
            let price = text(&item["price"], "id")?;
            let other = load.plans.iter().find(|plan| plan.price != price).context("one plan only")?;
            let behavior = ["always_invoice", "create_prorations"].choose(random).context("no behavior")?;
            let (item, price) = (text(item, "id")?, &other.price);
            format!("items[0][id]={item}&items[0][price]={price}&proration_behavior={behavior}")
        }
    };
    let change = || {
        let request = load.emulator.post(&path).bearer(key).idempotency_key(&request_key);
        request.header("content-type", "application/x-www-form-urlencoded").body(form.clone())
    };
    done_or_refused(&load.settle("stripe: subscription changed", change).await)
}

/// As at Stripe. A change of plan costs nothing before the next period. Creem knows no keys, so what was done without
/// an answer is refused the second time.
async fn change_at_creem(load: &Load, random: &mut StdRng) -> Result<()> {
    let key = &load.secrets.creem_api_key;
    let path = "/creem/v1/transactions/search?page_size=100";
    let list = || load.emulator.get(path).header("x-api-key", key);
    let listed = load.require("creem: payments", &[200], list).await?;
    let listed = listed["items"].as_array().context("no list")?;
    let subscriptions: Vec<&str> = listed.iter().filter_map(|paid| paid["subscription"].as_str()).collect();
    let Some(chosen) = subscriptions.choose(random) else { return Ok(()) };
    let (verb, body): (&str, Value) = match random.random_range(0..6) {
        0 => ("cancel", json!({"mode": "immediate"})),
        1 | 2 => ("cancel", json!({"mode": "scheduled"})),
        _ => {
            let product = format!("prod_{}", load.plan(random)?.id);
            ("upgrade", json!({"product_id": product, "update_behavior": "proration-none"}))
        }
    };
    let path = format!("/creem/v1/subscriptions/{chosen}/{verb}");
    let change = || load.emulator.post(&path).header("x-api-key", key).json(body.clone());
    done_or_refused(&load.settle("creem: subscription changed", change).await)
}

fn done_or_refused(answer: &Answer) -> Result<()> {
    ensure!([200, 400].contains(&answer.status()), "unexpected answer: {answer}");
    Ok(())
}
