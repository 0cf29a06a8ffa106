//! The card, what is charged to it by itself, and when to tell that credits run low.

use kernel::money::{Currency, Money, parse_scaled};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::buying::number;
use super::subscriptions;
use super::texts::{dated, filled};
use super::views::{Alerts, Checkout, Recharge, Subscription};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Field, Tone, badge, close_button, dialog, dialog_button, notice};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::format::capitalized;
use crate::pages::numbers::plain_number;
use crate::pages::own_api::{At, at};
use crate::problem::{Problem, ProblemKind};

/// For the audit log, where the customer's session is named as well.
const REASON: &str = "Ended on the wallet page";

fn settings(visit: &Visit) -> At {
    at(["wallets", &visit.session.wallet_id, "auto-recharge"])
}

pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    let above = html! {
        @if call.parameter("saved").is_some() { (notice(Tone::Good, &visit.texts.auto_saved, "")) }
    };
    page(&visit, above).await?.answer()
}

async fn page(visit: &Visit, above: Markup) -> Result<Document, Problem> {
    let recharge: Option<Recharge> = match visit.own.get(settings(visit)).await {
        Ok(recharge) => Some(recharge),
        // Nobody in particular looks at an organization's wallet, whose card nobody has saved.
        Err(problem) if problem.kind == ProblemKind::NotFound => None,
        Err(problem) => return Err(problem),
    };
    let alerts: Alerts = visit.own.get(at(["wallets", &visit.session.wallet_id, "balance-alerts"])).await?;
    let plans = subscriptions::section(visit).await?;
    let texts = visit.texts;
    let body = html! {
        (above)
        (plans)
        div.halves #now hx-get=(Place::Recharge.address()) hx-select="#state" hx-target="#state" hx-swap="outerMorph"
            hx-trigger="live from:body delay:200ms" {
            @if let Some(recharge) = &recharge { (automatic(visit, recharge)) }
            div.stack {
                @if let Some(recharge) = &recharge { (card(visit, recharge)) }
                section.card {
                    h2 { (texts.alerts) }
                    form method="post" action="/wallet/alerts" {
                        (Field {
                            name: "levels", label: &texts.alerts_label, value: &alerts.typed(),
                            hint: Some(&texts.alerts_hint), ..Field::default()
                        })
                        button.plain type="submit" { (texts.auto_change) }
                    }
                }
            }
        }
    };
    Ok(visit.page(Place::Recharge, body))
}

fn automatic(visit: &Visit, recharge: &Recharge) -> Markup {
    let texts = visit.texts;
    let typed = |money: Money| format!("{}.{:02}", money.minor / 100, money.minor % 100);
    let cap = recharge.max_monthly.map(typed).unwrap_or_default();
    html! {
        section.card {
            (state(visit, recharge))
            form method="post" action="/wallet/recharge" {
                (Field {
                    name: "threshold", label: &texts.auto_threshold, value: &recharge.threshold_credits.to_string(),
                    required: true, inputmode: Some("decimal"), ..Field::default()
                })
                (Field {
                    name: "amount", label: &texts.auto_amount, value: &typed(recharge.amount), required: true,
                    inputmode: Some("decimal"), ..Field::default()
                })
                (Field {
                    name: "cap", label: &texts.auto_cap, value: &cap, hint: Some(&texts.auto_cap_hint),
                    inputmode: Some("decimal"), ..Field::default()
                })
                @if !recharge.enabled { p.hint { (texts.auto_consent) } }
                div.row {
                    button type="submit" { @if recharge.enabled { (texts.auto_change) } @else { (texts.auto_on) } }
                    @if recharge.enabled {
                        button.plain type="submit" formaction="/wallet/recharge/off" formnovalidate { (texts.auto_off) }
                    }
                }
            }
        }
    }
}

