//! Who did what, when, from where, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{moment, next, table};
use super::views::{Action, List, Operator};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::form;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// What people gave as their reason, wherever an action keeps it.
#[derive(Default, Deserialize)]
struct Why {
    reason: Option<String>,
    description: Option<String>,
}

/// The filters, in the order of the form.
const FILTERS: [&str; 5] = ["actor", "action", "subject", "from", "to"];

/// GET /console/audit
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let given: Vec<(&str, &str)> = FILTERS
        .into_iter()
        .filter_map(|name| Some((name, call.parameter(name)?.trim())).filter(|(_, text)| !text.is_empty()))
        .collect();
    let mut asked = at(["audit-log"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
    for (name, text) in &given {
        asked = match *name {
            "from" | "to" => asked.with(name, form::utc(text)),
            _ => asked.with(name, text),
        };
    }
    let (log, operators) = futures::try_join!(
        visit.own.get::<List<Action>>(asked),
        visit.own.get::<List<Operator>>(at(["operators"]).with("limit", 200)),
    )?;
    let names: BTreeMap<String, &str> = operators
        .data
        .iter()
        .map(|one| (format!("operator:{}", one.operator_id), one.name.as_str()))
        .collect();
    let rows: Vec<Markup> = log.data.iter().map(|action| row(action, &names)).collect();
    let head =
        [("When", false), ("Who", false), ("What", false), ("To what", false), ("Why", false), ("", false)];
    let body = html! {
        (filters(&given, &names))
        section.card.flush {
            @if !rows.is_empty() { (table("Audit log", &head, &rows)) }
            @else if given.is_empty() {
                (empty("Nothing was done yet", "Whatever people and servers change is recorded here."))
            } @else { (empty("Nothing like that was done", "Names are compared whole.")) }
            (next(&address(&given), log.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Audit, "Audit log", body).answer()
}

fn address(filters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish();
    format!("/console/audit?{query}")
}

fn filters(given: &[(&str, &str)], names: &BTreeMap<String, &str>) -> Markup {
    let value = |name: &str| given.iter().find(|(one, _)| *one == name).map_or("", |(_, text)| text);
    let actor = value("actor");
    html! {
        form.filters method="get" action="/console/audit" {
            div.field {
                label for="actor" { "Who" }
                select #actor name="actor" {
                    option value="" { "Everyone" }
                    option value="admin" selected[actor == "admin"] { "The configured admin key" }
                    @for (id, name) in names { option value=(id) selected[actor == id] { (name) } }
                    @if !actor.is_empty() && actor != "admin" && !names.contains_key(actor) {
                        option value=(actor) selected { (actor) }
                    }
                }
            }
            div.field {
                label for="action" { "What" }
                input #action name="action" value=(value("action")) placeholder="user.block" autocomplete="off";
            }
            div.field {
                label for="subject" { "To what" }
                input #subject name="subject" value=(value("subject")) placeholder="alice" autocomplete="off";
            }
            div.field {
                label for="from" { "From (UTC)" }
                input #from name="from" type="datetime-local" value=(value("from"));
            }
            div.field {
                label for="to" { "Before (UTC)" }
                input #to name="to" type="datetime-local" value=(value("to"));
            }
            div.row {
                button.plain { "Show" }
                @if !given.is_empty() { a.button.plain href="/console/audit" { "Show all" } }
            }
        }
    }
}

fn row(action: &Action, names: &BTreeMap<String, &str>) -> Markup {
    let why: Why = serde_json::from_str(action.details.get()).unwrap_or_default();
    html! {
        td { (moment(action.at)) }
        th scope="row" {
            (names.get(&action.actor).copied().unwrap_or(&action.actor))
            @if let Some(from) = &action.address { br; small.muted { "from " (from) } }
        }
        td { a href=(address(&[("action", &action.action)])) { (action.action) } }
        td { a href=(address(&[("subject", &action.subject)])) { code { (action.subject) } } }
        td { (why.reason.or(why.description).unwrap_or_default()) }
        td { details { summary { "Details" } pre tabindex="0" { (pretty(action.details.get())) } } }
    }
}

/// As people read it: a field a line.
fn pretty(details: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(details);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| details.to_owned())
}
