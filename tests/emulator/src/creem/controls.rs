//! The controls under `/_emulator/creem/`: what a buyer, a bank or the merchant would do, on demand.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::purchase::{self, Buyer};
use super::{checkouts, disputes, products, refunds, render, renewal, subscriptions};
use crate::server::{Reply, Request};
use crate::stripe::store::text;
use crate::world::{Emulator, World};

const PLAIN_CARD: &str = "4242424242424242";

/// Answers a control; `segments` are those after `creem`.
pub(crate) fn answer(emulator: &Emulator, request: &Request, segments: &[&str]) -> Reply {
    let answer = Fields::of_body(&request.body).and_then(|body| {
        emulator.with(|world| match (request.method.as_str(), segments) {
            ("POST", ["products"]) => products::create_with_id(world, &body),
            ("POST", ["checkouts", id, "pay"]) => pay(world, id, &body),
            ("POST", ["checkouts", id, "expire"]) => checkouts::expire(world, id),
            ("POST", ["subscriptions", id, "renew"]) => renew(world, id, &body),
            ("POST", ["subscriptions", id, "card"]) => change_card(world, id, &body),
            ("POST", ["disputes"]) => {
                let (id, amount) = payment_and_amount(&body)?;
                disputes::open(world, &id, amount)
            }
            ("POST", ["refunds"]) => {
                let (id, amount) = payment_and_amount(&body)?;
                refunds::refund(world, &id, amount)
            }
            ("PUT", ["tax"]) => set_tax(world, &body),
            ("PUT", ["forms"]) => render::Forms::control(world, &body),
            (method, segments) => Err(ApiError::unknown_url(method, &segments.join("/"))),
        })
    });
    match answer {
        Ok(body) => Reply::json(200, body.to_string()),
        Err(error) => Reply::json(error.status(), error.body().to_string()),
    }
}

fn pay(world: &mut World, id: &str, body: &Fields) -> Answer {
    body.only("card discount_code email expiry name")?;
    let buyer = Buyer {
        card: body.text("card")?.unwrap_or_else(|| PLAIN_CARD.to_owned()),
        email: body.text("email")?,
        name: body.text("name")?,
        expiry: body.text("expiry")?,
        discount_code: body.text("discount_code")?,
    };
    let mut checkout = purchase::pay(world, id, &buyer)?;
    checkout["return_address"] = checkouts::return_address(world, id).into();
    Ok(checkout)
}

fn change_card(world: &mut World, id: &str, body: &Fields) -> Answer {
    body.only("card")?;
    let card = purchase::read_card(&body.required_text("card")?)?;
    world.creem.find("sub", "Subscription", id)?;
    world.creem.store.change("sub", id, [("_card", card.number.into())]);
    subscriptions::shown(world, id)
}

/// The current period is over, whatever the clock says.
fn renew(world: &mut World, id: &str, body: &Fields) -> Answer {
    body.only("card")?;
    let subscription = world.creem.find("sub", "Subscription", id)?;
    match text(subscription, "status") {
        Some("canceled") => return Err(ApiError::bad_request("Subscription is already canceled")),
        Some("scheduled_cancel") => subscriptions::end(world, id),
        _ => {
            if body.text("card")?.is_some() {
                change_card(world, id, body)?;
            }
            renewal::collect(world, id);
        }
    }
    subscriptions::shown(world, id)
}

fn payment_and_amount(body: &Fields) -> Answer<(String, Option<i64>)> {
    body.only("transaction_id amount")?;
    Ok((body.required_text("transaction_id")?, body.whole("amount", 1, i64::MAX)?))
}

fn set_tax(world: &mut World, body: &Fields) -> Answer<Value> {
    body.only("basis_points")?;
    let rate = body.whole("basis_points", 0, 10_000)?.unwrap_or(0);
    world.creem.tax_basis_points = u32::try_from(rate).unwrap_or(0);
    Ok(json!({ "basis_points": rate }))
}
