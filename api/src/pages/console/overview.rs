//! What needs a person, and how business goes.

use std::sync::Arc;

use maud::{Markup, html};

use super::figures;
use super::parts::length;
use super::views::Attention;
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::document::Document;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// A job that waits so long is not only on its way.
const SLOW_SECONDS: i64 = 60;

/// GET /console. What needs a person fetches itself more often than the figures, and without them.
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let attention = visit.own.get::<Attention>(at(["attention"]));
    if call.parameter("part") == Some("attention") {
        return visit.page(Area::Overview, "Overview", needs(&attention.await?)).answer();
    }
    let interval = figures::interval(call.parameter("interval"));
    let (attention, statistics) = futures::try_join!(attention, figures::read(&visit, interval))?;
    let body = html! {
        div.stack.wide {
            (needs(&attention))
            // Only the last interval moves. Who comes back to the page sees it as it is.
            section.stack #figures hx-get={ "/console?interval=" (interval) } hx-select="#figures"
                hx-swap="outerMorph" hx-trigger="every 60s, focus from:window" {
                div.row.spread { h2 { "How business goes" } (figures::times(interval)) }
                (figures::charts(&statistics, interval))
            }
        }
    };
    let page = visit.page(Area::Overview, "Overview", body);
    Document { has_charts: true, ..page }.answer()
}

/// How many there are, what they are called, why they wait, and where they are.
type Waiting = (i64, [&'static str; 2], &'static str, &'static str);

/// All that may wait for a person.
fn countable(attention: &Attention) -> [Waiting; 6] {
    [
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
    ]
}

fn needs(attention: &Attention) -> Markup {
    let waiting: Vec<_> = countable(attention).into_iter().filter(|(count, ..)| *count > 0).collect();
    let slow = [
        (
            attention.outbox_oldest_seconds,
            "since a job should be published",
            "The message broker may be away.",
        ),
        (
            attention.queue_waited_seconds,
            "that jobs wait in a queue",
            "There are too few workers, or a provider is slow.",
        ),
    ];
    let slow: Vec<_> = slow.into_iter().filter(|(seconds, ..)| *seconds >= SLOW_SECONDS).collect();
    html! {
        section.stack #attention hx-get="/console?part=attention" hx-select="#attention" hx-swap="outerMorph"
            hx-trigger="every 5s" {
            h2 { "What needs a person" }
            @if waiting.is_empty() && slow.is_empty() {
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
                    @for (seconds, what, why) in slow {
                        li { a.card href="/console/system" {
                            span.display { (length(seconds)) }
                            strong { (what) }
                            small.muted { (why) }
                        } }
                    }
                }
            }
        }
    }
}
