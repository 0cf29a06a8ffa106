//! Subscriptions: begun by a paid checkout, cancelled, resumed, moved to another product. Renewing them is in
//! `renewal`.

use serde_json::{Value, json};

use super::amounts::{Amounts, Cut, add_up, rounded_share};
use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::events::emit;
use super::moments::iso;
use super::timers::Timer;
use super::transactions::{self, Payment};
use super::{checkouts, discounts, new_id, products, render, renewal};
use crate::stripe::store::{integer, owned, text, visible};
use crate::stripe::subscriptions::calendar;
use crate::world::World;

/// `GET /v1/subscriptions?subscription_id=…`.
pub(super) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("subscription_id")?;
    shown(world, &query.required_text("subscription_id")?)
}

/// The subscription as the API answers it.
pub(super) fn shown(world: &World, id: &str) -> Answer {
    Ok(render::subscription(world, world.creem.find("sub", "Subscription", id)?))
}

/// Emits an event about a subscription as it is now.
pub(super) fn tell(world: &mut World, id: &str, event: &str) {
    let shown = render::subscription(world, &world.creem.store.copy("sub", id));
    emit(world, event, shown);
}

/// Begins the subscription of a paid checkout, and returns the transaction of its first payment.
pub(super) fn start(world: &mut World, checkout: &Value, product: &Value, amounts: Amounts) -> String {
    let (id, now) = (new_id("sub"), world.clock.now());
    let (interval, count) = products::rhythm(product);
    let end = calendar::after(now, interval, count);
    let checkout_id = owned(checkout, "id");
    let payment = Payment {
        amounts,
        product,
        customer: text(checkout, "_customer").unwrap_or_default(),
        order: text(checkout, "_order").unwrap_or_default(),
        checkout: &checkout_id,
        subscription: Some(&id),
        period: Some((now, end)),
        description: "Subscription payment",
    };
    let transaction = transactions::record(world, &payment);
    let subscription = build(checkout, product, &id, &transaction, now, end);
    world.creem.store.insert("sub", subscription);
    world.creem.store.change("ch", &checkout_id, [("_subscription", id.as_str().into())]);
    world.creem.timers.at(end, Timer::PeriodEnds(id.clone()));
    if let Some(discount) = text(checkout, "_discount") {
        let applied = discounts::applied(&world.creem.store.copy("dis", discount));
        world.creem.store.change("sub", &id, [("discount", applied)]);
    }
    transaction
}

fn build(checkout: &Value, product: &Value, id: &str, transaction: &str, now: i64, end: i64) -> Value {
    let mut subscription = json!({
        "id": id,
        "mode": "test",
        "object": "subscription",
        "product": product["id"],
        "customer": checkout["_customer"],
        "items": [{
            "id": new_id("sitem"), "mode": "test", "object": "subscription_item",
            "product_id": product["id"], "price_id": new_id("pprice"), "units": checkout["units"],
            "created_at": iso(now), "updated_at": iso(now),
        }],
        "collection_method": "charge_automatically",
        "status": "active",
        "last_transaction_id": transaction,
        "last_transaction_date": iso(now),
        "next_transaction_date": iso(end),
        "current_period_start_date": iso(now),
        "current_period_end_date": iso(end),
        "canceled_at": null,
        "created_at": iso(now),
        "updated_at": iso(now),
        "metadata": checkout["metadata"],
        "_start": now,
        "_end": end,
        "_anchor": now,
        "_began": now,
        // How many periods the anchor is away from the end of the current one.
        "_periods": 1,
        "_attempts": 0,
        // What a change of product left over for the next payment: more to pay, or less.
        "_carried": 0,
        "_card": checkout["_card"],
        "_checkout": checkout["id"],
        "_order": checkout["_order"],
        "_discount": checkout["_discount"],
    });
    // The documentation shows the metadata here, but not the request id: callers do better to rely on the former.
    if let Some(request_id) = text(checkout, "request_id") {
        subscription["request_id"] = request_id.into();
    }
    subscription
}