/// What will be charged when and at most, in a sentence, and how it stands.
fn state(visit: &Visit, recharge: &Recharge) -> Markup {
    let texts = visit.texts;
    let (tone, word) = match recharge.state.as_str() {
        "active" => (Tone::Good, &texts.state_active),
        "recharging" => (Tone::Good, &texts.state_recharging),
        "cooling_down" => (Tone::Neutral, &texts.state_cooling_down),
        "needs_card" => (Tone::Warning, &texts.state_needs_card),
        "paused" => (Tone::Bad, &texts.state_paused),
        "monthly_cap_reached" => (Tone::Warning, &texts.state_monthly_cap_reached),
        _ => (Tone::Neutral, &texts.state_off),
    };
    let (threshold, amount) = (visit.credits(recharge.threshold_credits), visit.money(recharge.amount));
    let values = [("threshold", threshold.as_str()), ("amount", amount.as_str())];
    let sentence = match recharge.max_monthly {
        Some(cap) => filled(&filled(&texts.auto_sentence, &values), &[("cap", &visit.money(cap))]),
        None => filled(&texts.auto_sentence_no_cap, &values),
    };
    html! {
        div.stack.tight #state {
            h2.row.spread { (texts.auto) (badge(tone, word)) }
            @if recharge.enabled {
                p { strong { (sentence) } }
                p.muted {
                    (filled(&texts.auto_spent, &[("spent", &visit.money(recharge.spent_this_month))])) " "
                    @if let Some(left) = recharge.left_this_month {
                        (dated(&filled(&texts.auto_left, &[("left", &visit.money(left))]), recharge.resets_at))
                    }
                }
            }
            @if recharge.state == "paused" {
                (notice(Tone::Bad, word, texts.paused_text.as_str()))
                form method="post" action="/wallet/recharge/resume" {
                    (form::key())
                    button.plain type="submit" { (texts.resume) }
                }
            }
        }
    }
}

