//! Another plan: what each costs, now and from then on, and the one that is chosen.

use kernel::money::Money;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::texts::{dated, filled};
use super::views::{List, PlanOption, Subscription};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::own_api::at;
use crate::problem::{Failure, Problem};

/// For the audit log, where the customer's session is named as well.
const REASON: &str = "Changed on the wallet page";

/// GET /wallet/plan/{subscriptionId}
pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    page(&visit, call.path_parameter("subscriptionId"), html! {}).await?.answer()
}

async fn page(visit: &Visit, id: &str, above: Markup) -> Result<Document, Problem> {
    let of_wallet = at(["wallets", &visit.session.wallet_id, "subscriptions"]);
    let (all, options) = futures::try_join!(
        visit.own.get::<List<Subscription>>(of_wallet),
        visit.own.get::<List<PlanOption>>(at(["subscriptions", id, "plans"])),
    )?;
    let mut all = all.data.into_iter();
    let one = all.find(|one| one.subscription_id == id).ok_or(Failure::NotFound)?;
    let texts = visit.texts;
    let body = html! {
        (above)
        section.stack {
            h2 { (texts.plan_change) }
            p.muted { (texts.plan_change_now) " " (super::subscriptions::price(visit, &one)) }
            @if options.data.is_empty() { div.card.flush { (empty(&texts.plan_change_none, "")) } }
            ul.grid.wide { @for option in &options.data { li.card { (card(visit, &one, option)) } } }
            @if !options.data.is_empty() { p.hint { (texts.plan_change_exact) } }
            p { a href=(Place::Recharge.address()) { (texts.cancel) } }
        }
    };
    Ok(visit.page(Place::Recharge, body))
}

fn card(visit: &Visit, one: &Subscription, option: &PlanOption) -> Markup {
    let texts = visit.texts;
    let to = filled(&texts.plan_change_to, &[("plan", &option.name)]);
    html! {
        h3 { (option.name) }
        p { strong { (period(visit, &option.interval, option.price, option.credits)) } }
        p { (due(visit, one, option)) }
        @if let Some(at) = &option.renews_at {
            p.muted { (dated(&filled(&texts.plan_change_then, &[("price", &visit.money(option.price))]), at.0)) }
        }
        form method="post" action="/wallet/plan" {
            (form::key())
            input type="hidden" name="subscriptionId" value=(one.subscription_id);
            input type="hidden" name="planId" value=(option.plan_id);
            input type="hidden" name="interval" value=(option.interval);
            button type="submit" { (to) }
        }
    }
}

/// What a period costs and grants.
pub(super) fn period(visit: &Visit, interval: &str, price: Money, credits: kernel::money::Credits) -> String {
    let text = if interval == "year" { &visit.texts.plan_a_year } else { &visit.texts.plan_a_month };
    filled(text, &[("price", &visit.money(price)), ("credits", &visit.credits(credits))])
}

/// What is charged at once, or taken off later.
fn due(visit: &Visit, one: &Subscription, option: &PlanOption) -> String {
    let texts = visit.texts;
    let Money { minor, currency } = option.due;
    let amount = visit.money(Money::new(minor.saturating_abs(), currency));
    let text = match minor {
        0 => &texts.plan_change_free,
        ..0 => &texts.plan_change_less,
        _ if option.interval == one.interval => &texts.plan_change_rest,
        _ => &texts.plan_change_whole,
    };
    filled(text, &[("due", &amount)])
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    key: String,
    subscription_id: String,
    plan_id: String,
    interval: String,
}

/// POST /wallet/plan
pub(super) async fn change(visit: Visit, call: Call) -> Result<Response, Problem> {
    let Choice { key, subscription_id, plan_id, interval } = form::read(&call)?;
    let at = at(["subscriptions", &subscription_id, "change"]);
    let wish = json!({ "planId": plan_id, "interval": interval, "reason": REASON });
    match visit.own.post::<Subscription>(at, &key, &wish).await {
        Ok(_) => form::see(Place::Recharge.address()),
        Err(problem) => page(&visit, &subscription_id, visit.refusal(problem)?).await?.refused(),
    }
}