fn status<'a>(world: &'a World, id: &str) -> Answer<&'a str> {
    Ok(text(world.creem.find("sub", "Subscription", id)?, "status").unwrap_or_default())
}

/// `POST /v1/subscriptions/:id/cancel`.
pub(super) fn cancel(world: &mut World, id: &str, body: &Fields) -> Answer {
    body.only("mode onExecute")?;
    body.choice("onExecute", &["cancel"])?;
    let mode = body.choice("mode", &["immediate", "scheduled"])?;
    if status(world, id)? == "canceled" {
        return Err(ApiError::bad_request("Subscription is already canceled"));
    }
    match mode.as_deref() {
        Some("scheduled") => schedule_end(world, id, true),
        _ => end(world, id),
    }
    shown(world, id)
}

/// `POST /v1/subscriptions/:id/resume`: one that is to end goes on after all.
pub(super) fn resume(world: &mut World, id: &str) -> Answer {
    if status(world, id)? != "scheduled_cancel" {
        return Err(ApiError::bad_request("Only a subscription that is scheduled to cancel can be resumed"));
    }
    schedule_end(world, id, false);
    shown(world, id)
}

/// Lets a running subscription end with its period, or go on after all.
pub(crate) fn schedule_end(world: &mut World, id: &str, ends: bool) {
    let subscription = world.creem.store.copy("sub", id);
    let (wanted, status, event) = match ends {
        true => ("active", "scheduled_cancel", "subscription.scheduled_cancel"),
        false => ("scheduled_cancel", "active", "subscription.update"),
    };
    if text(&subscription, "status") != Some(wanted) {
        return;
    }
    let now = iso(world.clock.now());
    let next = if ends { Value::Null } else { subscription["current_period_end_date"].clone() };
    world.creem.store.change(
        "sub",
        id,
        [("status", status.into()), ("next_transaction_date", next), ("updated_at", now.into())],
    );
    drop_null(world, id, "next_transaction_date");
    tell(world, id, event);
}

/// Creem leaves a date out that there is not.
fn drop_null(world: &mut World, id: &str, field: &str) {
    if let Some(fields) = world.creem.store.get_mut("sub", id).and_then(Value::as_object_mut)
        && fields.get(field).is_some_and(Value::is_null)
    {
        fields.remove(field);
    }
}

/// Ends a subscription now.
pub(super) fn end(world: &mut World, id: &str) {
    let now = iso(world.clock.now());
    world.creem.store.change(
        "sub",
        id,
        [
            ("status", "canceled".into()),
            ("canceled_at", now.as_str().into()),
            ("updated_at", now.as_str().into()),
            ("next_transaction_date", Value::Null),
        ],
    );
    drop_null(world, id, "next_transaction_date");
    tell(world, id, "subscription.canceled");
}

/// `POST /v1/subscriptions/:id/upgrade`: to another product, cheaper or dearer.
pub(super) fn upgrade(world: &mut World, id: &str, body: &Fields) -> Answer {
    body.only("product_id update_behavior")?;
    let behaviors = ["proration-charge-immediately", "proration-charge", "proration-none"];
    let behavior = body.choice("update_behavior", &behaviors)?;
    let old = world.creem.find("sub", "Subscription", id)?.clone();
    if text(&old, "status") != Some("active") {
        return Err(ApiError::bad_request("Only an active subscription can be upgraded"));
    }
    let product = world.creem.find("prod", "Product", &body.required_text("product_id")?)?.clone();
    if !products::recurs(&product) || old["product"] == product["id"] {
        return Err(ApiError::bad_request("The product must be another recurring product"));
    }
    let before = world.creem.store.copy("prod", text(&old, "product").unwrap_or_default());
    if before["currency"] != product["currency"] {
        return Err(ApiError::bad_request("The product must have the same currency"));
    }
    let change = change_of_product(world, &old, &before, &product);
    let charged = match behavior.as_deref() {
        Some("proration-none") => None,
        Some("proration-charge") => {
            carry(world, id, change.to_pay);
            None
        }
        _ if change.to_pay > 0 => {
            renewal::require_payable(&old)?;
            Some(change.to_pay)
        }
        _ => {
            // What is left of a dearer product is not paid out; it makes the next payment smaller.
            carry(world, id, change.to_pay);
            None
        }
    };
    move_to(world, id, &product, change.period);
    tell(world, id, "subscription.update");
    if let Some(to_pay) = charged {
        let tax = world.creem.tax_basis_points;
        let amounts = add_up(to_pay, Cut::Nothing, tax, checkouts::tax_is_included(&product));
        renewal::record_payment(world, id, amounts, change.period, "Subscription upgrade");
        tell(world, id, "subscription.paid");
    }
    shown(world, id)
}

