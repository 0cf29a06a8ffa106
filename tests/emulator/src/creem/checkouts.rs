//! Checkouts: created and retrieved over the API, expired by a control; paying is in `purchase`.

use serde_json::{Value, json};

use super::amounts::{Amounts, Cut, add_up};
use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::{Call, discounts, new_id, products, render};
use crate::stripe::store::{integer, owned, text, visible};
use crate::world::World;

const LEAST_CUSTOM_PRICE: i64 = 100;
const GREATEST_PRICE: i64 = 99_999_999;

/// `POST /v1/checkouts`.
pub(super) fn create(world: &mut World, call: &Call<'_>) -> Answer {
    let body = &call.body;
    body.only(
        "request_id product_id units custom_price discount_code customer custom_fields success_url metadata",
    )?;
    let product = world.creem.find("prod", "Product", &body.required_text("product_id")?)?.clone();
    let units = body.whole("units", 1, 10_000)?.unwrap_or(1);
    let custom_price = body.whole("custom_price", LEAST_CUSTOM_PRICE, GREATEST_PRICE)?;
    if custom_price.is_some() && products::recurs(&product) {
        return Err(ApiError::bad_request("custom_price is only supported for one-time payment products"));
    }
    let discount = match body.text("discount_code")? {
        Some(code) => Some(discounts::redeemable(world, &code, &product)?),
        None => None,
    };
    let (customer, email, name) = read_customer(world, body)?;
    let id = new_id("ch");
    let mut checkout = json!({
        "id": id,
        "mode": "test",
        "object": "checkout",
        "status": "pending",
        "product": product["id"],
        "units": units,
        "checkout_url": format!("{}/creem/checkout/{id}", world.public_url),
        "success_url": body.url("success_url")?,
        "custom_fields": [],
        "metadata": body.nested("metadata")?.unwrap_or_default().into_value(),
        "_api_key": call.api_key,
        "_customer": customer,
        "_email": email,
        "_name": name,
        "_discount": discount,
    });
    if let Some(price) = custom_price {
        checkout["custom_price"] = price.into();
    }
    if let Some(request_id) = body.text("request_id")? {
        checkout["request_id"] = request_id.into();
    }
    world.creem.store.insert("ch", checkout.clone());
    Ok(visible(&checkout))
}

/// The customer's id, or the address and the name to fill in.
fn read_customer(world: &World, body: &Fields) -> Answer<(Value, Value, Value)> {
    let Some(customer) = body.nested("customer")? else { return Ok(Default::default()) };
    customer.only("id email name")?;
    let name = customer.text("name")?.into();
    match (customer.text("id")?, customer.text("email")?) {
        (Some(_), Some(_)) => {
            Err(ApiError::bad_request("customer: you may only specify one of these: id, email"))
        }
        (Some(id), None) => {
            let known = world.creem.find("cust", "Customer", &id)?;
            Ok((id.into(), known["email"].clone(), name))
        }
        (None, Some(email)) if !email.contains('@') => {
            Err(ApiError::bad_request("customer.email must be an email"))
        }
        (None, email) => Ok((Value::Null, email.into(), name)),
    }
}

/// `GET /v1/checkouts?checkout_id=…`.
pub(super) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("checkout_id")?;
    let checkout = world.creem.find("ch", "Checkout", &query.required_text("checkout_id")?)?;
    Ok(render::checkout(world, checkout))
}

/// Ends a checkout that nobody paid. Creem sends no event about it.
pub(super) fn expire(world: &mut World, id: &str) -> Answer {
    require_pending(world, id)?;
    world.creem.store.change("ch", id, [("status", "expired".into())]);
    Ok(render::checkout(world, &world.creem.store.copy("ch", id)))
}

/// The checkout, if it can still be paid.
pub(super) fn require_pending(world: &World, id: &str) -> Answer {
    let checkout = world.creem.find("ch", "Checkout", id)?;
    match text(checkout, "status") {
        Some("pending") => Ok(checkout.clone()),
        status => {
            let status = status.unwrap_or_default();
            Err(ApiError::bad_request(format!("This checkout is {status} and cannot be paid.")))
        }
    }
}

/// The buyer types a discount code; it takes the place of the checkout's own.
pub(super) fn type_code(world: &mut World, checkout: &Value, code: &str) -> Answer {
    let product = world.creem.store.copy("prod", text(checkout, "product").unwrap_or_default());
    let discount = discounts::redeemable(world, code.trim(), &product)?;
    let id = text(checkout, "id").unwrap_or_default();
    world.creem.store.change("ch", id, [("_discount", discount.into())]);
    Ok(world.creem.store.copy("ch", id))
}

/// What a checkout costs now.
pub(crate) fn amounts(world: &World, checkout: &Value) -> Amounts {
    let product = world.creem.store.copy("prod", text(checkout, "product").unwrap_or_default());
    let unit = checkout["custom_price"].as_i64().unwrap_or_else(|| integer(&product, "price"));
    let cut = match text(checkout, "_discount") {
        Some(discount) => discounts::cut(&world.creem.store.copy("dis", discount)),
        None => Cut::Nothing,
    };
    let sub_total = unit.saturating_mul(integer(checkout, "units"));
    add_up(sub_total, cut, world.creem.tax_basis_points, tax_is_included(&product))
}

/// Whether the price of a product has the tax in it.
pub(super) fn tax_is_included(product: &Value) -> bool {
    text(product, "tax_mode") == Some("inclusive")
}

/// Where the buyer goes after paying, with what Creem appends; `None` if nobody said where.
pub(crate) fn return_address(world: &World, id: &str) -> Option<String> {
    let checkout = world.creem.store.copy("ch", id);
    let product = world.creem.store.copy("prod", text(&checkout, "product").unwrap_or_default());
    let url = text(&checkout, "success_url").or_else(|| text(&product, "default_success_url"))?;
    let fields = [
        ("checkout_id", "id"),
        ("order_id", "_order"),
        ("customer_id", "_customer"),
        ("subscription_id", "_subscription"),
        ("product_id", "product"),
        ("request_id", "request_id"),
    ];
    let present = |(name, field): (&'static str, &str)| Some((name, text(&checkout, field)?.to_owned()));
    let parameters: Vec<(&str, String)> = fields.into_iter().filter_map(present).collect();
    let signature = crate::signature::creem_redirect_signature(&parameters, &owned(&checkout, "_api_key"));
    let mut address = reqwest::Url::parse(url).ok()?;
    address.query_pairs_mut().extend_pairs(&parameters).append_pair("signature", &signature);
    Some(address.into())
}
