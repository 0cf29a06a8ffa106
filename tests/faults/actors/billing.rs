//! Buys packs and plans over the Billing API, at Stripe and at Creem.

use anyhow::{Context, Result, ensure};
use harness::client::Answer;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::buyer;
use crate::load::{Load, User, new_key, text};

const RETURN: &str = "http://localhost:3000/thanks";

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let goods: [Value; 4] = [
        json!({"channel": "stripe", "type": "credits", "pack_id": "basic"}),
        json!({"channel": "creem", "type": "credits", "pack_id": "micro"}),
        json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"}),
        json!({"channel": "creem", "type": "subscription", "plan_id": "pro"}),
    ];
    let mut body = goods.choose(random).context("nothing is sold")?.clone();
    body["success_url"] = json!(RETURN);
    let key = new_key();
    let order = || {
        let request = load.api.post("/payment/create-session").bearer(&user.api_key);
        request.idempotency_key(&key).json(body.clone())
    };
    let opened = load.settle("billing: create session", order).await;
    if opened.status() == 409 {
        // Nothing else may be refused.
        ensure!(body["type"] == "subscription" && has_one(&opened), "unexpected answer: {opened}");
        return Ok(());
    }
    ensure!(opened.status() == 201, "unexpected answer: {opened}");
    let session = text(&opened.json()?["data"], "session_id")?;
    buyer::pays(load, &session, random).await?;
    Ok(())
}

/// Whether an order is refused because a wallet has one subscription: there is one, another page for it was opened
/// later, or an earlier one has just been paid.
pub fn has_one(refused: &Answer) -> bool {
    let reasons =
        ["ALREADY_SUBSCRIBED", "A later order has taken", "You have paid on the page that you opened before"];
    reasons.iter().any(|reason| refused.text().contains(reason))
}
