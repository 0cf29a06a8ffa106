//! How objects are shown inside of others: with the objects they name, or with their ids.

use serde_json::{Value, json};

use super::discounts;
use crate::stripe::store::{text, visible};
use crate::world::World;

fn object(world: &World, prefix: &'static str, id: &Value) -> Value {
    visible(&world.creem.store.copy(prefix, id.as_str().unwrap_or_default()))
}

/// A checkout with its product and, once it is paid, with all that came of it.
pub(super) fn checkout(world: &World, checkout: &Value) -> Value {
    let mut shown = visible(checkout);
    shown["product"] = object(world, "prod", &checkout["product"]);
    for (field, prefix, id) in [("order", "ord", "_order"), ("customer", "cust", "_customer")] {
        if checkout[id].is_string() {
            shown[field] = object(world, prefix, &checkout[id]);
        }
    }
    if checkout["_subscription"].is_string() {
        shown["subscription"] = object(world, "sub", &checkout["_subscription"]);
    }
    if let Some(discount) = text(checkout, "_discount") {
        shown["discount"] = discounts::applied(&world.creem.store.copy("dis", discount));
    }
    shown
}

/// A subscription with its product, its customer and its last payment.
pub(super) fn subscription(world: &World, subscription: &Value) -> Value {
    let mut shown = visible(subscription);
    shown["product"] = object(world, "prod", &subscription["product"]);
    shown["customer"] = object(world, "cust", &subscription["customer"]);
    if subscription["last_transaction_id"].is_string() {
        shown["last_transaction"] = object(world, "tran", &subscription["last_transaction_id"]);
    }
    shown
}

/// What a refund or a dispute says about the payment it takes back.
pub(super) fn about_payment(world: &World, transaction: &Value) -> Value {
    let order = object(world, "ord", &transaction["order"]);
    let mut shown = json!({
        "transaction": visible(transaction),
        "order": order,
        "customer": object(world, "cust", &transaction["customer"]),
    });
    if transaction["subscription"].is_string() {
        shown["subscription"] = object(world, "sub", &transaction["subscription"]);
    }
    if transaction["_checkout"].is_string() {
        shown["checkout"] = object(world, "ch", &transaction["_checkout"]);
    }
    shown
}
