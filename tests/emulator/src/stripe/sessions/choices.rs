//! What a buyer chooses on the page, where the session lets them: a currency, a yearly price, a promotion code;
//! and the tax that follows from where they are. Each changes the amounts of the session.

use serde_json::{Value, json};

use super::create::check_lines;
use super::lines::{self, is_recurring};
use super::pay::Buyer;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::money;
use crate::stripe::store::{flag, integer, owned, text, visible};
use crate::stripe::{coupons, prices, promotion_codes};
use crate::world::World;

/// Applies the choices of a buyer to an open session, all or none, and adds the tax.
pub(crate) fn apply(world: &mut World, id: &str, buyer: &Buyer) -> Answer<()> {
    let mut session = world.stripe.store.find("cs", id)?.clone();
    if text(&session, "mode") == Some("setup") {
        return Ok(());
    }
    if buyer.upsell {
        choose_yearly(world, &mut session)?;
    }
    if let Some(currency) = &buyer.currency {
        choose_currency(world, &mut session, currency)?;
    }
    if let Some(code) = &buyer.promotion_code {
        let coupon = promotion_codes::typed(world, code, &session)?;
        session["discounts"] = json!([{ "coupon": null, "promotion_code": coupon["_promotion"] }]);
        session["_coupon"] = coupon;
    }
    add_up(world, &mut session)?;
    // A code may leave too little to charge.
    let lines = session["_lines"].as_array().cloned().unwrap_or_default();
    check_lines(&lines, text(&session, "mode").unwrap_or_default())?;
    if let Some(stored) = world.stripe.store.get_mut("cs", id) {
        *stored = session;
    }
    Ok(())
}

/// The session as its page shows it before anything was chosen: with the tax of the buyer's place.
pub(crate) fn preview(world: &World, session: &Value) -> Value {
    let mut shown = session.clone();
    if text(session, "mode") != Some("setup") && text(session, "status") == Some("open") {
        add_up(world, &mut shown).ok();
    }
    shown
}

/// Discount and tax of each line, and the sums.
fn add_up(world: &World, session: &mut Value) -> Answer<()> {
    let mut lines = session["_lines"].as_array().cloned().unwrap_or_default();
    if session["_coupon"].is_object() {
        coupons::discount_lines(&session["_coupon"], &mut lines)?;
    }
    for line in &mut lines {
        let net = integer(line, "amount_subtotal") - integer(line, "amount_discount");
        let tax = world.stripe.settings.tax.of(&line["price"], net);
        line["amount_tax"] = tax.amount.into();
        line["amount_total"] = (net + tax.on_top()).into();
    }
    let sum = |field: &str| lines.iter().map(|line| integer(line, field)).sum::<i64>();
    session["amount_subtotal"] = sum("amount_subtotal").into();
    session["amount_total"] = sum("amount_total").into();
    session["currency"] = lines.first().map(|line| line["currency"].clone()).unwrap_or_default();
    session["total_details"] = json!({
        "amount_discount": sum("amount_discount"), "amount_shipping": 0, "amount_tax": sum("amount_tax"),
    });
    session["_lines"] = lines.into();
    Ok(())
}

/// The currencies that the buyer of a session can choose from; none if the seller has chosen.
/// <https://docs.stripe.com/payments/checkout/localize-prices/manual-currency-prices>
pub(crate) fn currencies(world: &World, session: &Value) -> Vec<String> {
    if flag(session, "_currency_is_pinned") {
        return Vec::new();
    }
    let lines = session["_lines"].as_array().cloned().unwrap_or_default();
    let Some(first) = lines.first() else { return Vec::new() };
    let price = world.stripe.store.copy("price", text(&first["price"], "id").unwrap_or_default());
    let options =
        price["_currency_options"].as_object().into_iter().flat_map(|options| options.keys().cloned());
    let in_all = |code: &String| {
        lines.iter().all(|line| {
            let price = world.stripe.store.copy("price", text(&line["price"], "id").unwrap_or_default());
            prices::option_in(&price, code).is_some()
        })
    };
    let own = owned(&price, "currency");
    let mut found: Vec<String> =
        std::iter::once(own.clone()).chain(options.filter(|code| *code != own)).collect();
    found.retain(in_all);
    if found.len() > 1 { found } else { Vec::new() }
}

fn choose_currency(world: &World, session: &mut Value, code: &str) -> Answer<()> {
    let code = money::currency(code)?;
    if text(session, "currency") == Some(&code) {
        return Ok(());
    }
    if !currencies(world, session).contains(&code) {
        return Err(
            ApiError::invalid(format!("This Checkout Session cannot be paid in {code}.")).param("currency")
        );
    }
    let mut lines = session["_lines"].as_array().cloned().unwrap_or_default();
    lines::switch_currency(world, &mut lines, &code)?;
    session["_lines"] = lines.into();
    session["currency"] = code.into();
    Ok(())
}

/// The yearly price that is offered instead of the monthly one of a session, if any.
pub(crate) fn upsell(world: &World, session: &Value) -> Option<Value> {
    let line = session["_lines"].as_array()?.iter().find(|line| is_recurring(line))?;
    let offered = world.stripe.settings.upsells.get(text(&line["price"], "id")?)?;
    world.stripe.store.get("price", offered).cloned()
}

fn choose_yearly(world: &World, session: &mut Value) -> Answer<()> {
    let refused = || ApiError::invalid("This Checkout Session offers no other price.").param("upsell");
    let price = upsell(world, session).ok_or_else(refused)?;
    let currency = owned(session, "currency");
    let product = world.stripe.store.copy("prod", text(&price, "product").unwrap_or_default());
    let amount = prices::option_in(&price, &currency).ok_or_else(refused)?;
    for line in session["_lines"].as_array_mut().into_iter().flatten().filter(|line| is_recurring(line)) {
        line["amount_subtotal"] = amount.saturating_mul(integer(line, "quantity")).into();
        line["description"] = product["name"].clone();
        line["price"] = visible(&price);
    }
    Ok(())
}
