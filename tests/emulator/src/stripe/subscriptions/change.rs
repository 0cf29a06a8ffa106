//! Changes of a running subscription: its items with proration, its end, its payment method.

use serde_json::{Value, json};

use super::{build_item, calendar, period_end, renewal};
use crate::stripe::cards::Decline;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::events::emit_change;
use crate::stripe::invoices::Line;
use crate::stripe::parameters::Params;
use crate::stripe::sessions::lines::read;
use crate::stripe::store::{integer, text, visible};
use crate::stripe::timers::Timer;
use crate::stripe::{Call, changed_fields, payment_methods, prices};
use crate::world::World;

pub(crate) fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    let params = &call.params;
    params.only(
        "cancel_at_period_end cancellation_details collection_method default_payment_method description \
         items metadata off_session payment_behavior payment_settings proration_behavior trial_settings",
    )?;
    let before = world.stripe.store.find("sub", id)?.clone();
    if matches!(text(&before, "status"), Some("canceled" | "incomplete_expired")) {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(ApiError::invalid(message));
    }
    let behavior = params.choice("proration_behavior", &["always_invoice", "create_prorations", "none"])?;
    if let Some(method) = params.text("default_payment_method")? {
        let owner = world.stripe.store.named_by("default_payment_method", "pm", &method)?;
        if text(owner, "customer") != text(&before, "customer") {
            let message = "The payment method must be attached to the customer of the subscription.";
            return Err(ApiError::invalid(message).param("default_payment_method"));
        }
        world.stripe.store.change("sub", id, [("default_payment_method", method.into())]);
    }
    if let Some(description) = params.unsettable("description")? {
        world.stripe.store.change("sub", id, [("description", description)]);
    }
    let metadata = params.metadata(Some(&before["metadata"]))?;
    world.stripe.store.change("sub", id, [("metadata", metadata)]);
    let fails = params.choice(
        "payment_behavior",
        &["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"],
    )?;
    let prorations = change_items(world, params, id)?;
    if fails.as_deref() == Some("error_if_incomplete")
        && let Some(decline) = refusal(world, &before, &prorations)
    {
        if let Some(stored) = world.stripe.store.get_mut("sub", id) {
            stored.clone_from(&before);
        }
        return Err(decline.error());
    }
    let begins_anew = begin_anew_if_rhythm_changed(world, id, &before);
    if let Some(ends) = params.flag("cancel_at_period_end")? {
        set_end(world, id, ends);
    }
    let invoice = match behavior.as_deref().unwrap_or("create_prorations") {
        // Another rhythm begins a period that is billed at once, whatever becomes of the old one.
        behavior if begins_anew => {
            let lines = prorations.into_iter().filter(|line| behavior != "none" || line.amount > 0);
            let (subscription, lines) = (world.stripe.store.copy("sub", id), lines.collect());
            Some(renewal::record(world, &subscription, "subscription_update", lines))
        }
        "none" => None,
        "always_invoice" if !prorations.is_empty() => {
            let subscription = world.stripe.store.copy("sub", id);
            Some(renewal::record(world, &subscription, "subscription_update", prorations))
        }
        _ => {
            keep_for_next_invoice(world, id, &prorations);
            None
        }
    };
    tell(world, id, &before);
    if let Some(invoice) = invoice {
        renewal::collect(world, &invoice);
    }
    Ok(visible(world.stripe.store.find("sub", id)?))
}

/// Why the card of a subscription would not pay for a change, if the change costs anything.
fn refusal(world: &World, subscription: &Value, lines: &[Line]) -> Option<Decline> {
    let costs = lines.iter().map(|line| line.amount).sum::<i64>() > 0;
    let customer = world.stripe.store.copy("cus", text(subscription, "customer").unwrap_or_default());
    let method = text(subscription, "default_payment_method")
        .or_else(|| text(&customer["invoice_settings"], "default_payment_method"))?;
    payment_methods::decline_of(&world.stripe.store.copy("pm", method)).filter(|_| costs)
}

fn tell(world: &mut World, id: &str, before: &Value) {
    let after = world.stripe.store.copy("sub", id);
    let previous = changed_fields(&visible(before), &visible(&after));
    emit_change(world, "customer.subscription.updated", &after, Some(previous));
}

/// Lets a subscription end with its period, or go on after all.
pub(crate) fn cancel_at_period_end(world: &mut World, id: &str, ends: bool) {
    let before = world.stripe.store.copy("sub", id);
    set_end(world, id, ends);
    tell(world, id, &before);
}

fn set_end(world: &mut World, id: &str, ends: bool) {
    let now = world.clock.now();
    let end = period_end(&world.stripe.store.copy("sub", id));
    let reason = ends.then_some("cancellation_requested");
    world.stripe.store.change(
        "sub",
        id,
        [
            ("cancel_at_period_end", ends.into()),
            ("cancel_at", if ends { end.into() } else { Value::Null }),
            ("canceled_at", if ends { now.into() } else { Value::Null }),
            ("cancellation_details", json!({ "comment": null, "feedback": null, "reason": reason })),
        ],
    );
}

/// How often a subscription is billed, by its first item.
fn rhythm(subscription: &Value) -> (&str, i64) {
    let recurring = &subscription["items"]["data"][0]["price"]["recurring"];
    (text(recurring, "interval").unwrap_or("month"), integer(recurring, "interval_count"))
}

