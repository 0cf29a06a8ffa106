//! Reserves credits, and then spends some of them, gives them back, or forgets about them.

use anyhow::{Result, bail, ensure};
use kernel::money::Credits;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::journal::Spent;
use crate::load::{Load, User, new_key, text};

/// Longer than a run with all its repetitions.
const TTL_SECONDS: u64 = 7_200;
/// Short enough to end by itself within a run.
const FORGOTTEN_TTL_SECONDS: u64 = 2;

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let (key, end_key, credits) = (new_key(), new_key(), random.random_range(2..80_i64));
    let ending = random.random_range(0..4);
    let ttl = if ending == 0 { FORGOTTEN_TTL_SECONDS } else { TTL_SECONDS };
    let place = || {
        let request =
            load.api.post("/purser/v1/wallets/me/holds").bearer(&user.api_key).idempotency_key(&key);
        request.json(json!({"credits": credits, "ttlSeconds": ttl}))
    };
    let placed = load.settle("hold", place).await;
    match placed.status() {
        201 => {}
        402 => return Ok(()),
        // Its first answer was lost, and its time was over before it was asked for again.
        200 if placed.json()?["state"] == "expired" => return Ok(()),
        _ => bail!("unexpected answer: {placed}"),
    }
    let id = text(&placed.json()?, "holdId")?;
    let end = |verb: &str| {
        let path = format!("/purser/v1/holds/{id}/{verb}");
        load.api.post(&path).bearer(&user.api_key).idempotency_key(&end_key)
    };
    match ending {
        0 => {}
        1 => {
            load.require("hold: release", &[200], || end("release")).await?;
        }
        _ => {
            let price = random.random_range(1..=credits);
            let capture = || end("capture").json(json!({"credits": price}));
            let captured = load.require("hold: capture", &[200], capture).await?;
            ensure!(captured["captured"] == json!(price), "another price was captured: {captured}");
            let transaction_id = text(&captured, "debitId")?;
            let spent = Spent { user: user.id.clone(), amount: Credits::from_whole(price)?, transaction_id };
            load.journal.open().spent.insert(("capture".to_owned(), id), spent);
        }
    }
    Ok(())
}
