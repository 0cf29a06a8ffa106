//! The clock of an installation in test mode.

use identity::rights::Scope;
use kernel::clock::from_rfc3339;
use kernel::config::Mode;
use kernel::test_clock::{self, MoveError, Target};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::Moment;
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem};
use crate::state::{AppState, SharedState};

const PATH: &str = "/purser/v1/test/clock";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            PATH,
            show,
            Description::new(Access::Operator(Scope::Admin), "The time of an installation in test mode")
                .says("In live mode there is no test clock: the answer is 403.")
                .answers::<ClockView>(StatusCode::OK, "The time.")
                .refuses(&[StatusCode::FORBIDDEN]),
        ),
        Endpoint::post(
            PATH,
            advance,
            Description::new(Access::Operator(Scope::Admin), "Let time pass, in test mode")
                .says(
                    "Moves the time of the whole installation forward: of the API, the workers and the scheduler, and \
                     of the provider emulator, if it runs beside them under `cargo dev`. Expiry, renewals, holds, \
                     months and retries come as if the time had passed. Send either `advanceSeconds` or `to`. The \
                     answer comes when every process goes by the new time, after ten seconds at the latest, with \
                     `inForce` false then; sent again with the same key, the request waits on. What becomes due \
                     happens after the answer. Timeouts, limits of requests and the pauses after which the broker \
                     delivers a failed job again stay real. To see renewals one by one, advance in steps of a \
                     day. In live mode the answer is 403.",
                )
                .idempotency_key()
                .takes::<MoveInput>()
                .answers::<MovedView>(StatusCode::OK, "The new time.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::ClockMove, example = json!({"advanceSeconds": 86400}))]
struct MoveInput {
    /// How many seconds to pass.
    #[schema(minimum = 0, maximum = 3_155_760_000_i64, nullable = false)]
    advance_seconds: Option<i64>,
    /// The time to move to, as RFC 3339 writes it; not before the present one.
    #[schema(format = DateTime, nullable = false)]
    to: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Clock)]
struct ClockView {
    now: Moment,
    /// How far that is ahead of real time.
    ahead_seconds: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ClockMoved)]
struct MovedView {
    now: Moment,
    /// How far that is ahead of real time.
    ahead_seconds: i64,
    /// Whether every process goes by it. One that hangs does when it no longer does.
    in_force: bool,
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    require_test_mode(&api)?;
    let ahead_seconds = test_clock::offset(&api.pool).await?;
    Ok(answer(StatusCode::OK, &ClockView { now: Moment(api.clock.now()), ahead_seconds }))
}

async fn advance(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    require_test_mode(&api)?;
    let target = target(&call)?;
    // The record of a key is gone a day later by this very clock: the move keeps the key too.
    let moved_by = call.idempotency_key()?.map(|key| format!("{} {key}", caller.key_space()));
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let moved = test_clock::advance(&api.pool, target, moved_by.as_deref()).await.map_err(refusal)?;
            let view = MovedView {
                now: Moment(api.clock.now()),
                ahead_seconds: moved.offset_seconds,
                in_force: moved.in_force,
            };
            Ok((StatusCode::OK, view))
        }
    };
    // One that was not in force in time is asked about with the same key.
    once(&api, &call, caller.key_space(), Keep::Ended(|moved: &MovedView| moved.in_force), work).await
}

fn require_test_mode(api: &AppState) -> Result<(), Problem> {
    match api.config.mode {
        Mode::Test => Ok(()),
        Mode::Live => {
            Err(Problem::forbidden("There is no test clock in live mode.").coded(ErrorCode::LiveMode))
        }
    }
}

fn target(call: &Call) -> Result<Target, Problem> {
    let input: MoveInput = read_object(call)?;
    match (input.advance_seconds, input.to) {
        (Some(seconds), None) if seconds < 0 => {
            Err(Problem::invalid("advanceSeconds must not be negative: time does not go backwards."))
        }
        (Some(seconds), None) => Ok(Target::Ahead(seconds)),
        (None, Some(to)) => from_rfc3339(&to)
            .map(Target::At)
            .ok_or_else(|| Problem::invalid("to must be a time such as 2026-11-21T08:00:00Z.")),
        (None, None) | (Some(_), Some(_)) => Err(Problem::invalid("Send either advanceSeconds or to.")),
    }
}

fn refusal(error: MoveError) -> Problem {
    match error {
        MoveError::Backwards => {
            let message = "That time has passed: the clock does not go backwards.";
            Problem::conflict(ErrorCode::ClockNotBackwards, message)
        }
        MoveError::TooFar => Problem::invalid("The clock can be at most a century ahead of real time."),
        MoveError::Database(error) => error.into(),
    }
}
