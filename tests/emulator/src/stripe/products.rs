//! Products.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page, search};
use super::parameters::Params;
use super::store::{flag, new_id, owned, text, visible};
use super::{Call, prices};
use crate::world::World;

const WRITABLE: &str = "\
    active default_price default_price_data description id images marketing_features metadata name \
    package_dimensions shippable statement_descriptor tax_code tax_details type unit_label url";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("active created ending_before ids limit shippable starting_after url type")?;
            let active = call.params.flag("active")?;
            let ids = call.params.texts("ids")?;
            let kind = call.params.text("type")?;
            page(world, call, "prod", |product| {
                let id = text(product, "id").unwrap_or_default();
                active.is_none_or(|wanted| flag(product, "active") == wanted)
                    && (ids.is_empty() || ids.iter().any(|wanted| wanted == id))
                    && agrees(kind.as_ref(), product, "type")
                    && !flag(product, "_inline")
            })
        }
        ("GET", ["search"]) => search(world, call, "prod"),
        ("GET", [id]) => {
            let product = world.stripe.store.find("prod", id)?;
            Ok(visible(product))
        }
        ("POST", [id]) => update(world, call, id),
        ("DELETE", [id]) => delete(world, id),
        _ => Err(call.unknown()),
    }
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(WRITABLE)?;
    let name = params.required_text("name")?;
    let wanted_id = params.text("id")?;
    if let Some(id) = &wanted_id
        && world.stripe.store.get("prod", id).is_some()
    {
        let message = format!("Product already exists: {id}");
        return Err(ApiError::invalid(message).code("resource_already_exists").param("id"));
    }
    let mut product = build(world, &name);
    if let Some(id) = wanted_id {
        product["id"] = id.into();
    }
    write(&mut product, params)?;
    let id = owned(&product, "id");
    let default_price = match params.nested("default_price_data")? {
        Some(data) => Some(prices::from_data(world, &data, &id)?),
        None => None,
    };
    if let Some(price) = &default_price {
        product["default_price"] = price["id"].clone();
    }
    world.stripe.store.insert("prod", product.clone());
    emit(world, "product.created", &product);
    if let Some(price) = default_price {
        world.stripe.store.insert("price", price.clone());
        emit(world, "price.created", &price);
    }
    Ok(visible(&product))
}

/// Records a product that exists from the start, without an event.
pub(crate) fn stock(world: &mut World, id: &str, name: &str) {
    let mut product = build(world, name);
    product["id"] = id.into();
    world.stripe.store.insert("prod", product);
}

/// Records the product of an inline price, which lists do not show.
pub(crate) fn create_inline(world: &mut World, data: &Params) -> Answer<String> {
    data.only("description images metadata name tax_code tax_details unit_label")?;
    let name = data.required_text("name")?;
    let mut product = build(world, &name);
    write(&mut product, data)?;
    product["active"] = false.into();
    product["_inline"] = true.into();
    let id = owned(&product, "id");
    world.stripe.store.insert("prod", product);
    Ok(id)
}

fn build(world: &World, name: &str) -> Value {
    let now = world.clock.now();
    json!({
        "id": new_id("prod"),
        "object": "product",
        "active": true,
        "created": now,
        "default_price": null,
        "description": null,
        "images": [],
        "livemode": false,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": null,
        "shippable": null,
        "statement_descriptor": null,
        "tax_code": null,
        "type": "service",
        "unit_label": null,
        "updated": now,
        "url": null,
    })
}

fn write(product: &mut Value, params: &Params) -> Answer<()> {
    if let Some(name) = params.text("name")? {
        product["name"] = name.into();
    }
    if let Some(active) = params.flag("active")? {
        product["active"] = active.into();
    }
    let unsettable =
        ["description", "statement_descriptor", "tax_code", "unit_label", "url", "default_price"];
    for field in unsettable {
        if let Some(value) = params.unsettable(field)? {
            product[field] = value;
        }
    }
    for field in ["images", "marketing_features"] {
        if params.has(field) {
            product[field] = match params.echo(field) {
                Value::Null => json!([]),
                list => list,
            };
        }
    }
    product["metadata"] = params.metadata(Some(&product["metadata"]))?;
    Ok(())
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only(WRITABLE)?;
    let before = world.stripe.store.find("prod", id)?.clone();
    if let Some(price) = call.params.text("default_price")? {
        world.stripe.store.named_by("default_price", "price", &price)?;
    }
    let mut product = before.clone();
    write(&mut product, &call.params)?;
    product["updated"] = world.clock.now().into();
    if let Some(stored) = world.stripe.store.get_mut("prod", id) {
        stored.clone_from(&product);
    }
    emit_change(world, "product.updated", &product, Some(super::changed_fields(&before, &product)));
    Ok(visible(&product))
}

fn delete(world: &mut World, id: &str) -> Answer {
    let product = world.stripe.store.find("prod", id)?.clone();
    let has_prices = world.stripe.store.newest_first("price").any(|price| text(price, "product") == Some(id));
    if has_prices {
        let message = "This product cannot be deleted because it has one or more user-created prices.";
        return Err(ApiError::invalid(message));
    }
    emit(world, "product.deleted", &product);
    let gone = json!({ "id": id, "object": "product", "deleted": true, "_deleted": true });
    if let Some(stored) = world.stripe.store.get_mut("prod", id) {
        stored.clone_from(&gone);
    }
    Ok(visible(&gone))
}
