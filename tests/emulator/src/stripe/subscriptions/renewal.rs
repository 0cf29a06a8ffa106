//! What happens when a period is over: the next invoice, its payment, retries, the end.

use serde_json::{Value, json};

use super::{calendar, period_end};
use crate::stripe::coupons;
use crate::stripe::events::{emit, emit_change};
use crate::stripe::invoices::{self, Bill, Line};
use crate::stripe::store::{flag, integer, owned, text, visible};
use crate::stripe::timers::Timer;
use crate::world::World;

/// Seconds between attempts to collect an unpaid invoice.
const RETRY_AFTER: i64 = 3 * 86_400;
const MOST_ATTEMPTS: i64 = 4;

/// The timer at the end of a period has run out.
pub(crate) fn end_period(world: &mut World, id: &str) {
    let before = world.stripe.store.copy("sub", id);
    let ended = matches!(text(&before, "status"), None | Some("canceled" | "incomplete_expired"));
    let old_end = period_end(&before);
    if ended || old_end > world.clock.now() {
        return;
    }
    if flag(&before, "cancel_at_period_end") {
        cancel(world, id, "cancellation_requested");
        return;
    }
    let periods = integer(&before, "_periods") + 1;
    let rhythm = &before["items"]["data"][0]["price"]["recurring"];
    let count = integer(rhythm, "interval_count").saturating_mul(periods);
    let anchor = integer(&before, "billing_cycle_anchor");
    let new_end = calendar::after(anchor, text(rhythm, "interval").unwrap_or("month"), count);
    let mut after = before.clone();
    after["_periods"] = periods.into();
    for item in after["items"]["data"].as_array_mut().into_iter().flatten() {
        item["current_period_start"] = old_end.into();
        item["current_period_end"] = new_end.into();
        item["billed_until"] = new_end.into();
    }
    if text(&after, "status") == Some("trialing") {
        after["status"] = "active".into();
    }
    if let Some(stored) = world.stripe.store.get_mut("sub", id) {
        stored.clone_from(&after);
    }
    world.stripe.timers.at(new_end, Timer::PeriodEnds(id.to_owned()));
    let invoice = bill(world, id, "subscription_cycle", (old_end, new_end));
    let after = world.stripe.store.copy("sub", id);
    let previous = crate::stripe::changed_fields(&visible(&before), &visible(&after));
    emit_change(world, "customer.subscription.updated", &after, Some(previous));
    collect(world, id, &invoice);
}

/// Records and finalizes the invoice of a period: its items, and what earlier changes left over.
fn bill(world: &mut World, id: &str, reason: &str, period: (i64, i64)) -> String {
    let subscription = world.stripe.store.copy("sub", id);
    let mut lines = pending_lines(&subscription);
    for item in subscription["items"]["data"].as_array().into_iter().flatten() {
        let mut price = item["price"].clone();
        let product = world.stripe.store.copy("prod", text(&price, "product").unwrap_or_default());
        let quantity = integer(item, "quantity");
        let unit = integer(&price, "unit_amount");
        price["_item"] = item["id"].clone();
        lines.push(Line {
            amount: unit.saturating_mul(quantity),
            discount: 0,
            description: format!("{quantity} × {}", text(&product, "name").unwrap_or("subscription")),
            price,
            quantity,
            proration: false,
            period,
        });
    }
    let invoice = record(world, &subscription, reason, lines);
    world.stripe.store.change("sub", id, [("_pending_lines", json!([]))]);
    invoice
}

/// Records and finalizes an invoice of a subscription.
pub(super) fn record(world: &mut World, subscription: &Value, reason: &str, mut lines: Vec<Line>) -> String {
    let id = owned(subscription, "id");
    let start = integer(&subscription["items"]["data"][0], "current_period_start");
    let discount = coupons::holding(world, &id, start);
    if let Some(discount) = &discount {
        coupons::discount_invoice(world, discount, &mut lines);
    }
    let bill = Bill {
        customer: text(subscription, "customer").unwrap_or_default(),
        subscription: Some(&id),
        reason,
        currency: text(subscription, "currency").unwrap_or_default(),
        lines,
        metadata: subscription["metadata"].clone(),
        discount,
    };
    let invoice = invoices::draft(world, &bill);
    world.stripe.store.change("sub", &id, [("latest_invoice", invoice.as_str().into())]);
    invoices::finalize(world, &invoice);
    invoice
}

