//! Spends credits, or learns that there are too few: as much as comes in, so that what goes back is often spent.

use anyhow::{Result, bail};
use kernel::money::Credits;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::journal::Spent;
use crate::load::{Load, User, new_key, text};

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let (key, credits) = (new_key(), random.random_range(1..300_i64));
    let spend = || {
        let request = load.api.post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
        request.idempotency_key(&key).json(json!({"credits": credits}))
    };
    let answer = load.settle("consume", spend).await;
    let cause = ("consume".to_owned(), format!("{}:{}:{key}", user.id.len(), user.id));
    match answer.status() {
        200 => {
            let transaction_id = text(&answer.json()?, "debitId")?;
            let spent =
                Spent { user: user.id.clone(), amount: Credits::from_whole(credits)?, transaction_id };
            load.journal.open().spent.insert(cause, spent);
        }
        402 => load.journal.open().refused.push(cause),
        _ => bail!("unexpected answer: {answer}"),
    }
    Ok(())
}
