//! Enables auto-recharge for a while, and saves a card first if there is none.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use super::buyer;
use crate::load::{Load, User, new_key};

/// No wallet is charged more than this in a month of the calendar.
pub const MONTHLY_CAP_CENTS: i64 = 5_000;
/// No balance is this high: a wallet is charged as often as it may be.
const THRESHOLD: i64 = 1_000_000;

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let key = new_key();
    let amount = random.random_range(50..200);
    let switch_on = || {
        let request =
            load.api.put("/purser/v1/wallets/me/auto-recharge").bearer(&user.api_key).idempotency_key(&key);
        request.json(json!({"enabled": true, "thresholdCredits": THRESHOLD,
                            "amount": {"minor": amount, "currency": "usd"},
                            "maxMonthly": {"minor": MONTHLY_CAP_CENTS, "currency": "usd"}}))
    };
    let enabled = load.require("auto-recharge: on", &[200], switch_on).await?;
    if let Some(page) = enabled["setup"]["sessionId"].as_str() {
        buyer::pays(load, page, random).await?;
    }
    tokio::time::sleep(Duration::from_millis(random.random_range(1_000..6_000))).await;
    let switch_off = || load.api.delete("/purser/v1/wallets/me/auto-recharge").bearer(&user.api_key);
    load.require("auto-recharge: off", &[200], switch_off).await?;
    Ok(())
}
