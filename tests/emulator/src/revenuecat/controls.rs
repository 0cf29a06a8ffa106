//! The controls under `/_emulator/revenuecat/`: what buyers, stores and the dashboard do.

use serde_json::{Map, Value, json};

use super::Webhook;
use super::events::emit;
use super::purchases::{self, Purchase};
use crate::server::{Reply, Request};
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::store::text;
use crate::world::{Emulator, World};

const MONTH: i64 = 30 * 86_400;

/// Answers a control; `segments` are those after `revenuecat`.
pub(crate) fn answer(emulator: &Emulator, request: &Request, segments: &[&str]) -> Reply {
    let body = match request.body.trim() {
        "" => Ok(json!({})),
        body => serde_json::from_str(body)
            .map_err(|error| ApiError::invalid(format!("The body is not JSON: {error}"))),
    };
    let done = body.and_then(|body: Value| match body.is_object() {
        true => emulator.with(|world| control(world, &request.method, segments, body)),
        false => Err(ApiError::invalid("The body must be a JSON object.")),
    });
    match done {
        Ok(body) => Reply::json(200, body.to_string()),
        Err(error) => Reply::json(error.status(), error.body().to_string()),
    }
}

fn control(world: &mut World, method: &str, segments: &[&str], body: Value) -> Answer {
    match (method, segments) {
        ("PUT", ["endpoint"]) => {
            world.revenuecat.webhook = Some(Webhook {
                url: required(&body, "url")?,
                authorization: required(&body, "authorization")?,
                signing_secret: text(&body, "signing_secret").map(str::to_owned),
            });
            Ok(json!({ "url": body["url"] }))
        }
        ("POST", ["purchases"]) => buy(world, &body),
        ("POST", ["renewals"]) => purchases::renew(world, &required(&body, "transaction_id")?),
        ("POST", ["cancellations"]) => {
            let reason = text(&body, "reason").unwrap_or("UNSUBSCRIBE");
            purchases::cancel(world, &required(&body, "transaction_id")?, reason)
        }
        ("POST", ["refunds"]) => {
            purchases::cancel(world, &required(&body, "transaction_id")?, "CUSTOMER_SUPPORT")
        }
        ("POST", ["refunds", "reverse"]) => {
            purchases::reverse_refund(world, &required(&body, "transaction_id")?)
        }
        ("POST", ["grants"]) => {
            let (user, entitlement) = (required(&body, "app_user_id")?, required(&body, "entitlement")?);
            purchases::grant(world, &user, &entitlement, text(&body, "duration").unwrap_or("monthly"))
        }
        ("POST", ["transfers"]) => {
            let (from, to) = (names(&body, "from")?, names(&body, "to")?);
            Ok(purchases::transfer(world, &from, &to))
        }
        ("POST", ["aliases"]) => {
            let (user, alias) = (required(&body, "app_user_id")?, required(&body, "alias")?);
            Ok(purchases::alias(world, &user, &alias))
        }
        ("POST", ["tests"]) => Ok(purchases::test(world)),
        ("POST", ["events"]) => {
            let kind = required(&body, "type")?;
            let taken = text(&body, "id").is_some_and(|id| world.revenuecat.store.get("evt", id).is_some());
            if taken {
                return Err(ApiError::invalid("An event with this id exists; resend it instead.").param("id"));
            }
            Ok(emit(world, &kind, body))
        }
        _ => Err(ApiError::unknown_url(method, &format!("/_emulator/revenuecat/{}", segments.join("/")))),
    }
}

fn required(body: &Value, field: &str) -> Answer<String> {
    let given = text(body, field).filter(|given| !given.is_empty());
    given.map(str::to_owned).ok_or_else(|| ApiError::missing(field))
}

fn names(body: &Value, field: &str) -> Answer<Vec<String>> {
    let names = body[field].as_array().filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| ApiError::missing(field))?;
    let read = |name: &Value| {
        name.as_str().map(str::to_owned).ok_or_else(|| ApiError::invalid("Names are texts.").param(field))
    };
    names.iter().map(read).collect()
}

fn buy(world: &mut World, body: &Value) -> Answer {
    let kind = text(body, "kind").unwrap_or("consumable");
    let (event, lasts, entitlements) = match kind {
        "consumable" => ("NON_RENEWING_PURCHASE", None, Value::Null),
        // An unlock for good: like a pack, but with an entitlement, and it never expires.
        "lifetime" => ("NON_RENEWING_PURCHASE", None, json!(["pro"])),
        "subscription" => ("INITIAL_PURCHASE", Some(MONTH), json!(["pro"])),
        "trial" => ("INITIAL_PURCHASE", Some(7 * 86_400), json!(["pro"])),
        _ => {
            let message = "kind must be one of consumable, lifetime, subscription, trial";
            return Err(ApiError::invalid(message).param("kind"));
        }
    };
    let quantity = body["quantity"].as_i64().unwrap_or(1);
    if quantity < 1 {
        return Err(ApiError::invalid("quantity must be at least 1").param("quantity"));
    }
    let or = |field: &str, default: &str| text(body, field).unwrap_or(default).to_owned();
    let purchase = Purchase {
        user: required(body, "app_user_id")?,
        product: required(body, "product_id")?,
        store: or("store", "APP_STORE"),
        price_minor: body["price_minor"].as_i64().unwrap_or(999),
        currency: or("currency", "USD"),
        quantity,
        environment: or("environment", "PRODUCTION"),
        lasts: lasts.map(|usual| body["expires_in_seconds"].as_i64().unwrap_or(usual)),
        entitlements,
        period_type: if kind == "trial" { "TRIAL" } else { "NORMAL" },
        transaction: text(body, "transaction_id").map(str::to_owned),
        fields: body["fields"].as_object().cloned().unwrap_or_else(Map::new),
    };
    purchases::buy(world, event, purchase)
}
