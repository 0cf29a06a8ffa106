//! Looks at balances, each API in its own words. What was spent before its money went
//! back is owed, so a balance may be below zero.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

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
    ensure!(shown.pointer(field).is_some_and(Value::is_number), "no balance: {shown}");
    Ok(())
}
