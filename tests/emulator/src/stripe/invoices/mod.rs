//! Invoices: of subscriptions and of one-time payments that asked for one.

mod build;
mod settle;

use serde_json::Value;

pub(crate) use self::build::{Bill, Line, draft};
use self::settle::pay;
pub(crate) use self::settle::{charge, expect_payment, finalize, for_checkout, mark_paid, payment_decided};
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, cut, page, search};
use super::store::{text, visible};
use super::{Call, customer_balance};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params.only(
                "collection_method created customer customer_account due_date ending_before limit \
                 starting_after status subscription",
            )?;
            let customer = call.params.text("customer")?;
            let status = call.params.text("status")?;
            let subscription = call.params.text("subscription")?;
            page(world, call, "in", |invoice| {
                agrees(customer.as_ref(), invoice, "customer")
                    && agrees(status.as_ref(), invoice, "status")
                    && agrees(subscription.as_ref(), invoice, "_subscription")
            })
        }
        ("GET", ["search"]) => search(world, call, "in"),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("in", id)?)),
        ("POST", [id]) => update(world, call, id),
        ("GET", [id, "lines"]) => {
            call.params.only("ending_before limit starting_after")?;
            let invoice = world.stripe.store.find("in", id)?;
            let lines = invoice["_lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            cut(lines.iter(), &call.params, &call.path())
        }
        ("POST", [id, "finalize"]) => {
            call.params.only("auto_advance")?;
            require_status(world, id, &["draft"], "finalized")?;
            finalize(world, id);
            Ok(visible(world.stripe.store.find("in", id)?))
        }
        ("POST", [id, "void"]) => {
            call.params.only("")?;
            require_status(world, id, &["open", "uncollectible"], "voided")?;
            void(world, id)
        }
        ("POST", [id, "mark_uncollectible"]) => {
            call.params.only("")?;
            require_status(world, id, &["open"], "marked uncollectible")?;
            let event = "invoice.marked_uncollectible";
            end_unpaid(world, id, "uncollectible", "marked_uncollectible_at", event)
        }
        ("POST", [id, "pay"]) => pay(world, call, id),
        _ => Err(call.unknown()),
    }
}

/// `GET /v1/invoice_payments`.
pub(crate) fn route_payments(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params.only("created ending_before invoice limit payment starting_after status")?;
            let invoice = call.params.text("invoice")?;
            let status = call.params.text("status")?;
            let intent = match call.params.nested("payment")? {
                Some(payment) => payment.text("payment_intent")?,
                None => None,
            };
            page(world, call, "inpay", |payment| {
                agrees(invoice.as_ref(), payment, "invoice")
                    && agrees(status.as_ref(), payment, "status")
                    && agrees(intent.as_ref(), &payment["payment"], "payment_intent")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("inpay", id)?)),
        _ => Err(call.unknown()),
    }
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("auto_advance default_payment_method description metadata")?;
    let before = world.stripe.store.find("in", id)?.clone();
    let metadata = call.params.metadata(Some(&before["metadata"]))?;
    let advances = call.params.flag("auto_advance")?.map_or(before["auto_advance"].clone(), Value::Bool);
    world.stripe.store.change("in", id, [("metadata", metadata), ("auto_advance", advances)]);
    let invoice = world.stripe.store.copy("in", id);
    emit_change(world, "invoice.updated", &invoice, Some(super::changed_fields(&before, &invoice)));
    Ok(visible(&invoice))
}

pub(super) fn require_status(world: &World, id: &str, allowed: &[&str], done: &str) -> Answer<()> {
    let invoice = world.stripe.store.find("in", id)?;
    let status = text(invoice, "status").unwrap_or_default();
    if allowed.contains(&status) {
        return Ok(());
    }
    let message = format!("This invoice has a status of {status} and cannot be {done}.");
    Err(ApiError::invalid(message).code("invoice_not_editable"))
}

/// Voids an invoice; what the customer's balance paid of it goes back there.
pub(crate) fn void(world: &mut World, id: &str) -> Answer {
    let invoice = world.stripe.store.copy("in", id);
    customer_balance::unapply_from_invoice(world, &invoice);
    end_unpaid(world, id, "void", "voided_at", "invoice.voided")
}

fn end_unpaid(world: &mut World, id: &str, status: &str, moment: &str, event: &str) -> Answer {
    let now = world.clock.now();
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["status"] = status.into();
        invoice["status_transitions"][moment] = now.into();
        invoice["next_payment_attempt"] = Value::Null;
    }
    let invoice = world.stripe.store.copy("in", id);
    emit(world, event, &invoice);
    Ok(visible(&invoice))
}
