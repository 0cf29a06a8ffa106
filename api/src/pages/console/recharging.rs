//! How wallets are recharged: of one wallet, and all that wait.

use std::sync::Arc;

use maud::{Markup, html};

use super::decide::tabs;
use super::parts::{moment, next, spaced, state, table, user, wallet_address};
use super::views::{List, Recharge, credits, money};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// None of a wallet that was never to be recharged.
pub(super) async fn of(visit: &Visit, wallet: &str) -> Result<Option<Recharge>, Problem> {
    match visit.own.get(at(["wallets", wallet, "auto-recharge"])).await {
        Ok(recharge) => Ok(Some(recharge)),
        Err(problem) if problem.status() == warp::http::StatusCode::NOT_FOUND => Ok(None),
        Err(problem) => Err(problem),
    }
}

pub(super) fn card(visit: &Visit, recharge: Option<&Recharge>, wallet: &str, address: &str) -> Markup {
    let Some(recharge) = recharge.filter(|one| one.enabled || one.card.is_some()) else {
        return html! { section.card { h2 { "Recharging" } p.muted { "This wallet is not recharged by itself." } } };
    };
    let about = [("wallet", wallet)];
    html! {
        section.card {
            h2 { "Recharging" (state(&recharge.state)) }
            dl.facts {
                dt { "When less can be spent than" } dd { (credits(recharge.threshold_credits)) }
                dt { "Charges" } dd { (money(recharge.amount)) }
                dt { "Charged this month" } dd {
                    (money(recharge.spent_this_month))
                    @if let Some(most) = recharge.max_monthly { " of at most " (money(most)) }
                }
                dt { "Card" } dd {
                    @match &recharge.card {
                        Some(card) => { (card.brand) " •••• " (card.last4) ", " (card.exp_month) "/" (card.exp_year) },
                        None => "none",
                    }
                }
                @if let Some(pause) = &recharge.pause { dt { "Paused" } dd { (moment(pause.at)) ": "
                    (spaced(&pause.reason)) } }
                @if let Some(run) = &recharge.last_run {
                    dt { "Last charge" }
                    dd { (state(&run.state)) " " (money(run.amount)) " " (moment(run.at))
                         @if let Some(failure) = &run.failure { ": " (failure) } }
                }
            }
            div.row {
                @if recharge.pause.is_some() { (visit.button("resume", &about, address)) }
                @else { (visit.button("pause", &about, address)) }
            }
        }
    }
}

/// GET /console/recharges
pub(super) async fn paused(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["auto-recharge"]).with("paused", true).with_some("cursor", call.parameter("cursor"));
    let all: List<super::views::PausedWallet> = visit.own.get(asked).await?;
    let rows: Vec<Markup> = all.data.iter().map(|one| html! {
        th scope="row" { a href=(wallet_address(&one.wallet_id)) { "Wallet" } " of " (user(&one.user_id)) }
        td { (state(&one.state)) }
        td { @if let Some(pause) = &one.pause { (spaced(&pause.reason)) } }
        td { @if let Some(pause) = &one.pause { (moment(pause.at)) } }
    }).collect();
    let body = html! {
        (tabs("/console/recharges"))
        section.card.flush {
            @if rows.is_empty() { (empty("Nothing is paused", "All cards are charged when they are to be.")) }
            @else { (table("Paused recharges", &[("Whose", false), ("State", false), ("Why", false), ("Since",
                false)], &rows)) }
            (next("/console/recharges", all.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Attention, "Paused recharges", body).answer()
}
