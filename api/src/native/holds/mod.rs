//! Holds: reserve credits before work whose price is known only at its end, then capture what it cost.

mod rights;

use std::time::Duration;

use identity::operations::{role_lock, role_of};
use identity::operators::OperatorRole;
use identity::rights::Scope;
use identity::rules::{may_manage_holds, may_spend};
use kernel::clock::Timestamp;
use kernel::crash::{self, Step};
use kernel::ids::{EntryId, HoldId, OutboxId, UserId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use ledger::holds::{self, Above, Ending, Hold, HoldError, HoldState, NewHold, Placed};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use self::rights::{Deed, allowed};
use super::debits::{checked_description, checked_type, member, positive};
use super::pages_of::{Cursor, paged};
use super::reasons::caller_reason;
use super::wallets::{addressed, role_not_allowed};
use crate::auth::Caller;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{read_object, read_object_or_default};
use crate::http::values::{Amount, GivenAmount, Id, Moment, one_of};
use crate::http::{Response, answer, replayed};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// How many holds one answer lists at most.
const LIMIT: i64 = 200;
const TTL: Duration = Duration::from_mins(15);
const TTL_MAX: Duration = Duration::from_hours(7 * 24);

pub(super) fn endpoints() -> Vec<Endpoint> {
    [deeds(), looks()].into_iter().flatten().collect()
}

fn deeds() -> Vec<Endpoint> {
    let id = |description: Description| description.path_parameter::<Id>("holdId", "The hold's id.");
    vec![
        Endpoint::post(
            "/purser/v1/wallets/{wallet}/holds",
            place,
            Description::new(Access::Allowed(Scope::Spend), "Reserve credits")
                .wallet()
                .says(
                    "A hold keeps credits from being spent by others, and from lapsing, until it is captured, is \
                     released, or ends by itself. The same `Idempotency-Key` answers the same hold, as it is then; \
                     after a refusal it may be used again.",
                )
                .idempotency_key()
                .takes::<HoldInput>()
                .answers::<HoldView>(StatusCode::CREATED, "The credits are reserved.")
                .answers::<HoldView>(StatusCode::OK, "The hold that this key placed has ended since.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/holds/{holdId}/capture",
            capture,
            id(Description::new(Access::Allowed(Scope::Spend), "Spend what is held"))
                .says(
                    "Spends all that is held, or less with `credits`; the rest is free again, or stays held for \
                     another capture where `final` is false. Nothing may be spent of it too, and more where this \
                     installation lets wallets owe it. A hold is captured by who placed it, before it ends by itself; \
                     the same `Idempotency-Key` answers the same.",
                )
                .idempotency_key()
                .may_take::<CaptureInput>()
                .answers::<EndedHoldView>(StatusCode::OK, "The credits are spent.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/holds/{holdId}/release",
            release,
            id(Description::new(Access::Allowed(Scope::Spend), "Give back what is held"))
                .role(OperatorRole::Support)
                .idempotency_key()
                .may_take::<ReleaseInput>()
                .answers::<EndedHoldView>(StatusCode::OK, "The credits are free again.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/holds/{holdId}/extend",
            extend,
            id(Description::new(Access::Allowed(Scope::Spend), "Have a hold last longer"))
                .says("From now on for `ttlSeconds`; a hold is never made shorter.")
                .takes::<ExtendInput>()
                .answers::<HoldView>(StatusCode::OK, "The hold.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

fn looks() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/holds",
            list,
            paged(
                Description::new(Access::Allowed(Scope::Read), "Holds of a wallet, newest first")
                    .says(
                        "Of an organization: owners and admins see all, and may release them; members see their own \
                         open ones.",
                    )
                    .wallet(),
                LIMIT,
            )
            .query::<String>("state", "Only those that are `active`, `captured`, `released` or `expired`.")
            .answers::<Holds>(StatusCode::OK, "The holds."),
        ),
        Endpoint::get(
            "/purser/v1/holds/{holdId}",
            find,
            Description::new(Access::Allowed(Scope::Read), "Look at a hold")
                .path_parameter::<Id>("holdId", "The hold's id.")
                .answers::<HoldView>(StatusCode::OK, "The hold.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::HoldRelease, example = json!({"reason": "The render failed"}))]
struct ReleaseInput {
    /// Why, for the audit log: needed of operators.
    #[schema(min_length = 1, max_length = 500, nullable = false)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewHold, example = json!({"credits": 50, "ttlSeconds": 600, "type": "render"}))]
struct HoldInput {
    /// How many; more than none.
    credits: GivenAmount,
    /// How long the hold lasts at the most; 900 unless given.
    #[schema(minimum = 1, maximum = 604_800)]
    ttl_seconds: Option<u64>,
    /// The word for the ledger's entry of what is captured; `hold_captured` unless given.
    #[serde(rename = "type")]
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    entry_type: Option<String>,
    /// For people; also on the ledger's entry.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// At most 20 texts of yours; also on the ledger's entries.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// The member of the organization for whom its credits are reserved: needed where a server reserves an
    /// organization's.
    #[schema(value_type = Option<String>)]
    member_id: Option<UserId>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::Capture, example = json!({"credits": 12.5}))]
struct CaptureInput {
    /// How many to spend; all that is still held unless given.
    credits: Option<GivenAmount>,
    /// Whether this ends the hold; it does unless this is false.
    #[serde(rename = "final")]
    is_final: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::ExtendHold, example = json!({"ttlSeconds": 600}))]
struct ExtendInput {
    /// How long it lasts from now on.
    #[schema(minimum = 1, maximum = 604_800)]
    ttl_seconds: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Hold)]
pub(super) struct HoldView {
    #[schema(value_type = Uuid)]
    hold_id: HoldId,
    /// Who placed it.
    #[schema(value_type = String)]
    user_id: UserId,
    /// How many are, or were, reserved.
    credits: Amount,
    /// How many were spent.
    captured: Amount,
    /// How many are still reserved.
    held: Amount,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// The word for the entry of what is captured.
    #[serde(rename = "type")]
    entry_type: String,
    /// For people.
    #[schema(required)]
    description: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    created_at: Moment,
    /// When it ends by itself.
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Holds)]
struct Holds {
    data: Vec<HoldView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::EndedHold)]
struct EndedHoldView {
    #[schema(value_type = Uuid)]
    hold_id: HoldId,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// How many were spent.
    captured: Amount,
    /// The ledger's entry; null when nothing was spent.
    #[schema(value_type = Option<Uuid>, required)]
    debit_id: Option<EntryId>,
    /// What the wallet has left.
    balance: Amount,
}

fn state_schema() -> Object {
    one_of(HoldState::NAMES)
}

async fn place(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let request: HoldInput = read_object(&call)?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Spend).await?;
    let amount = positive(&request.credits)?;
    let description = checked_description(request.description)?;
    let entry_type = request.entry_type.map(|text| checked_type(Some(text))).transpose()?;
    let lasts = checked_ttl(request.ttl_seconds.map_or(TTL, Duration::from_secs))?;
    let for_whom = member(&api, &caller, &wallet, request.member_id).await?;
    let unnamed = || Problem::invalid("memberId is missing: for whom is it reserved?").about("memberId");
    let new = NewHold {
        wallet_id: wallet.id,
        user_id: for_whom.ok_or_else(unnamed)?,
        amount,
        entry_type: entry_type.unwrap_or_else(|| holds::ENTRY_TYPE.to_owned()),
        description,
        key: call.idempotency_key()?.map(str::to_owned),
        lasts,
        metadata: request.metadata,
        api_key: caller.api_key,
    };
    let (now, before) = (api.clock.now(), OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    if wallet.organization_id.is_some() {
        // Asked again under a lock: who has just lost the right leaves no hold behind.
        let role = role_lock(&mut transaction, &new.user_id, new.wallet_id).await?;
        if !role.is_some_and(may_spend) {
            return Err(role_not_allowed());
        }
    }
    let placed = match holds::place(&mut transaction, now, &new).await {
        Err(error @ HoldError::Refused(_)) => {
            // Nothing is held; what has lapsed was taken off.
            transaction.commit().await?;
            publish_notices_since(&api, before);
            return Err(error.into());
        }
        placed => placed?,
    };
    crash::point(Step::Written, "hold");
    transaction.commit().await?;
    crash::point(Step::Committed, "hold");
    publish_notices_since(&api, before);
    Ok(answer_placed(&placed, now))
}

/// A hold that was placed before is answered as it is now.
fn answer_placed(placed: &Placed, now: Timestamp) -> Response {
    let is_open = placed.hold.state_at(now) == HoldState::Active;
    let status = if is_open { StatusCode::CREATED } else { StatusCode::OK };
    replayed(placed.is_repeated, answer(status, &hold_view(&placed.hold, now)))
}

async fn capture(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let request: CaptureInput = read_object_or_default(&call)?;
    let is_final = request.is_final.unwrap_or(true);
    let spend = request.credits.as_ref().map(|given| given.not_negative("credits")).transpose()?;
    let above = api.config.capture_above_hold;
    end(&api, &call, &caller, Deed::Capture, None, |hold| {
        let Some(spend) = spend else { return Ok(Ending::CaptureAll) };
        match above {
            _ if !is_final => Ok(Ending::CapturePart(spend)),
            Above::Debt { .. } if spend > hold.left() => Ok(Ending::CaptureAbove(spend, above)),
            _ if hold.state == HoldState::Active && spend > hold.left() => {
                let message = format!("credits must be at most what is held, {}", hold.left());
                Err(Problem::invalid(message).coded(ErrorCode::InvalidCredits).about("credits"))
            }
            _ => Ok(Ending::Capture(spend)),
        }
    })
    .await
}

async fn extend(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let ExtendInput { ttl_seconds } = read_object(&call)?;
    let lasts = checked_ttl(Duration::from_secs(ttl_seconds))?;
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let id = allowed(&mut transaction, &caller, call.path_parameter("holdId"), Deed::Capture).await?.id;
    let hold = holds::lock(&mut transaction, id).await?.ok_or(HoldError::NotFound)?;
    let hold = holds::extend(&mut transaction, now, hold, now + lasts).await?;
    transaction.commit().await?;
    Ok(answer(StatusCode::OK, &hold_view(&hold, now)))
}

fn checked_ttl(lasts: Duration) -> Result<Duration, Problem> {
    if lasts.is_zero() || lasts > TTL_MAX {
        return Err(Problem::invalid("ttlSeconds must be between 1 and 604800").about("ttlSeconds"));
    }
    Ok(lasts)
}

async fn release(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let ReleaseInput { reason } = read_object_or_default(&call)?;
    let reason = caller_reason(&caller, reason)?;
    end(&api, &call, &caller, Deed::Release, reason, |_| Ok(Ending::Release)).await
}

async fn end(
    api: &SharedState,
    call: &Call,
    caller: &Caller,
    deed: Deed,
    reason: Option<String>,
    ending: impl FnOnce(&Hold) -> Result<Ending, Problem> + Send,
) -> Result<Response, Problem> {
    let (key, before) = (call.idempotency_key()?, OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    let id = allowed(&mut transaction, caller, call.path_parameter("holdId"), deed).await?.id;
    let hold = holds::lock(&mut transaction, id).await?.ok_or(HoldError::NotFound)?;
    let ending = ending(&hold)?;
    let ended = match holds::end(&mut transaction, api.clock.now(), hold, ending, key).await {
        Err(error @ HoldError::Refused(_)) => {
            // The hold is as it was; what has lapsed was taken off.
            transaction.commit().await?;
            publish_notices_since(api, before);
            return Err(error.into());
        }
        ended => ended?,
    };
    if let Some(reason) = reason {
        let (wallet, details) =
            (ended.0.wallet_id.to_string(), json!({ "holdId": ended.0.id, "reason": reason }));
        audit::note(&mut transaction, api.clock.now(), &caller.actor, "hold.release", &wallet, details)
            .await?;
    }
    crash::point(Step::Written, "end of a hold");
    transaction.commit().await?;
    crash::point(Step::Committed, "end of a hold");
    publish_notices_since(api, before);
    let (hold, entry, balance) = ended;
    Ok(answer(StatusCode::OK, &ended_view(&hold, entry, balance)))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let mut transaction = api.pool.begin().await?;
    let hold = allowed(&mut transaction, &caller, call.path_parameter("holdId"), Deed::Look).await?;
    transaction.commit().await?;
    Ok(answer(StatusCode::OK, &hold_view(&hold, api.clock.now())))
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let mut connection = api.pool.acquire().await?;
    let only = match (caller.user(), wallet.organization_id) {
        (Some(user), Some(_)) => {
            let role = role_of(&mut connection, user, wallet.id).await?;
            (!role.is_some_and(may_manage_holds)).then_some(user)
        }
        _ => None,
    };
    let page = Cursor::<HoldId>::read(&call, LIMIT)?;
    let state = call.parameter("state").map(state_named).transpose()?;
    let found = match only {
        Some(user) => holds::open(&mut connection, wallet.id, Some(user), page.asked()).await?,
        None => holds::list(&mut connection, wallet.id, state, page.after, page.asked()).await?,
    };
    let (found, next_cursor) = page.cut(found, |hold| hold.id.to_string());
    let now = api.clock.now();
    let data = found.iter().map(|hold| hold_view(hold, now)).collect();
    Ok(answer(StatusCode::OK, &Holds { data, next_cursor }))
}

fn state_named(text: &str) -> Result<HoldState, Problem> {
    let states = [HoldState::Active, HoldState::Captured, HoldState::Released, HoldState::Expired];
    let found = states.into_iter().find(|state| state.as_str() == text);
    let message = "state must be active, captured, released or expired";
    found.ok_or_else(|| Problem::invalid(message).about("state"))
}

pub(super) fn hold_view(hold: &Hold, now: Timestamp) -> HoldView {
    HoldView {
        hold_id: hold.id,
        user_id: hold.user_id.clone(),
        credits: Amount(hold.amount),
        captured: Amount(hold.captured),
        held: Amount(if hold.state_at(now) == HoldState::Active { hold.left() } else { Credits::ZERO }),
        state: hold.state_at(now).as_str(),
        entry_type: hold.entry_type.clone(),
        description: hold.description.clone(),
        metadata: hold.metadata.clone(),
        created_at: Moment(hold.created_at),
        expires_at: Moment(hold.expires_at),
    }
}

fn ended_view(hold: &Hold, entry: Option<EntryId>, balance: Credits) -> EndedHoldView {
    EndedHoldView {
        hold_id: hold.id,
        state: hold.state.as_str(),
        captured: Amount(hold.captured),
        debit_id: entry,
        balance: Amount(balance),
    }
}
