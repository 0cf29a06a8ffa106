//! The seller begins to owe sales tax, and no longer does: it comes on top of what is ordered, and buys nothing.

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::load::Load;

/// Hundredths of a percent.
const RATES: std::ops::Range<i64> = 500..2_500;

pub async fn act(load: &Load, random: &mut StdRng) -> Result<()> {
    let mut rate = || if random.random() { random.random_range(RATES) } else { 0 };
    let (stripe, creem) = (rate(), rate());
    let body = json!({"basis_points": stripe, "inclusive": false});
    load.emulator.put("/_emulator/stripe/tax").json(body).require(200).await?;
    let body = json!({"basis_points": creem});
    load.emulator.put("/_emulator/creem/tax").json(body).require(200).await?;
    load.journal.count("tax changed", "200");
    Ok(())
}
