//! Line items of Checkout Sessions and Payment Links, and what they add up to.

use serde_json::{Value, json};

use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::parameters::Params;
use crate::stripe::prices;
use crate::stripe::store::{flag, integer, new_id, owned, text, visible};
use crate::world::World;

const MOST_LINES: usize = 100;

/// Reads `line_items`; inline prices and products are recorded on the way.
pub(crate) fn read(world: &mut World, params: &Params) -> Answer<Vec<Value>> {
    let items = params.elements("line_items")?;
    if items.len() > MOST_LINES {
        let message = format!("You can have at most {MOST_LINES} line items.");
        return Err(ApiError::invalid(message).param("line_items"));
    }
    items.iter().enumerate().map(|(position, item)| read_one(world, item, position)).collect()
}

fn read_one(world: &mut World, item: &Params, position: usize) -> Answer {
    item.only("adjustable_quantity dynamic_tax_rates metadata price price_data quantity tax_rates")?;
    let param = format!("line_items[{position}][price]");
    let quantity = match item.integer("quantity")? {
        Some(quantity) if quantity > 0 => quantity,
        Some(_) => {
            let param = format!("line_items[{position}][quantity]");
            let message = "This value must be greater than or equal to 1.";
            return Err(ApiError::invalid(message).code("parameter_invalid_integer").param(&param));
        }
        None => return Err(ApiError::missing(&format!("line_items[{position}][quantity]"))),
    };
    let price = match (item.text("price")?, item.nested("price_data")?) {
        (Some(price), None) => {
            let price = world.stripe.store.named_by(&param, "price", &price)?;
            if !flag(price, "active") {
                let id = text(price, "id").unwrap_or_default();
                let message = format!("The price specified is inactive: {id}.");
                return Err(ApiError::invalid(message).param(&param));
            }
            visible(price)
        }
        (None, Some(data)) => visible(&prices::create_inline(world, &data)?),
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: price, price_data.";
            return Err(ApiError::invalid(message).param(&param));
        }
        (None, None) => return Err(ApiError::missing(&param)),
    };
    let product = world.stripe.store.copy("prod", text(&price, "product").unwrap_or_default());
    let amount = integer(&price, "unit_amount").checked_mul(quantity).ok_or_else(|| {
        ApiError::invalid("The amount is too large.").code("amount_too_large").param(&param)
    })?;
    Ok(json!({
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": null,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": item.metadata(None)?,
        "price": price,
        "quantity": quantity,
    }))
}

/// The total and the currency of line items, which must agree on one.
pub(crate) fn total(lines: &[Value]) -> Answer<(i64, String)> {
    let currency = lines.first().map(|line| owned(line, "currency")).unwrap_or_default();
    if lines.iter().any(|line| text(line, "currency") != Some(&currency)) {
        let message = "All line items must have the same currency.";
        return Err(ApiError::invalid(message).param("line_items"));
    }
    let sum = lines.iter().try_fold(0i64, |sum, line| sum.checked_add(integer(line, "amount_total")));
    let sum = sum.ok_or_else(|| ApiError::invalid("The total is too large.").code("amount_too_large"))?;
    Ok((sum, currency))
}

/// Prices lines in another currency, which each of their prices must have as an option.
pub(crate) fn switch_currency(world: &World, lines: &mut [Value], code: &str) -> Answer<()> {
    for line in lines {
        let id = owned(&line["price"], "id");
        let amount = prices::option_in(&world.stripe.store.copy("price", &id), code).ok_or_else(|| {
            let own = text(&line["price"], "currency").unwrap_or_default();
            let message = format!(
                "The price `{id}` only supports `{own}`. This doesn't match the expected currency: `{code}`."
            );
            ApiError::invalid(message).param("currency")
        })?;
        let amount = amount.saturating_mul(integer(line, "quantity"));
        line["currency"] = code.into();
        line["amount_subtotal"] = amount.into();
        line["amount_total"] = amount.into();
    }
    Ok(())
}

/// Whether a line is paid again every period.
pub(crate) fn is_recurring(line: &Value) -> bool {
    !line["price"]["recurring"].is_null()
}

/// The list object of line items, as included by `expand[]=line_items`.
pub(crate) fn as_list(lines: &Value, url: &str) -> Value {
    json!({ "object": "list", "data": lines, "has_more": false, "url": url })
}
