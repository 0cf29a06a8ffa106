//! Buys packs and plans over the Billing API, at Stripe and at Creem.

use anyhow::{Context, Result};
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
    let opened = load.require("billing: create session", &[201], order).await?;
    let session = text(&opened["data"], "session_id")?;
    buyer::pays(load, &session, random).await?;
    Ok(())
}
