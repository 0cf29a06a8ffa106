//! Buys a cart of packs over TimeProof's API, and half of the time waits until the payment is seen to be done.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::buyer;
use crate::load::{Load, User, new_key, text};

const PACKS: [&str; 3] = ["micro", "basic", "pro"];

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let pack = PACKS.choose(random).context("no packs")?;
    let (key, quantity) = (new_key(), random.random_range(1..4));
    let body = json!({"items": [{"packId": pack, "quantity": quantity}, {"packId": "micro", "quantity": 1}]});
    let order = || {
        let request = load.api.post("/api/payments/checkout").bearer(&user.api_key);
        request.idempotency_key(&key).json(body.clone())
    };
    let opened = load.require("timeproof: checkout", &[200], order).await?;
    let session = text(&opened, "sessionId")?;
    if !buyer::pays(load, &session, random).await? || random.random() {
        return Ok(());
    }
    let path = format!("/api/payments/session/{session}");
    let poll = || load.api.get(&path).bearer(&user.api_key);
    let is_completed = |shown: &Value| Ok((shown["status"] == "completed").then_some(()));
    load.poll("timeproof: session", poll, is_completed).await
}
