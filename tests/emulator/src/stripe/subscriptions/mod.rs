//! Subscriptions: started by Checkout or over the API, changed, cancelled; renewing is in `renewal`.

pub(crate) mod calendar;
mod change;
mod renewal;

pub(crate) use self::change::cancel_at_period_end;
pub(crate) use self::renewal::{
    after_invoice_failed, after_invoice_paid, end_period, expire_incomplete, finalize_invoice,
    method_for_invoice, retry_invoice,
};

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::emit;
use super::invoices::{self, Bill, Line};
use super::listing::{agrees, page, search};
use super::parameters::Params;
use super::sessions::lines::{is_recurring, read};
use super::store::{flag, integer, new_id, owned, text, visible};
use super::timers::Timer;
use super::{Call, coupons, customers};
use crate::world::World;

/// Seconds for which the first invoice of a subscription can be paid.
const INCOMPLETE_FOR: i64 = 23 * 3600;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => list(world, call),
        ("GET", ["search"]) => search(world, call, "sub"),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("sub", id)?)),
        ("POST", [id]) => change::update(world, call, id),
        ("DELETE", [id]) => {
            call.params.only("cancellation_details invoice_now prorate")?;
            let subscription = world.stripe.store.find("sub", id)?;
            if text(subscription, "status") == Some("canceled") {
                return Err(ApiError::no_such("subscription", id));
            }
            renewal::cancel(world, id, "cancellation_requested");
            Ok(visible(world.stripe.store.find("sub", id)?))
        }
        _ => Err(call.unknown()),
    }
}

/// `GET /v1/subscription_items?subscription=sub_…` and one by its id.
pub(crate) fn route_items(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params.only("ending_before limit starting_after subscription")?;
            let id = call.params.required_text("subscription")?;
            let subscription = world.stripe.store.named_by("subscription", "sub", &id)?;
            let items = subscription["items"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            super::listing::cut(items.iter(), &call.params, &call.path())
        }
        ("GET", [id]) => {
            let subscriptions = world.stripe.store.newest_first("sub");
            let mut items =
                subscriptions.flat_map(|sub| sub["items"]["data"].as_array().into_iter().flatten());
            items
                .find(|item| text(item, "id") == Some(id))
                .cloned()
                .ok_or_else(|| ApiError::no_such("subscription_item", id))
        }
        _ => Err(call.unknown()),
    }
}

fn list(world: &World, call: &Call<'_>) -> Answer {
    call.params.only(
        "automatic_tax collection_method created current_period_end current_period_start customer \
         customer_account ending_before limit plan price starting_after status test_clock",
    )?;
    let customer = call.params.text("customer")?;
    let price = call.params.text("price")?;
    let status = call.params.text("status")?;
    page(world, call, "sub", |subscription| {
        let this = text(subscription, "status");
        let of_status = match status.as_deref() {
            None => this != Some("canceled"),
            Some("all") => true,
            Some("ended") => matches!(this, Some("canceled" | "incomplete_expired")),
            wanted => this == wanted,
        };
        let mut items = subscription["items"]["data"].as_array().into_iter().flatten();
        of_status
            && agrees(customer.as_ref(), subscription, "customer")
            && (price.is_none() || items.any(|item| agrees(price.as_ref(), &item["price"], "id")))
    })
}

/// What a new subscription is about.
pub(crate) struct Start {
    pub(crate) customer: String,
    pub(crate) method: Option<String>,
    /// Line items of Checkout; those that recur make up the subscription.
    pub(crate) lines: Vec<Value>,
    pub(crate) metadata: Value,
    pub(crate) description: Value,
    pub(crate) trial_days: i64,
    /// The intent that pays the first invoice: it has done so already, or is processing.
    pub(crate) paid_by: Option<String>,
    /// The currency of the invoices; that of the prices if it is none of their options.
    pub(crate) currency: String,
    /// The coupon that was redeemed with it, and the Checkout Session where that happened.
    pub(crate) coupon: Option<Value>,
    pub(crate) session: Option<String>,
}

/// The ids of a subscription that has been started and of its first invoice.
pub(crate) struct Started {
    pub(crate) subscription: String,
    pub(crate) invoice: String,
}

