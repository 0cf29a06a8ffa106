//! Daily free credits. The day is claimed here; a worker adds the credits.

use billing::checkins::{ApplyCheckin, Checkin, CheckinReply, operations};
use jobs::outbox;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{Moment, Success, success};
use crate::commands::carry_out;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/checkin",
            check_in,
            Description::new(Access::User, "Check in for today's free credits")
                .says(
                    "Once a day. Days in a row make a streak, for which there may be more. A second check-in on the \
                     same day is refused with `ALREADY_CHECKED_IN`; where there are none, the code is \
                     `CHECKIN_DISABLED`.",
                )
                .answers::<Success<CheckedIn>>(StatusCode::OK, "The credits are there.")
                .answers::<Success<CheckinPending>>(StatusCode::ACCEPTED, "The credits will be there soon.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::CONFLICT]),
        ),
        Endpoint::get(
            "/checkin/status",
            status,
            Description::new(Access::User, "Whether the caller has checked in today")
                .answers::<Success<CheckinStatus>>(StatusCode::OK, "How the caller stands."),
        ),
    ]
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::CheckedIn)]
struct CheckedIn {
    /// What today gives.
    credits: i64,
    /// Whole credits, rounded down.
    balance: i64,
    /// Days in a row, today included.
    streak: i64,
    checked_in_at: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::CheckinPending)]
struct CheckinPending {
    /// Always `pending`.
    status: &'static str,
    /// What today gives.
    credits: i64,
    /// Days in a row, today included.
    streak: i64,
    checked_in_at: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::CheckinStatus)]
struct CheckinStatus {
    /// Whether there are check-ins here.
    enabled: bool,
    checked_in_today: bool,
    /// Days in a row, up to yesterday while today's check-in is not made.
    streak: i64,
    /// What a day gives.
    credits_per_day: i64,
    /// When the next check-in can be made, or, while today's is not made, when today is over.
    next_reset_at: Moment,
}

async fn check_in(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let checkin =
        operations::check_in(&mut transaction, now, &principal.user_id, principal.wallet_id).await?;
    let job = ApplyCheckin { user_id: principal.user_id, day: checkin.day };
    let outbox_id = outbox::insert(&mut transaction, now, &job).await?;
    transaction.commit().await?;
    let Checkin { credits, streak, checked_in_at, .. } = checkin;
    let (credits, checked_in_at) = (credits.floor_whole(), Moment(checked_in_at));
    match carry_out(&api, &job, outbox_id).await {
        Some(CheckinReply { balance }) => {
            let balance = balance.floor_whole();
            Ok(success(StatusCode::OK, CheckedIn { credits, balance, streak, checked_in_at }))
        }
        None => {
            let pending = CheckinPending { status: "pending", credits, streak, checked_in_at };
            Ok(success(StatusCode::ACCEPTED, pending))
        }
    }
}

async fn status(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let status = operations::status(&mut connection, api.clock.now(), &principal.user_id).await?;
    let shown = CheckinStatus {
        enabled: status.config.enabled,
        checked_in_today: status.checked_in_today,
        streak: status.streak,
        credits_per_day: status.config.credits_per_day.floor_whole(),
        next_reset_at: Moment(status.next_reset_at),
    };
    Ok(success(StatusCode::OK, shown))
}
