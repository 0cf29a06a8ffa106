//! Administration of the host application's webhook endpoints and of the deliveries to them.

use identity::rights::Scope;
use kernel::config::Secret;
use kernel::ids::{MessageId, OutboxId, WebhookDeliveryId, WebhookEndpointId};
use messaging::outbox;
use notices::Event;
use outgoing_webhooks::{
    Attempt, DeliverWebhook, Delivery, DeliveryState, Endpoint as WebhookEndpoint, EndpointSettings,
    operations,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Id, Moment, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// The most deliveries in a page.
const LIMIT: i64 = 200;
const SIGNING: &str = "Messages are signed as Standard Webhooks has it, with the headers `webhook-id`, \
                       `webhook-timestamp` and `webhook-signature`. A message may come more than once, always under \
                       the same `webhook-id`, and in any order: of the events of one wallet, the one with the larger \
                       `sequence` is the later one. It is one more than that of the event before, of whatever type: an \
                       endpoint that takes all types sees by it what is still to come. `webhooks` describes them all.";
const SECRET_ONCE: &str = "The secret is shown in this answer only.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    [settings_endpoints(), delivery_endpoints()].into_iter().flatten().collect()
}

fn of(summary: &str) -> Description {
    Description::new(Access::Operator(Scope::Admin), summary)
        .path_parameter::<Id>("endpointId", "The endpoint's id.")
        .refuses(&[StatusCode::NOT_FOUND])
}

fn settings_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/purser/v1/webhook-endpoints",
            create,
            Description::new(
                Access::Operator(Scope::Admin),
                "Add an address that is told what happens to wallets",
            )
            .says(&format!("{SIGNING} {SECRET_ONCE}"))
            .idempotency_key()
            .takes::<EndpointInput>()
            .answers::<EndpointWithSecret>(StatusCode::CREATED, "The endpoint, with its secret."),
        ),
        Endpoint::get(
            "/purser/v1/webhook-endpoints",
            list,
            Description::new(Access::Operator(Scope::Admin), "All webhook endpoints, without their secrets")
                .answers::<Endpoints>(StatusCode::OK, "The endpoints."),
        ),
        Endpoint::get(
            "/purser/v1/webhook-endpoints/{endpointId}",
            find,
            of("Look at a webhook endpoint").answers::<EndpointView>(StatusCode::OK, "The endpoint."),
        ),
        Endpoint::put(
            "/purser/v1/webhook-endpoints/{endpointId}",
            replace,
            of("Replace a webhook endpoint")
                .says("One that was disabled, also by itself, is told again once `enabled` is true.")
                .takes::<EndpointInput>()
                .answers::<EndpointView>(StatusCode::OK, "The endpoint as it is now.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
        Endpoint::delete(
            "/purser/v1/webhook-endpoints/{endpointId}",
            remove,
            of("Delete a webhook endpoint with its deliveries")
                .answers_plainly(StatusCode::NO_CONTENT, "It is told nothing more."),
        ),
        Endpoint::post(
            "/purser/v1/webhook-endpoints/{endpointId}/rotate-secret",
            rotate,
            of("Give a webhook endpoint another secret")
                .says(&format!("For a day messages are signed with both. {SECRET_ONCE}"))
                .idempotency_key()
                .answers::<EndpointWithSecret>(StatusCode::OK, "The endpoint, with its new secret."),
        ),
        Endpoint::post(
            "/purser/v1/webhook-endpoints/{endpointId}/test",
            send_test,
            of("Send a message to try a webhook endpoint")
                .says("Its type is `endpoint.test`. How it went is among the endpoint's deliveries.")
                .idempotency_key()
                .answers::<Accepted>(StatusCode::ACCEPTED, "It will be sent."),
        ),
    ]
}

