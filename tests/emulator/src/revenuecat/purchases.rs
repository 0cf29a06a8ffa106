//! What buyers do in the stores, and the events about it, in the shapes of
//! <https://www.revenuecat.com/docs/integrations/webhooks/sample-events>.

use serde_json::{Map, Value, json};

use super::events::emit;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::store::{owned, random_text, text};
use crate::world::World;

const MONTH: i64 = 30 * 86_400;

/// A purchase that is about to be made.
pub(super) struct Purchase {
    pub(super) user: String,
    pub(super) product: String,
    pub(super) store: String,
    /// For one piece, in hundredths of the currency.
    pub(super) price_minor: i64,
    pub(super) currency: String,
    /// Google Play sells several at once, and the event tells of it in nothing but the price.
    pub(super) quantity: i64,
    pub(super) environment: String,
    /// Seconds until it expires; never for packs and lifetime unlocks.
    pub(super) lasts: Option<i64>,
    pub(super) entitlements: Value,
    pub(super) period_type: &'static str,
    pub(super) transaction: Option<String>,
    /// Put into the event as they are.
    pub(super) fields: Map<String, Value>,
}

/// A price as RevenueCat writes it: a number with decimals.
fn decimal(minor: i64) -> Value {
    let sign = if minor < 0 { "-" } else { "" };
    let written = format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    // Read from text, so that no arithmetic on fractions is needed.
    serde_json::from_str(&written).unwrap_or_default()
}

/// Makes a purchase and tells of it. Returns the event.
pub(super) fn buy(world: &mut World, kind: &str, purchase: Purchase) -> Answer {
    let now = world.clock.now().saturating_mul(1000);
    let transaction = purchase.transaction.unwrap_or_else(|| match purchase.store.as_str() {
        "PLAY_STORE" => format!("GPA.{}", random_text(17)),
        _ => random_text(15),
    });
    if world.revenuecat.store.get("tran", &transaction).is_some() {
        return Err(
            ApiError::invalid(format!("The transaction {transaction} exists.")).param("transaction_id")
        );
    }
    let price = purchase.price_minor.saturating_mul(purchase.quantity);
    let total = if purchase.period_type == "TRIAL" { 0 } else { price };
    let names = world.revenuecat.names_of(&purchase.user);
    let expires = purchase.lasts.map(|seconds| now.saturating_add(seconds.saturating_mul(1000)));
    let mut event = json!({
        "app_id": "app1234567890", "app_user_id": purchase.user, "original_app_user_id": names[0],
        "aliases": names, "product_id": purchase.product, "entitlement_id": null,
        "entitlement_ids": purchase.entitlements, "period_type": purchase.period_type,
        "purchased_at_ms": now, "expiration_at_ms": expires, "environment": purchase.environment,
        "presented_offering_id": null, "transaction_id": transaction, "original_transaction_id": transaction,
        "is_family_share": false, "country_code": "US", "currency": purchase.currency,
        "price": decimal(total), "price_in_purchased_currency": decimal(total), "subscriber_attributes": {},
        "store": purchase.store, "takehome_percentage": 0.7, "tax_percentage": 0.0,
        "commission_percentage": 0.3, "offer_code": null, "metadata": null, "renewal_number": null,
        "experiments": [],
    });
    if let Value::Object(fields) = &mut event {
        fields.extend(purchase.fields);
    }
    let told = emit(world, kind, event);
    let recorded = json!({ "id": transaction, "event": told, "_price": price, "_lasts": purchase.lasts });
    world.revenuecat.store.insert("tran", recorded);
    Ok(told)
}

fn purchase_of(world: &World, transaction: &str) -> Answer {
    let found = world.revenuecat.store.get("tran", transaction);
    found.cloned().ok_or_else(|| ApiError::no_such("transaction", transaction))
}

/// An event about a purchase that was made before: another id, another time, whoever owns it now.
fn about(world: &World, recorded: &Value) -> Value {
    let mut event = recorded["event"].clone();
    event["id"] = Value::Null;
    event["event_timestamp_ms"] = Value::Null;
    let names = world.revenuecat.names_of(text(&event, "app_user_id").unwrap_or_default());
    event["aliases"] = names.into();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("type");
    }
    event
}

/// A subscription renews: another transaction after the same original one.
pub(super) fn renew(world: &mut World, transaction: &str) -> Answer {
    let before = purchase_of(world, transaction)?;
    let Some(lasts) = before["_lasts"].as_i64() else {
        return Err(ApiError::invalid("Only a subscription renews.").param("transaction_id"));
    };
    let now = world.clock.now();
    let id = random_text(15);
    let mut event = about(world, &before);
    event["transaction_id"] = id.as_str().into();
    event["purchased_at_ms"] = (now * 1000).into();
    event["expiration_at_ms"] = (now.saturating_add(lasts) * 1000).into();
    event["is_trial_conversion"] = (text(&before["event"], "period_type") == Some("TRIAL")).into();
    event["period_type"] = "NORMAL".into();
    let price = decimal(before["_price"].as_i64().unwrap_or_default());
    event["price"] = price.clone();
    event["price_in_purchased_currency"] = price;
    event["renewal_number"] = (before["event"]["renewal_number"].as_i64().unwrap_or(1) + 1).into();
    let told = emit(world, "RENEWAL", event);
    let recorded = json!({ "id": id, "event": told, "_price": before["_price"], "_lasts": lasts });
    world.revenuecat.store.insert("tran", recorded);
    Ok(told)
}

