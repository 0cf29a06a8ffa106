//! Is given a package over Allmine's API. It knows no keys, so what was asked without an answer may have been given.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::load::{Load, User};

const PACKAGE: &str = "65a000000000000000000010";

pub async fn act(load: &Load, user: &User) -> Result<()> {
    let purchase = || {
        let request = load.api.post("/api/v1/credit-packages/purchase").bearer(&user.api_key);
        request.json(json!({"packageId": PACKAGE}))
    };
    let tried = |load: &Load| load.journal.open().given.entry(user.id.clone()).or_default().tried += 1;
    let answer = load.settle_with("allmine: purchase", purchase, tried).await;
    ensure!(answer.status() == 201, "unexpected answer: {answer}");
    load.journal.open().given.entry(user.id.clone()).or_default().answered += 1;
    Ok(())
}
