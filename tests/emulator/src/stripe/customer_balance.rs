//! A customer's credit balance: what is owed to them (negative) or by them (positive). It is applied to the next
//! invoice that is finalized, whichever that is and whatever the seller prefers.
//! <https://docs.stripe.com/billing/customer/balance>

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::emit_change;
use super::listing::page;
use super::money::{self, LEAST_CHARGE};
use super::store::{integer, new_id, text, visible};
use super::{Call, customers};
use crate::world::World;

/// What is left to pay of an invoice, and what the balance is afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) due: i64,
    pub(crate) ending_balance: i64,
}

/// Applies a balance to a total. What is too little to be charged, or less than nothing, goes to the balance.
pub(crate) fn settle(total: i64, balance: i64) -> Settled {
    let owed = total.saturating_add(balance);
    if owed < LEAST_CHARGE {
        return Settled { due: 0, ending_balance: owed };
    }
    Settled { due: owed, ending_balance: 0 }
}

/// The balance of a customer in a currency: `balance` in their own, and one in each other.
pub(crate) fn of(customer: &Value, currency: &str) -> i64 {
    if is_own(customer, currency) {
        return integer(customer, "balance");
    }
    integer(&customer["invoice_credit_balance"], currency)
}

fn is_own(customer: &Value, currency: &str) -> bool {
    text(customer, "currency").is_none_or(|own| own == currency)
}

/// Where a movement of the balance comes from.
#[derive(Default)]
pub(crate) struct Cause<'a> {
    pub(crate) kind: &'a str,
    pub(crate) invoice: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) description: Value,
    pub(crate) metadata: Value,
}

/// Moves the balance of a customer, and tells about it. Returns the id of the transaction.
pub(crate) fn change(
    world: &mut World,
    customer_id: &str,
    amount: i64,
    currency: &str,
    cause: Cause<'_>,
) -> String {
    let before = world.stripe.store.copy("cus", customer_id);
    let ending_balance = of(&before, currency).saturating_add(amount);
    if let Some(customer) = world.stripe.store.get_mut("cus", customer_id) {
        if is_own(&before, currency) {
            customer["balance"] = ending_balance.into();
            customer["currency"] = currency.into();
        }
        customer["invoice_credit_balance"][currency] = ending_balance.into();
    }
    let id = new_id("cbtxn");
    let metadata = cause.metadata.as_object().cloned().unwrap_or_default();
    let transaction = json!({
        "id": id, "object": "customer_balance_transaction", "amount": amount, "checkout_session": cause.session,
        "created": world.clock.now(), "credit_note": null, "currency": currency, "customer": customer_id,
        "customer_account": null, "description": cause.description, "ending_balance": ending_balance,
        "invoice": cause.invoice, "livemode": false, "metadata": metadata, "type": cause.kind,
    });
    world.stripe.store.insert("cbtxn", transaction);
    let after = world.stripe.store.copy("cus", customer_id);
    let previous = super::changed_fields(&visible(&before), &visible(&after));
    emit_change(world, "customer.updated", &after, Some(previous));
    id
}

/// Takes what an invoice needs from the balance of its customer, or gives to it what the invoice leaves over.
pub(crate) fn apply_to_invoice(world: &mut World, invoice: &Value) -> Settled {
    let customer_id = text(invoice, "customer").unwrap_or_default();
    let currency = text(invoice, "currency").unwrap_or_default();
    let balance = of(&world.stripe.store.copy("cus", customer_id), currency);
    let settled = settle(integer(invoice, "total"), balance);
    if settled.ending_balance != balance {
        let kind = match text(invoice, "_session") {
            Some(_) => "checkout_session_subscription_payment",
            None if settled.ending_balance > balance && settled.ending_balance > 0 => "invoice_too_small",
            None => "applied_to_invoice",
        };
        let cause = Cause {
            kind,
            invoice: text(invoice, "id"),
            session: text(invoice, "_session"),
            ..Cause::default()
        };
        change(world, customer_id, settled.ending_balance - balance, currency, cause);
    }
    settled
}

/// Gives back to the balance what an invoice took from it.
pub(crate) fn unapply_from_invoice(world: &mut World, invoice: &Value) {
    let moved = integer(invoice, "starting_balance") - integer(invoice, "ending_balance");
    if moved != 0 {
        let currency = text(invoice, "currency").unwrap_or_default();
        let cause =
            Cause { kind: "unapplied_from_invoice", invoice: text(invoice, "id"), ..Cause::default() };
        change(world, text(invoice, "customer").unwrap_or_default(), moved, currency, cause);
    }
}

/// `/v1/customers/:id/balance_transactions`.
pub(crate) fn route(world: &mut World, call: &Call<'_>, customer_id: &str) -> Answer {
    customers::existing(world, "id", customer_id)?;
    match (call.method, &call.segments[3..]) {
        ("GET", []) => {
            call.params.only("created ending_before invoice limit starting_after")?;
            let invoice = call.params.text("invoice")?;
            page(world, call, "cbtxn", |row| {
                text(row, "customer") == Some(customer_id)
                    && super::listing::agrees(invoice.as_ref(), row, "invoice")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("cbtxn", id)?)),
        ("POST", []) => {
            let params = &call.params;
            params.only("amount currency description metadata")?;
            let amount = params.required_integer("amount")?;
            let currency = money::currency(&params.required_text("currency")?)?;
            if amount == 0 {
                return Err(ApiError::invalid("The amount must not be zero.").param("amount"));
            }
            let cause = Cause {
                kind: "adjustment",
                description: params.unsettable("description")?.unwrap_or_default(),
                metadata: params.metadata(None)?,
                ..Cause::default()
            };
            let id = change(world, customer_id, amount, &currency, cause);
            Ok(visible(world.stripe.store.find("cbtxn", &id)?))
        }
        _ => Err(call.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_pays_first_and_keeps_what_is_left() {
        let settled = |due, ending_balance| Settled { due, ending_balance };
        assert_eq!(settle(999, 0), settled(999, 0));
        assert_eq!(settle(999, -500), settled(499, 0));
        assert_eq!(settle(999, -5000), settled(0, -4001));
        assert_eq!(settle(-800, -100), settled(0, -900));
        assert_eq!(settle(999, 200), settled(1199, 0), "a debt makes the next invoice dearer");
        assert_eq!(settle(999, -960), settled(0, 39), "39 cents cannot be charged");
    }
}
