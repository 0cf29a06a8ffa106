//! What is sold, and what a buyer sees of it.

use std::sync::Arc;

use kernel::money::Money;
use maud::{Markup, html};

use super::parts::{moment, next, state, table};
use super::views::{Amount, CheckIn, Coupon, List, Offers, Pack, Period, Plan, Price, credits, money};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::format::units;
use crate::pages::own_api::at;
use crate::problem::Problem;

const ADDRESS: &str = "/console/catalog";
/// What forms for something new begin with.
const CURRENCY: &[(&str, &str)] = &[("currency", "usd")];

/// GET /console/catalog
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let coupons = at(["catalog", "coupons"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
    let (packs, plans, prices, coupons, check_in, offers) = futures::try_join!(
        visit.own.get::<List<Pack>>(at(["catalog", "packs"])),
        visit.own.get::<List<Plan>>(at(["catalog", "plans"])),
        visit.own.get::<List<Price>>(at(["catalog", "credit-prices"])),
        visit.own.get::<List<Coupon>>(coupons),
        visit.own.get::<CheckIn>(at(["catalog", "check-in"])),
        visit.own.get::<Offers>(at(["products"])),
    )?;
    let body = html! {
        section.card.flush { h2 { "Packs" (visit.button("pack", CURRENCY, ADDRESS)) } (pack_rows(&visit, &packs.data)) }
        section.card.flush { h2 { "Plans" (visit.button("plan", CURRENCY, ADDRESS)) } (plan_rows(&visit, &plans.data)) }
        section.card.flush {
            h2 { "Any amount of credits" (visit.button("price", &[], ADDRESS)) }
            (price_rows(&visit, &prices.data))
        }
        section.card.flush {
            h2 { "Coupons" (visit.button("coupon", &[], ADDRESS)) }
            (coupon_rows(&visit, &coupons.data))
            (next(ADDRESS, coupons.next_cursor.as_deref()))
        }
        section.card { h2 { "Daily check-in" (visit.button("check-in", &[], ADDRESS)) } (check_in_facts(&check_in)) }
        section.stack { h2 { "What a buyer sees" } (offered(&offers)) }
    };
    visit.page(Area::Catalog, "Catalog", body).answer()
}

fn on(is_active: bool) -> Markup {
    state(if is_active { "active" } else { "retired" })
}

fn pack_rows(visit: &Visit, packs: &[Pack]) -> Markup {
    if packs.is_empty() {
        return empty("No packs", "A pack is a number of credits at a price.");
    }
    let rows: Vec<Markup> = packs.iter().map(|pack| html! {
        th scope="row" { (pack.name) " " small.muted { code { (pack.pack_id) } } @if !pack.description.is_empty() {
            br; small.muted { (pack.description) } } }
        td { (on(pack.active)) }
        td.number { (credits(pack.credits)) }
        td.number { (money(pack.price)) }
        td.actions { (visit.button("change-pack", &[("packId", &pack.pack_id)], ADDRESS)) }
    }).collect();
    table(
        "Packs",
        &[("Pack", false), ("State", false), ("Credits", true), ("Price", true), ("", false)],
        &rows,
    )
}

fn period(period: Option<&Period>) -> Markup {
    html! { @if let Some(period) = period { (money(period.price)) br; small.muted {
    (credits(period.credits)) " credits" } } }
}

fn plan_rows(visit: &Visit, plans: &[Plan]) -> Markup {
    if plans.is_empty() {
        return empty("No plans", "A plan grants credits for every period that is paid.");
    }
    let rows: Vec<Markup> = plans
        .iter()
        .map(|plan| {
            html! {
                th scope="row" { (plan.name) " " small.muted { code { (plan.plan_id) } } }
                td { (on(plan.active)) }
                td.number { (period(Some(&plan.monthly))) }
                td.number { (period(plan.yearly.as_ref())) }
                td.actions { (visit.button("change-plan", &[("planId", &plan.plan_id)], ADDRESS)) }
            }
        })
        .collect();
    table(
        "Plans",
        &[("Plan", false), ("State", false), ("A month", true), ("A year", true), ("", false)],
        &rows,
    )
}

fn price_rows(visit: &Visit, prices: &[Price]) -> Markup {
    if prices.is_empty() {
        return empty("Not for sale", "With a price, buyers may choose any number of credits.");
    }
    let rows: Vec<Markup> = prices
        .iter()
        .filter_map(|price| Some((price, Money::new(price.minor, price.currency.parse().ok()?))))
        .map(|(price, cost)| {
            let there = [
                ("currency", price.currency.as_str()),
                ("credits", &price.credits.0.to_string()),
                ("minor", &units(cost)),
            ];
            html! {
                th scope="row" { (cost.currency.upper()) }
                td.number { (credits(price.credits)) }
                td.number { (super::LOCALE.money(cost)) }
                td.actions { (visit.button("price", &there, ADDRESS)) }
            }
        })
        .collect();
    table("Prices", &[("Currency", false), ("Credits", true), ("Cost", true), ("", false)], &rows)
}

fn coupon_rows(visit: &Visit, coupons: &[Coupon]) -> Markup {
    if coupons.is_empty() {
        return empty("No coupons", "A coupon takes something off, or gives credits.");
    }
    let rows: Vec<Markup> = coupons.iter().map(|coupon| html! {
        th scope="row" { code { (coupon.code) } }
        td { (on(coupon.active)) }
        td {
            @if let Some(percent) = coupon.percent { (percent) " % off " }
            @if let Some(off) = coupon.amount_off { (money(off)) " off " }
            @if let Some(bonus) = coupon.bonus_credits { (credits(bonus)) " bonus credits " }
            @if let Some(given) = coupon.credits { (credits(given)) " credits" }
        }
        td.number { (coupon.redemptions) @if let Some(most) = coupon.max_redemptions { " of " (most) } }
        td { @if let Some(at) = coupon.expires_at { (moment(at)) } }
        td.actions {
            (visit.button("change-coupon", &[("couponId", &coupon.coupon_id), ("about", &coupon.code)], ADDRESS))
        }
    }).collect();
    let head =
        [("Code", false), ("State", false), ("Gives", false), ("Used", true), ("Until", false), ("", false)];
    table("Coupons", &head, &rows)
}

/// What users get for coming, or that they get nothing.
fn check_in_facts(check_in: &CheckIn) -> Markup {
    if !check_in.enabled {
        return empty(
            "No check-ins",
            "Switched on, users get free credits once a day, over the APIs that have it.",
        );
    }
    html! {
        dl.facts {
            dt { "A day" } dd { (counted(check_in.credits_per_day)) }
            @for bonus in &check_in.streak_bonuses {
                dt { (bonus.days) " days in a row" } dd { (counted(bonus.credits)) " besides, once" }
            }
            dt { "Days begin in" } dd { (check_in.time_zone) }
        }
    }
}

fn offered(offers: &Offers) -> Markup {
    if offers.packs.is_empty() && offers.plans.is_empty() && offers.credits.is_empty() {
        return empty("Nothing", "A new installation sells nothing until you say what.");
    }
    html! {
        ul.grid {
            @for pack in &offers.packs { li.card {
                strong { (pack.name) }
                @if !pack.description.is_empty() { p.muted { (pack.description) } }
                p { (credits(pack.credits)) " credits for " (money(pack.price)) }
            } }
            @for plan in &offers.plans { li.card {
                strong { (plan.name) }
                @if !plan.description.is_empty() { p.muted { (plan.description) } }
                p { (credits(plan.monthly.credits)) " credits a month for " (money(plan.monthly.price)) }
                @if let Some(year) = &plan.yearly { p { (credits(year.credits)) " a year for " (money(year.price)) } }
            } }
            @for price in &offers.credits { li.card {
                strong { "Any amount" } p { (counted(price.credits)) " for " (money(price.price)) }
            } }
        }
    }
}

/// `1 credit`, `2 credits`.
fn counted(amount: Amount) -> String {
    let text = credits(amount);
    if text == "1" { "1 credit".to_owned() } else { format!("{text} credits") }
}