/// Leaves an amount to the next payment, which it makes larger or smaller.
fn carry(world: &mut World, id: &str, amount: i64) {
    let carried = integer(&world.creem.store.copy("sub", id), "_carried").saturating_add(amount);
    world.creem.store.change("sub", id, [("_carried", carried.into())]);
}

/// What moving to another product means for money and time.
struct Change {
    /// What the rest of the period costs more, or less.
    to_pay: i64,
    period: (i64, i64),
}

fn change_of_product(world: &World, old: &Value, before: &Value, after: &Value) -> Change {
    let (now, start, end) = (world.clock.now(), integer(old, "_start"), integer(old, "_end"));
    let units = integer(&old["items"][0], "units");
    let whole = |product: &Value| integer(product, "price").saturating_mul(units);
    let (left, length) = ((end - now).clamp(0, end - start), end - start);
    let unused = rounded_share(whole(before), left, length);
    if products::rhythm(before) == products::rhythm(after) {
        let to_pay = rounded_share(whole(after), left, length) - unused;
        return Change { to_pay, period: (start, end) };
    }
    // Another rhythm begins its first period now.
    let (interval, count) = products::rhythm(after);
    Change { to_pay: whole(after) - unused, period: (now, calendar::after(now, interval, count)) }
}

fn move_to(world: &mut World, id: &str, product: &Value, period: (i64, i64)) {
    let now = world.clock.now();
    let moved = world.creem.store.copy("sub", id);
    if let Some(subscription) = world.creem.store.get_mut("sub", id) {
        subscription["product"] = product["id"].clone();
        subscription["items"][0]["product_id"] = product["id"].clone();
        subscription["items"][0]["price_id"] = new_id("pprice").into();
        subscription["items"][0]["updated_at"] = iso(now).into();
        subscription["updated_at"] = iso(now).into();
    }
    if period != (integer(&moved, "_start"), integer(&moved, "_end")) {
        world.creem.store.change("sub", id, [("_anchor", period.0.into()), ("_periods", 1.into())]);
        set_period(world, id, period);
    }
}

/// Moves a subscription into a period, and sets the timer of its end.
pub(super) fn set_period(world: &mut World, id: &str, period: (i64, i64)) {
    world.creem.store.change(
        "sub",
        id,
        [
            ("_start", period.0.into()),
            ("_end", period.1.into()),
            ("current_period_start_date", iso(period.0).into()),
            ("current_period_end_date", iso(period.1).into()),
            ("next_transaction_date", iso(period.1).into()),
        ],
    );
    world.creem.timers.at(period.1, Timer::PeriodEnds(id.to_owned()));
}

/// What a customer subscribed to, the newest first, for their portal.
pub(crate) fn of_customer(world: &World, customer: &str) -> Vec<Value> {
    let subscriptions = world.creem.store.newest_first("sub");
    subscriptions.filter(|one| text(one, "customer") == Some(customer)).map(visible).collect()
}
