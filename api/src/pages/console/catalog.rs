//! What is sold, and what a buyer sees of it.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{moment, next, state, table};
use super::views::{Coupon, List, Offers, Pack, Period, Plan, Price, credits, money};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::own_api::at;
use crate::problem::Problem;

const ADDRESS: &str = "/console/catalog";

/// GET /console/catalog
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let coupons = at(["catalog", "coupons"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
    let (packs, plans, prices, coupons, offers) = futures::try_join!(
        visit.own.get::<List<Pack>>(at(["catalog", "packs"])),
        visit.own.get::<List<Plan>>(at(["catalog", "plans"])),
        visit.own.get::<List<Price>>(at(["catalog", "credit-prices"])),
        visit.own.get::<List<Coupon>>(coupons),
        visit.own.get::<Offers>(at(["products"])),
    )?;
    let body = html! {
        section.card.flush { h2 { "Packs" (visit.button("pack", &[], ADDRESS)) } (pack_rows(&packs.data)) }
        section.card.flush { h2 { "Plans" } (plan_rows(&plans.data)) }
        section.card.flush {
            h2 { "Any amount of credits" (visit.button("price", &[("currency", "usd")], ADDRESS)) }
            (price_rows(&prices.data))
        }
        section.card.flush {
            h2 { "Coupons" (visit.button("coupon", &[], ADDRESS)) }
            (coupon_rows(&visit, &coupons.data))
            (next(ADDRESS, coupons.next_cursor.as_deref()))
        }
        section.stack { h2 { "What a buyer sees" } (offered(&offers)) }
    };
    visit.page(Area::Catalog, "Catalog", body).answer()
}

fn on(is_active: bool) -> Markup {
    state(if is_active { "active" } else { "retired" })
}

fn pack_rows(packs: &[Pack]) -> Markup {
    if packs.is_empty() {
        return empty("No packs", "A pack is a number of credits at a price.");
    }
    let rows: Vec<Markup> = packs.iter().map(|pack| html! {
        th scope="row" { (pack.name) " " small.muted { code { (pack.pack_id) } } @if !pack.description.is_empty() {
            br; small.muted { (pack.description) } } }
        td { (on(pack.active)) }
        td.number { (credits(pack.credits)) }
        td.number { (money(pack.price)) }
    }).collect();
    table("Packs", &[("Pack", false), ("State", false), ("Credits", true), ("Price", true)], &rows)
}

fn period(period: Option<&Period>) -> Markup {
    html! { @if let Some(period) = period { (money(period.price)) br; small.muted {
    (credits(period.credits)) " credits" } } }
}

fn plan_rows(plans: &[Plan]) -> Markup {
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
            }
        })
        .collect();
    table("Plans", &[("Plan", false), ("State", false), ("A month", true), ("A year", true)], &rows)
}

fn price_rows(prices: &[Price]) -> Markup {
    if prices.is_empty() {
        return empty("Not for sale", "With a price, buyers may choose any number of credits.");
    }
    let rows: Vec<Markup> = prices
        .iter()
        .map(|price| {
            html! {
                th scope="row" { (price.currency) }
                td.number { (credits(price.credits)) }
                td.number { (price.minor) }
            }
        })
        .collect();
    table("Prices", &[("Currency", false), ("Credits", true), ("for so many cents", true)], &rows)
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
        td { (visit.button("retire-coupon", &[("couponId", &coupon.coupon_id), ("about", &coupon.code),
                                               ("active", if coupon.active { "true" } else { "" })], ADDRESS)) }
    }).collect();
    let head =
        [("Code", false), ("State", false), ("Gives", false), ("Used", true), ("Until", false), ("", false)];
    table("Coupons", &head, &rows)
}

fn offered(offers: &Offers) -> Markup {
    if offers.packs.is_empty() && offers.plans.is_empty() && offers.credits.is_empty() {
        return empty("Nothing", "A new installation sells nothing until you say what.");
    }
    html! {
        ul.grid {
            @for pack in &offers.packs { li.card {
                strong { (pack.name) } p.muted { (pack.description) }
                p { (credits(pack.credits)) " credits for " (money(pack.price)) }
            } }
            @for plan in &offers.plans { li.card {
                strong { (plan.name) } p.muted { (plan.description) }
                p { (credits(plan.monthly.credits)) " credits a month for " (money(plan.monthly.price)) }
                @if let Some(year) = &plan.yearly { p { (credits(year.credits)) " a year for " (money(year.price)) } }
            } }
            @for price in &offers.credits { li.card {
                strong { "Any amount" } p { (credits(price.credits)) " credits for " (money(price.price)) }
            } }
        }
    }
}
