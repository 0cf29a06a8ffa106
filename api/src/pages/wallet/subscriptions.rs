//! What is paid for regularly: the wallet's plans, when they renew, how they are changed and ended. Whatever was asked
//! of the payment provider shows once it has answered: no page waits for it.

use futures::future::try_join_all;
use kernel::clock::Timestamp;
use kernel::money::Money;
use maud::{Markup, html};

use super::texts::{dated, filled};
use super::views::{List, PlanOption, Products, Subscription};
use super::visit::{Place, Visit};
use crate::pages::components::{Tone, badge, close_button, dialog, dialog_button, notice};
use crate::pages::form;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// The subscriptions that are not over.
pub(super) async fn section(visit: &Visit) -> Result<Markup, Problem> {
    let all: List<Subscription> =
        visit.own.get(at(["wallets", &visit.session.wallet_id, "subscriptions"])).await?;
    let going_on: Vec<Subscription> = all.data.into_iter().filter(|one| one.state != "canceled").collect();
    if going_on.is_empty() {
        return Ok(html! {});
    }
    let products: Products = visit.own.get(at(["products"])).await?;
    let now = visit.api.clock.now();
    let is_asked = going_on.iter().any(|one| one.is_being_ended(now) || one.is_being_changed(now));
    let changeable = try_join_all(going_on.iter().map(|one| may_change(visit, one, now))).await?;
    let cards = going_on.iter().zip(changeable);
    Ok(html! {
        div.stack #plans hx-get=[is_asked.then_some(Place::Recharge.address())] hx-select="#plans" hx-swap="outerMorph"
            hx-trigger=[is_asked.then_some("live from:body, every 2s")] aria-live="polite" {
            @for (one, may_change) in cards { (card(visit, one, name(&products, &one.plan_id), may_change, now)) }
        }
    })
}

/// Whether the customer may move it to another plan now, and there is one.
async fn may_change(visit: &Visit, one: &Subscription, now: Timestamp) -> Result<bool, Problem> {
    if !visit.may_buy() || !is_settled(one, now) {
        return Ok(false);
    }
    let options = at(["subscriptions", &one.subscription_id, "plans"]);
    Ok(!visit.own.get::<List<PlanOption>>(options).await?.data.is_empty())
}

/// Whether it goes on as it is, as far as is known.
fn is_settled(one: &Subscription, now: Timestamp) -> bool {
    !one.cancel_at_period_end && !one.is_being_ended(now) && !one.is_being_changed(now)
}

/// What the plan is called, as long as it is for sale.
fn name<'a>(products: &'a Products, id: &'a str) -> &'a str {
    products.plans.iter().find(|plan| plan.plan_id == id).map_or(id, |plan| &plan.name)
}

/// What its period costs and grants.
pub(super) fn price(visit: &Visit, one: &Subscription) -> String {
    let price = Money::new(one.price_minor, one.currency);
    super::plan_change::period(visit, &one.interval, price, one.credits)
}

fn card(visit: &Visit, one: &Subscription, plan: &str, may_change: bool, now: Timestamp) -> Markup {
    let texts = visit.texts;
    let (is_being_ended, is_being_changed) = (one.is_being_ended(now), one.is_being_changed(now));
    html! {
        section.card {
            h2 { (texts.plan) (standing(visit, one)) }
            p { strong { (plan) } }
            p.muted { (price(visit, one)) }
            @if let Some(at) = &one.current_period_end {
                p { (dated(if one.cancel_at_period_end { &texts.plan_ends } else { &texts.plan_renews }, at.0)) }
            }
            @if one.state == "past_due" { (notice(Tone::Bad, &texts.plan_past_due, texts.plan_past_due_text.as_str())) }
            @if let Some(refusal) = one.refused_end() { (notice(Tone::Bad, &texts.plan_not_ended, refusal)) }
            @if let Some(refusal) = one.refused_change(now) {
                (notice(Tone::Bad, &texts.plan_not_changed, refusal))
            }
            @if is_being_ended { p.row { span.spinner aria-hidden="true" {} (texts.plan_ending) } }
            @if is_being_changed { p.row { span.spinner aria-hidden="true" {} (texts.plan_changing) } }
            @if is_settled(one, now) { div.row {
                @if may_change {
                    a.button.plain href={ "/wallet/plan/" (one.subscription_id) } { (texts.plan_change) }
                }
                (end(visit, one, plan))
            } }
        }
    }
}

fn standing(visit: &Visit, one: &Subscription) -> Markup {
    let texts = visit.texts;
    let (tone, word) = match one.state.as_str() {
        _ if one.cancel_at_period_end => (Tone::Neutral, &texts.plan_state_ends),
        "active" => (Tone::Good, &texts.plan_state_active),
        "past_due" => (Tone::Bad, &texts.plan_state_past_due),
        "paused" => (Tone::Neutral, &texts.state_paused),
        _ => (Tone::Warning, &texts.plan_state_incomplete),
    };
    badge(tone, word)
}

fn end(visit: &Visit, one: &Subscription, plan: &str) -> Markup {
    let (texts, id) = (visit.texts, format!("end-{}", one.subscription_id));
    html! {
        (dialog_button(&id, &texts.plan_end, "danger"))
        (dialog(&id, &filled(&texts.plan_end_title, &[("plan", plan)]), html! {
            p { (texts.plan_end_text) }
            form.row.end method="post" action="/wallet/subscription/end" {
                (form::key())
                input type="hidden" name="subscriptionId" value=(one.subscription_id);
                (close_button(&id, &texts.cancel))
                button.danger type="submit" { (texts.plan_end) }
            }
        }))
    }
}