/// A purchase is cancelled. The store gives the money back for `CUSTOMER_SUPPORT` only.
pub(super) fn cancel(world: &mut World, transaction: &str, reason: &str) -> Answer {
    let reasons = [
        "UNSUBSCRIBE",
        "BILLING_ERROR",
        "DEVELOPER_INITIATED",
        "PRICE_INCREASE",
        "CUSTOMER_SUPPORT",
        "UNKNOWN",
    ];
    if !reasons.contains(&reason) {
        let message = format!("reason must be one of {}", reasons.join(", "));
        return Err(ApiError::invalid(message).param("reason"));
    }
    let recorded = purchase_of(world, transaction)?;
    let mut event = about(world, &recorded);
    event["cancel_reason"] = reason.into();
    let price = recorded["_price"].as_i64().unwrap_or_default();
    let price = if reason == "CUSTOMER_SUPPORT" { decimal(-price) } else { decimal(0) };
    event["price"] = price.clone();
    event["price_in_purchased_currency"] = price;
    Ok(emit(world, "CANCELLATION", event))
}

/// The store takes a refund back.
pub(super) fn reverse_refund(world: &mut World, transaction: &str) -> Answer {
    let recorded = purchase_of(world, transaction)?;
    let event = about(world, &recorded);
    Ok(emit(world, "REFUND_REVERSED", event))
}

/// An entitlement granted in the dashboard: nothing was bought, and nothing is paid.
/// <https://www.revenuecat.com/docs/dashboard-and-metrics/customer-profile#entitlements>
pub(super) fn grant(world: &mut World, user: &str, entitlement: &str, duration: &str) -> Answer {
    let lasts = match duration {
        "daily" => 86_400,
        "weekly" => 7 * 86_400,
        "monthly" => MONTH,
        "yearly" => 365 * 86_400,
        // Never is two hundred years away.
        "lifetime" => 200 * 365 * 86_400,
        _ => {
            let message = "duration must be one of daily, weekly, monthly, yearly, lifetime";
            return Err(ApiError::invalid(message).param("duration"));
        }
    };
    let purchase = Purchase {
        user: user.to_owned(),
        product: format!("rc_promo_{entitlement}_{duration}"),
        store: "PROMOTIONAL".to_owned(),
        price_minor: 0,
        currency: "USD".to_owned(),
        quantity: 1,
        environment: "PRODUCTION".to_owned(),
        lasts: Some(lasts),
        entitlements: json!([entitlement]),
        period_type: "PROMOTIONAL",
        transaction: None,
        fields: Map::new(),
    };
    buy(world, "NON_RENEWING_PURCHASE", purchase)
}

/// Purchases go from some names to others; told only for those who got them, without a user, product or price.
pub(super) fn transfer(world: &mut World, from: &[String], to: &[String]) -> Value {
    let purchases = world.revenuecat.store.newest_first("tran");
    let moved = purchases.filter(|one| {
        text(&one["event"], "app_user_id").is_some_and(|owner| from.iter().any(|name| name == owner))
    });
    let moved: Vec<String> = moved.map(|one| owned(one, "id")).collect();
    for transaction in moved {
        if let Some(purchase) = world.revenuecat.store.get_mut("tran", &transaction) {
            purchase["event"]["app_user_id"] = to[0].as_str().into();
        }
    }
    let event = json!({
        "app_id": "app1234567890", "store": "APP_STORE", "environment": "PRODUCTION",
        "transferred_from": from, "transferred_to": to, "subscriber_attributes": {},
    });
    emit(world, "TRANSFER", event)
}

/// A buyer who was anonymous logs in: two names are one.
pub(super) fn alias(world: &mut World, user: &str, alias: &str) -> Value {
    world.revenuecat.join(user, alias);
    let names = world.revenuecat.names_of(user);
    let event = json!({
        "app_id": "app1234567890", "app_user_id": user, "original_app_user_id": alias, "aliases": names,
        "environment": "PRODUCTION", "store": "APP_STORE",
    });
    emit(world, "SUBSCRIBER_ALIAS", event)
}

/// The button "Send test event" of the dashboard.
pub(super) fn test(world: &mut World) -> Value {
    let now = world.clock.now() * 1000;
    let user = "$RCAnonymousID:00000000000000000000000000000000";
    let event = json!({
        "app_id": "app1234567890", "app_user_id": user, "original_app_user_id": user, "aliases": [user],
        "product_id": "test_product", "entitlement_id": null, "entitlement_ids": null, "period_type": "NORMAL",
        "purchased_at_ms": now, "expiration_at_ms": now + 7_200_000, "environment": "SANDBOX",
        "presented_offering_id": null, "transaction_id": null, "original_transaction_id": null,
        "is_family_share": null, "country_code": "US", "currency": null, "price": null,
        "price_in_purchased_currency": null, "subscriber_attributes": {}, "store": "APP_STORE",
        "takehome_percentage": null, "tax_percentage": null, "commission_percentage": null, "offer_code": null,
    });
    emit(world, "TEST", event)
}
