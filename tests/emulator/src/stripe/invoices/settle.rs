//! How an invoice is finalized and paid: by the customer's balance, by a card, by a debit that takes days, or
//! outside of Stripe. <https://docs.stripe.com/invoicing/integration/workflow-transitions>

use serde_json::{Value, json};

use super::build::{Bill, Line, draft};
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::events::emit;
use crate::stripe::payment_intents::confirm::{self, Outcome, Terms};
use crate::stripe::payment_intents::{self, Purpose};
use crate::stripe::store::{flag, integer, new_id, owned, text, visible};
use crate::stripe::{Call, customer_balance, payment_methods, subscriptions};
use crate::world::World;

/// Opens a draft for payment: its number, its pages, and what the customer's balance leaves to pay.
pub(crate) fn finalize(world: &mut World, id: &str) {
    let now = world.clock.now();
    let draft = world.stripe.store.copy("in", id);
    let customer = owned(&draft, "customer");
    let mut number = format!("E-{}", &id[id.len() - 8..]);
    if let Some(customer) = world.stripe.store.get_mut("cus", &customer) {
        let sequence = integer(customer, "next_invoice_sequence").max(1);
        number = format!("{}-{sequence:04}", text(customer, "invoice_prefix").unwrap_or_default());
        customer["next_invoice_sequence"] = (sequence + 1).into();
        if customer["currency"].is_null() {
            customer["currency"] = draft["currency"].clone();
        }
    }
    let currency = text(&draft, "currency").unwrap_or_default();
    // The invoice of a one-time payment is made when everything is paid, and leaves the balance alone.
    let (starting_balance, due, ending_balance) = if is_receipt(&draft) {
        (0, integer(&draft, "total"), 0)
    } else {
        let before = customer_balance::of(&world.stripe.store.copy("cus", &customer), currency);
        let settled = customer_balance::apply_to_invoice(world, &draft);
        (before, settled.due, settled.ending_balance)
    };
    let page = format!("{}/invoices/{id}", world.public_url);
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["status"] = "open".into();
        invoice["number"] = number.into();
        invoice["effective_at"] = now.into();
        invoice["automatically_finalizes_at"] = Value::Null;
        invoice["starting_balance"] = starting_balance.into();
        invoice["ending_balance"] = ending_balance.into();
        invoice["amount_due"] = due.into();
        invoice["amount_remaining"] = due.into();
        invoice["status_transitions"]["finalized_at"] = now.into();
        invoice["invoice_pdf"] = format!("{page}/pdf").into();
        invoice["hosted_invoice_url"] = page.into();
    }
    let invoice = world.stripe.store.copy("in", id);
    emit(world, "invoice.finalized", &invoice);
}

/// Whether an invoice only records a one-time payment of Checkout.
fn is_receipt(invoice: &Value) -> bool {
    text(invoice, "_session").is_some() && text(invoice, "_subscription").is_none()
}

/// Marks an open invoice as paid, by an intent unless nothing was due.
pub(crate) fn mark_paid(world: &mut World, id: &str, intent: Option<&str>) {
    let due = integer(&world.stripe.store.copy("in", id), "amount_due");
    mark(world, id, due);
    if let Some(intent) = intent {
        let now = world.clock.now();
        let payment = json!({
            "id": new_id("inpay"), "object": "invoice_payment", "amount_paid": due, "amount_requested": due,
            "created": now, "currency": world.stripe.store.copy("in", id)["currency"], "invoice": id,
            "is_default": true, "livemode": false,
            "payment": { "payment_intent": intent, "type": "payment_intent" },
            "status": "paid", "status_transitions": { "canceled_at": null, "paid_at": now },
        });
        world.stripe.store.insert("inpay", payment.clone());
        emit(world, "invoice_payment.paid", &payment);
    }
    let invoice = world.stripe.store.copy("in", id);
    emit(world, "invoice.paid", &invoice);
    emit(world, "invoice.payment_succeeded", &invoice);
}

fn mark(world: &mut World, id: &str, paid: i64) {
    let now = world.clock.now();
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["status"] = "paid".into();
        invoice["amount_paid"] = paid.into();
        invoice["amount_remaining"] = 0.into();
        invoice["attempted"] = true.into();
        invoice["attempt_count"] = (integer(invoice, "attempt_count") + 1).into();
        invoice["auto_advance"] = false.into();
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status_transitions"]["paid_at"] = now.into();
    }
}

/// Records the paid invoice of a one-time Checkout Session.
pub(crate) fn for_checkout(
    world: &mut World,
    session: &Value,
    customer: Option<&str>,
    discount: Option<String>,
) -> String {
    let now = world.clock.now();
    let lines = session["_lines"].as_array().into_iter().flatten().map(|line| Line {
        amount: integer(line, "amount_subtotal"),
        discount: integer(line, "amount_discount"),
        description: owned(line, "description"),
        price: line["price"].clone(),
        quantity: integer(line, "quantity"),
        proration: false,
        period: (now, now),
    });
    let bill = Bill {
        customer: customer.unwrap_or_default(),
        subscription: None,
        reason: "manual",
        currency: text(session, "currency").unwrap_or_default(),
        lines: lines.collect(),
        metadata: session["_invoice_metadata"].as_object().cloned().unwrap_or_default().into(),
        discount,
        session: text(session, "id"),
        collects: None,
        finalizes_at: Some(now),
    };
    let id = draft(world, &bill);
    finalize(world, &id);
    mark_paid(world, &id, text(session, "_intent"));
    id
}

