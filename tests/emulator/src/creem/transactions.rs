//! Transactions: every payment, of a one-time order or of a period of a subscription.

use serde_json::{Value, json};

use super::amounts::Amounts;
use super::body::Fields;
use super::errors::Answer;
use super::moments::milliseconds;
use super::{COUNTRY, listing, new_id};
use crate::stripe::store::{owned, text, visible};
use crate::world::World;

pub(crate) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("transaction_id")?;
    world.creem.find("tran", "Transaction", &query.required_text("transaction_id")?).map(visible)
}

pub(crate) fn search(world: &World, query: &Fields) -> Answer {
    query.only("customer_id order_id product_id page_number page_size")?;
    let wanted = [
        ("customer", query.text("customer_id")?),
        ("order", query.text("order_id")?),
        ("_product", query.text("product_id")?),
    ];
    listing::page(world, query, "tran", |row| {
        wanted.iter().all(|(field, id)| id.is_none() || text(row, field) == id.as_deref())
    })
}

/// What a payment was for.
pub(super) struct Payment<'a> {
    pub(super) amounts: Amounts,
    pub(super) product: &'a Value,
    pub(super) customer: &'a str,
    pub(super) order: &'a str,
    pub(super) checkout: &'a str,
    pub(super) subscription: Option<&'a str>,
    /// Beginning and end of what was paid for, in Unix seconds.
    pub(super) period: Option<(i64, i64)>,
    pub(super) description: &'a str,
}

/// Records a payment that succeeded.
pub(super) fn record(world: &mut World, payment: &Payment<'_>) -> String {
    let (id, amounts) = (new_id("tran"), &payment.amounts);
    let mut transaction = json!({
        "id": id,
        "mode": "test",
        "object": "transaction",
        "amount": amounts.sub_total,
        "amount_paid": amounts.paid,
        "discount_amount": amounts.discount,
        "currency": payment.product["currency"],
        "type": if payment.subscription.is_some() { "invoice" } else { "payment" },
        "tax_country": COUNTRY,
        "tax_amount": amounts.tax,
        "status": "paid",
        "refunded_amount": null,
        "order": payment.order,
        "subscription": payment.subscription,
        "customer": payment.customer,
        "description": payment.description,
        "created_at": milliseconds(world.clock.now()),
        "_product": payment.product["id"],
        "_checkout": payment.checkout,
    });
    if let Some((start, end)) = payment.period {
        transaction["period_start"] = milliseconds(start).into();
        transaction["period_end"] = milliseconds(end).into();
    }
    world.creem.store.insert("tran", transaction);
    id
}

/// Takes back `amount` of a payment, which is then in the state `whole` or, for a part, `partialRefund`.
pub(super) fn take_back(world: &mut World, id: &str, amount: i64, whole: &str) -> Value {
    let transaction = world.creem.store.copy("tran", id);
    let refunded = transaction["refunded_amount"].as_i64().unwrap_or(0).saturating_add(amount);
    let status = if Some(refunded) >= transaction["amount_paid"].as_i64() { whole } else { "partialRefund" };
    let fields = [("refunded_amount", refunded.into()), ("status", status.to_owned().into())];
    world.creem.store.change("tran", id, fields);
    world.creem.store.copy("tran", id)
}

/// The card that paid, by the number of its test card.
pub(super) fn card_of(world: &World, transaction: &Value) -> String {
    let checkout = world.creem.store.copy("ch", text(transaction, "_checkout").unwrap_or_default());
    owned(&checkout, "_card")
}
