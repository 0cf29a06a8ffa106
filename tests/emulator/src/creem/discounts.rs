//! Discounts: codes that make a checkout, and for a while its renewals, cheaper.

use serde_json::{Value, json};

use super::amounts::Cut;
use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::{moments, new_id};
use crate::stripe::store::{integer, owned, random_text, text, visible};
use crate::stripe::subscriptions::calendar;
use crate::world::World;

pub(crate) fn create(world: &mut World, body: &Fields) -> Answer {
    body.only(
        "name code type amount currency percentage expiry_date max_redemptions duration duration_in_months \
         applies_to_products",
    )?;
    let name = body.required_text("name")?;
    let kind = body.required_choice("type", &["percentage", "fixed"])?;
    let duration = body.required_choice("duration", &["forever", "once", "repeating"])?;
    let products = body.texts("applies_to_products")?;
    if products.is_empty() {
        return Err(ApiError::bad_request("applies_to_products should not be empty"));
    }
    for product in &products {
        world.creem.find("prod", "Product", product)?;
    }
    let code = body.text("code")?.unwrap_or_else(|| random_text(10).to_ascii_uppercase());
    if by_code(world, &code).is_some() {
        return Err(ApiError::bad_request("Discount code already exists"));
    }
    let (id, now) = (new_id("dis"), world.clock.now());
    let mut discount = json!({
        "id": id, "mode": "test", "object": "discount", "status": "active", "name": name, "code": code,
        "type": kind, "duration": duration, "applies_to_products": products, "redeem_count": 0,
        "created_at": moments::iso(now), "updated_at": moments::iso(now),
    });
    let needed = |field: &str, value: Option<i64>| {
        value.ok_or_else(|| ApiError::bad_request(format!("The '{field}' field is required.")))
    };
    if kind == "percentage" {
        discount["percentage"] = needed("percentage", body.whole("percentage", 1, 100)?)?.into();
    } else {
        discount["amount"] = needed("amount", body.whole("amount", 1, i64::MAX)?)?.into();
        discount["currency"] = body.required_choice("currency", &["EUR", "USD"])?.into();
    }
    if duration == "repeating" {
        let months = body.whole("duration_in_months", 1, 120)?;
        discount["duration_in_months"] = needed("duration_in_months", months)?.into();
    }
    if let Some(most) = body.whole("max_redemptions", 1, i64::MAX)? {
        discount["max_redemptions"] = most.into();
    }
    if let Some(date) = body.text("expiry_date")? {
        let expires = moments::parse(&date)
            .ok_or_else(|| ApiError::bad_request("expiry_date must be a valid ISO 8601 date string"))?;
        discount["expiry_date"] = moments::iso(expires).into();
        discount["_expires"] = expires.into();
    }
    world.creem.store.insert("dis", discount.clone());
    Ok(visible(&discount))
}

pub(crate) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("discount_id discount_code")?;
    let found = match (query.text("discount_id")?, query.text("discount_code")?) {
        (Some(id), _) => world.creem.store.get("dis", &id),
        (None, Some(code)) => by_code(world, &code),
        (None, None) => {
            return Err(ApiError::bad_request("Either discount_id or discount_code is required"));
        }
    };
    let mut shown = visible(found.ok_or_else(|| ApiError::not_found("Discount"))?);
    if text(&shown, "status") == Some("active") && found.is_some_and(|one| has_expired(world, one)) {
        shown["status"] = "expired".into();
    }
    Ok(shown)
}

pub(crate) fn delete(world: &mut World, id: &str) -> Answer {
    world.creem.find("dis", "Discount", id)?;
    world.creem.store.change("dis", id, [("status", "deleted".into())]);
    Ok(visible(&world.creem.store.copy("dis", id)))
}

fn by_code<'a>(world: &'a World, code: &str) -> Option<&'a Value> {
    let mut discounts = world.creem.store.newest_first("dis");
    discounts.find(|one| text(one, "status") != Some("deleted") && text(one, "code") == Some(code))
}

fn has_expired(world: &World, discount: &Value) -> bool {
    discount["_expires"].as_i64().is_some_and(|expires| expires <= world.clock.now())
}

/// The id of the discount that a code stands for, if it may be used to buy the product now.
pub(crate) fn redeemable(world: &World, code: &str, product: &Value) -> Answer<String> {
    let refused = |why: &str| Err(ApiError::bad_request(format!("Discount code {code} {why}")));
    let Some(discount) = by_code(world, code) else { return refused("is not valid") };
    if has_expired(world, discount) {
        return refused("has expired");
    }
    let most = discount["max_redemptions"].as_i64();
    if most.is_some_and(|most| integer(discount, "redeem_count") >= most) {
        return refused("has been redeemed too often");
    }
    let products = discount["applies_to_products"].as_array();
    if !products.into_iter().flatten().any(|applies| *applies == product["id"]) {
        return refused("does not apply to this product");
    }
    if text(discount, "type") == Some("fixed") && discount["currency"] != product["currency"] {
        return refused("is in another currency");
    }
    Ok(owned(discount, "id"))
}

/// Counts that a discount was used.
pub(crate) fn redeem(world: &mut World, id: &str) {
    let count = integer(&world.creem.store.copy("dis", id), "redeem_count");
    world.creem.store.change("dis", id, [("redeem_count", (count + 1).into())]);
}

/// What a discount takes off the first payment.
pub(crate) fn cut(discount: &Value) -> Cut {
    match text(discount, "type") {
        Some("percentage") => Cut::Percent(integer(discount, "percentage")),
        Some("fixed") => Cut::Fixed(integer(discount, "amount")),
        _ => Cut::Nothing,
    }
}

/// What a discount takes off the renewal whose period begins at `start`, for a subscription begun at `anchor`.
pub(crate) fn cut_of_renewal(discount: &Value, anchor: i64, start: i64) -> Cut {
    let months = integer(discount, "duration_in_months");
    let applies = match text(discount, "duration") {
        Some("forever") => true,
        Some("repeating") => start < calendar::after(anchor, "month", months),
        _ => false,
    };
    if applies { cut(discount) } else { Cut::Nothing }
}

/// A discount as the objects show it that it was applied to.
pub(crate) fn applied(discount: &Value) -> Value {
    let amount = if discount["percentage"].is_null() { "amount" } else { "percentage" };
    let mut shown = json!({
        "id": discount["id"], "discountCode": discount["code"], "name": discount["name"],
        "type": discount["type"], "amount": discount[amount], "duration": discount["duration"],
    });
    if !discount["duration_in_months"].is_null() {
        shown["durationInMonths"] = discount["duration_in_months"].clone();
    }
    shown
}
