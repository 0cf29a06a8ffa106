//! Finds a customer, an order, or what else has an id.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{event_address, moment, order_address, sentence, state, table, wallet_address};
use super::views::{Hit, List};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// GET /console/search
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let query = call.parameter("query").unwrap_or_default().trim().to_owned();
    let found: Option<List<Hit>> = if query.is_empty() {
        None
    } else {
        Some(visit.own.get(at(["search"]).with("query", &query)).await?)
    };
    let body = html! {
        form.row role="search" method="get" action="/console/search" {
            label.visually-hidden for="query" { "What to look for" }
            input #query name="query" type="search" value=(query) autofocus autocomplete="off" maxlength="255"
                aria-describedby="query-hint";
            button { "Find" }
        }
        p.hint #query-hint {
            "A user's id or e-mail address; any id of ours; a payment, session, invoice, subscription, customer or \
             event of the \
             provider; your reference."
        }
        @if let Some(found) = found {
            @if found.data.is_empty() {
                div.card.flush {
                    (empty("Nothing was found", "Ids are compared whole, users' ids by their beginning."))
                }
            } @else {
                section.card.flush { (hits(&found.data)) }
            }
        }
    };
    visit.page(Area::Search, "Find", body).answer()
}

fn address(hit: &Hit) -> Option<String> {
    match hit.kind.as_str() {
        "order" => Some(order_address(&hit.id)),
        "provider_event" => Some(event_address(&hit.id)),
        _ => hit.wallet_id.as_deref().map(wallet_address),
    }
}

fn hits(found: &[Hit]) -> Markup {
    let rows: Vec<Markup> = found.iter().map(|hit| html! {
        th scope="row" {
            (sentence(&hit.kind)) " "
            @match address(hit) {
                Some(address) => a href=(address) { (hit.id) },
                None => (hit.id),
            }
        }
        td { (hit.title.as_deref().unwrap_or_default()) " " @if let Some(word) = &hit.state { (state(word)) } }
        td { (hit.email.as_deref().or(hit.user_id.as_deref()).unwrap_or_default()) }
        td { @if let Some(at) = hit.at { (moment(at)) } }
    }).collect();
    table(
        "What was found",
        &[("What", false), ("About it", false), ("Whose", false), ("Since", false)],
        &rows,
    )
}
