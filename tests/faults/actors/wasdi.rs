//! Adds a package over WASDI's API, pays it at its Payment Link, and confirms it as WASDI's page does.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use super::buyer;
use crate::load::{Load, User, text};

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let kind = if random.random() { "Fifty" } else { "OneHundred" };
    // This API knows no keys: a package whose answer was lost stays unpaid.
    let add = || {
        let request = load.api.post("/credits/add").header("x-session-token", &user.api_key);
        request.json(json!({"type": kind}))
    };
    let id = text(&load.require("wasdi: add", &[200], add).await?, "message")?;
    let path = format!("/credits/stripe/paymentUrl?creditPackageId={id}");
    let ask = || load.api.get(&path).header("x-session-token", &user.api_key);
    let link = text(&load.require("wasdi: payment url", &[200], ask).await?, "message")?;
    let visited = load.emulator.get(&link).send().await?;
    let page = visited.header("location").and_then(|url| url.rsplit('/').next());
    let page = page.with_context(|| format!("a Payment Link opens no page: {visited}"))?;
    if buyer::pays(load, page, random).await? {
        let path = format!("/credits/stripe/confirmation/{page}");
        load.require("wasdi: confirmation", &[200], || load.api.get(&path)).await?;
    }
    Ok(())
}
