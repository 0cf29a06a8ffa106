//! What waits for a decision: events in quarantine, dead letters, purchases whose buyers are unknown. What came stands
//! beside what was expected.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{
    event_address, moment, next, order_address, sentence, spaced, state, table, user, wallet_address, why,
};
use super::views::{Event, Expected, Letter, List, Parked, Said, credits, money};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty};
use crate::pages::own_api::at;
use crate::problem::Problem;

const PAGE: i64 = 50;

/// The three lists, and which of them is shown.
pub(super) fn tabs(shown: &str) -> Markup {
    let all = [
        ("/console/quarantine", "Quarantine"),
        ("/console/dead-letters", "Dead letters"),
        ("/console/parked-purchases", "Parked purchases"),
        ("/console/recharges", "Paused recharges"),
    ];
    html! {
        nav.tabs aria-label="What to decide" {
            @for (address, name) in all { a href=(address) aria-current=[(address == shown).then_some("page")] {
                (name) } }
        }
    }
}

/// GET /console/quarantine
pub(super) async fn events(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let wanted = call.parameter("state").unwrap_or("open");
    let asked = at(["provider-events"]).with("limit", PAGE).with_some("cursor", call.parameter("cursor"));
    let asked = if wanted == "all" { asked } else { asked.with("state", wanted) };
    let found: List<Event> = visit.own.get(asked).await?;
    let rows: Vec<Markup> = found
        .data
        .iter()
        .map(|event| {
            html! {
                th scope="row" { a href=(event_address(&event.id)) { (event.kind) } }
                td { (state(&event.state)) }
                td { (event.reason.as_deref().map(why).unwrap_or_default()) }
                td { @if let Some(order) = &event.order_id { a href=(order_address(order)) { "order" } } }
                td { (sentence(&event.provider)) }
                td { (moment(event.received_at)) }
            }
        })
        .collect();
    let head = [
        ("Event", false),
        ("State", false),
        ("Why", false),
        ("About", false),
        ("Provider", false),
        ("Came", false),
    ];
    let body = html! {
        (tabs("/console/quarantine"))
        form.filters method="get" action="/console/quarantine" {
            div.field {
                label for="state" { "State" }
                select #state name="state" {
                    @for one in ["open", "credited", "dismissed", "applied", "ignored", "all"] {
                        option value=(one) selected[wanted == one] { (sentence(one)) }
                    }
                }
            }
            button.plain { "Show" }
        }
        section.card.flush {
            @if rows.is_empty() { (empty("Nothing waits here", "Events that contradict their orders would.")) }
            @else { (table("Events", &head, &rows)) }
            (next(&format!("/console/quarantine?state={wanted}"), found.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Attention, "Quarantine", body).answer()
}

/// GET /console/quarantine/{id}
pub(super) async fn event(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("id");
    let event: Event = visit.own.get(at(["provider-events", id])).await?;
    let (address, about) = (event_address(id), [("id", id)]);
    let body = html! {
        p.lead {
            @if let Some(reason) = &event.reason { (why(reason)) "." }
        }
        p.muted {
            (sentence(&event.provider)) " sent it on " (moment(event.received_at)) "; it was looked at on "
            (moment(event.handled_at)) "."
        }
        @if event.state == "open" {
            div.row {
                (visit.button("credit-event", &about, &address))
                (visit.button("retry-event", &about, &address))
                (visit.button("dismiss-event", &about, &address))
            }
        }
        section.card.flush.compare { h2 { "What came, and what was expected" } (beside(event.said.as_ref(),
            event.order.as_ref())) }
        @if let Some(text) = &event.text {
            details.card { summary { "The event as it came" } pre tabindex="0" { (text) } }
        }
    };
    visit.page_with(Area::Attention, &event.kind, state(&event.state), body).answer()
}

fn beside(said: Option<&Said>, order: Option<&Expected>) -> Markup {
    if said.is_none() && order.is_none() {
        return empty("Nothing more is known", "The event's content was not kept.");
    }
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let mode = |is_live: bool| if is_live { "real money" } else { "test money" }.to_owned();
    let lines = [
        ("Amount", said.and_then(|said| said.amount).map(money), order.map(|order| money(order.amount))),
        (
            "Paid",
            said.map(|said| if said.is_paid { "yes" } else { "no" }.to_owned()),
            order.map(|order| spaced(&order.state)),
        ),
        ("Credits", None, order.map(|order| credits(order.credits))),
        ("Order", said.map(|said| text(said.order_id.as_ref())), order.map(|order| order.order_id.clone())),
        ("User", said.map(|said| text(said.user_id.as_ref())), order.map(|order| order.user_id.clone())),
        (
            "Session",
            said.map(|said| text(said.session.as_ref())),
            order.map(|order| text(order.session.as_ref())),
        ),
        (
            "Payment",
            said.map(|said| text(said.provider_payment.as_ref())),
            order.map(|order| text(order.provider_payment.as_ref())),
        ),
        (
            "Customer",
            said.map(|said| text(said.customer.as_ref())),
            order.map(|order| text(order.customer.as_ref())),
        ),
        ("Mode", said.map(|said| mode(said.livemode)), order.map(|order| mode(order.livemode))),
    ];
    let rows: Vec<Markup> = lines
        .iter()
        .map(|(name, came, expected)| {
            let (came, expected) =
                (came.as_deref().unwrap_or_default(), expected.as_deref().unwrap_or_default());
            let differs = !came.is_empty() && !expected.is_empty() && came != expected && *name != "Paid";
            html! {
                th scope="row" { (name) }
                td { (written(name, came)) @if differs { " " (badge(Tone::Bad, "Differs")) } }
                td { (written(name, expected)) }
            }
        })
        .collect();
    html! {
        (table("What came and what was expected", &[("", false), ("What came", false), ("What was expected",
            false)], &rows))
        @if let Some(order) = order {
            div.row.inset {
                a href=(order_address(&order.order_id)) { "The order: " (order.summary) }
                a href=(wallet_address(&order.wallet_id)) { "The wallet" }
            }
        }
    }
}

/// Ids as what programs read.
fn written(name: &str, value: &str) -> Markup {
    html! { @if matches!(name, "Order" | "Session" | "Payment" | "Customer") { code { (value) } } @else { (value) } }
}

/// GET /console/dead-letters
pub(super) async fn letters(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["dead-letters"]).with("limit", PAGE).with_some("cursor", call.parameter("cursor"));
    let found: List<Letter> = visit.own.get(asked).await?;
    let rows: Vec<Markup> = found.data.iter().map(|letter| html! {
        th scope="row" {
            a href={ "/console/dead-letters/" (letter.id) } { (letter.kind.as_deref().unwrap_or("unreadable")) }
        }
        td { (letter.role) }
        td { (letter.reason) }
        td.number { (letter.attempts) }
        td { (moment(letter.died_at)) }
    }).collect();
    let head = [("Job", false), ("Role", false), ("Why", false), ("Attempts", true), ("Since", false)];
    let body = html! {
        (tabs("/console/dead-letters"))
        section.card.flush {
            @if rows.is_empty() { (empty("No dead letters", "Jobs that cannot be done would wait here.")) }
            @else { (table("Dead letters", &head, &rows)) }
            (next("/console/dead-letters", found.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Attention, "Dead letters", body).answer()
}

/// GET /console/dead-letters/{id}
pub(super) async fn letter(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("id");
    let letter: Letter = visit.own.get(at(["dead-letters", id])).await?;
    let about = [("id", id)];
    let text = letter.message.as_ref().and_then(|message| serde_json::to_string_pretty(message).ok());
    let body = html! {
        p.lead { (letter.reason) }
        p.muted {
            "Given up on " (moment(letter.died_at)) " after " (letter.attempts) " attempts, by the workers of the role "
            (letter.role) "."
        }
        @if letter.state == "waiting" {
            div.row {
                (visit.button("retry-letter", &about, "/console/dead-letters"))
                (visit.button("dismiss-letter", &about, "/console/dead-letters"))
            }
        }
        @if let Some(text) = text { section.card { h2 { "The message" } pre tabindex="0" { (text) } } }
    };
    let title = letter.kind.as_deref().unwrap_or("A dead letter");
    visit.page_with(Area::Attention, title, state(&letter.state), body).answer()
}

/// GET /console/parked-purchases
pub(super) async fn purchases(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["parked-purchases"]).with("limit", PAGE).with_some("cursor", call.parameter("cursor"));
    let found: List<Parked> = visit.own.get(asked).await?;
    let back = "/console/parked-purchases";
    let rows: Vec<Markup> = found.data.iter().map(|one| {
        let about = [("purchaseId", one.purchase_id.as_str()), ("about", one.product_id.as_str())];
        html! {
            th scope="row" {
                (one.product_id) br;
                small.muted {
                    (sentence(&one.store.to_lowercase())) " " code { (one.transaction_id) } " "
                    (one.environment.to_lowercase())
                }
            }
            td { (sentence(&one.reason)) @if let Some(quantity) = one.quantity { " · " (quantity) " pieces" } }
            td { @for buyer in &one.buyers { (user(buyer)) " " } }
            td { (moment(one.created_at)) }
            td.actions { div.row {
                (visit.button("claim", &about, back)) (visit.button("claim-retry", &about, back))
                (visit.button("dismiss-purchase", &about, back))
            } }
        }
    }).collect();
    let head = [
        ("Product", false),
        ("Why it waits", false),
        ("Buyer at the store", false),
        ("Since", false),
        ("", false),
    ];
    let body = html! {
        (tabs("/console/parked-purchases"))
        section.card.flush {
            @if rows.is_empty() { (empty("No parked purchases", "Purchases by unknown buyers would wait here.")) }
            @else { (table("Parked purchases", &head, &rows)) }
            (next(back, found.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Attention, "Parked purchases", body).answer()
}
