//! What happens when a period is over: the next invoice, its payment, retries, the end.

use serde_json::{Value, json};

use super::{calendar, period_end};
use crate::stripe::events::{emit, emit_change};
use crate::stripe::invoices::{self, Bill, Line};
use crate::stripe::settings::AfterRetries;
use crate::stripe::store::{flag, integer, owned, text, visible};
use crate::stripe::timers::Timer;
use crate::stripe::{coupons, prices};
use crate::world::World;

/// Seconds that the invoice of a new period stays a draft before it is finalized and collected.
/// <https://docs.stripe.com/billing/subscriptions/webhooks>: "approximately 1 hour".
const DRAFT_FOR: i64 = 3600;

/// The timer at the end of a period has run out.
pub(crate) fn end_period(world: &mut World, id: &str) {
    let before = world.stripe.store.copy("sub", id);
    let ended =
        matches!(text(&before, "status"), None | Some("canceled" | "incomplete" | "incomplete_expired"));
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
    let old_start = integer(&before["items"]["data"][0], "current_period_start");
    let invoice = draft_of_period(world, id, (old_start, old_end), (old_end, new_end));
    let after = world.stripe.store.copy("sub", id);
    // While a subscription is unpaid its invoices stay drafts until the seller sends them off.
    if text(&after, "status") != Some("unpaid") {
        world.stripe.timers.after(&world.clock, DRAFT_FOR, Timer::InvoiceFinalizes(invoice));
    }
    let previous = crate::stripe::changed_fields(&visible(&before), &visible(&after));
    emit_change(world, "customer.subscription.updated", &after, Some(previous));
}

/// Drafts the invoice of a period: its items, and what earlier changes left over.
fn draft_of_period(world: &mut World, id: &str, ended: (i64, i64), period: (i64, i64)) -> String {
    let subscription = world.stripe.store.copy("sub", id);
    let currency = owned(&subscription, "currency");
    let mut lines = pending_lines(&subscription);
    // Those of the subscription itself come last, the newest item first:
    // <https://docs.stripe.com/api/invoices/object#invoice_object-lines>.
    for item in subscription["items"]["data"].as_array().into_iter().flatten().rev() {
        let mut price = item["price"].clone();
        let product = world.stripe.store.copy("prod", text(&price, "product").unwrap_or_default());
        let quantity = integer(item, "quantity");
        let unit = prices::amount_in(world, &price, &currency);
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
    let advances = text(&subscription, "status") != Some("unpaid");
    let finalizes_at = advances.then(|| world.clock.now() + DRAFT_FOR);
    let invoice = draft(world, &subscription, "subscription_cycle", lines, Some(ended), finalizes_at);
    world.stripe.store.change("sub", id, [("_pending_lines", json!([]))]);
    invoice
}

/// Drafts an invoice of a subscription.
fn draft(
    world: &mut World,
    subscription: &Value,
    reason: &str,
    mut lines: Vec<Line>,
    collects: Option<(i64, i64)>,
    finalizes_at: Option<i64>,
) -> String {
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
        session: None,
        collects,
        finalizes_at,
    };
    let invoice = invoices::draft(world, &bill);
    world.stripe.store.change("sub", &id, [("latest_invoice", invoice.as_str().into())]);
    invoice
}

/// Records and finalizes an invoice of a subscription that is due at once.
pub(super) fn record(world: &mut World, subscription: &Value, reason: &str, lines: Vec<Line>) -> String {
    let (prorations, others): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| line.proration);
    let lines = prorations.into_iter().chain(others).collect();
    let invoice = draft(world, subscription, reason, lines, None, Some(world.clock.now()));
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

/// The hour of a draft is over: it is finalized and collected, unless that was stopped meanwhile.
pub(crate) fn finalize_invoice(world: &mut World, invoice: &str) {
    let draft = world.stripe.store.copy("in", invoice);
    if text(&draft, "status") == Some("draft") && flag(&draft, "auto_advance") {
        invoices::finalize(world, invoice);
        collect(world, invoice);
    }
}

