//! Buys in an app store. RevenueCat reports it: often twice, under one id or two, sometimes the refund first, and
//! sometimes for unknown buyers, until an administrator assigns their purchase to a user.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::journal::StorePurchase;
use crate::load::{Load, User, new_key, text};

/// A pack of 100 credits.
const PRODUCT: &str = "com.allmine.credits.100";
const PURCHASES: [&str; 3] = ["NON_RENEWING_PURCHASE", "INITIAL_PURCHASE", "RENEWAL"];
pub const STORE: &str = "APP_STORE";

/// How a purchase ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Kept,
    Refunded,
    /// The refund is reported first.
    RefundedBefore,
    /// The store takes the money again.
    Restored,
}

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let transaction = new_key();
    let is_known = random.random_range(0..3) > 0;
    let buyer = if is_known { user.id.clone() } else { format!("$RCAnonymousID:{}", new_key()) };
    let bought_at = load.now();
    let purchase_event =
        |kind: &str, after| event(kind, &buyer, &transaction, bought_at + Duration::seconds(after));
    let ending = match random.random_range(0..6) {
        0 if is_known => Ending::RefundedBefore,
        0 | 1 => Ending::Refunded,
        2 => Ending::Restored,
        _ => Ending::Kept,
    };
    let is_refunded = matches!(ending, Ending::Refunded | Ending::RefundedBefore);
    let purchase = StorePurchase { user: user.id.clone(), is_refunded };
    load.journal.open().store_purchases.insert(transaction.clone(), purchase);
    if ending == Ending::RefundedBefore {
        report(load, &purchase_event("CANCELLATION", 1)).await?;
    }
    let first = purchase_event(PURCHASES.choose(random).context("nothing is bought")?, 0);
    let again = if random.random() { first.clone() } else { purchase_event("RENEWAL", 0) };
    let (one, other) = tokio::join!(report(load, &first), report(load, &again));
    one.and(other)?;
    if !is_known {
        claim(load, &transaction, user).await?;
    }
    let later: &[(&str, i64)] = match ending {
        Ending::Kept | Ending::RefundedBefore => &[],
        Ending::Refunded => &[("CANCELLATION", 1)],
        // The last is an older event that arrives late.
        Ending::Restored => &[("CANCELLATION", 1), ("REFUND_REVERSED", 3), ("CANCELLATION", 2)],
    };
    for (kind, after) in later {
        report(load, &purchase_event(kind, *after)).await?;
    }
    let mut unsubscribed = purchase_event("CANCELLATION", 4);
    unsubscribed["event"]["cancel_reason"] = json!("UNSUBSCRIBE");
    report(load, &unsubscribed).await
}

/// Delivers an event until it is taken, as RevenueCat does.
async fn report(load: &Load, event: &Value) -> Result<()> {
    let deliver = || {
        let request = load.api.post("/webhooks/revenuecat").header("content-type", "application/json");
        let authorization = &load.secrets.revenuecat_webhook_auth;
        request.header("authorization", authorization).body(event.to_string())
    };
    load.require("revenuecat: event", &[200], deliver).await?;
    load.journal.open().store_events.insert(text(&event["event"], "id")?);
    Ok(())
}

/// An administrator finds a parked purchase and assigns it to a user.
async fn claim(load: &Load, transaction: &str, user: &User) -> Result<()> {
    let admin = &load.secrets.admin_api_key;
    let list = || load.api.get("/purser/v1/parked-purchases?limit=500").bearer(admin);
    let find = |listed: &Value| {
        let parked = listed["data"].as_array().context("no list of parked purchases")?;
        let parked = parked.iter().find(|purchase| purchase["transactionId"] == transaction);
        parked.map(|purchase| text(purchase, "purchaseId")).transpose()
    };
    let id = load.poll("revenuecat: parked", list, find).await?;
    let path = format!("/purser/v1/parked-purchases/{id}/claim");
    let give = || load.api.post(&path).bearer(admin).json(json!({"userId": user.id}));
    load.require("revenuecat: claim", &[200], give).await?;
    Ok(())
}

/// An event with an id of its own, as RevenueCat's documentation shows one.
fn event(kind: &str, buyer: &str, transaction: &str, at: OffsetDateTime) -> Value {
    let at = at.unix_timestamp() * 1_000;
    let price = if kind == "CANCELLATION" { -8.99 } else { 8.99 };
    json!({"api_version": "1.0", "event": {
        "id": new_key(), "type": kind, "app_id": "app1234567890", "event_timestamp_ms": at,
        "app_user_id": buyer, "original_app_user_id": buyer, "aliases": [buyer], "product_id": PRODUCT,
        "period_type": "NORMAL", "purchased_at_ms": at, "expiration_at_ms": null, "store": STORE,
        "environment": "PRODUCTION", "transaction_id": transaction, "original_transaction_id": transaction,
        "is_family_share": false, "price": price, "currency": "USD", "cancel_reason": "CUSTOMER_SUPPORT",
    }})
}
