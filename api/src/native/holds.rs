//! Holds: reserve credits before work whose price is known only at its end, then capture what it cost.

use std::time::Duration;

use kernel::crash;
use kernel::crash::Step;
use kernel::ids::{EntryId, HoldId, OrganizationId};
use kernel::money::Credits;
use ledger::holds;
use ledger::holds::{Ending, Hold, HoldError, HoldState, NewHold};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::consume::{checked_description, positive, wallet_to_spend};
use super::idempotent::{Answer, Keep, key, once};
use super::{ApiError, caller, user_scope};
use crate::Shared;
use crate::auth::Principal;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, GivenAmount, Id, Moment, one_of};
use crate::http::{Call, Response, answer, json as body};

const TTL: Duration = Duration::from_mins(15);
const TTL_MAX: Duration = Duration::from_hours(7 * 24);

pub(super) fn endpoints() -> Vec<Endpoint> {
    let id = |description: Description| description.path_parameter::<Id>("holdId", "The hold's id.");
    vec![
        Endpoint::post(
            "/credits/holds",
            place,
            Description::new(Access::User, "Reserve credits")
                .says(
                    "A hold keeps credits from being spent by others, and from lapsing, until it is captured, is \
                     released, or ends by itself.",
                )
                .idempotency_key()
                .takes::<Place>()
                .answers::<Held>(StatusCode::CREATED, "The credits are reserved.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/credits/holds/{holdId}/capture",
            capture,
            id(Description::new(Access::User, "Spend what is held"))
                .says("Spends all that is held, or less with `credits`; the rest is free again.")
                .idempotency_key()
                .may_take::<Capture>()
                .answers::<Ended>(StatusCode::OK, "The credits are spent.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/credits/holds/{holdId}/release",
            release,
            id(Description::new(Access::User, "Give back what is held"))
                .idempotency_key()
                .answers::<Ended>(StatusCode::OK, "The credits are free again.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/credits/holds/{holdId}",
            find,
            id(Description::new(Access::User, "Look at a hold"))
                .answers::<Held>(StatusCode::OK, "The hold.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Place)]
struct Place {
    /// How many; more than none.
    credits: GivenAmount,
    /// How long the hold lasts at the most; 900 unless given.
    #[schema(minimum = 1, maximum = 604_800)]
    ttl_seconds: Option<u64>,
    /// For people.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The organization whose credits are reserved, rather than the caller's own.
    #[schema(value_type = Option<i64>)]
    org_id: Option<OrganizationId>,
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = native::Capture)]
struct Capture {
    /// How many to spend; all that is held unless given.
    credits: Option<GivenAmount>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Hold)]
struct Held {
    #[schema(value_type = Uuid)]
    hold_id: HoldId,
    /// How many are, or were, reserved.
    credits: Amount,
    /// How many of them were spent.
    captured: Amount,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// When it ends by itself.
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::EndedHold)]
struct Ended {
    #[schema(value_type = Uuid)]
    hold_id: HoldId,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// How many were spent.
    captured: Amount,
    /// The ledger's entry; null when nothing was spent.
    #[schema(value_type = Option<Uuid>, required)]
    transaction_id: Option<EntryId>,
    /// What the wallet has left.
    balance: Amount,
}

fn state_schema() -> Object {
    one_of(HoldState::NAMES)
}

async fn place(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let request: Place = body::read(&call)?;
    let amount = positive(&request.credits)?;
    let description = checked_description(request.description)?;
    let ttl = request.ttl_seconds.map_or(TTL, Duration::from_secs);
    if ttl.is_zero() || ttl > TTL_MAX {
        return Err(ApiError::bad_request("invalid_request", "ttlSeconds must be between 1 and 604800"));
    }
    let wallet_id = wallet_to_spend(&api, &principal, request.org_id).await?;
    let id = match key(&call)? {
        Some(key) => HoldId::of_request(&principal.user_id, key),
        None => HoldId::new(),
    };
    let now = api.clock.now();
    let user_id = principal.user_id.clone();
    let new = NewHold { id, wallet_id, user_id, amount, description, expires_at: now + ttl };
    let work = {
        let api = Shared::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let hold = match holds::place(&mut transaction, now, &new).await {
                Err(error @ HoldError::Refused(_)) => {
                    // Nothing is held, but that credits were short is noted: it may make a recharge due.
                    transaction.commit().await?;
                    return Err(error.into());
                }
                placed => placed?,
            };
            crash::point(Step::Written, "hold");
            transaction.commit().await?;
            crash::point(Step::Committed, "hold");
            Ok((StatusCode::CREATED, shown(&hold)))
        }
    };
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

async fn capture(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let request: Capture = body::read_or_default(&call)?;
    let spend = request.credits.as_ref().map(positive).transpose()?;
    let hold = own(&api, &principal, call.path_parameter("holdId")).await?;
    let spend = spend.unwrap_or(hold.amount);
    if spend > hold.amount {
        let message = format!("credits must be at most what is held, {}", hold.amount);
        return Err(ApiError::bad_request("invalid_credits", message));
    }
    let work = end(Shared::clone(&api), principal.clone(), hold.id, Ending::Capture(spend));
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

async fn release(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let hold = own(&api, &principal, call.path_parameter("holdId")).await?;
    let work = end(Shared::clone(&api), principal.clone(), hold.id, Ending::Release);
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

async fn end(
    api: Shared,
    principal: Principal,
    id: HoldId,
    ending: Ending,
) -> Result<Answer<Ended>, ApiError> {
    let mut transaction = api.pool.begin().await?;
    let (hold, entry, balance) =
        holds::end(&mut transaction, api.clock.now(), &principal.user_id, id, ending).await?;
    crash::point(Step::Written, "end of a hold");
    transaction.commit().await?;
    crash::point(Step::Committed, "end of a hold");
    Ok((StatusCode::OK, ended(&hold, entry, balance)))
}

async fn find(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let hold = own(&api, &principal, call.path_parameter("holdId")).await?;
    Ok(answer(StatusCode::OK, &shown(&hold)))
}

/// The caller's hold of this id; a foreign one is as if it were not there.
async fn own(api: &Shared, principal: &Principal, id: &str) -> Result<Hold, ApiError> {
    let none = || ApiError::not_found("There is no such hold.");
    let id: HoldId = id.parse().map_err(|_| none())?;
    let mut connection = api.pool.acquire().await?;
    holds::find(&mut connection, &principal.user_id, id).await?.ok_or_else(none)
}

fn shown(hold: &Hold) -> Held {
    Held {
        hold_id: hold.id,
        credits: Amount(hold.amount),
        captured: Amount(hold.captured),
        state: hold.state.as_str(),
        expires_at: Moment(hold.expires_at),
    }
}

fn ended(hold: &Hold, entry: Option<EntryId>, balance: Credits) -> Ended {
    Ended {
        hold_id: hold.id,
        state: hold.state.as_str(),
        captured: Amount(hold.captured),
        transaction_id: entry,
        balance: Amount(balance),
    }
}
