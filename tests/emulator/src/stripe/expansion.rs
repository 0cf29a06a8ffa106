//! `expand[]`: ids become the objects they name, and lists that are left out by default come in.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::sessions::lines;
use super::store::{Store, prefix_of, text, visible};
use crate::world::World;

const DEEPEST: usize = 4;

/// Expands `paths` in an answer.
pub(crate) fn expand(world: &World, answer: &mut Value, paths: &[String]) -> Answer<()> {
    for path in paths {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.iter().filter(|segment| **segment != "data").count() > DEEPEST {
            let message = format!("You cannot expand more than {DEEPEST} levels of a property: {path}.");
            return Err(ApiError::invalid(message).param("expand"));
        }
        if !expand_path(&world.stripe.store, answer, &segments) {
            return Err(ApiError::invalid(format!("This property cannot be expanded ({path})."))
                .code("property_cannot_be_expanded")
                .param("expand"));
        }
    }
    Ok(())
}

/// Returns false if there is no such property.
fn expand_path(store: &Store, value: &mut Value, segments: &[&str]) -> bool {
    let Some((first, rest)) = segments.split_first() else { return true };
    if *first == "data"
        && let Some(elements) = value.get_mut("data").and_then(Value::as_array_mut)
    {
        return elements.iter_mut().all(|element| expand_path(store, element, rest));
    }
    if !value.is_object() {
        return value.is_null();
    }
    if value.get(first).is_none() {
        match included(store, value, first) {
            Some(list) => value[*first] = list,
            None => return false,
        }
    }
    let property = &mut value[*first];
    if let Some(id) = property.as_str() {
        match object_named(store, first, id) {
            Some(object) => *property = object,
            None => return false,
        }
    }
    match property {
        Value::Null => true,
        Value::Array(elements) => elements.iter_mut().all(|element| {
            if let Some(object) = element.as_str().and_then(|id| object_named(store, first, id)) {
                *element = object;
            }
            expand_path(store, element, rest)
        }),
        Value::Object(_) => expand_path(store, property, rest),
        _ => false,
    }
}

fn object_named(store: &Store, property: &str, id: &str) -> Option<Value> {
    // The ids of products and coupons may have been chosen freely, so their prefixes tell nothing.
    let prefix = match property {
        "product" => "prod",
        "coupon" => "coupon",
        _ => prefix_of(id)?,
    };
    store.get(prefix, id).map(visible)
}

/// A list that an object can include: `line_items` of a session, `refunds` of a charge.
fn included(store: &Store, object: &Value, property: &str) -> Option<Value> {
    let id = text(object, "id")?;
    let of = |prefix: &'static str, field: &'static str| {
        let rows = store.newest_first(prefix).filter(move |row| text(row, field) == Some(id));
        rows.take(10).map(visible).collect::<Vec<_>>()
    };
    let list = |data: Vec<Value>, url: String| {
        Some(json!({ "object": "list", "data": data, "has_more": false, "url": url }))
    };
    match (text(object, "object")?, property) {
        ("checkout.session", "line_items") => {
            let session = store.get("cs", id)?;
            Some(lines::as_list(&session["_lines"], &format!("/v1/checkout/sessions/{id}/line_items")))
        }
        ("payment_link", "line_items") => {
            let link = store.get("plink", id)?;
            Some(lines::as_list(&link["_lines"], &format!("/v1/payment_links/{id}/line_items")))
        }
        ("price", "currency_options") => Some(store.get("price", id)?["_currency_options"].clone()),
        ("charge", "refunds") => list(of("re", "charge"), format!("/v1/charges/{id}/refunds")),
        ("customer", "subscriptions") => {
            let running = of("sub", "customer");
            let running = running.into_iter().filter(|row| text(row, "status") != Some("canceled"));
            list(running.collect(), format!("/v1/customers/{id}/subscriptions"))
        }
        ("invoice", "payments") => list(of("inpay", "invoice"), format!("/v1/invoice_payments?invoice={id}")),
        ("customer", "sources" | "tax_ids") => list(Vec::new(), format!("/v1/customers/{id}/{property}")),
        ("customer", "tax" | "cash_balance") => Some(Value::Null),
        _ => None,
    }
}
