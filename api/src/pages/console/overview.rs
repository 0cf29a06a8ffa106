//! What needs a person, and how business goes.

use std::sync::Arc;

use maud::{Markup, html};

use super::figures;
use super::views::Attention;
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::document::Document;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// GET /console
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let interval = figures::interval(call.parameter("interval"));
    let (attention, statistics) =
        futures::try_join!(visit.own.get::<Attention>(at(["attention"])), figures::read(&visit, interval),)?;
    let body = html! {
        div.stack.wide #now hx-get={ "/console?interval=" (interval) } hx-select="#now" hx-swap="outerMorph"
            hx-trigger="every 5s" {
            section.stack #attention {
                h2 { "What needs a person" }
                (needs(&attention))
            }
            section.stack #figures {
                div.row.spread { h2 { "How business goes" } (figures::times(interval)) }
                (figures::charts(&statistics, interval))
            }
        }
    };
    let page = visit.page(Area::Overview, "Overview", body);
    Document { has_charts: true, ..page }.answer()
}

fn needs(attention: &Attention) -> Markup {
    let all = [
        (
            attention.quarantined_events,
            ["event in quarantine", "events in quarantine"],
            "Money came and is credited to nobody yet.",
            "/console/quarantine",
        ),
        (
            attention.paid_not_credited,
            ["payment not credited", "payments not credited"],
            "Found by reconciliation at the provider.",
            "/console/quarantine",
        ),
        (
            attention.dead_letters,
            ["dead letter", "dead letters"],
            "Jobs that could not be done.",
            "/console/dead-letters",
        ),
        (
            attention.parked_purchases,
            ["parked purchase", "parked purchases"],
            "Bought in an app store by somebody unknown.",
            "/console/parked-purchases",
        ),
        (
            attention.paused_recharges,
            ["paused recharge", "paused recharges"],
            "Wallets whose card is not charged any more.",
            "/console/recharges",
        ),
        (
            attention.failing_webhook_endpoints,
            ["failing webhook endpoint", "failing webhook endpoints"],
            "Your servers do not hear what happens.",
            "/console/webhooks",
        ),
    ];
    let waiting: Vec<_> = all.into_iter().filter(|(count, ..)| *count > 0).collect();
    html! {
        @if waiting.is_empty() {
            div.card.flush { (empty("Nothing needs you", "No event, job or purchase waits for a decision.")) }
        } @else {
            ul.grid {
                @for (count, what, why, address) in waiting {
                    li { a.card href=(address) {
                        span.display { (count) }
                        strong { (if count == 1 { what[0] } else { what[1] }) }
                        small.muted { (why) }
                    } }
                }
            }
        }
    }
}
