//! Prices, stored or given inline with a line item.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page, search};
use super::money::currency;
use super::parameters::Params;
use super::store::{flag, integer, new_id, owned, text, visible};
use super::{Call, products};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => list(world, call),
        ("GET", ["search"]) => search(world, call, "price"),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("price", id)?)),
        ("POST", [id]) => update(world, call, id),
        _ => Err(call.unknown()),
    }
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(
        "active billing_scheme currency currency_options custom_unit_amount lookup_key metadata nickname \
         product product_data recurring tax_behavior tiers tiers_mode transfer_lookup_key transform_quantity \
         unit_amount unit_amount_decimal",
    )?;
    let product = match (params.text("product")?, params.nested("product_data")?) {
        (Some(product), None) => owned(world.stripe.store.named_by("product", "prod", &product)?, "id"),
        (None, Some(data)) => {
            let product = products::create_inline(world, &data)?;
            let listed = [("active", true.into()), ("_inline", false.into())];
            world.stripe.store.change("prod", &product, listed);
            product
        }
        _ => return Err(ApiError::missing("product")),
    };
    let mut price = from_data(world, params, &product)?;
    for field in ["nickname", "lookup_key"] {
        price[field] = params.unsettable(field)?.unwrap_or_default();
    }
    price["_currency_options"] = read_currency_options(params)?;
    price["metadata"] = params.metadata(None)?;
    price["active"] = params.flag("active")?.unwrap_or(true).into();
    world.stripe.store.insert("price", price.clone());
    emit(world, "price.created", &price);
    Ok(visible(&price))
}

/// Records a price that exists from the start, without an event.
pub(crate) fn stock(
    world: &mut World,
    id: &str,
    product: &str,
    currency: &str,
    unit_amount: i64,
    recurring: Value,
) {
    let mut price = build(world, product, currency, unit_amount, recurring);
    price["id"] = id.into();
    world.stripe.store.insert("price", price);
}

/// Builds a price from `currency`, `unit_amount` and `recurring`, without recording it.
pub(crate) fn from_data(world: &World, params: &Params, product: &str) -> Answer {
    let currency = currency(&params.required_text("currency")?)?;
    let unit_amount = match (params.integer("unit_amount")?, params.text("unit_amount_decimal")?) {
        (Some(amount), _) => amount,
        // Fractions of the smallest unit are beyond this emulator; whole decimals are not.
        (None, Some(decimal)) => decimal.trim_end_matches(".0").parse().map_err(|_| {
            ApiError::invalid(format!("Invalid decimal: {decimal}")).param("unit_amount_decimal")
        })?,
        (None, None) => return Err(ApiError::missing("unit_amount")),
    };
    if unit_amount < 0 {
        let message = "Invalid non-negative integer";
        return Err(ApiError::invalid(message).code("parameter_invalid_integer").param("unit_amount"));
    }
    let recurring = match params.nested("recurring")? {
        Some(recurring) => read_recurring(&recurring)?,
        None => Value::Null,
    };
    let behavior = params.choice("tax_behavior", &["inclusive", "exclusive", "unspecified"])?;
    let mut price = build(world, product, &currency, unit_amount, recurring);
    if let Some(behavior) = behavior {
        price["tax_behavior"] = behavior.into();
    }
    Ok(price)
}

/// What one unit of a price costs in a currency; in the price's own if it has no such option.
pub(crate) fn amount_in(world: &World, price: &Value, currency: &str) -> i64 {
    let stored = world.stripe.store.get("price", text(price, "id").unwrap_or_default());
    option_in(stored.unwrap_or(price), currency).unwrap_or_else(|| integer(price, "unit_amount"))
}

/// What one unit of a stored price costs in a currency, if it can be bought in it.
pub(crate) fn option_in(price: &Value, currency: &str) -> Option<i64> {
    if text(price, "currency") == Some(currency) {
        return price["unit_amount"].as_i64();
    }
    price["_currency_options"][currency]["unit_amount"].as_i64()
}