fn card(visit: &Visit, recharge: &Recharge) -> Markup {
    let texts = visit.texts;
    let save = |text: &str| {
        html! { form method="post" action="/wallet/card" { button.plain type="submit" { (text) } } }
    };
    html! {
        section.card {
            h2 { (texts.card) }
            @match &recharge.card {
                None => {
                    p.muted { (texts.card_none) }
                    (save(&texts.card_add))
                }
                Some(card) => {
                    p { (filled(&texts.card_line, &[
                        ("brand", &capitalized(&card.brand)), ("last4", &card.last4),
                        ("month", &format!("{:02}", card.exp_month)), ("year", &card.exp_year.to_string()),
                    ])) }
                    div.row {
                        (save(&texts.card_replace))
                        (dialog_button("remove-card", &texts.card_remove, "danger"))
                    }
                    (dialog("remove-card", &texts.card_remove, html! {
                        p { (texts.card_remove_text) }
                        form.row.end method="post" action="/wallet/card/remove" {
                            (close_button("remove-card", &texts.cancel))
                            button.danger type="submit" { (texts.card_remove) }
                        }
                    }))
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Settings {
    threshold: String,
    amount: String,
    cap: String,
}

pub(super) async fn change(visit: Visit, call: Call) -> Result<Response, Problem> {
    let given: Settings = form::read(&call)?;
    let cap = if given.cap.trim().is_empty() { Some(Value::Null) } else { dollars(&given.cap) };
    let (Some(threshold), Some(amount), Some(cap)) = (number(&given.threshold), dollars(&given.amount), cap)
    else {
        return refused(&visit, Problem::invalid(filled(&visit.texts.no_number, &[("example", "20")]))).await;
    };
    let wanted = json!({
        "enabled": true, "thresholdCredits": threshold.to_json(), "amount": amount, "maxMonthly": cap,
    });
    put(&visit, wanted).await
}

/// POST /wallet/card: has a page opened on which the card is saved.
pub(super) async fn save_card(visit: Visit, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    put(&visit, json!({ "requestSetup": true })).await
}

/// GET /wallet/card/{checkoutId}: the page on which a card is saved, until it is.
pub(super) async fn saving(visit: Visit, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("checkoutId");
    let checkout: Checkout = visit.own.get(at(["checkouts", id])).await?;
    let (texts, goes_on) = (visit.texts, call.parameter("go").is_some());
    let (title, text) = match (checkout.status.as_str(), &checkout.checkout_url) {
        ("open", None) => (&texts.card_preparing, &texts.order_preparing_text),
        ("open", Some(_)) => (&texts.card_open, &texts.card_open_text),
        ("completed", _) => (&texts.order_saved, &texts.order_saved_text),
        _ => (&texts.card_failed, &texts.card_failed_text),
    };
    let is_open = checkout.status == "open";
    let address = format!("/wallet/card/{id}{}", if goes_on { "?go" } else { "" });
    let body = html! {
        section.card #saving hx-get=[is_open.then_some(&address)] hx-select="#saving" hx-swap="outerMorph"
            hx-trigger=[is_open.then_some("live from:body, every 2s")] aria-live="polite" {
            h2 { (title) }
            p { (text) }
            div.row {
                @match (is_open, &checkout.checkout_url) {
                    (true, Some(page)) => {
                        @if goes_on { go-on address=(page) {} }
                        a.button href=(page) target="_top" { (texts.card_go) }
                    }
                    (true, None) => span.spinner aria-hidden="true" {},
                    (false, _) => a.button href=(Place::Recharge.address()) { (texts.recharge) },
                }
            }
        }
    };
    visit.page(Place::Recharge, body).answer()
}

async fn put(visit: &Visit, wanted: Value) -> Result<Response, Problem> {
    match visit.own.put::<Recharge>(settings(visit), &wanted).await {
        // The page on which a card is saved is followed as an order's.
        Ok(Recharge { setup: Some(setup), .. }) => {
            form::see(&format!("/wallet/card/{}?go", setup.payment_id))
        }
        Ok(_) => form::see("/wallet/recharge?saved"),
        Err(problem) => refused(visit, problem).await,
    }
}

pub(super) async fn switch_off(visit: Visit, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    let _off: Recharge = visit.own.delete(settings(&visit)).await?;
    form::see("/wallet/recharge?saved")
}

pub(super) async fn remove_card(visit: Visit, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    let _removed: Recharge = visit.own.delete(settings(&visit).with("removeCard", true)).await?;
    form::see("/wallet/recharge?saved")
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

pub(super) async fn resume(visit: Visit, call: Call) -> Result<Response, Problem> {
    let Key { key } = form::read(&call)?;
    let at = at(["wallets", &visit.session.wallet_id, "auto-recharge", "resume"]);
    match visit.own.post::<Recharge>(at, &key, &json!({})).await {
        Ok(_) => form::see("/wallet/recharge?saved"),
        Err(problem) => refused(&visit, problem).await,
    }
}

#[derive(Deserialize)]
struct Levels {
    levels: String,
}

pub(super) async fn alert(visit: Visit, call: Call) -> Result<Response, Problem> {
    let Levels { levels } = form::read(&call)?;
    let levels: Option<Vec<Value>> =
        levels.split_whitespace().map(|level| number(level).map(|credits| credits.to_json())).collect();
    let Some(levels) = levels else {
        return refused(&visit, Problem::invalid(filled(&visit.texts.no_number, &[("example", "100")])))
            .await;
    };
    let at = at(["wallets", &visit.session.wallet_id, "balance-alerts"]);
    match visit.own.put::<Alerts>(at, &json!({ "levels": levels })).await {
        Ok(_) => form::see("/wallet/recharge?saved"),
        Err(problem) => refused(&visit, problem).await,
    }
}

pub(super) async fn refused(visit: &Visit, problem: Problem) -> Result<Response, Problem> {
    page(visit, visit.refusal(problem)?).await?.refused()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndedPlan {
    key: String,
    subscription_id: String,
}

/// POST /wallet/subscription/end: has it end with what is paid for.
pub(super) async fn end_plan(visit: Visit, call: Call) -> Result<Response, Problem> {
    let EndedPlan { key, subscription_id } = form::read(&call)?;
    let at = at(["subscriptions", &subscription_id, "cancel"]);
    let wish = json!({ "when": "period_end", "reason": REASON });
    match visit.own.post::<Subscription>(at, &key, &wish).await {
        Ok(_) => form::see(Place::Recharge.address()),
        Err(problem) => refused(&visit, problem).await,
    }
}

/// Dollars as people type them, as the API takes them.
fn dollars(text: &str) -> Option<Value> {
    let minor = parse_scaled(&plain_number(text)?, 2).ok()?;
    Some(json!({ "minor": minor, "currency": Currency::USD.as_str() }))
}
