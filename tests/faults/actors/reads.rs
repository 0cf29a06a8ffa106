//! Looks at balances, each API in its own words. No balance is ever negative here: nobody reverses a payment.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::load::{Load, User};

const PATHS: [(&str, &str); 4] = [
    ("/v1/credits", "/remainingCredits"),
    ("/api/payments/balances", "/balance"),
    ("/credits/balance", "/data/balance"),
    ("/credits/totalbyuser", ""),
];

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let (path, field) = PATHS.choose(random).context("nothing to read")?;
    let read = || load.api.get(path).bearer(&user.api_key);
    let shown = load.require("balance", &[200], read).await?;
    let balance = shown.pointer(field).and_then(serde_json::Value::as_f64);
    ensure!(balance.is_some_and(|balance| balance >= 0.0), "no balance: {shown}");
    Ok(())
}