/// `currency_options[eur][unit_amount]=…`; shown only where it is expanded.
fn read_currency_options(params: &Params) -> Answer {
    let Some(options) = params.nested("currency_options")? else { return Ok(Value::Null) };
    let mut read = serde_json::Map::new();
    for code in options.names() {
        let option = options.nested(&code)?.unwrap_or_default();
        option.only("custom_unit_amount tax_behavior tiers unit_amount unit_amount_decimal")?;
        let amount = option.required_integer("unit_amount")?;
        read.insert(
            currency(&code)?,
            json!({
                "custom_unit_amount": null, "tax_behavior": "unspecified", "unit_amount": amount,
                "unit_amount_decimal": amount.to_string(),
            }),
        );
    }
    Ok(read.into())
}

fn build(world: &World, product: &str, currency: &str, unit_amount: i64, recurring: Value) -> Value {
    let kind = if recurring.is_null() { "one_time" } else { "recurring" };
    json!({
        "id": new_id("price"),
        "object": "price",
        "active": true,
        "billing_scheme": "per_unit",
        "created": world.clock.now(),
        "currency": currency,
        "custom_unit_amount": null,
        "livemode": false,
        "lookup_key": null,
        "metadata": {},
        "nickname": null,
        "product": product,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "type": kind,
        "unit_amount": unit_amount,
        "unit_amount_decimal": unit_amount.to_string(),
    })
}

fn read_recurring(params: &Params) -> Answer {
    params.only("interval interval_count meter trial_period_days usage_type")?;
    let interval = params
        .choice("interval", &["day", "week", "month", "year"])?
        .ok_or_else(|| ApiError::missing("recurring[interval]"))?;
    let count = params.integer("interval_count")?.unwrap_or(1);
    if !(1..=1095).contains(&count) {
        return Err(ApiError::invalid("Invalid interval count").param("recurring[interval_count]"));
    }
    Ok(json!({
        "interval": interval, "interval_count": count, "meter": null, "trial_period_days": null,
        "usage_type": "licensed",
    }))
}

/// Records the price of a line item that was given inline.
pub(crate) fn create_inline(world: &mut World, data: &Params) -> Answer {
    data.only("currency product product_data recurring tax_behavior unit_amount unit_amount_decimal")?;
    let product = match (data.text("product")?, data.nested("product_data")?) {
        (Some(product), _) => owned(world.stripe.store.named_by("product", "prod", &product)?, "id"),
        (None, Some(product)) => products::create_inline(world, &product)?,
        (None, None) => return Err(ApiError::missing("price_data[product_data]")),
    };
    let mut price = from_data(world, data, &product)?;
    price["active"] = false.into();
    price["_inline"] = true.into();
    world.stripe.store.insert("price", price.clone());
    Ok(price)
}

fn list(world: &World, call: &Call<'_>) -> Answer {
    call.params.only(
        "active created currency ending_before limit lookup_keys product recurring starting_after type",
    )?;
    let active = call.params.flag("active")?;
    let product = call.params.text("product")?;
    let wanted_currency = call.params.text("currency")?;
    let kind = call.params.text("type")?;
    let keys = call.params.texts("lookup_keys")?;
    page(world, call, "price", |price| {
        active.is_none_or(|wanted| flag(price, "active") == wanted)
            && agrees(product.as_ref(), price, "product")
            && agrees(wanted_currency.as_ref(), price, "currency")
            && agrees(kind.as_ref(), price, "type")
            && (keys.is_empty() || keys.iter().any(|key| text(price, "lookup_key") == Some(key)))
            && !flag(price, "_inline")
    })
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params
        .only("active currency_options lookup_key metadata nickname tax_behavior transfer_lookup_key")?;
    let before = world.stripe.store.find("price", id)?.clone();
    let mut price = before.clone();
    if let Some(active) = call.params.flag("active")? {
        price["active"] = active.into();
    }
    for field in ["lookup_key", "nickname"] {
        if let Some(value) = call.params.unsettable(field)? {
            price[field] = value;
        }
    }
    if call.params.has("currency_options") {
        price["_currency_options"] = read_currency_options(&call.params)?;
    }
    price["metadata"] = call.params.metadata(Some(&before["metadata"]))?;
    if let Some(stored) = world.stripe.store.get_mut("price", id) {
        stored.clone_from(&price);
    }
    emit_change(world, "price.updated", &price, Some(super::changed_fields(&before, &price)));
    Ok(visible(&price))
}