/// Tries to collect an invoice; a refusal makes its subscription past due and is tried again later.
pub(super) fn collect(world: &mut World, invoice: &str) {
    let method = method_for_invoice(world, invoice);
    match invoices::charge(world, invoice, method.as_deref(), "Subscription update") {
        Ok(()) => after_invoice_paid(world, invoice),
        Err(_) => after_invoice_failed(world, invoice),
    }
}

/// An attempt to collect an invoice failed: the next one is set, or the subscription ends as the seller chose.
pub(crate) fn after_invoice_failed(world: &mut World, invoice: &str) {
    let unpaid = world.stripe.store.copy("in", invoice);
    let id = owned(&unpaid, "_subscription");
    let subscription = world.stripe.store.copy("sub", &id);
    if matches!(text(&subscription, "status"), None | Some("canceled" | "incomplete_expired")) {
        return;
    }
    if let Some(next) = unpaid["next_payment_attempt"].as_i64() {
        world.stripe.timers.at(next, Timer::InvoiceRetry(invoice.to_owned()));
        if text(&subscription, "status") != Some("unpaid") {
            change_status(world, &id, "past_due");
        }
        return;
    }
    match world.stripe.settings.dunning.then {
        AfterRetries::Canceled => cancel(world, &id, "payment_failed"),
        AfterRetries::Unpaid => change_status(world, &id, "unpaid"),
        AfterRetries::PastDue => change_status(world, &id, "past_due"),
    }
}

/// The timer of an unpaid invoice has run out.
pub(crate) fn retry_invoice(world: &mut World, invoice: &str) {
    let unpaid = world.stripe.store.copy("in", invoice);
    let subscription = world.stripe.store.copy("sub", text(&unpaid, "_subscription").unwrap_or_default());
    let runs = !matches!(text(&subscription, "status"), None | Some("canceled" | "incomplete_expired"));
    if text(&unpaid, "status") == Some("open") && runs {
        collect(world, invoice);
    }
}

/// A subscription whose latest finalized invoice got paid is active again.
pub(crate) fn after_invoice_paid(world: &mut World, invoice: &str) {
    let id = owned(&world.stripe.store.copy("in", invoice), "_subscription");
    let subscription = world.stripe.store.copy("sub", &id);
    let latest = world.stripe.store.newest_first("in").find(|one| {
        text(one, "_subscription") == Some(&id) && !matches!(text(one, "status"), Some("draft" | "void"))
    });
    let is_paid: bool = latest.is_some_and(|latest| text(latest, "status") == Some("paid"));
    if is_paid && matches!(text(&subscription, "status"), Some("past_due" | "incomplete" | "unpaid")) {
        change_status(world, &id, "active");
    }
}

/// A subscription whose first invoice was not paid within 23 hours is over.
/// <https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>
pub(crate) fn expire_incomplete(world: &mut World, id: &str) {
    let subscription = world.stripe.store.copy("sub", id);
    if text(&subscription, "status") == Some("incomplete") {
        if let Some(invoice) = text(&subscription, "latest_invoice") {
            invoices::void(world, invoice).ok();
        }
        change_status(world, id, "incomplete_expired");
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
    stop_collecting(world, id);
    let subscription = world.stripe.store.copy("sub", id);
    emit(world, "customer.subscription.deleted", &subscription);
}

/// Nothing of an ended subscription is finalized or collected by itself any more.
fn stop_collecting(world: &mut World, id: &str) {
    let invoices = world.stripe.store.newest_first("in");
    let pending = invoices.filter(|invoice| {
        text(invoice, "_subscription") == Some(id)
            && matches!(text(invoice, "status"), Some("draft" | "open"))
    });
    let pending: Vec<String> = pending.map(|invoice| owned(invoice, "id")).collect();
    for invoice in pending {
        let fields = [("auto_advance", false.into()), ("next_payment_attempt", Value::Null)];
        world.stripe.store.change("in", &invoice, fields);
    }
}
