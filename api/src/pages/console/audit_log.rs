//! Who did what, when, from where, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{moment, next, spaced, table};
use super::views::{Action, List, Operator};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// What people gave as their reason, wherever an action keeps it.
#[derive(Default, Deserialize)]
struct Why {
    reason: Option<String>,
    description: Option<String>,
}

/// GET /console/audit
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["audit-log"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
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
        section.card.flush {
            @if rows.is_empty() { (empty("Nothing was done yet",
                "Whatever people and servers change is recorded here.")) }
            @else { (table("Audit log", &head, &rows)) }
            (next("/console/audit", log.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Audit, "Audit log", body).answer()
}

fn row(action: &Action, names: &BTreeMap<String, &str>) -> Markup {
    let why: Why = serde_json::from_str(action.details.get()).unwrap_or_default();
    html! {
        td { (moment(action.at)) }
        th scope="row" {
            (names.get(&action.actor).copied().unwrap_or(&action.actor))
            @if let Some(address) = &action.address { br; small.muted { "from " (address) } }
        }
        td { (spaced(&action.action)) }
        td { code { (action.subject) } }
        td { (why.reason.or(why.description).unwrap_or_default()) }
        td { details { summary { "All" } pre { (action.details.get()) } } }
    }
}
