//! What can be bought: packs, plans, any amount, codes. No page waits for the payment provider: the order's page
//! follows it.

use kernel::money::Credits;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::texts::filled;
use super::views::{Period, Placed, Products};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Field, Tone, empty, notice};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::numbers::plain_number;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// What the order's `reference` begins with, so that the page finds the order that a buyer comes back from.
pub(super) const REFERENCE: &str = "wallet-page:";

pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    let above = html! {
        @if call.parameter("redeemed").is_some() {
            (notice(Tone::Good, &visit.texts.redeemed, visit.texts.redeemed_text.as_str()))
        }
    };
    page(&visit, above).await?.answer()
}

async fn page(visit: &Visit, above: Markup) -> Result<Document, Problem> {
    let mut products: Products = visit.own.get(at(["products"])).await?;
    products.packs.sort_by_key(|pack| pack.credits);
    let texts = visit.texts;
    let is_empty = products.packs.is_empty() && products.plans.is_empty() && products.credits.is_empty();
    let body = html! {
        (above)
        @if is_empty { section.card { (empty(&texts.not_sold, &texts.not_sold_text)) } }
        @if !products.packs.is_empty() {
            section.stack aria-labelledby="packs" {
                h2 #packs { (texts.packs) }
                div.grid { @for pack in &products.packs {
                    div.card {
                        h3 { (pack.name) }
                        p.figure-value { (visit.credits(pack.credits)) " " small.muted { (texts.credits) } }
                        @if !pack.description.is_empty() { p.muted { (pack.description) } }
                        @if let Some(days) = pack.expires_after_days {
                            p.hint { (filled(&texts.lasts, &[("days", &days.to_string())])) }
                        }
                        (order(&filled(&texts.buy_for, &[("price", &visit.money(pack.price))]), &pack.name,
                               &[("packId", &pack.pack_id)], None))
                    }
                } }
            }
        }
        @if !products.credits.is_empty() { (any_amount(visit, &products)) }
        @if !products.plans.is_empty() { (plans(visit, &products)) }
        section.card {
            h2 { (texts.redeem) }
            form method="post" action="/wallet/redeem" {
                (form::key())
                (Field { name: "code", label: &texts.code, required: true, ..Field::default() })
                button.plain type="submit" { (texts.redeem_button) }
            }
        }
    };
    Ok(visit.page(Place::Buy, body))
}

/// A form that is only its button.
fn order(button: &str, what: &str, fields: &[(&str, &str)], class: Option<&str>) -> Markup {
    html! {
        form method="post" action="/wallet/buy" {
            (form::key())
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" class=[class] aria-label={ (what) ": " (button) } { (button) }
        }
    }
}

fn any_amount(visit: &Visit, products: &Products) -> Markup {
    let texts = visit.texts;
    let price = |price: &super::views::CreditPrice| {
        let is_one = price.credits == Credits::from_millionths(1_000_000);
        let text = if is_one { &texts.price_of_one } else { &texts.any_amount_hint };
        let (credits, price) = (visit.credits(price.credits), visit.money(price.price));
        filled(text, &[("credits", &credits), ("price", &price)])
    };
    let hint = products.credits.iter().map(price).collect::<Vec<_>>().join(" ");
    html! {
        section.card {
            h2 { (texts.any_amount) }
            form method="post" action="/wallet/buy" {
                (form::key())
                (Field {
                    name: "credits", label: &texts.any_amount_label, hint: Some(&hint), required: true,
                    inputmode: Some("decimal"), ..Field::default()
                })
                @if let [only] = products.credits.as_slice() {
                    input type="hidden" name="currency" value=(only.price.currency.as_str());
                } @else {
                    div.field {
                        label for="currency" { (texts.price) }
                        select id="currency" name="currency" {
                            @for one in &products.credits {
                                option value=(one.price.currency.as_str()) { (one.price.currency.upper()) }
                            }
                        }
                    }
                }
                button type="submit" { (texts.buy_button) }
            }
        }
    }
}