/// Starts a subscription and records its first invoice, which is paid if `paid_by` says so or nothing is due.
pub(crate) fn start(world: &mut World, start: Start) -> Started {
    let id = new_id("sub");
    let mut subscription = build(world, &id, &start);
    let session = start.session.as_deref().unwrap_or_default();
    let discount = start
        .coupon
        .as_ref()
        .map(|coupon| coupons::redeem(world, coupon, session, &start.customer, Some(&id)));
    if let Some(discount) = &discount {
        subscription["discounts"] = json!([discount]);
    }
    let period_end = period_end(&subscription);
    let on_trial = start.trial_days > 0;
    world.stripe.store.insert("sub", subscription.clone());
    emit(world, "customer.subscription.created", &subscription);
    let now = world.clock.now();
    let lines = start.lines.iter().map(|line| {
        let free = on_trial && is_recurring(line);
        let mut price = line["price"].clone();
        price["_item"] = item_of(&subscription, &price);
        let name = owned(line, "description");
        Line {
            amount: if free { 0 } else { integer(line, "amount_subtotal") },
            discount: if free { 0 } else { integer(line, "amount_discount") },
            description: if free { format!("Free trial for {name}") } else { name },
            price,
            quantity: integer(line, "quantity"),
            proration: false,
            period: (now, if is_recurring(line) { period_end } else { now }),
        }
    });
    let bill = Bill {
        customer: &start.customer,
        subscription: Some(&id),
        reason: "subscription_create",
        currency: text(&subscription, "currency").unwrap_or_default(),
        lines: lines.collect(),
        metadata: start.metadata.clone(),
        discount,
        session: start.session.as_deref(),
        collects: None,
        finalizes_at: Some(now),
    };
    let invoice = invoices::draft(world, &bill);
    world.stripe.store.change("sub", &id, [("latest_invoice", invoice.as_str().into())]);
    invoices::finalize(world, &invoice);
    match &start.paid_by {
        Some(intent) => {
            invoices::expect_payment(world, &invoice, intent);
            if text(&world.stripe.store.copy("pi", intent), "status") == Some("succeeded") {
                invoices::mark_paid(world, &invoice, Some(intent));
            }
        }
        None if integer(&world.stripe.store.copy("in", &invoice), "amount_due") == 0 => {
            invoices::mark_paid(world, &invoice, None);
        }
        None => {}
    }
    world.stripe.timers.at(period_end, Timer::PeriodEnds(id.clone()));
    Started { subscription: id, invoice }
}

/// The end of the current period, in Unix seconds; that of the first item, as all share one rhythm here.
pub(crate) fn period_end(subscription: &Value) -> i64 {
    integer(&subscription["items"]["data"][0], "current_period_end")
}

/// The item of a subscription that bills a price.
pub(crate) fn item_of(subscription: &Value, price: &Value) -> Value {
    let mut items = subscription["items"]["data"].as_array().into_iter().flatten();
    items.find(|item| item["price"]["id"] == price["id"]).map_or(Value::Null, |item| item["id"].clone())
}

/// An item of a subscription for a period.
pub(crate) fn build_item(
    subscription: &str,
    price: &Value,
    quantity: i64,
    now: i64,
    period: (i64, i64),
) -> Value {
    let recurring = &price["recurring"];
    json!({
        "id": new_id("si"),
        "object": "subscription_item",
        "billed_until": period.1,
        "billing_thresholds": null,
        "created": now,
        "current_period_end": period.1,
        "current_period_start": period.0,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"], "object": "plan", "active": price["active"], "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "billing_scheme": "per_unit",
            "created": price["created"], "currency": price["currency"], "interval": recurring["interval"],
            "interval_count": recurring["interval_count"], "livemode": false, "metadata": {}, "meter": null,
            "nickname": price["nickname"], "product": price["product"], "tiers_mode": null,
            "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
        },
        "price": visible(price),
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    })
}

