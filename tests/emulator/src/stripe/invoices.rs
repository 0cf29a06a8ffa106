//! Invoices: of subscriptions and of one-time payments that asked for one.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::emit;
use super::listing::{agrees, cut, page, search};
use super::payment_intents::confirm::{self, Outcome, Terms};
use super::payment_intents::{self, Purpose};
use super::store::{integer, new_id, owned, text, visible};
use super::{Call, payment_methods, subscriptions};
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
        ("POST", [id]) => {
            call.params.only("auto_advance default_payment_method description metadata")?;
            let invoice = world.stripe.store.find("in", id)?;
            let metadata = call.params.metadata(Some(&invoice["metadata"]))?;
            world.stripe.store.change("in", id, [("metadata", metadata)]);
            Ok(visible(world.stripe.store.find("in", id)?))
        }
        ("GET", [id, "lines"]) => {
            call.params.only("ending_before limit starting_after")?;
            let invoice = world.stripe.store.find("in", id)?;
            let lines = invoice["lines"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
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
            end_unpaid(world, id, "void", "voided_at", "invoice.voided")
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

fn require_status(world: &World, id: &str, allowed: &[&str], done: &str) -> Answer<()> {
    let invoice = world.stripe.store.find("in", id)?;
    let status = text(invoice, "status").unwrap_or_default();
    if allowed.contains(&status) {
        return Ok(());
    }
    let message = format!("This invoice has a status of {status} and cannot be {done}.");
    Err(ApiError::invalid(message).code("invoice_not_editable"))
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

/// A line of an invoice that is about to be made.
pub(crate) struct Line {
    pub(crate) amount: i64,
    /// What a coupon takes off the amount.
    pub(crate) discount: i64,
    pub(crate) description: String,
    pub(crate) price: Value,
    pub(crate) quantity: i64,
    pub(crate) proration: bool,
    /// Beginning and end of what is paid for, in Unix seconds.
    pub(crate) period: (i64, i64),
}

/// What a new invoice is about.
pub(crate) struct Bill<'a> {
    pub(crate) customer: &'a str,
    pub(crate) subscription: Option<&'a str>,
    pub(crate) reason: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) lines: Vec<Line>,
    pub(crate) metadata: Value,
    /// The id of the discount that the lines have taken off.
    pub(crate) discount: Option<String>,
}

impl Bill<'_> {
    /// What a discount takes off, as invoices and their lines tell it.
    fn discounted(&self, amount: i64) -> Value {
        self.discount.iter().map(|id| json!({ "amount": amount, "discount": id })).collect()
    }
}

/// Records a draft.
pub(crate) fn draft(world: &mut World, bill: &Bill<'_>) -> String {
    let id = new_id("in");
    let invoice = build(world, &id, bill);
    world.stripe.store.insert("in", invoice.clone());
    emit(world, "invoice.created", &invoice);
    id
}

fn build_line(invoice_id: &str, bill: &Bill<'_>, line: &Line) -> Value {
    let item = bill.subscription.map(|subscription| {
        json!({
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null, "proration": line.proration, "proration_details": null,
                "subscription": subscription, "subscription_item": line.price["_item"],
            },
            "type": "subscription_item_details",
        })
    });
    json!({
        "id": new_id("il"),
        "object": "line_item",
        "amount": line.amount,
        "currency": bill.currency,
        "description": line.description,
        "discount_amounts": bill.discounted(line.discount),
        "discountable": true,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": false,
        "metadata": bill.metadata,
        "parent": item,
        "period": { "start": line.period.0, "end": line.period.1 },
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": { "price": line.price["id"], "product": line.price["product"] },
            "type": "price_details",
            "unit_amount_decimal": line.price["unit_amount_decimal"],
        },
        "quantity": line.quantity,
        "subscription": bill.subscription,
        "subtotal": line.amount,
        "taxes": [],
    })
}

fn build(world: &World, id: &str, bill: &Bill<'_>) -> Value {
    let now = world.clock.now();
    let customer = world.stripe.store.copy("cus", bill.customer);
    let subtotal: i64 = bill.lines.iter().map(|line| line.amount).sum();
    let discount: i64 = bill.lines.iter().map(|line| line.discount).sum();
    let total = subtotal - discount;
    // A credit left over from a change of plan is not paid out, as a balance of the customer would be.
    let due = total.max(0);
    let lines: Vec<Value> = bill.lines.iter().map(|line| build_line(id, bill, line)).collect();
    let parent = bill.subscription.map(|subscription| {
        json!({
            "quote_details": null, "type": "subscription_details",
            "subscription_details": { "metadata": bill.metadata, "subscription": subscription },
        })
    });
    let mut invoice = skeleton();
    let fields = json!({
        "id": id,
        "amount_due": due,
        "amount_remaining": due,
        "billing_reason": bill.reason,
        "created": now,
        "currency": bill.currency,
        "customer": bill.customer,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "discounts": bill.discount.iter().collect::<Vec<_>>(),
        "lines": {
            "object": "list", "data": lines, "has_more": false, "url": format!("/v1/invoices/{id}/lines"),
        },
        "metadata": if bill.subscription.is_some() { json!({}) } else { bill.metadata.clone() },
        "parent": parent,
        "period_end": now,
        "period_start": now,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": bill.discounted(discount),
        "total_excluding_tax": total,
        "_subscription": bill.subscription,
    });
    if let (Value::Object(invoice), Value::Object(fields)) = (&mut invoice, fields) {
        invoice.extend(fields);
    }
    invoice
}