fn delivery_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/webhook-endpoints/{endpointId}/deliveries",
            deliveries,
            paged(of("What was delivered to a webhook endpoint, or could not be"), LIMIT)
                .says("Newest first, kept for 30 days.")
                .query::<String>("state", "Only those that are `pending`, `delivered` or `failed`.")
                .answers::<Deliveries>(StatusCode::OK, "The deliveries."),
        ),
        Endpoint::post(
            "/purser/v1/webhook-deliveries/{deliveryId}/replay",
            replay,
            Description::new(Access::Operator(Scope::Admin), "Send a message again")
                .says("Under the same `webhook-id`, whether it was delivered or not.")
                .path_parameter::<Id>("deliveryId", "The delivery's id.")
                .idempotency_key()
                .answers::<Accepted>(StatusCode::ACCEPTED, "It will be sent.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewWebhookEndpoint, example = json!({
    "url": "https://example.com/purser", "eventTypes": ["order.paid", "order.refunded"],
}))]
struct EndpointInput {
    /// An HTTPS address that is reached over the internet.
    #[schema(max_length = 2_000)]
    url: String,
    /// The types of messages that it is sent, such as `credits.added`; all unless given.
    #[serde(default)]
    #[schema(schema_with = event_types)]
    event_types: Vec<String>,
    /// Whether it is sent any.
    #[serde(default = "enabled_by_default")]
    enabled: bool,
}

fn event_types() -> Array {
    ArrayBuilder::new().items(one_of(Event::TYPES)).max_items(Some(Event::TYPES.len())).build()
}

fn enabled_by_default() -> bool {
    true
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::WebhookEndpoints)]
struct Endpoints {
    data: Vec<EndpointView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WebhookEndpoint)]
struct EndpointView {
    #[schema(value_type = Uuid)]
    endpoint_id: WebhookEndpointId,
    url: String,
    /// The types of messages that it is sent; none named: all.
    event_types: Vec<String>,
    enabled: bool,
    /// Why it is not enabled.
    #[schema(required)]
    disabled_reason: Option<String>,
    /// How many attempts failed since the last one that did not.
    consecutive_failures: i64,
    /// When the first of them did.
    #[schema(required)]
    failing_since: Option<Moment>,
    /// Until when the secret before the present one signs as well.
    #[schema(required)]
    previous_secret_until: Option<Moment>,
    created_at: Moment,
    updated_at: Moment,
}

impl From<WebhookEndpoint> for EndpointView {
    fn from(endpoint: WebhookEndpoint) -> Self {
        Self {
            endpoint_id: endpoint.id,
            url: endpoint.url,
            event_types: endpoint.event_types,
            enabled: endpoint.disabled_reason.is_none(),
            disabled_reason: endpoint.disabled_reason,
            consecutive_failures: endpoint.consecutive_failures,
            failing_since: endpoint.failing_since.map(Moment),
            previous_secret_until: endpoint.previous_secret_until.map(Moment),
            created_at: Moment(endpoint.created_at),
            updated_at: Moment(endpoint.updated_at),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::WebhookEndpointWithSecret)]
struct EndpointWithSecret {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// What signs the messages: `whsec_` and the key in base64.
    secret: String,
}

impl EndpointWithSecret {
    fn new((endpoint, secret): (WebhookEndpoint, Secret)) -> Self {
        Self { endpoint: endpoint.into(), secret: secret.expose().to_owned() }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WebhookAccepted)]
struct Accepted {
    #[schema(value_type = Uuid)]
    delivery_id: WebhookDeliveryId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WebhookDeliveries)]
struct Deliveries {
    data: Vec<DeliveryView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WebhookDelivery)]
struct DeliveryView {
    #[schema(value_type = Uuid)]
    delivery_id: WebhookDeliveryId,
    /// The `webhook-id`.
    #[schema(value_type = Uuid)]
    message_id: MessageId,
    #[serde(rename = "type")]
    event_type: String,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// When it is tried again, while it is pending.
    #[schema(required)]
    next_attempt_at: Option<Moment>,
    created_at: Moment,
    #[schema(required)]
    delivered_at: Option<Moment>,
    /// Oldest first.
    attempts: Vec<AttemptView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WebhookAttempt)]
struct AttemptView {
    number: i32,
    /// What the endpoint answered, if it did.
    #[schema(required)]
    response_status: Option<i16>,
    /// What went wrong.
    #[schema(required)]
    failure: Option<String>,
    duration_ms: i64,
    ended_at: Moment,
}