/// Charges an open invoice to a payment method while the customer is away. A refusal is recorded; a debit that
/// takes days leaves the invoice open.
pub(crate) fn charge(world: &mut World, id: &str, method: Option<&str>, reason: &str) -> Answer<()> {
    let invoice = world.stripe.store.copy("in", id);
    if integer(&invoice, "amount_due") == 0 {
        mark_paid(world, id, None);
        return Ok(());
    }
    let intent = match text(&invoice, "_intent") {
        Some(intent) => {
            let known = world.stripe.store.copy("pi", intent);
            if text(&known, "status") == Some("processing") {
                return Err(payment_intents::unexpected_state(&known, "confirm"));
            }
            intent.to_owned()
        }
        None => payment_intents::open(
            world,
            Purpose {
                amount: integer(&invoice, "amount_due"),
                currency: owned(&invoice, "currency"),
                customer: text(&invoice, "customer").map(str::to_owned),
                description: reason.into(),
                metadata: json!({}),
                ..Purpose::default()
            },
        ),
    };
    expect_payment(world, id, &intent);
    let outcome = match method {
        Some(method) => {
            let terms = Terms { method: Some(method.to_owned()), off_session: true, ..Terms::default() };
            confirm::charge(world, &intent, &terms)
        }
        None => Outcome::Declined(ApiError::invalid(
            "This customer has no attached payment source or default payment method.",
        )),
    };
    match outcome {
        Outcome::Declined(error) => {
            note_failure(world, id, &error);
            Err(error)
        }
        Outcome::Processing => {
            world.stripe.store.change("in", id, [("attempted", true.into())]);
            Ok(())
        }
        _ => {
            mark_paid(world, id, Some(&intent));
            Ok(())
        }
    }
}

/// Ties an invoice and the intent that pays it together.
pub(crate) fn expect_payment(world: &mut World, id: &str, intent: &str) {
    world.stripe.store.change("in", id, [("_intent", intent.into())]);
    world.stripe.store.change("pi", intent, [("_invoice", id.into())]);
}

/// The debit of an invoice that took days is decided.
pub(crate) fn payment_decided(world: &mut World, id: &str, intent: &str, refused: Option<&ApiError>) {
    match refused {
        None => {
            mark_paid(world, id, Some(intent));
            subscriptions::after_invoice_paid(world, id);
        }
        Some(error) => {
            note_failure(world, id, error);
            subscriptions::after_invoice_failed(world, id);
        }
    }
}

fn note_failure(world: &mut World, id: &str, error: &ApiError) {
    let invoice = world.stripe.store.copy("in", id);
    let attempts = integer(&invoice, "attempt_count") + 1;
    let advances = flag(&invoice, "auto_advance") && !invoice["_subscription"].is_null();
    let wait = world.stripe.settings.dunning.next_wait(attempts).filter(|_| advances);
    let next = wait.map(|wait| world.clock.now() + wait);
    let fields = [
        ("attempted", true.into()),
        ("attempt_count", attempts.into()),
        ("next_payment_attempt", next.into()),
    ];
    world.stripe.store.change("in", id, fields);
    let invoice = world.stripe.store.copy("in", id);
    emit(world, "invoice.payment_failed", &invoice);
    if error.body()["error"]["code"] == "authentication_required" {
        emit(world, "invoice.payment_action_required", &invoice);
    }
}

/// `POST /v1/invoices/:id/pay`.
pub(super) fn pay(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("forgive mandate off_session paid_out_of_band payment_method source")?;
    super::require_status(world, id, &["draft", "open", "uncollectible"], "paid")?;
    if text(&world.stripe.store.copy("in", id), "status") == Some("draft") {
        finalize(world, id);
    }
    if call.params.flag("paid_out_of_band")?.unwrap_or(false) {
        // No money passed through Stripe, so none counts as paid, and no payment succeeded:
        // <https://docs.stripe.com/api/events/types#event_types-invoice.paid>.
        mark(world, id, 0);
        let invoice = world.stripe.store.copy("in", id);
        emit(world, "invoice.paid", &invoice);
    } else {
        let method = match call.params.text("payment_method")? {
            Some(method) => Some(payment_methods::resolve(world, &method)?),
            None => subscriptions::method_for_invoice(world, id),
        };
        charge(world, id, method.as_deref(), "Payment for Invoice")?;
    }
    subscriptions::after_invoice_paid(world, id);
    Ok(visible(world.stripe.store.find("in", id)?))
}