/// A subscription that is billed in another rhythm than before begins its first period of it now.
fn begin_anew_if_rhythm_changed(world: &mut World, id: &str, before: &Value) -> bool {
    let mut after = world.stripe.store.copy("sub", id);
    if rhythm(&after) == rhythm(before) || text(&after, "status") == Some("trialing") {
        return false;
    }
    let now = world.clock.now();
    let (interval, count) = rhythm(&after);
    let end = calendar::after(now, interval, count);
    after["billing_cycle_anchor"] = now.into();
    after["_periods"] = 1.into();
    for item in after["items"]["data"].as_array_mut().into_iter().flatten() {
        item["current_period_start"] = now.into();
        item["current_period_end"] = end.into();
        item["billed_until"] = end.into();
    }
    if let Some(stored) = world.stripe.store.get_mut("sub", id) {
        stored.clone_from(&after);
    }
    world.stripe.timers.at(end, Timer::PeriodEnds(id.to_owned()));
    true
}

/// Applies `items` and returns what the change costs or gives back for the rest of the period.
fn change_items(world: &mut World, params: &Params, id: &str) -> Answer<Vec<Line>> {
    let mut prorations = Vec::new();
    for change in params.elements("items")? {
        let subscription = world.stripe.store.copy("sub", id);
        let mut items = subscription["items"]["data"].as_array().cloned().unwrap_or_default();
        let named = change.text("id")?;
        let position = match &named {
            Some(named) => Some(
                items
                    .iter()
                    .position(|item| text(item, "id") == Some(named))
                    .ok_or_else(|| ApiError::no_such("subscription_item", named))?,
            ),
            None => None,
        };
        let old = position.map(|position| items[position].clone());
        let new = if change.flag("deleted")?.unwrap_or(false) {
            None
        } else {
            Some(changed_item(world, &subscription, old.as_ref(), &change)?)
        };
        prorations.extend(proration(world, &subscription, old.as_ref(), false));
        prorations.extend(proration(world, &subscription, new.as_ref(), true));
        match (position, new) {
            (Some(position), Some(item)) => items[position] = item,
            (Some(position), None) => drop(items.remove(position)),
            (None, Some(item)) => items.push(item),
            (None, None) => {}
        }
        if items.is_empty() {
            return Err(
                ApiError::invalid("A subscription must have at least one active plan.").param("items")
            );
        }
        if let Some(stored) = world.stripe.store.get_mut("sub", id) {
            stored["items"]["data"] = items.into();
        }
    }
    Ok(prorations)
}

fn changed_item(world: &mut World, subscription: &Value, old: Option<&Value>, change: &Params) -> Answer {
    let quantity = match change.integer("quantity")? {
        Some(quantity) => quantity,
        None => old.map_or(1, |old| integer(old, "quantity")),
    };
    let price = if change.has("price") || change.has("price_data") {
        let line = change.without(&["id", "deleted", "quantity"]);
        let line = line.as_only_element_of("line_items", "quantity", "1");
        read(world, &line)?.remove(0)["price"].clone()
    } else {
        old.map(|old| old["price"].clone()).ok_or_else(|| ApiError::missing("items[0][price]"))?
    };
    if price["recurring"].is_null() {
        return Err(ApiError::invalid("The price specified is not recurring.").param("items[0][price]"));
    }
    let now = world.clock.now();
    let start = integer(&subscription["items"]["data"][0], "current_period_start");
    let id = text(subscription, "id").unwrap_or_default();
    let mut item = build_item(id, &price, quantity, now, (start, period_end(subscription)));
    if let Some(old) = old {
        item["id"] = old["id"].clone();
        item["created"] = old["created"].clone();
    }
    Ok(item)
}

/// The share of an item's price for what is left of the period: to pay, or to give back.
fn proration(world: &World, subscription: &Value, item: Option<&Value>, to_pay: bool) -> Option<Line> {
    let item = item?;
    if text(subscription, "status") == Some("trialing") {
        return None;
    }
    let (now, end) = (world.clock.now(), period_end(subscription));
    let start = integer(&subscription["items"]["data"][0], "current_period_start");
    let length = i128::from((end - start).max(1));
    let left = i128::from((end - now).clamp(0, end - start));
    let quantity = integer(item, "quantity");
    let unit = prices::amount_in(world, &item["price"], text(subscription, "currency").unwrap_or_default());
    let whole = i128::from(unit) * i128::from(quantity);
    // Rounded half up, like Stripe's invoice lines.
    let share = i64::try_from((whole * left * 2 + length) / (length * 2)).unwrap_or(i64::MAX);
    let mut price = item["price"].clone();
    price["_item"] = item["id"].clone();
    let recurring = &item["price"]["recurring"];
    let (interval, count) =
        (text(recurring, "interval").unwrap_or("month"), integer(recurring, "interval_count"));
    if to_pay && (interval, count) != rhythm(subscription) {
        // The first period of another rhythm is paid as a whole.
        return Some(Line {
            amount: i64::try_from(whole).unwrap_or(i64::MAX),
            discount: 0,
            description: format!("{quantity} × first period"),
            price,
            quantity,
            proration: false,
            period: (now, calendar::after(now, interval, count)),
        });
    }
    Some(Line {
        amount: if to_pay { share } else { -share },
        discount: 0,
        description: if to_pay { "Remaining time" } else { "Unused time" }.to_owned(),
        price,
        quantity,
        proration: true,
        period: (now, end),
    })
}

fn keep_for_next_invoice(world: &mut World, id: &str, lines: &[Line]) {
    let Some(subscription) = world.stripe.store.get_mut("sub", id) else { return };
    let Some(pending) = subscription["_pending_lines"].as_array_mut() else { return };
    let lines = lines.iter().map(|line| {
        json!({
            "amount": line.amount, "description": line.description, "price": line.price,
            "quantity": line.quantity, "start": line.period.0, "end": line.period.1,
        })
    });
    // The newest change comes first on the invoice.
    pending.splice(0..0, lines);
}