fn build(world: &World, id: &str, start: &Start) -> Value {
    let now = world.clock.now();
    let recurring: Vec<&Value> = start.lines.iter().filter(|line| is_recurring(line)).collect();
    let rhythm = recurring.first().map(|line| line["price"]["recurring"].clone()).unwrap_or_default();
    let trial_end = (start.trial_days > 0).then(|| now + start.trial_days * 86_400);
    let interval = text(&rhythm, "interval").unwrap_or("month");
    let end = trial_end.unwrap_or_else(|| calendar::after(now, interval, integer(&rhythm, "interval_count")));
    let items: Vec<Value> = recurring
        .iter()
        .map(|line| build_item(id, &line["price"], integer(line, "quantity"), now, (now, end)))
        .collect();
    json!({
        "id": id,
        "object": "subscription",
        "application": null,
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": trial_end.unwrap_or(now),
        "billing_cycle_anchor_config": null,
        "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible" },
        "billing_schedules": [],
        "billing_thresholds": null,
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": now,
        "currency": start.currency,
        "customer": start.customer,
        "customer_account": null,
        "days_until_due": null,
        "default_payment_method": start.method,
        "default_source": null,
        "default_tax_rates": [],
        "description": start.description,
        "discounts": [],
        "ended_at": null,
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "items": {
            "object": "list", "data": items, "has_more": false,
            "url": format!("/v1/subscription_items?subscription={id}"),
        },
        "latest_invoice": null,
        "livemode": false,
        "metadata": start.metadata,
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null, "payment_method_types": null,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "start_date": now,
        "status": if trial_end.is_some() { "trialing" } else { "active" },
        "test_clock": null,
        "transfer_data": null,
        "trial_end": trial_end,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "trial_start": trial_end.map(|_| now),
        // How many periods the anchor is away from the end of the current one.
        "_periods": i64::from(trial_end.is_none()),
        "_pending_lines": [],
    })
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(
        "add_invoice_items automatic_tax billing_mode cancel_at_period_end collection_method currency \
         customer default_payment_method description items metadata off_session payment_behavior \
         payment_settings proration_behavior trial_period_days trial_settings",
    )?;
    let customer = params.required_text("customer")?;
    let owner = customers::existing(world, "customer", &customer)?.clone();
    let mut lines = read_items(world, params)?;
    if let Some(code) = params.text("currency")? {
        crate::stripe::sessions::lines::switch_currency(
            world,
            &mut lines,
            &crate::stripe::money::currency(&code)?,
        )?;
    }
    let (_, currency) = crate::stripe::sessions::lines::total(&lines)?;
    let method = match params.text("default_payment_method")? {
        Some(method) => {
            world.stripe.store.named_by("default_payment_method", "pm", &method)?;
            Some(method)
        }
        None => text(&owner["invoice_settings"], "default_payment_method").map(str::to_owned),
    };
    let trial_days = params.integer("trial_period_days")?.unwrap_or(0);
    if method.is_none() && trial_days == 0 {
        let message = "This customer has no attached payment source or default payment method. Please \
                       consider adding a default payment method.";
        return Err(ApiError::invalid(message).code("resource_missing"));
    }
    let metadata = params.metadata(None)?;
    let description = params.unsettable("description")?.unwrap_or_default();
    let fails = params.text("payment_behavior")?.as_deref() == Some("error_if_incomplete");
    let started = start(
        world,
        Start {
            customer,
            method: method.clone(),
            lines,
            metadata,
            description,
            trial_days,
            paid_by: None,
            currency,
            coupon: None,
            session: None,
        },
    );
    let invoice = world.stripe.store.copy("in", &started.invoice);
    if text(&invoice, "status") == Some("open")
        && let Err(error) =
            invoices::charge(world, &started.invoice, method.as_deref(), "Subscription creation")
    {
        let status = if fails { "incomplete_expired" } else { "incomplete" };
        world.stripe.store.change("sub", &started.subscription, [("status", status.into())]);
        let expires = Timer::IncompleteExpires(started.subscription.clone());
        world.stripe.timers.after(&world.clock, INCOMPLETE_FOR, expires);
        if fails {
            return Err(error);
        }
    }
    if params.flag("cancel_at_period_end")?.unwrap_or(false) {
        cancel_at_period_end(world, &started.subscription, true);
    }
    Ok(visible(world.stripe.store.find("sub", &started.subscription)?))
}

/// `items` are line items whose quantity defaults to one.
fn read_items(world: &mut World, params: &Params) -> Answer<Vec<Value>> {
    let mut lines = Vec::new();
    for item in params.elements("items")? {
        let line = item.as_only_element_of("line_items", "quantity", "1");
        lines.append(&mut read(world, &line)?);
    }
    if lines.is_empty() {
        return Err(ApiError::missing("items"));
    }
    if let Some(line) = lines.iter().find(|line| !is_recurring(line) || flag(line, "deleted")) {
        let id = text(&line["price"], "id").unwrap_or_default();
        let message = format!("The price specified is not recurring: {id}.");
        return Err(ApiError::invalid(message).param("items"));
    }
    Ok(lines)
}