fn pending_lines(subscription: &Value) -> Vec<Line> {
    let pending = subscription["_pending_lines"].as_array().into_iter().flatten();
    pending
        .map(|line| Line {
            amount: integer(line, "amount"),
            discount: 0,
            description: owned(line, "description"),
            price: line["price"].clone(),
            quantity: integer(line, "quantity"),
            proration: true,
            period: (integer(line, "start"), integer(line, "end")),
        })
        .collect()
}

/// Tries to collect an invoice; a refusal makes the subscription past due and is tried again later.
pub(super) fn collect(world: &mut World, id: &str, invoice: &str) {
    let method = method_for_invoice(world, invoice);
    if invoices::charge(world, invoice, method.as_deref(), "Subscription update").is_ok() {
        after_invoice_paid(world, invoice);
        return;
    }
    let attempts = integer(&world.stripe.store.copy("in", invoice), "attempt_count");
    if attempts >= MOST_ATTEMPTS {
        cancel(world, id, "payment_failed");
        return;
    }
    let next = world.clock.now() + RETRY_AFTER;
    world.stripe.store.change("in", invoice, [("next_payment_attempt", next.into())]);
    world.stripe.timers.at(next, Timer::InvoiceRetry(invoice.to_owned()));
    change_status(world, id, "past_due");
}

/// The timer of an unpaid invoice has run out.
pub(crate) fn retry_invoice(world: &mut World, invoice: &str) {
    let unpaid = world.stripe.store.copy("in", invoice);
    let id = owned(&unpaid, "_subscription");
    let subscription = world.stripe.store.copy("sub", &id);
    if text(&unpaid, "status") == Some("open") && text(&subscription, "status") != Some("canceled") {
        collect(world, &id, invoice);
    }
}

/// A subscription whose open invoice got paid is active again.
pub(crate) fn after_invoice_paid(world: &mut World, invoice: &str) {
    let id = owned(&world.stripe.store.copy("in", invoice), "_subscription");
    let subscription = world.stripe.store.copy("sub", &id);
    if matches!(text(&subscription, "status"), Some("past_due" | "incomplete")) {
        change_status(world, &id, "active");
    }
}

fn change_status(world: &mut World, id: &str, status: &str) {
    let before = world.stripe.store.copy("sub", id);
    if text(&before, "status") == Some(status) {
        return;
    }
    world.stripe.store.change("sub", id, [("status", status.into())]);
    let after = world.stripe.store.copy("sub", id);
    let previous = json!({ "status": before["status"] });
    emit_change(world, "customer.subscription.updated", &after, Some(previous));
}

/// The payment method that an invoice is collected from: the subscription's, else the customer's default.
pub(crate) fn method_for_invoice(world: &World, invoice: &str) -> Option<String> {
    let invoice = world.stripe.store.get("in", invoice)?;
    let subscription = world.stripe.store.copy("sub", text(invoice, "_subscription").unwrap_or_default());
    let customer = world.stripe.store.copy("cus", text(invoice, "customer").unwrap_or_default());
    let usable = |method: &&str| {
        let method = world.stripe.store.copy("pm", method);
        text(&method, "customer") == text(invoice, "customer")
    };
    text(&subscription, "default_payment_method")
        .filter(usable)
        .or_else(|| text(&customer["invoice_settings"], "default_payment_method").filter(usable))
        .map(str::to_owned)
}

/// Ends a subscription now.
pub(crate) fn cancel(world: &mut World, id: &str, reason: &str) {
    let now = world.clock.now();
    if let Some(subscription) = world.stripe.store.get_mut("sub", id) {
        subscription["status"] = "canceled".into();
        subscription["ended_at"] = now.into();
        if subscription["canceled_at"].is_null() {
            subscription["canceled_at"] = now.into();
        }
        subscription["cancellation_details"]["reason"] = reason.into();
    }
    let subscription = world.stripe.store.copy("sub", id);
    emit(world, "customer.subscription.deleted", &subscription);
}
