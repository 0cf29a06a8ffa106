//! Holds: reserve credits before work whose price is known only at its end, then capture what it cost.

use std::time::Duration;

use identity::Role;
use identity::operations::role_lock;
use identity::rules::{may_manage_holds, may_spend};
use kernel::clock::Timestamp;
use kernel::crash::{self, Step};
use kernel::ids::{EntryId, HoldId, UserId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use ledger::holds::{self, Ending, Hold, HoldError, HoldState, NewHold, Placed};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::{HeaderValue, StatusCode};

use super::consume::{
    check_may_spend, checked_description, checked_type, may_not, positive, wallet_to_spend,
};
use super::organizations::{asked_organization, membership};
use crate::auth::Principal;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{read_json, read_json_or_default};
use crate::http::values::{Amount, GivenAmount, Id, Moment, OrgId, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// Open holds that are listed.
const LISTED: i64 = 100;
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
            "/credits/holds/{holdId}/capture",
            capture,
            id(Description::new(Access::User, "Spend what is held"))
                .says(
                    "Spends all that is held, or less with `credits`; the rest is free again. A hold is captured once, \
                     by who placed it, before it ends by itself; the same `Idempotency-Key` answers the same.",
                )
                .idempotency_key()
                .may_take::<CaptureInput>()
                .answers::<EndedHoldView>(StatusCode::OK, "The credits are spent.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/credits/holds/{holdId}/release",
            release,
            id(Description::new(Access::User, "Give back what is held"))
                .idempotency_key()
                .answers::<EndedHoldView>(StatusCode::OK, "The credits are free again.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/credits/holds",
            list,
            Description::new(Access::User, "Open holds")
                .says(
                    "Up to 100, newest first. Of an organization: owners and admins see all, and may release them; \
                     members see their own.",
                )
                .query::<OrgId>("orgId", "The organization whose wallet is looked at, rather than the caller's own.")
                .answers::<Holds>(StatusCode::OK, "The holds.")
                .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/credits/holds/{holdId}",
            find,
            id(Description::new(Access::User, "Look at a hold"))
                .answers::<HoldView>(StatusCode::OK, "The hold.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Place)]
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
    /// The organization whose credits are reserved, rather than the caller's own.
    org_id: Option<OrgId>,
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = native::Capture)]
struct CaptureInput {
    /// How many to spend; all that is held unless given.
    credits: Option<GivenAmount>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Hold)]
struct HoldView {
    #[schema(value_type = Uuid)]
    hold_id: HoldId,
    /// Who placed it.
    #[schema(value_type = String)]
    user_id: UserId,
    /// How many are, or were, reserved.
    credits: Amount,
    /// How many of them were spent.
    captured: Amount,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// The word for the entry of what is captured.
    #[serde(rename = "type")]
    entry_type: String,
    /// For people.
    description: Option<String>,
    /// When it ends by itself.
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Holds)]
struct Holds {
    /// Newest first.
    data: Vec<HoldView>,
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
    transaction_id: Option<EntryId>,
    /// What the wallet has left.
    balance: Amount,
}

fn state_schema() -> Object {
    one_of(HoldState::NAMES)
}

async fn place(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: HoldInput = read_json(&call)?;
    let amount = positive(&request.credits)?;
    let description = checked_description(request.description)?;
    let entry_type = request.entry_type.map(|text| checked_type(Some(text))).transpose()?;
    let lasts = request.ttl_seconds.map_or(TTL, Duration::from_secs);
    if lasts.is_zero() || lasts > TTL_MAX {
        return Err(Problem::invalid("ttlSeconds must be between 1 and 604800"));
    }
    let new = NewHold {
        wallet_id: wallet_to_spend(&api, &principal, request.org_id.map(|id| id.0)).await?,
        user_id: principal.user_id.clone(),
        amount,
        entry_type: entry_type.unwrap_or_else(|| holds::ENTRY_TYPE.to_owned()),
        description,
        key: call.idempotency_key()?.map(str::to_owned),
        lasts,
        metadata: Metadata::default(),
    };
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    if new.wallet_id != principal.wallet_id {
        // Asked again under a lock: who has just lost the right leaves no hold behind.
        let role = role_lock(&mut transaction, &principal.user_id, new.wallet_id).await?;
        if !role.is_some_and(may_spend) {
            return Err(may_not());
        }
    }
    let placed = match holds::place(&mut transaction, now, &new).await {
        Err(error @ HoldError::Refused(_)) => {
            // Nothing is held; what has lapsed was taken off.
            transaction.commit().await?;
            return Err(error.into());
        }
        placed => placed?,
    };
    crash::point(Step::Written, "hold");
    transaction.commit().await?;
    crash::point(Step::Committed, "hold");
    Ok(answer_placed(&placed, now))
}

/// A hold that was placed before is answered as it is now.
fn answer_placed(placed: &Placed, now: Timestamp) -> Response {
    let is_open = placed.hold.state_at(now) == HoldState::Active;
    let status = if is_open { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = answer(status, &hold_view(&placed.hold, now));
    if placed.is_repeated {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

async fn capture(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: CaptureInput = read_json_or_default(&call)?;
    let spend = request.credits.as_ref().map(positive).transpose()?;
    end(&api, &call, &principal, Deed::Capture, |hold| {
        let spend = spend.unwrap_or(hold.amount);
        if spend > hold.amount {
            let message = format!("credits must be at most what is held, {}", hold.amount);
            return Err(Problem::invalid(message).coded("invalid_credits"));
        }
        Ok(Ending::Capture(spend))
    })
    .await
}

async fn release(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    end(&api, &call, &principal, Deed::Release, |_| Ok(Ending::Release)).await
}

async fn end(
    api: &SharedState,
    call: &Call,
    principal: &Principal,
    deed: Deed,
    ending: impl FnOnce(&Hold) -> Result<Ending, Problem> + Send,
) -> Result<Response, Problem> {
    let key = call.idempotency_key()?;
    let mut transaction = api.pool.begin().await?;
    let id = allowed(&mut transaction, principal, call.path_parameter("holdId"), deed).await?.id;
    check_may_spend(principal)?;
    let hold = holds::lock(&mut transaction, id).await?.ok_or(HoldError::NotFound)?;
    let ending = ending(&hold)?;
    let ended = holds::end(&mut transaction, api.clock.now(), hold, ending, key).await?;
    crash::point(Step::Written, "end of a hold");
    transaction.commit().await?;
    crash::point(Step::Committed, "end of a hold");
    let (hold, entry, balance) = ended;
    Ok(answer(StatusCode::OK, &ended_view(&hold, entry, balance)))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut transaction = api.pool.begin().await?;
    let hold = allowed(&mut transaction, &principal, call.path_parameter("holdId"), Deed::Look).await?;
    transaction.commit().await?;
    Ok(answer(StatusCode::OK, &hold_view(&hold, api.clock.now())))
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let (wallet_id, manages) = match asked_organization(&call)? {
        None => (principal.wallet_id, true),
        Some(organization) => {
            let membership = membership(&api, &principal, organization).await?;
            (membership.wallet_id, may_manage_holds(membership.role))
        }
    };
    let user = (!manages).then_some(&principal.user_id);
    let now = api.clock.now();
    let listed = holds::open(&mut *api.pool.acquire().await?, wallet_id, user, LISTED).await?;
    let data = listed.iter().map(|hold| hold_view(hold, now)).collect();
    Ok(answer(StatusCode::OK, &Holds { data }))
}

/// What a caller wants of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Look,
    Release,
    Capture,
}

/// Whether a caller may, and whether one who may not learns that there is such a hold. Holds on a personal wallet are
/// the owner's; those on an organization's wallet are for who placed them, and for owners and admins to see and give
/// up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Yes,
    Forbidden,
    Unknown,
}

fn verdict(deed: Deed, is_personal: bool, is_mine: bool, role: Option<Role>) -> Verdict {
    match role {
        _ if is_personal => Verdict::Yes,
        None => Verdict::Unknown,
        Some(role) if may_manage_holds(role) && deed != Deed::Capture => Verdict::Yes,
        Some(_) if !is_mine => Verdict::Unknown,
        Some(role) if deed == Deed::Look || may_spend(role) => Verdict::Yes,
        Some(_) => Verdict::Forbidden,
    }
}

/// The hold of this id, if the caller may do this with it; another one is as if it were not there. The caller's role
/// stays as it is until the transaction ends.
async fn allowed(
    connection: &mut PgConnection,
    principal: &Principal,
    id: &str,
    deed: Deed,
) -> Result<Hold, Problem> {
    let none = || Problem::from(HoldError::NotFound);
    let id: HoldId = id.parse().map_err(|_| none())?;
    let hold = holds::find(connection, id).await?.ok_or_else(none)?;
    let is_personal = hold.wallet_id == principal.wallet_id;
    let role =
        if is_personal { None } else { role_lock(connection, &principal.user_id, hold.wallet_id).await? };
    match verdict(deed, is_personal, hold.user_id == principal.user_id, role) {
        Verdict::Yes => Ok(hold),
        Verdict::Forbidden => Err(may_not()),
        Verdict::Unknown => Err(none()),
    }
}

fn hold_view(hold: &Hold, now: Timestamp) -> HoldView {
    HoldView {
        hold_id: hold.id,
        user_id: hold.user_id.clone(),
        credits: Amount(hold.amount),
        captured: Amount(hold.captured),
        state: hold.state_at(now).as_str(),
        entry_type: hold.entry_type.clone(),
        description: hold.description.clone(),
        expires_at: Moment(hold.expires_at),
    }
}

fn ended_view(hold: &Hold, entry: Option<EntryId>, balance: Credits) -> EndedHoldView {
    EndedHoldView {
        hold_id: hold.id,
        state: hold.state.as_str(),
        captured: Amount(hold.captured),
        transaction_id: entry,
        balance: Amount(balance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_of_an_organization_are_for_who_placed_them_and_for_its_owners_to_give_up() {
        let of = |deed, is_mine, role| verdict(deed, false, is_mine, role);
        for deed in [Deed::Look, Deed::Release, Deed::Capture] {
            assert_eq!(verdict(deed, true, true, None), Verdict::Yes);
            assert_eq!(of(deed, true, None), Verdict::Unknown, "who left");
            assert_eq!(of(deed, true, Some(Role::Member)), Verdict::Yes);
            assert_eq!(of(deed, false, Some(Role::Member)), Verdict::Unknown);
            assert_eq!(of(deed, false, Some(Role::Viewer)), Verdict::Unknown);
        }
        for role in [Role::Owner, Role::Admin] {
            assert_eq!(of(Deed::Look, false, Some(role)), Verdict::Yes);
            assert_eq!(of(Deed::Release, false, Some(role)), Verdict::Yes);
            assert_eq!(of(Deed::Capture, false, Some(role)), Verdict::Unknown);
            assert_eq!(of(Deed::Capture, true, Some(role)), Verdict::Yes);
        }
        assert_eq!(of(Deed::Capture, true, Some(Role::Viewer)), Verdict::Forbidden);
        assert_eq!(of(Deed::Release, true, Some(Role::Viewer)), Verdict::Forbidden);
        assert_eq!(of(Deed::Look, true, Some(Role::Viewer)), Verdict::Yes);
    }
}
