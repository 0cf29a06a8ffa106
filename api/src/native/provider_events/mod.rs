//! Administration of provider events: how each was handled, and the way out for those that need a person.

mod views;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing::payments::Provider;
use billing::quarantine::{
    CreditProviderEvent, CreditRefusal, CreditReply, EventKey, EventState, Page, SettleError, operations,
};
use identity::operators::OperatorRole;
use identity::rights::Scope;
use jobs::outbox;
use kernel::clock::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use warp::http::StatusCode;

use self::views::{EventDetail, EventView, EventsPage};
use super::idempotent::{Keep, once};
use super::pages_of::Cursor;
use super::reasons::checked_reason;
use crate::commands::carry_out;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{read_object, read_object_or_default};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// The most events on a page.
const LIMIT: i64 = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/provider-events",
            list,
            Description::new(Access::Operator(Scope::Admin), "Events of providers, and what became of them")
                .says(
                    "Newest first. Those in state `open` contradict their orders: nothing was credited, and an \
                     operator credits the order, has the event applied again, or dismisses it.",
                )
                .query::<String>("state", "Only those in this state, such as `open`.")
                .query::<String>("provider", "Only those of this provider, such as `stripe`.")
                .query::<String>("cursor", "The `nextCursor` of the page before.")
                .query::<i64>("limit", "How many, between 1 and 500; 50 unless given.")
                .answers::<EventsPage>(StatusCode::OK, "The events.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
        Endpoint::get(
            "/purser/v1/provider-events/{id}",
            show,
            about("An event, what it says, and the order that it is about")
                .says("What came and what was expected, side by side. The text has personal data of the buyer.")
                .answers::<EventDetail>(StatusCode::OK, "The event."),
        ),
        Endpoint::post(
            "/purser/v1/provider-events/{id}/credit",
            credit,
            settles("Credit the order of an event in quarantine as paid")
                .says(
                    "The order counts as paid with what the event says was paid, and grants what was ordered. It is \
                     refused if there is no order, or the order is credited already.",
                )
                .takes::<ReasonInput>()
                .answers::<EventView>(StatusCode::OK, "The order is credited.")
                .answers::<EventView>(StatusCode::ACCEPTED, "It will be, unless that turns out to be impossible."),
        ),
        Endpoint::post(
            "/purser/v1/provider-events/{id}/retry",
            retry,
            settles("Have an event in quarantine applied again, after a repair")
                .says("It goes through the queue, and leaves the quarantine if it agrees with its order now.")
                .may_take::<OptionalReasonInput>()
                .answers::<EventView>(StatusCode::ACCEPTED, "It is on its way."),
        ),
        Endpoint::post(
            "/purser/v1/provider-events/{id}/dismiss",
            dismiss,
            settles("Take an event out of quarantine without crediting anything")
                .takes::<ReasonInput>()
                .answers::<EventView>(StatusCode::OK, "The event is dismissed."),
        ),
    ]
}

fn about(summary: &str) -> Description {
    Description::new(Access::Operator(Scope::Admin), summary)
        .path_parameter::<String>("id", "The event's id, such as `stripe:evt_1`.")
        .refuses(&[StatusCode::NOT_FOUND])
}

fn settles(summary: &str) -> Description {
    about(summary).role(OperatorRole::Finance).idempotency_key().refuses(&[StatusCode::CONFLICT])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::SettleProviderEvent, example = json!({"reason": "Agreed with the buyer"}))]
struct ReasonInput {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::RetryProviderEvent, example = json!({"reason": "The pack is there now"}))]
struct OptionalReasonInput {
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let (state, provider) =
        (named(&call, "state", EventState::NAMES)?, named(&call, "provider", Provider::NAMES)?);
    let page = Cursor::read_by(&call, LIMIT, read_cursor)?;
    let (before, limit) = (page.after.clone(), page.asked());
    let asked = Page { state, provider, before, limit };
    let events = operations::list(&mut *api.pool.acquire().await?, &asked).await?;
    let (events, next_cursor) = page.cut(events, |event| cursor(event.handled_at, &views::key(event)));
    let data = events.into_iter().map(EventView::from).collect();
    Ok(answer(StatusCode::OK, &EventsPage { data, next_cursor }))
}

/// A parameter of the query that is one of a closed set of names.
fn named<T: DeserializeOwned>(call: &Call, name: &str, names: &[&str]) -> Result<Option<T>, Problem> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let found = serde_json::from_value(text.into()).map(Some);
    found.map_err(|_| Problem::invalid(format!("{name} must be one of {}", names.join(", "))))
}

