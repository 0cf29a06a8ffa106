//! The first page: what there is, what lapses, what was used.

use maud::{Markup, html};

use super::history::rows;
use super::limits;
use super::usage;
use super::views::{Entry, List};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::document::Document;
use crate::pages::format::day;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// How many entries are shown.
const RECENT: i64 = 5;

/// What is there now fetches itself more often than the chart, which reads many entries, and without it.
pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    let now = now(&visit).await?;
    if call.parameter("part") == Some("now") {
        return visit.page(Place::Overview, now).answer();
    }
    let (used, is_all) = usage::entries(&visit).await?;
    let body = html! {
        div.stack.wide {
            (now)
            section.card #used aria-label=(visit.texts.used) hx-get="/wallet" hx-select="#used" hx-swap="outerMorph"
                hx-trigger="every 60s, focus from:window" { (usage::chart(&visit, &used, is_all)) }
        }
    };
    let page = visit.page(Place::Overview, body);
    Document { has_charts: true, ..page }.answer()
}

async fn now(visit: &Visit) -> Result<Markup, Problem> {
    let recent = at(["wallets", &visit.session.wallet_id, "entries"]).with("limit", RECENT);
    let recent: List<Entry> = visit.own.get(recent).await?;
    let texts = visit.texts;
    Ok(html! {
        // Fetches itself anew when something happens.
        div.stack.wide #now hx-get="/wallet?part=now" hx-select="#now" hx-swap="outerMorph"
            hx-trigger="live from:body delay:200ms" {
            (limits::own(visit))
            div.halves {
                (balance(visit))
                (lapsing(visit))
            }
            section.card.flush {
                h2.row.spread {
                    (texts.recent)
                    a href=(Place::History.address()) { small { (texts.all) } }
                }
                (rows(visit, &recent.data))
            }
        }
    })
}

fn balance(visit: &Visit) -> Markup {
    let (wallet, texts) = (&visit.wallet, visit.texts);
    html! {
        section.card aria-label=(texts.balance) {
            div {
                p.figure-label { (texts.available) }
                p.display #available { (visit.credits(wallet.available)) " " small.muted { (texts.credits) } }
            }
            @if wallet.held.is_positive() || wallet.debt.is_positive() {
                dl.facts {
                    dt { (texts.balance) }
                    dd { (visit.credits(wallet.balance)) }
                    @if wallet.held.is_positive() { dt { (texts.held) } dd { (visit.credits(wallet.held)) } }
                    @if wallet.debt.is_positive() { dt { (texts.owed) } dd { (visit.credits(wallet.debt)) } }
                }
            }
            @if wallet.debt.is_positive() { p.hint { (texts.owed_text) } }
            @if visit.may_buy() { div.row {
                a.button href=(Place::Buy.address()) { (texts.buy) }
                a.button.plain href=(Place::Recharge.address()) { (texts.auto) }
            } }
        }
    }
}

fn lapsing(visit: &Visit) -> Markup {
    let texts = visit.texts;
    html! {
        section.card {
            h2 { (texts.lapses) }
            @if visit.wallet.lapsing.is_empty() {
                (empty(&texts.lapses_none, ""))
            } @else {
                dl.facts {
                    @for lapse in &visit.wallet.lapsing {
                        dt { (day(lapse.at)) }
                        dd { (visit.credits(lapse.credits)) }
                    }
                }
            }
        }
    }
}
