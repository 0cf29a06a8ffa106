//! What needs a person, and how business goes.

use std::sync::Arc;

use maud::{Markup, html};

use super::views::Attention;
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// GET /console
pub(super) async fn show(visit: Arc<Visit>, _call: Call) -> Result<Response, Problem> {
    let attention: Attention = visit.own.get(at(["attention"])).await?;
    let body = html! {
        section.stack #attention hx-get="/console" hx-select="#attention" hx-swap="outerMorph" hx-trigger="every 5s" {
            h2 { "What needs a person" }
            (needs(&attention))
        }
        section.card {
            h2 { "Machinery" }
            dl.facts {
                dt { "Jobs that wait to be published" } dd { (attention.outbox_jobs) }
                dt { "Age of the oldest" } dd { (attention.outbox_oldest_seconds) " s" }
            }
        }
    };
    visit.page(Area::Overview, "Overview", body).answer()
}

fn needs(attention: &Attention) -> Markup {
    let all = [
        (
            attention.quarantined_events,
            "events in quarantine",
            "Money came and is credited to nobody yet.",
            "/console/quarantine",
        ),
        (
            attention.paid_not_credited,
            "payments not credited",
            "Found by reconciliation at the provider.",
            "/console/quarantine",
        ),
        (attention.dead_letters, "dead letters", "Jobs that could not be done.", "/console/dead-letters"),
        (
            attention.parked_purchases,
            "parked purchases",
            "Bought in an app store by somebody unknown.",
            "/console/parked-purchases",
        ),
        (
            attention.paused_recharges,
            "paused recharges",
            "Wallets whose card is not charged any more.",
            "/console/recharges",
        ),
        (
            attention.failing_webhook_endpoints,
            "failing webhook endpoints",
            "Your servers do not hear what happens.",
            "/console/webhooks",
        ),
    ];
    let waiting: Vec<_> = all.into_iter().filter(|(count, ..)| *count > 0).collect();
    html! {
        @if waiting.is_empty() {
            (empty("Nothing needs you", "No event, job or purchase waits for a decision."))
        } @else {
            ul.grid {
                @for (count, what, why, address) in waiting {
                    li { a.card href=(address) {
                        span.display { (count) }
                        strong { (what) }
                        small.muted { (why) }
                    } }
                }
            }
        }
    }
}
