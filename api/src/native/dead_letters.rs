//! Administration of dead letters: jobs that no worker could do.

use identity::rights::Scope;
use kernel::clock::Timestamp;
use kernel::ids::DeadLetterId;
use messaging::dead_letters::{DeadLetter, Filter, LetterState, Waiting, operations};
use messaging::outbox;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::reasons::checked_reason;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Id, Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// The most letters in a page.
const LIMIT: i64 = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    endpoints_at([
        "/purser/v1/dead-letters",
        "/purser/v1/dead-letters/{id}",
        "/purser/v1/dead-letters/{id}/retry",
        "/purser/v1/dead-letters/{id}/dismiss",
    ])
}

fn endpoints_at([all, one, retry, dismiss]: [&'static str; 4]) -> Vec<Endpoint> {
    let settles = |summary: &str| {
        Description::new(Access::Operator(Scope::Admin), summary)
            .path_parameter::<Id>("id", "The letter's id.")
            .idempotency_key()
            .answers::<LetterView>(StatusCode::OK, "The letter as it is now.")
            .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT])
    };
    vec![
        Endpoint::get(
            all,
            list,
            paged(
                Description::new(
                    Access::Operator(Scope::Admin),
                    "Jobs that nobody could do and that wait for an operator",
                ),
                LIMIT,
            )
            .says("Newest first, without their messages; and how many there are, by role and reason.")
            .query::<String>("role", "Only those for this role of the workers, such as `verify`.")
            .answers::<LettersView>(StatusCode::OK, "The letters."),
        ),
        Endpoint::get(
            one,
            show,
            Description::new(
                Access::Operator(Scope::Admin),
                "A job that nobody could do, with what may be seen of its message",
            )
            .says("Ids, types and states only: never texts, addresses or links.")
            .path_parameter::<Id>("id", "The letter's id.")
            .answers::<LetterDetail>(StatusCode::OK, "The letter.")
            .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            retry,
            replay,
            settles("Have a dead letter done again")
                .says("It goes back to its queue. Should it fail again, it is a new dead letter."),
        ),
        Endpoint::post(
            dismiss,
            discard,
            settles("Give a dead letter up")
                .says("Its message is forgotten. That it was, by whom and why stays on record.")
                .takes::<DiscardInput>(),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::DeadLetters)]
struct LettersView {
    data: Vec<LetterView>,
    counts: Vec<CountView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::DeadLetter)]
struct LetterView {
    #[schema(value_type = Uuid)]
    id: DeadLetterId,
    /// Which role of the workers was to do it.
    role: String,
    /// The job's name; null if the message is no job.
    #[schema(required)]
    kind: Option<String>,
    /// Why nobody could.
    reason: String,
    /// How often it was tried and failed; outages do not count.
    attempts: i64,
    died_at: Moment,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// When it was replayed or discarded.
    #[schema(required)]
    settled_at: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::DeadLetterDetail)]
struct LetterDetail {
    #[serde(flatten)]
    letter: LetterView,
    /// What may be seen of its message; null if that is nothing, or it is settled and its message forgotten.
    #[schema(value_type = Option<Object>, required)]
    message: Option<Value>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::DeadLetterCount)]
struct CountView {
    role: String,
    reason: String,
    count: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::DiscardDeadLetter, example = json!({"reason": "The order was cancelled"}))]
struct DiscardInput {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

fn state_schema() -> Object {
    one_of(LetterState::NAMES)
}

impl From<DeadLetter> for LetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            role: letter.role,
            kind: letter.kind,
            reason: letter.reason,
            attempts: letter.attempts,
            died_at: Moment(letter.died_at),
            state: letter.state.as_str(),
            settled_at: letter.settled_at.map(Moment),
        }
    }
}

impl From<Waiting> for CountView {
    fn from(waiting: Waiting) -> Self {
        Self { role: waiting.role, reason: waiting.reason, count: waiting.count }
    }
}

fn not_found() -> Problem {
    Problem::not_found("There is no such dead letter.")
}

fn id(call: &Call) -> Result<DeadLetterId, Problem> {
    call.path_parameter("id").parse().map_err(|_| not_found())
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let page = Cursor::read_by(&call, LIMIT, read_cursor)?;
    let role = call.parameter("role").map(str::to_owned);
    let mut connection = api.pool.acquire().await?;
    let filter = Filter { state: LetterState::Waiting, role, before: page.after, limit: page.asked() };
    let letters = operations::letters(&mut connection, &filter).await?;
    let counts = operations::waiting(&mut connection).await?;
    let (letters, next_cursor) = page.cut(letters, |letter| cursor(letter.died_at, letter.id));
    let view = LettersView {
        data: letters.into_iter().map(LetterView::from).collect(),
        counts: counts.into_iter().map(CountView::from).collect(),
        next_cursor,
    };
    Ok(answer(StatusCode::OK, &view))
}

/// Letters that died in the same microsecond are told apart by their ids.
fn cursor(at: Timestamp, id: DeadLetterId) -> String {
    let microseconds = at.unix_timestamp_nanos() / 1_000;
    format!("{microseconds}.{id}")
}

fn read_cursor(text: &str) -> Result<(Timestamp, DeadLetterId), Problem> {
    let read = || {
        let (at, id) = text.split_once('.')?;
        let nanoseconds = at.parse::<i128>().ok()?.checked_mul(1_000)?;
        Some((Timestamp::from_unix_timestamp_nanos(nanoseconds).ok()?, id.parse().ok()?))
    };
    read().ok_or_else(|| Problem::invalid("cursor must be the nextCursor of a page"))
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let found = operations::letter(&mut *api.pool.acquire().await?, id(&call)?).await?;
    let (letter, message) = found.ok_or_else(not_found)?;
    Ok(answer(StatusCode::OK, &LetterDetail { letter: letter.into(), message }))
}

async fn replay(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let (id, actor) = (id(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let (letter, written) = operations::replay(&api.pool, api.clock.now(), id, &actor).await?;
            outbox::publish(&api.pool, &api.publisher, &[written]).await;
            Ok((StatusCode::OK, LetterView::from(letter)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn discard(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let DiscardInput { reason } = read_object(&call)?;
    let (id, actor) = (id(&call)?, caller.actor.clone());
    let reason = checked_reason(reason)?;
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let now = api.clock.now();
            let letter = operations::discard(&mut transaction, now, id, &actor, &reason).await?;
            transaction.commit().await?;
            Ok((StatusCode::OK, LetterView::from(letter)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}