/// The fields that are the same in every draft.
fn skeleton() -> Value {
    json!({
        "object": "invoice",
        "account_country": "US",
        "account_name": "Purser emulator",
        "account_tax_ids": null,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": null,
        "attempt_count": 0,
        "attempted": false,
        "auto_advance": true,
        "automatic_tax": {
            "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
        },
        "automatically_finalizes_at": null,
        "collection_method": "charge_automatically",
        "custom_fields": null,
        "customer_account": null,
        "customer_address": null,
        "customer_phone": null,
        "customer_shipping": null,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "due_date": null,
        "effective_at": null,
        "ending_balance": null,
        "footer": null,
        "from_invoice": null,
        "hosted_invoice_url": null,
        "invoice_pdf": null,
        "issuer": { "type": "self" },
        "last_finalization_error": null,
        "latest_revision": null,
        "livemode": false,
        "next_payment_attempt": null,
        "number": null,
        "on_behalf_of": null,
        "payment_settings": {
            "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
        },
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": null,
        "rendering": null,
        "shipping_cost": null,
        "shipping_details": null,
        "starting_balance": 0,
        "statement_descriptor": null,
        "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        },
        "test_clock": null,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": null,
    })
}

/// Opens a draft for payment, giving it a number and its pages.
pub(crate) fn finalize(world: &mut World, id: &str) {
    let now = world.clock.now();
    let customer = owned(&world.stripe.store.copy("in", id), "customer");
    let mut number = format!("E-{}", &id[id.len() - 8..]);
    if let Some(customer) = world.stripe.store.get_mut("cus", &customer) {
        let sequence = integer(customer, "next_invoice_sequence").max(1);
        number = format!("{}-{sequence:04}", text(customer, "invoice_prefix").unwrap_or_default());
        customer["next_invoice_sequence"] = (sequence + 1).into();
    }
    let page = format!("{}/invoices/{id}", world.public_url);
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["status"] = "open".into();
        invoice["number"] = number.into();
        invoice["effective_at"] = now.into();
        invoice["ending_balance"] = 0.into();
        invoice["status_transitions"]["finalized_at"] = now.into();
        invoice["invoice_pdf"] = format!("{page}/pdf").into();
        invoice["hosted_invoice_url"] = page.into();
    }
    let invoice = world.stripe.store.copy("in", id);
    emit(world, "invoice.finalized", &invoice);
}

/// Marks an open invoice as paid, by an intent unless nothing was due.
pub(crate) fn mark_paid(world: &mut World, id: &str, intent: Option<&str>) {
    let now = world.clock.now();
    let due = integer(&world.stripe.store.copy("in", id), "amount_due");
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["status"] = "paid".into();
        invoice["amount_paid"] = due.into();
        invoice["amount_remaining"] = 0.into();
        invoice["attempted"] = true.into();
        invoice["attempt_count"] = (integer(invoice, "attempt_count") + 1).into();
        invoice["auto_advance"] = false.into();
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status_transitions"]["paid_at"] = now.into();
    }
    if let Some(intent) = intent {
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
    };
    let id = draft(world, &bill);
    finalize(world, &id);
    mark_paid(world, &id, text(session, "_intent"));
    id
}

/// Charges an open invoice to a payment method while the customer is away. A refusal is recorded.
pub(crate) fn charge(world: &mut World, id: &str, method: Option<&str>, reason: &str) -> Answer<()> {
    let invoice = world.stripe.store.copy("in", id);
    if integer(&invoice, "amount_due") == 0 {
        mark_paid(world, id, None);
        return Ok(());
    }
    let intent = match text(&invoice, "_intent") {
        Some(intent) => intent.to_owned(),
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
    world.stripe.store.change("in", id, [("_intent", intent.as_str().into())]);
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
        _ => {
            mark_paid(world, id, Some(&intent));
            Ok(())
        }
    }
}

fn note_failure(world: &mut World, id: &str, error: &ApiError) {
    if let Some(invoice) = world.stripe.store.get_mut("in", id) {
        invoice["attempted"] = true.into();
        invoice["attempt_count"] = (integer(invoice, "attempt_count") + 1).into();
    }
    let invoice = world.stripe.store.copy("in", id);
    emit(world, "invoice.payment_failed", &invoice);
    if error.body()["error"]["code"] == "authentication_required" {
        emit(world, "invoice.payment_action_required", &invoice);
    }
}

fn pay(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("forgive mandate off_session paid_out_of_band payment_method source")?;
    require_status(world, id, &["draft", "open"], "paid")?;
    if text(&world.stripe.store.copy("in", id), "status") == Some("draft") {
        finalize(world, id);
    }
    if call.params.flag("paid_out_of_band")?.unwrap_or(false) {
        mark_paid(world, id, None);
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
