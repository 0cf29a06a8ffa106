//! What needs a person: counts of what waits, and how far behind the machinery is.

use billing::app_stores::operations::parked_count;
use billing::auto_recharge::operations::paused_count;
use billing::provider_events::record::quarantined_count;
use billing::reconciliation::operations::last_run;
use identity::rights::Scope;
use messaging::waits;
use serde::Serialize;
use time::Duration;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// A queue's wait is news for so long.
const LATELY: Duration = Duration::minutes(5);

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/attention",
        show,
        Description::new(Access::Operator(Scope::Read), "What needs a person")
            .says("Everything is zero while all is well.")
            .answers::<AttentionView>(StatusCode::OK, "How much of each there is."),
    )]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Attention)]
struct AttentionView {
    /// Events in quarantine: money that came and is credited to nobody until somebody decides.
    quarantined_events: i64,
    /// Jobs that could not be done.
    dead_letters: i64,
    /// Purchases in app stores whose buyers or products are unknown.
    parked_purchases: i64,
    /// Wallets whose recharging waits for a card or a person.
    paused_recharges: i64,
    /// Payments that the last reconciliation found paid at the provider and not credited here.
    paid_not_credited: i64,
    /// Webhook endpoints that fail, or were disabled because they did.
    failing_webhook_endpoints: usize,
    /// Jobs that are written and not yet published: a few, for moments.
    outbox_jobs: i64,
    /// The age of the oldest of them.
    outbox_oldest_seconds: i64,
    /// The longest that a job waited in a queue within the last five minutes.
    queue_waited_seconds: i64,
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let endpoints = outgoing_webhooks::operations::endpoints(&api.pool).await?;
    let failing = endpoints
        .iter()
        .filter(|endpoint| endpoint.failing_since.is_some() || endpoint.disabled_reason.is_some())
        .count();
    let (outbox_jobs, oldest) = jobs::outbox::backlog(&api.pool).await?;
    let now = api.clock.now();
    let mut connection = api.pool.acquire().await?;
    let letters = messaging::dead_letters::operations::waiting(&mut connection).await?;
    let waits = waits::all(&mut connection).await?;
    let lately = waits.iter().filter(|wait| now - wait.taken_at < LATELY);
    let waited = lately.map(|wait| wait.waited_seconds).max().unwrap_or(0);
    let view = AttentionView {
        quarantined_events: quarantined_count(&mut connection).await?,
        dead_letters: letters.iter().map(|waiting| waiting.count).fold(0, i64::saturating_add),
        parked_purchases: parked_count(&mut connection).await?,
        paused_recharges: paused_count(&mut connection).await?,
        paid_not_credited: last_run(&mut connection).await?.map_or(0, |run| run.paid_not_credited),
        failing_webhook_endpoints: failing,
        outbox_jobs,
        outbox_oldest_seconds: oldest.map_or(0, |oldest| (now - oldest).whole_seconds().max(0)),
        queue_waited_seconds: waited,
    };
    Ok(answer(StatusCode::OK, &view))
}
