//! Products: paid once, or again every period.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::moments::iso;
use super::new_id;
use crate::stripe::store::{integer, text, visible};
use crate::world::World;

const WRITABLE: &str = "\
    name description image_url image_urls price currency billing_type billing_period recurring_interval \
    recurring_interval_count tax_mode tax_category default_success_url abandoned_cart_recovery_enabled";
const PERIODS: [&str; 7] =
    ["once", "every-day", "every-month", "every-three-months", "every-six-months", "every-year", "custom"];
const GREATEST_PRICE: i64 = 99_999_999;

/// What is for sale from the start: id, name, price in US cents, billing period.
const STOCK: [(&str, &str, i64, &str); 3] = [
    ("prod_pro", "Pro", 999, "every-month"),
    ("prod_team", "Team", 2999, "every-month"),
    ("prod_pack", "Credit pack", 1000, "once"),
];

/// Puts the products there that exist from the start.
pub(crate) fn fill(world: &mut World) {
    for (id, name, price, period) in STOCK {
        let mut product = build(world, id, name, name, price);
        product["billing_type"] = if period == "once" { "onetime" } else { "recurring" }.into();
        product["billing_period"] = period.into();
        product["tax_mode"] = "exclusive".into();
        world.creem.store.insert("prod", product);
    }
}

pub(crate) fn create(world: &mut World, body: &Fields) -> Answer {
    body.only(WRITABLE)?;
    let product = read(world, body, &new_id("prod"))?;
    world.creem.store.insert("prod", product.clone());
    Ok(visible(&product))
}

/// Records a product under an id of the caller's choice, as only a control can.
pub(crate) fn create_with_id(world: &mut World, body: &Fields) -> Answer {
    body.only(&format!("id {WRITABLE}"))?;
    let id = body.required_text("id")?;
    if world.creem.store.get("prod", &id).is_some() {
        return Err(ApiError::bad_request("A product with this id exists"));
    }
    let product = read(world, body, &id)?;
    world.creem.store.insert("prod", product.clone());
    Ok(visible(&product))
}

fn read(world: &World, body: &Fields, id: &str) -> Answer {
    let name = body.required_text("name")?;
    let description = body.required_text("description")?;
    let price = body.whole("price", 0, GREATEST_PRICE)?;
    let price = price.ok_or_else(|| ApiError::bad_request("The 'price' field is required."))?;
    if (1..100).contains(&price) {
        return Err(ApiError::bad_request("price must be 0 or not be less than 100"));
    }
    let mut product = build(world, id, &name, &description, price);
    product["currency"] = body.required_choice("currency", &["EUR", "USD"])?.into();
    let billing_type = body.required_choice("billing_type", &["recurring", "onetime"])?;
    let period = body.choice("billing_period", &PERIODS)?;
    product["billing_period"] = match (billing_type.as_str(), period) {
        ("onetime", None) => "once".into(),
        ("onetime", Some(period)) if period != "once" => {
            return Err(ApiError::bad_request("billing_period must be once for a onetime product"));
        }
        ("recurring", None) => return Err(ApiError::bad_request("The 'billing_period' field is required.")),
        ("recurring", Some(period)) if period == "once" => {
            return Err(ApiError::bad_request("billing_period must not be once for a recurring product"));
        }
        (_, Some(period)) => period.into(),
        (_, None) => Value::Null,
    };
    let interval = body.choice("recurring_interval", &["day", "week", "month", "year"])?;
    let count = body.whole("recurring_interval_count", 1, 365)?;
    if product["billing_period"] == "custom" {
        let (Some(interval), Some(count)) = (interval, count) else {
            let message = "recurring_interval and recurring_interval_count are required for a custom period";
            return Err(ApiError::bad_request(message));
        };
        product["recurring_interval"] = interval.into();
        product["recurring_interval_count"] = count.into();
    } else if interval.is_some() || count.is_some() {
        return Err(ApiError::bad_request("recurring_interval is for custom billing periods only"));
    }
    product["billing_type"] = billing_type.into();
    if let Some(mode) = body.choice("tax_mode", &["inclusive", "exclusive"])? {
        product["tax_mode"] = mode.into();
    }
    let categories = ["saas", "digital-goods-service", "ebooks"];
    if let Some(category) = body.choice("tax_category", &categories)? {
        product["tax_category"] = category.into();
    }
    for field in ["image_url", "default_success_url"] {
        if let Some(url) = body.url(field)? {
            product[field] = url.into();
        }
    }
    Ok(product)
}

fn build(world: &World, id: &str, name: &str, description: &str, price: i64) -> Value {
    let now = iso(world.clock.now());
    json!({
        "id": id,
        "mode": "test",
        "object": "product",
        "name": name,
        "description": description,
        "price": price,
        "currency": "USD",
        "billing_type": "onetime",
        "billing_period": "once",
        "status": "active",
        "tax_mode": "inclusive",
        "tax_category": "saas",
        "product_url": format!("{}/creem/product/{id}", world.public_url),
        "default_success_url": null,
        "created_at": now,
        "updated_at": now,
    })
}

pub(crate) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("product_id")?;
    world.creem.find("prod", "Product", &query.required_text("product_id")?).map(visible)
}

/// Whether a product is paid again every period.
pub(crate) fn recurs(product: &Value) -> bool {
    text(product, "billing_type") == Some("recurring")
}

/// How long a period of a product is: an interval and how many of them.
pub(crate) fn rhythm(product: &Value) -> (&str, i64) {
    match text(product, "billing_period") {
        Some("every-day") => ("day", 1),
        Some("every-three-months") => ("month", 3),
        Some("every-six-months") => ("month", 6),
        Some("every-year") => ("year", 1),
        Some("custom") => (
            text(product, "recurring_interval").unwrap_or("month"),
            integer(product, "recurring_interval_count").max(1),
        ),
        _ => ("month", 1),
    }
}