fn cursor(at: Timestamp, key: &EventKey) -> String {
    let microseconds = at.unix_timestamp_nanos() / 1_000;
    URL_SAFE_NO_PAD.encode(format!("{microseconds}:{key}"))
}

fn read_cursor(text: &str) -> Result<(Timestamp, EventKey), Problem> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, key) = text.split_once(':')?;
        let nanoseconds = at.parse::<i128>().ok()?.checked_mul(1_000)?;
        let at = Timestamp::from_unix_timestamp_nanos(nanoseconds).ok()?;
        Some((at, key.parse().ok().filter(|_| !text.contains('\0'))?))
    };
    read().ok_or_else(|| Problem::invalid("cursor must be the nextCursor of a page"))
}

fn not_found() -> Problem {
    Problem::not_found("There is no such event.")
}

fn key(call: &Call) -> Result<EventKey, Problem> {
    let text = call.path_parameter("id");
    text.parse().ok().filter(|_| !text.contains('\0')).ok_or_else(not_found)
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let found = operations::event(&mut *api.pool.acquire().await?, &key(&call)?).await?;
    Ok(answer(StatusCode::OK, &EventDetail::from(found.ok_or_else(not_found)?)))
}

async fn view(api: &SharedState, key: &EventKey) -> Result<EventView, Problem> {
    let found = operations::event(&mut *api.pool.acquire().await?, key).await?;
    Ok(found.ok_or_else(not_found)?.event.into())
}

async fn credit(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let reason = checked_reason(read_object::<ReasonInput>(&call)?.reason)?;
    let (event, by) = (key(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let job = CreditProviderEvent { event, by, reason };
            let mut connection = api.pool.acquire().await?;
            operations::creditable(&mut connection, &job.event).await?;
            let outbox_id = outbox::insert(&mut connection, api.clock.now(), &job).await?;
            drop(connection);
            let status = match carry_out::<CreditReply>(&api, &job, outbox_id).await {
                Some(CreditReply::Credited { .. }) => StatusCode::OK,
                Some(CreditReply::Refused { refusal }) => return Err(refusal.into()),
                None => StatusCode::ACCEPTED,
            };
            Ok((status, view(&api, &job.event).await?))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn retry(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let reason =
        read_object_or_default::<OptionalReasonInput>(&call)?.reason.map(checked_reason).transpose()?;
    let (event, by) = (key(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let now = api.clock.now();
            let (event, written) =
                operations::retry(&mut transaction, now, &by, &event, reason.as_deref()).await?;
            transaction.commit().await?;
            messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
            Ok((StatusCode::ACCEPTED, EventView::from(event)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn dismiss(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let reason = checked_reason(read_object::<ReasonInput>(&call)?.reason)?;
    let (event, by) = (key(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let event = operations::dismiss(&mut transaction, api.clock.now(), &by, &event, &reason).await?;
            transaction.commit().await?;
            Ok((StatusCode::OK, EventView::from(event)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Refused(refusal) => refusal.into(),
            SettleError::Database(error) => error.into(),
        }
    }
}

impl From<CreditRefusal> for Problem {
    fn from(refusal: CreditRefusal) -> Self {
        let message = match refusal {
            CreditRefusal::NoEvent => return not_found(),
            CreditRefusal::NotQuarantined => "The event is not in quarantine: it was handled.",
            CreditRefusal::Settled => "The event was credited or dismissed before.",
            CreditRefusal::NoOrder => "The event names no order that exists, so there is none to credit.",
            CreditRefusal::Credited => {
                "The order is credited already. If it was paid twice, refund one payment."
            }
            CreditRefusal::NotPaid => "The event does not say that money has arrived.",
            CreditRefusal::OtherMoney => {
                "The event is about test money and the order about real money, or the reverse."
            }
            CreditRefusal::OfAnotherOrder => "The event's payment is the payment of another order.",
            CreditRefusal::NotUnderstood => {
                "What the event says was not kept: apply it again with /retry first."
            }
        };
        let code = match refusal {
            CreditRefusal::NoEvent => ErrorCode::NotFound,
            CreditRefusal::NotQuarantined => ErrorCode::NotQuarantined,
            CreditRefusal::Settled => ErrorCode::AlreadySettled,
            CreditRefusal::NoOrder => ErrorCode::NoOrder,
            CreditRefusal::Credited => ErrorCode::AlreadyCredited,
            CreditRefusal::NotPaid => ErrorCode::NotPaid,
            CreditRefusal::OtherMoney => ErrorCode::OtherMode,
            CreditRefusal::OfAnotherOrder => ErrorCode::PaymentOfAnotherOrder,
            CreditRefusal::NotUnderstood => ErrorCode::NotUnderstood,
        };
        Self::conflict(code, message)
    }
}
