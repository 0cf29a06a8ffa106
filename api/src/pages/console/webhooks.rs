//! Endpoints of the host application, and what was sent to them.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{moment, next, sentence, state, table};
use super::views::{Delivery, Endpoint, List};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty};
use crate::pages::own_api::at;
use crate::problem::Problem;

const ADDRESS: &str = "/console/webhooks";
const STATES: [&str; 3] = ["pending", "delivered", "failed"];

/// GET /console/webhooks
pub(super) async fn list(visit: Arc<Visit>, _call: Call) -> Result<Response, Problem> {
    let all: List<Endpoint> = visit.own.get(at(["webhook-endpoints"])).await?;
    let rows: Vec<Markup> = all
        .data
        .iter()
        .map(|endpoint| {
            html! {
                th scope="row" { a href={ (ADDRESS) "/" (endpoint.endpoint_id) } { (endpoint.url) } }
                td { (standing(endpoint)) }
                td { (types(endpoint)) }
            }
        })
        .collect();
    let body = html! {
        section.card.flush {
            @if rows.is_empty() { (empty("No endpoints", "Add the address of a server of yours: it is told what \
             happens.")) }
            @else { (table("Endpoints", &[("Address", false), ("State", false), ("Types", false)], &rows)) }
        }
    };
    visit.page_with(Area::Webhooks, "Webhooks", visit.button("endpoint", &[], ADDRESS), body).answer()
}

fn standing(endpoint: &Endpoint) -> Markup {
    html! {
        @if !endpoint.enabled { (badge(Tone::Bad, "Disabled")) }
        @else if endpoint.failing_since.is_some() { (badge(Tone::Bad, "Failing")) }
        @else { (badge(Tone::Good, "Enabled")) }
        @if let Some(reason) = &endpoint.disabled_reason { " " small.muted { (reason) } }
        @if let Some(since) = endpoint.failing_since {
            " " small.muted { "since " (moment(since)) ", " (endpoint.consecutive_failures) " times" }
        }
    }
}

fn types(endpoint: &Endpoint) -> String {
    if endpoint.event_types.is_empty() { "all".to_owned() } else { endpoint.event_types.join(", ") }
}

/// GET /console/webhooks/{endpointId}
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("endpointId");
    let wanted = call.parameter("state").filter(|text| STATES.contains(text));
    let asked = at(["webhook-endpoints", id, "deliveries"])
        .with("limit", 50)
        .with_some("state", wanted)
        .with_some("cursor", call.parameter("cursor"));
    let (endpoint, deliveries) = futures::try_join!(
        visit.own.get::<Endpoint>(at(["webhook-endpoints", id])),
        visit.own.get::<List<Delivery>>(asked),
    )?;
    let (address, about) =
        (format!("{ADDRESS}/{id}"), [("endpointId", id), ("about", endpoint.url.as_str())]);
    let older = wanted.map_or_else(|| address.clone(), |state| format!("{address}?state={state}"));
    let body = html! {
        div.row { (standing(&endpoint)) span.muted { "Types: " (types(&endpoint)) } }
        div.row {
            (visit.button("change-endpoint", &about, &address))
            (visit.button("test-endpoint", &about, &address))
            (visit.button("rotate-secret", &about, &address))
            (visit.button("delete-endpoint", &about, ADDRESS))
        }
        section.card.flush {
            h2 { "Deliveries" nav.choices aria-label="State" {
                @for (name, one) in [("All", None)].into_iter().chain(STATES.map(|one| (one, Some(one)))) {
                    a href={ (address) @if let Some(one) = one { "?state=" (one) } }
                        aria-current=[(wanted == one).then_some("true")] { (sentence(name)) }
                }
            } }
            (delivery_rows(&visit, &deliveries.data, &address))
            (next(&older, deliveries.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Webhooks, &endpoint.url, body).answer()
}

fn delivery_rows(visit: &Visit, deliveries: &[Delivery], address: &str) -> Markup {
    if deliveries.is_empty() {
        return empty("Nothing was sent", "Messages are here for as long as they are kept.");
    }
    let rows: Vec<Markup> = deliveries.iter().map(|one| html! {
        th scope="row" { (one.kind) br; small.muted { (moment(one.created_at)) } }
        td { (state(&one.state)) @if let Some(at) = one.next_attempt_at { br; small.muted { "next " (moment(at)) } } }
        td {
            @if one.attempts.is_empty() { "none" } @else {
                details { summary { (one.attempts.len()) }
                    ol.stack.tight { @for attempt in &one.attempts { li {
                        (attempt.number) ". " (moment(attempt.ended_at)) ": "
                        @if let Some(status) = attempt.response_status { (status) " " }
                        @if let Some(failure) = &attempt.failure { (failure) " " }
                        small.muted { (attempt.duration_ms) " ms" }
                    } } }
                }
            }
        }
        td.actions { (visit.button("replay", &[("deliveryId", &one.delivery_id), ("about", &one.kind)], address)) }
    }).collect();
    table("Deliveries", &[("Message", false), ("State", false), ("Attempts", false), ("", false)], &rows)
}
