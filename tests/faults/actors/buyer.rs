//! The person in front of a payment page, who calls the provider and never Purser.

use anyhow::{Result, bail, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::load::Load;

const GOOD_CARD: &str = "4242424242424242";
const DECLINED_CARD: &str = "4000000000000002";

/// Pays on a page most of the time; says whether. The rest leave, or have their card declined first.
pub async fn pays(load: &Load, page: &str, random: &mut StdRng) -> Result<bool> {
    let mood = random.random_range(0..10);
    if mood == 0 {
        return Ok(false);
    }
    let path = if page.starts_with("cs_") {
        format!("/_emulator/checkout/{page}/pay")
    } else {
        format!("/_emulator/creem/checkouts/{page}/pay")
    };
    if mood == 1 {
        let declined = load.emulator.post(&path).json(json!({"card": DECLINED_CARD})).send().await?;
        ensure!(declined.status() == 402 || declined.status() == 400, "a bad card is taken: {declined}");
    }
    let paid = load.emulator.post(&path).json(json!({"card": GOOD_CARD})).send().await?;
    match paid.status() {
        200 => Ok(true),
        // Two who have a card saved for one wallet at the same time are shown one page.
        400 if paid.text().contains("checkout_session_not_open") => Ok(false),
        _ => bail!("a buyer cannot pay: {paid}"),
    }
}