fn plans(visit: &Visit, products: &Products) -> Markup {
    let texts = visit.texts;
    let period =
        |text: &str, period: &Period| p_of(&filled(text, &[("credits", &visit.credits(period.credits))]));
    html! {
        section.stack aria-labelledby="plans" {
            h2 #plans { (texts.plans) }
            div.grid.wide { @for plan in &products.plans {
                div.card {
                    h3 { (plan.name) }
                    @if !plan.description.is_empty() { p.muted { (plan.description) } }
                    (period(&texts.a_month, &plan.monthly))
                    ul.stack.tight { @for feature in &plan.features { li { "✓ " (feature) } } }
                    (order(&filled(&texts.subscribe, &[("price", &visit.money(plan.monthly.price))]), &plan.name,
                           &[("planId", &plan.plan_id), ("interval", "month")], None))
                    @if let Some(yearly) = &plan.yearly {
                        (period(&texts.a_year, yearly))
                        (order(&filled(&texts.subscribe_year, &[("price", &visit.money(yearly.price))]), &plan.name,
                               &[("planId", &plan.plan_id), ("interval", "year")], Some("plain")))
                    }
                }
            } }
        }
    }
}

fn p_of(text: &str) -> Markup {
    html! { p { strong { (text) } } }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    key: String,
    pack_id: Option<String>,
    plan_id: Option<String>,
    interval: Option<String>,
    credits: Option<String>,
    currency: Option<String>,
}

pub(super) async fn buy(visit: Visit, call: Call) -> Result<Response, Problem> {
    let wanted: Wanted = form::read(&call)?;
    let own = &visit.api.own_origin;
    let mut order = Map::new();
    let mut say = |name: &str, value: Option<Value>| {
        order.extend(value.map(|value| (name.to_owned(), value)));
    };
    say("wallet", Some(json!(visit.session.wallet_id)));
    say("packId", wanted.pack_id.map(Value::from));
    say("planId", wanted.plan_id.map(Value::from));
    say("interval", wanted.interval.map(Value::from));
    say("currency", wanted.currency.map(Value::from));
    say("successUrl", Some(json!(format!("{own}/wallet/return/{}", wanted.key))));
    say("cancelUrl", Some(json!(format!("{own}/wallet/return/{}", wanted.key))));
    say("reference", Some(json!(format!("{REFERENCE}{}", wanted.key))));
    if let Some(text) = wanted.credits {
        let Some(credits) = number(&text) else {
            // Nothing between the thousands: three digits behind one mark would be asked for again.
            let text = filled(&visit.texts.no_number, &[("example", "1000")]);
            return refused(&visit, Problem::invalid(text)).await;
        };
        say("credits", Some(credits.to_json()));
    }
    match visit.own.post::<Placed>(at(["orders"]), &wanted.key, &order).await {
        Ok(placed) => form::see(&format!("/wallet/orders/{}?go", placed.order_id)),
        Err(problem) => refused(&visit, problem).await,
    }
}

#[derive(Deserialize)]
struct Code {
    key: String,
    code: String,
}

pub(super) async fn redeem(visit: Visit, call: Call) -> Result<Response, Problem> {
    let Code { key, code } = form::read(&call)?;
    let redemption = json!({ "wallet": visit.session.wallet_id, "code": code.trim() });
    match visit.own.post::<Placed>(at(["redemptions"]), &key, &redemption).await {
        Ok(_) => form::see("/wallet/buy?redeemed"),
        Err(problem) => refused(&visit, problem).await,
    }
}

/// The page again, with what is wrong.
async fn refused(visit: &Visit, problem: Problem) -> Result<Response, Problem> {
    page(visit, visit.refusal(problem)?).await?.refused()
}

/// A number of credits as people type it.
pub(super) fn number(text: &str) -> Option<Credits> {
    plain_number(text).and_then(|text| text.parse().ok())
}
