//! Administration of provider events: how each was handled, and those that need a person.

use billing::payments::Provider;
use billing::provider_events::record::{self as recorded, RecordedEvent};
use kernel::ids::PaymentId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/admin/provider-events",
        events,
        Description::new(Access::Admin, "Events of providers, as they were handled")
            .says("Newest first, without their bodies.")
            .query::<String>("outcome", "Only those with this outcome, such as `quarantined`.")
            .query::<i64>("limit", "How many, between 1 and 500; 50 unless given.")
            .answers::<EventsView>(StatusCode::OK, "The events.")
            .refuses(&[StatusCode::BAD_REQUEST]),
    )]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::ProviderEvents)]
struct EventsView {
    events: Vec<EventView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ProviderEvent)]
struct EventView {
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    event_id: String,
    #[serde(rename = "type")]
    event_type: String,
    /// The object at the provider that it is about.
    #[schema(required)]
    object_id: Option<String>,
    /// The order that it is about.
    #[schema(value_type = Option<Uuid>, required)]
    payment_id: Option<PaymentId>,
    /// What became of it, such as `applied` or `quarantined`.
    outcome: String,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
    received_at: Moment,
    handled_at: Moment,
}

fn provider_schema() -> Object {
    one_of(Provider::NAMES)
}

async fn events(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let limit = call.limit(500)?;
    let mut connection = api.pool.acquire().await?;
    let events = recorded::list(&mut connection, call.parameter("outcome"), limit).await?;
    let events = events.into_iter().map(view).collect();
    Ok(answer(StatusCode::OK, &EventsView { events }))
}

fn view(event: RecordedEvent) -> EventView {
    EventView {
        provider: event.provider.as_str(),
        event_id: event.event_id,
        event_type: event.event_type,
        object_id: event.object_id,
        payment_id: event.payment_id,
        outcome: event.outcome,
        reason: event.reason,
        received_at: Moment(event.received_at),
        handled_at: Moment(event.handled_at),
    }
}