fn state_schema() -> Object {
    one_of(DeliveryState::NAMES)
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let attempt = |attempt: Attempt| AttemptView {
            number: attempt.number,
            response_status: attempt.response_status,
            failure: attempt.failure,
            duration_ms: attempt.duration_ms,
            ended_at: Moment(attempt.ended_at),
        };
        Self {
            delivery_id: delivery.id,
            message_id: delivery.message_id,
            event_type: delivery.event_type,
            state: delivery.state.as_str(),
            next_attempt_at: delivery.next_attempt_at.map(Moment),
            created_at: Moment(delivery.created_at),
            delivered_at: delivery.delivered_at.map(Moment),
            attempts: delivery.attempts.into_iter().map(attempt).collect(),
        }
    }
}

fn settings(api: &SharedState, written: EndpointInput) -> Result<EndpointSettings, Problem> {
    let url = api.config.webhook_reach.check(&written.url);
    let url = url.map_err(Problem::invalid)?;
    Ok(EndpointSettings { url: url.into(), event_types: written.event_types, is_enabled: written.enabled })
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let settings = settings(&api, read_object(&call)?)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let made = operations::endpoint_create(&api.pool, api.clock.now(), &actor, &settings).await?;
            Ok((StatusCode::CREATED, EndpointWithSecret::new(made)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let data = operations::endpoints(&api.pool).await?.into_iter().map(EndpointView::from).collect();
    Ok(answer(StatusCode::OK, &Endpoints { data }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let endpoint = operations::endpoint(&api.pool, endpoint_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &EndpointView::from(endpoint)))
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let settings = settings(&api, read_object(&call)?)?;
    let (id, now) = (endpoint_id(&call)?, api.clock.now());
    let endpoint = operations::endpoint_replace(&api.pool, now, &caller.actor, id, &settings).await?;
    Ok(answer(StatusCode::OK, &EndpointView::from(endpoint)))
}

async fn remove(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    operations::endpoint_delete(&api.pool, api.clock.now(), &caller.actor, endpoint_id(&call)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn rotate(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = endpoint_id(&call)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let rotated = operations::secret_rotate(&api.pool, api.clock.now(), &actor, id).await?;
            Ok((StatusCode::OK, EndpointWithSecret::new(rotated)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn send_test(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = endpoint_id(&call)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let now = api.clock.now();
            let mut transaction = api.pool.begin().await?;
            let delivery_id = operations::test(&mut transaction, now, &actor, id).await?;
            let written = send(&api, &mut transaction, delivery_id, 0).await?;
            transaction.commit().await?;
            outbox::publish(&api.pool, &api.publisher, &[written]).await;
            Ok((StatusCode::ACCEPTED, Accepted { delivery_id }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn replay(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let unknown = || Problem::not_found("There is no such delivery.");
    let delivery_id: WebhookDeliveryId = call.path_parameter("deliveryId").parse().map_err(|_| unknown())?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let now = api.clock.now();
            let mut transaction = api.pool.begin().await?;
            let attempts = operations::replay(&mut transaction, now, &actor, delivery_id).await?;
            let written = send(&api, &mut transaction, delivery_id, attempts).await?;
            transaction.commit().await?;
            outbox::publish(&api.pool, &api.publisher, &[written]).await;
            Ok((StatusCode::ACCEPTED, Accepted { delivery_id }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn send(
    api: &SharedState,
    connection: &mut PgConnection,
    delivery_id: WebhookDeliveryId,
    attempts: i32,
) -> Result<OutboxId, sqlx::Error> {
    jobs::outbox::insert(connection, api.clock.now(), &DeliverWebhook { delivery_id, attempts }).await
}

async fn deliveries(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let id = endpoint_id(&call)?;
    let page = Cursor::<WebhookDeliveryId>::read(&call, LIMIT)?;
    let state = match call.parameter("state") {
        None => None,
        Some("pending") => Some(DeliveryState::Pending),
        Some("delivered") => Some(DeliveryState::Delivered),
        Some("failed") => Some(DeliveryState::Failed),
        Some(_) => return Err(Problem::invalid("state must be pending, delivered or failed").about("state")),
    };
    let found = operations::deliveries(&api.pool, id, state, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |delivery| delivery.id.to_string());
    let data = found.into_iter().map(DeliveryView::from).collect();
    Ok(answer(StatusCode::OK, &Deliveries { data, next_cursor }))
}

fn endpoint_id(call: &Call) -> Result<WebhookEndpointId, Problem> {
    let id = call.path_parameter("endpointId").parse();
    id.map_err(|_| Problem::not_found("There is no such webhook endpoint."))
}
