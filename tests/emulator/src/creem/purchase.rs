//! A buyer pays a checkout, on the hosted page or by a control: the order, the payment, the subscription, and
//! the events about them.

use serde_json::{Value, json};

use super::amounts::Amounts;
use super::errors::{Answer, ApiError};
use super::events::emit;
use super::moments::iso;
use super::transactions::{self, Payment};
use super::{checkouts, customers, discounts, disputes, new_id, products, render, subscriptions};
use crate::stripe::cards::{self, Aftermath, Card};
use crate::stripe::store::{owned, text};
use crate::world::World;

/// Who pays, and with what.
#[derive(Debug, Default)]
pub(crate) struct Buyer {
    pub(crate) card: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    /// As typed on the page, such as `12 / 34`; any future date if absent.
    pub(crate) expiry: Option<String>,
    /// A code typed on the page, in place of one that the checkout came with.
    pub(crate) discount_code: Option<String>,
}

/// Pays a pending checkout; a refused card is an error and leaves it pending.
pub(crate) fn pay(world: &mut World, id: &str, buyer: &Buyer) -> Answer {
    let mut checkout = checkouts::require_pending(world, id)?;
    let card = read_card(&buyer.card)?;
    if let Some(expiry) = &buyer.expiry {
        cards::check_expiry(expiry, world.clock.now())
            .map_err(|refusal| ApiError::declined(refusal.message()))?;
    }
    if let Some(code) = &buyer.discount_code {
        checkout = checkouts::type_code(world, &checkout, code)?;
    }
    let amounts = checkouts::amounts(world, &checkout);
    if amounts.paid > 0
        && let Some(decline) = card.decline
    {
        return Err(ApiError::declined(decline.message));
    }
    let product = world.creem.store.copy("prod", text(&checkout, "product").unwrap_or_default());
    let customer = match text(&checkout, "_customer") {
        Some(customer) => customer.to_owned(),
        None => {
            // An address that came with the checkout cannot be changed on the page.
            let email = text(&checkout, "_email").or(buyer.email.as_deref()).unwrap_or("buyer@example.com");
            let name = buyer.name.as_deref().or(text(&checkout, "_name"));
            customers::ensure(world, email, name)
        }
    };
    let order = record_order(world, &checkout, &product, &customer, amounts);
    let paid = [
        ("status", "completed".into()),
        ("_customer", customer.as_str().into()),
        ("_order", order.as_str().into()),
        ("_card", card.number.into()),
    ];
    world.creem.store.change("ch", id, paid);
    if let Some(discount) = text(&checkout, "_discount") {
        discounts::redeem(world, discount);
    }
    let checkout = world.creem.store.copy("ch", id);
    let transaction = if products::recurs(&product) {
        subscriptions::start(world, &checkout, &product, amounts)
    } else {
        let payment = Payment {
            amounts,
            product: &product,
            customer: &customer,
            order: &order,
            checkout: id,
            subscription: None,
            period: None,
            description: "Payment",
        };
        transactions::record(world, &payment)
    };
    world.creem.store.change("ord", &order, [("transaction", transaction.as_str().into())]);
    tell(world, id);
    if let Aftermath::Dispute(_) = card.aftermath {
        disputes::open(world, &transaction, None)?;
    }
    Ok(render::checkout(world, &world.creem.store.copy("ch", id)))
}

/// The test card of a number, if it is one.
pub(super) fn read_card(number: &str) -> Answer<&'static Card> {
    cards::by_number(number).map_err(|refusal| ApiError::declined(refusal.message()))
}

fn record_order(
    world: &mut World,
    checkout: &Value,
    product: &Value,
    customer: &str,
    amounts: Amounts,
) -> String {
    let (id, now) = (new_id("ord"), iso(world.clock.now()));
    let order = json!({
        "id": id,
        "mode": "test",
        "object": "order",
        "customer": customer,
        "product": product["id"],
        "transaction": null,
        "discount": checkout["_discount"],
        "amount": amounts.sub_total,
        "sub_total": amounts.sub_total,
        "tax_amount": amounts.tax,
        "discount_amount": amounts.discount,
        "amount_due": amounts.paid,
        "amount_paid": amounts.paid,
        "currency": product["currency"],
        "fx_amount": null,
        "fx_currency": null,
        "fx_rate": null,
        "status": "paid",
        "type": if products::recurs(product) { "recurring" } else { "onetime" },
        "affiliate": null,
        "created_at": now,
        "updated_at": now,
    });
    world.creem.store.insert("ord", order);
    id
}

/// Tells of a paid checkout and, if it began one, of its subscription.
fn tell(world: &mut World, id: &str) {
    let checkout = world.creem.store.copy("ch", id);
    let shown = render::checkout(world, &checkout);
    emit(world, "checkout.completed", shown);
    let subscription = owned(&checkout, "_subscription");
    if !subscription.is_empty() {
        subscriptions::tell(world, &subscription, "subscription.active");
        subscriptions::tell(world, &subscription, "subscription.paid");
    }
}
