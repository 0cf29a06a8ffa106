//! How an invoice is put together: its lines, their order and their pages, its amounts.

use serde_json::{Value, json};

use crate::stripe::customer_balance;
use crate::stripe::events::emit;
use crate::stripe::store::new_id;
use crate::stripe::tax::{self, Taxed};
use crate::world::World;

/// How many lines an invoice holds itself; the rest are paged at `/v1/invoices/:id/lines`.
/// <https://docs.stripe.com/api/pagination>: a list holds ten objects unless told otherwise.
const LINES_SHOWN: usize = 10;

/// A line of an invoice that is about to be made.
pub(crate) struct Line {
    /// Before discounts; with the tax that is in the price, without the tax that comes on top.
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
    /// The Checkout Session that collected the payment already.
    pub(crate) session: Option<&'a str>,
    /// The period before that of the lines, whose pending items the invoice collects; now if there is none.
    pub(crate) collects: Option<(i64, i64)>,
    /// When it is finalized by itself, in Unix seconds.
    pub(crate) finalizes_at: Option<i64>,
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

fn build_line(invoice_id: &str, bill: &Bill<'_>, line: &Line, taxed: Taxed) -> Value {
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
        "taxes": tax::shown(&[taxed]),
    })
}

/// The amounts of an invoice and what they consist of.
struct Sums {
    subtotal: i64,
    discount: i64,
    taxes: Vec<Taxed>,
}

impl Sums {
    fn of(world: &World, bill: &Bill<'_>) -> Self {
        let tax = world.stripe.settings.tax;
        Self {
            subtotal: bill.lines.iter().map(|line| line.amount).sum(),
            discount: bill.lines.iter().map(|line| line.discount).sum(),
            taxes: bill.lines.iter().map(|line| tax.of(&line.price, line.amount - line.discount)).collect(),
        }
    }

    fn tax(&self) -> i64 {
        self.taxes.iter().map(|tax| tax.amount).sum()
    }

    fn inclusive_tax(&self) -> i64 {
        self.taxes.iter().filter(|tax| tax.inclusive).map(|tax| tax.amount).sum()
    }

    fn total(&self) -> i64 {
        self.subtotal - self.discount + self.taxes.iter().map(|tax| tax.on_top()).sum::<i64>()
    }
}

fn build(world: &World, id: &str, bill: &Bill<'_>) -> Value {
    let now = world.clock.now();
    let customer = world.stripe.store.copy("cus", bill.customer);
    let sums = Sums::of(world, bill);
    let total = sums.total();
    // Only a forecast while it is a draft: the balance is taken when the invoice is finalized.
    let starting_balance = match bill.session {
        None if bill.subscription.is_none() => 0,
        _ => customer_balance::of(&customer, bill.currency),
    };
    let due = customer_balance::settle(total, starting_balance).due;
    let lines: Vec<Value> = { bill.lines.iter().zip(&sums.taxes) }
        .map(|(line, taxed)| build_line(id, bill, line, *taxed))
        .collect();
    let parent = bill.subscription.map(|subscription| {
        json!({
            "quote_details": null, "type": "subscription_details",
            "subscription_details": { "metadata": bill.metadata, "subscription": subscription },
        })
    });
    let collected = bill.collects.unwrap_or((now, now));
    let mut invoice = skeleton();
    let fields = json!({
        "id": id,
        "account_name": world.stripe.settings.merchant,
        "amount_due": due,
        "amount_remaining": due,
        "auto_advance": bill.finalizes_at.is_some(),
        "automatically_finalizes_at": bill.finalizes_at,
        "billing_reason": bill.reason,
        "created": now,
        "currency": bill.currency,
        "customer": bill.customer,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "discounts": bill.discount.iter().collect::<Vec<_>>(),
        "lines": first_page(id, &lines),
        "next_payment_attempt": bill.finalizes_at,
        "metadata": if bill.subscription.is_some() { json!({}) } else { bill.metadata.clone() },
        "parent": parent,
        "period_end": collected.1,
        "period_start": collected.0,
        "starting_balance": starting_balance,
        "subtotal": sums.subtotal,
        "subtotal_excluding_tax": sums.subtotal - sums.inclusive_tax(),
        "total": total,
        "total_discount_amounts": bill.discounted(sums.discount),
        "total_excluding_tax": total - sums.tax(),
        "total_taxes": tax::shown(&sums.taxes),
        "_lines": lines,
        "_session": bill.session,
        "_subscription": bill.subscription,
    });
    if let (Value::Object(invoice), Value::Object(fields)) = (&mut invoice, fields) {
        invoice.extend(fields);
    }
    invoice
}

fn first_page(id: &str, lines: &[Value]) -> Value {
    json!({
        "object": "list", "data": lines.get(..LINES_SHOWN).unwrap_or(lines), "has_more": lines.len() > LINES_SHOWN,
        "url": format!("/v1/invoices/{id}/lines"),
    })
}

/// The fields that are the same in every draft.
fn skeleton() -> Value {
    json!({
        "object": "invoice",
        "account_country": "US",
        "account_tax_ids": null,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": null,
        "attempt_count": 0,
        "attempted": false,
        "automatic_tax": {
            "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
        },
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
        "statement_descriptor": null,
        "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        },
        "test_clock": null,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "webhooks_delivered_at": null,
    })
}
