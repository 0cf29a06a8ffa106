//! Buys any amount of credits over Samsar's API, and half of the time waits until the payment is seen to be done.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::buyer;
use crate::load::{Load, User, new_key, text};

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let (key, credits) = (new_key(), random.random_range(50..2_500));
    let order = || {
        let request = load.api.post("/v1/credits/recharge").bearer(&user.api_key);
        request.idempotency_key(&key).json(json!({"credits": credits}))
    };
    let opened = load.require("samsar: recharge", &[200], order).await?;
    let session = text(&opened, "checkoutSessionId")?;
    if !buyer::pays(load, &session, random).await? || random.random() {
        return Ok(());
    }
    let path = format!("/v1/payment_status?checkoutSessionId={session}");
    let poll = || load.api.get(&path).bearer(&user.api_key);
    let is_paid = |shown: &Value| {
        let status = shown["status"].as_str().context("no status")?;
        Ok((status == "succeeded").then_some(()))
    };
    load.poll("samsar: payment status", poll, is_paid).await
}
