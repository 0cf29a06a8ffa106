//! The machinery: processes, queues, the schedule, what reconciliation found, migrations.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{length, moment, sentence, table};
use super::views::{Attention, Migration, Process, Queue, ScheduleRun, System};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty, notice};
use crate::pages::own_api::at;
use crate::problem::Problem;

/// GET /console/system
pub(super) async fn show(visit: Arc<Visit>, _call: Call) -> Result<Response, Problem> {
    let (system, attention) = futures::try_join!(
        visit.own.get::<System>(at(["system"])),
        visit.own.get::<Attention>(at(["attention"])),
    )?;
    let body = html! {
        div.stack.wide #now hx-get="/console/system" hx-select="#now" hx-swap="outerMorph" hx-trigger="every 5s" {
            div.halves.even {
                (installation(&visit, &system))
                (reconciliation(&system))
            }
            (backlog(&attention, system.queues.as_deref()))
            section.card.flush { h2 { "Processes" } (processes(&system.processes)) }
            section.card.flush { h2 { "Schedule" } (schedule(&system.schedule)) }
            section.card.flush { h2 { "Newest migrations" } (migrations(&system.migrations)) }
        }
    };
    visit.page(Area::System, "System", body).answer()
}

fn installation(visit: &Visit, system: &System) -> Markup {
    html! {
        section.card {
            h2 { "This installation" }
            dl.facts {
                dt { "Version" } dd { (system.version) }
                dt { "Mode" } dd { (system.mode) }
                dt { "Address" } dd { (visit.api.own_origin) }
            }
        }
    }
}

fn reconciliation(system: &System) -> Markup {
    html! {
        section.card {
            h2 { "Last reconciliation with the providers" }
            @match &system.reconciliation {
                Some(last) => dl.facts {
                    dt { "Differences" } dd { (last.findings) }
                    dt { "Paid and not credited" } dd { (last.paid_not_credited) }
                },
                None => p.muted { "It has not run yet." },
            }
        }
    }
}

/// What waits: jobs in the outbox, messages in the queues.
fn backlog(attention: &Attention, queues: Option<&[Queue]>) -> Markup {
    html! {
        section.card.flush {
            h2 { "Queues" }
            @match queues {
                Some(all) => (queue_rows(all)),
                None => div.inset { (notice(Tone::Bad, "The broker is away",
                    "Requests wait or are answered with 202; nothing is lost.")) },
            }
            dl.facts.inset {
                dt { "Jobs that wait to be published" } dd { (attention.outbox_jobs) }
                dt { "Age of the oldest" } dd { (length(attention.outbox_oldest_seconds)) }
            }
        }
    }
}

fn schedule(all: &[ScheduleRun]) -> Markup {
    if all.is_empty() {
        return empty("Nothing ran yet", "The scheduler notes here when it did what.");
    }
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { (one.name) }
                td.number { (length(one.every_seconds)) }
                td { (moment(one.last_run_at)) }
                td {
                    @match &one.failure {
                        Some(failure) => { (badge(Tone::Bad, "Failed")) " " small { (failure) } },
                        None => (badge(Tone::Good, "Done")),
                    }
                }
            }
        })
        .collect();
    let head = [("Entry", false), ("Every", true), ("Last run", false), ("Outcome", false)];
    table("Schedule", &head, &rows)
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

fn queue_rows(all: &[Queue]) -> Markup {
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { (one.name) }
                td.number { (one.messages) }
                td.number { (one.consumers) }
                td.number { @if let Some(seconds) = one.waited_seconds { (length(seconds)) } }
                td { @if let Some(at) = one.taken_at { (moment(at)) } }
            }
        })
        .collect();
    let head = [
        ("Queue", false),
        ("Waiting", true),
        ("Consumers", true),
        ("Longest wait lately", true),
        ("Last taken", false),
    ];
    table("Queues", &head, &rows)
}

fn migrations(all: &[Migration]) -> Markup {
    let rows: Vec<Markup> = all
        .iter()
        .map(|one| {
            html! {
                th scope="row" { (sentence(&one.name)) }
                td.number { (one.number) }
                td { (moment(one.applied_at)) }
            }
        })
        .collect();
    table("Migrations", &[("Migration", false), ("Number", true), ("Applied", false)], &rows)
}
