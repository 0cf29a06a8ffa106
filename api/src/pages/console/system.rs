//! The machinery: processes, queues, what reconciliation found, migrations.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{moment, spaced, table};
use super::views::{Migration, Process, Queue, System};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, notice};
use crate::pages::own_api::at;
use crate::problem::Problem;

/// GET /console/system
pub(super) async fn show(visit: Arc<Visit>, _call: Call) -> Result<Response, Problem> {
    let system: System = visit.own.get(at(["system"])).await?;
    let body = html! {
        section.card {
            h2 { "This installation" }
            dl.facts {
                dt { "Version" } dd { (system.version) }
                dt { "Mode" } dd { (system.mode) }
                dt { "Address" } dd { (visit.api.own_origin) }
                @match &system.reconciliation {
                    Some(last) => {
                        dt { "Differences to the providers' books" } dd { (last.findings) }
                        dt { "Of these paid and not credited" } dd { (last.paid_not_credited) }
                    },
                    None => { dt { "Reconciliation" } dd { "has not run yet" } },
                }
            }
        }
        section.card.flush { h2 { "Processes" } (processes(&system.processes)) }
        section.card.flush {
            h2 { "Queues" }
            @match &system.queues {
                Some(all) => (queues(all)),
                None => (notice(Tone::Bad, "The broker is away",
                    "Requests wait or are answered with 202; nothing is lost.")),
            }
        }
        section.card.flush { h2 { "The newest migrations" } (migrations(&system.migrations)) }
    };
    visit.page(Area::System, "System", body).answer()
}

fn processes(all: &[Process]) -> Markup {
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { @if one.service.is_empty() { "unnamed" } @else { (one.service) } }
                td { (one.version) }
                td { (one.address.as_deref().unwrap_or("this machine")) }
                td.number { (one.connections) }
                td { (moment(one.connected_since)) }
            }
        })
        .collect();
    let head =
        [("Service", false), ("Version", false), ("From", false), ("Connections", true), ("Since", false)];
    table("Processes", &head, &rows)
}

fn queues(all: &[Queue]) -> Markup {
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { (one.name) }
                td.number { (one.messages) }
                td.number { (one.consumers) }
            }
        })
        .collect();
    table("Queues", &[("Queue", false), ("Waiting", true), ("Consumers", true)], &rows)
}

fn migrations(all: &[Migration]) -> Markup {
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { (spaced(&one.name)) }
                td.number { (one.number) }
                td { (moment(one.applied_at)) }
            }
        })
        .collect();
    table("Migrations", &[("Migration", false), ("Number", true), ("Applied", false)], &rows)
}
