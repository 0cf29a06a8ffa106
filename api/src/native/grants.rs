//! Grants: credits given by hand, each with its own end, and what is left of them.

use identity::rights::Scope;
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, OutboxId, PaymentId, WalletId};
use kernel::metadata::Metadata;
use kernel::text_enum;
use ledger::grants::{self, GiveError, GrantView as Grant, NewCredits, VoidError};
use ledger::{Author, Cause, EntryNote, GrantSource};
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::debits::{cause, checked_description, positive};
use super::pages_of::{Cursor, paged};
use super::reasons::checked_reason;
use super::wallets::{addressed, check_reach};
use crate::auth::Caller;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount, GivenMoment, Id, Moment, one_of};
use crate::http::{Response, answer, replayed};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

/// How many grants one answer lists at most.
const LIMIT: i64 = 200;
/// The most days that credits last; longer ones last for ever.
const DAYS_MAX: u32 = 36_500;
/// Where credits given by hand burn among those that expire together: gifts before what was paid for.
const PROMOTIONAL: i16 = 50;
const PAID: i16 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let grant = |scope, summary: &str| {
        Description::new(Access::Allowed(scope), summary)
            .path_parameter::<Id>("grantId", "The grant's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/grants",
            list,
            paged(
                Description::new(Access::Allowed(Scope::Read), "Grants of a wallet, newest first").wallet(),
                LIMIT,
            )
            .query::<bool>("open", "Only those of which something is left, if `true`.")
            .answers::<Grants>(StatusCode::OK, "The grants."),
        ),
        Endpoint::post(
            "/purser/v1/wallets/{wallet}/grants",
            give,
            Description::new(Access::Allowed(Scope::Manage), "Give credits")
                .says("A debt of the wallet is paid from them first. What is given is in the audit log.")
                .wallet()
                .idempotency_key()
                .takes::<GrantInput>()
                .answers::<GivenView>(StatusCode::CREATED, "The credits are there.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::get(
            "/purser/v1/grants/{grantId}",
            find,
            grant(Scope::Read, "Look at a grant").answers::<GrantView>(StatusCode::OK, "The grant."),
        ),
        Endpoint::post(
            "/purser/v1/grants/{grantId}/void",
            void,
            grant(Scope::Manage, "Take back what is left of a grant")
                .says("What a hold needs of it stays for that hold alone. To void it again changes nothing.")
                .idempotency_key()
                .takes::<VoidInput>()
                .answers::<VoidedView>(StatusCode::OK, "What was left is taken back."),
        ),
    ]
}

text_enum! {
    /// Whether credits were paid for.
    GrantKind {
        Paid => "paid",
        Promotional => "promotional",
    }
}

impl GrantKind {
    fn of(source: GrantSource) -> Self {
        match source {
            GrantSource::Purchase | GrantSource::Plan | GrantSource::Store | GrantSource::Manual => {
                Self::Paid
            }
            GrantSource::Checkin | GrantSource::Coupon | GrantSource::Promotion => Self::Promotional,
        }
    }

    /// Where such credits come from when they are given by hand, and their usual priority.
    pub(super) fn source_and_priority(self) -> (GrantSource, i16) {
        match self {
            Self::Paid => (GrantSource::Manual, PAID),
            Self::Promotional => (GrantSource::Promotion, PROMOTIONAL),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewGrant, example = json!({
    "credits": 100, "kind": "promotional", "expiresAfterDays": 30, "reason": "Welcome",
}))]
struct GrantInput {
    /// How many; more than none.
    credits: GivenAmount,
    /// Whether they were paid for.
    #[schema(schema_with = kind_schema)]
    kind: GrantKind,
    /// When they lapse; never unless this or `expiresAfterDays` is given.
    expires_at: Option<GivenMoment>,
    /// In how many days they lapse.
    #[schema(minimum = 1, maximum = 36_500)]
    expires_after_days: Option<u32>,
    /// Lower numbers are spent first among grants that lapse together; 50 for gifts and 100 for what was paid for
    /// unless given.
    #[schema(minimum = 0, maximum = 1_000)]
    priority: Option<i16>,
    /// For the audit log, and for people if there is no description.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// For people, shown in the history.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// At most 20 texts of yours.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
}

pub(super) fn kind_schema() -> Object {
    one_of(GrantKind::NAMES)
}

fn source_schema() -> Object {
    one_of(GrantSource::NAMES)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::VoidGrant, example = json!({"reason": "Given by mistake"}))]
struct VoidInput {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Grant)]
pub(super) struct GrantView {
    #[schema(value_type = Uuid)]
    grant_id: GrantId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    /// Where it came from.
    #[schema(schema_with = source_schema)]
    source: &'static str,
    /// How much was given.
    credits: Amount,
    /// How much is left.
    remaining: Amount,
    priority: i16,
    /// When it lapses, if ever.
    #[schema(required)]
    expires_at: Option<Moment>,
    created_at: Moment,
    /// The order that it belongs to.
    #[schema(value_type = Option<Uuid>, required)]
    order_id: Option<PaymentId>,
    #[schema(required)]
    voided_at: Option<Moment>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            grant_id: grant.id,
            wallet_id: grant.wallet_id,
            kind: GrantKind::of(grant.source).as_str(),
            source: grant.source.as_str(),
            credits: Amount(grant.credits),
            remaining: Amount(grant.remaining),
            priority: grant.priority,
            expires_at: grant.expires_at.map(Moment),
            created_at: Moment(grant.created_at),
            order_id: grant.payment_id,
            voided_at: grant.voided_at.map(Moment),
            metadata: grant.metadata,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Grants)]
struct Grants {
    data: Vec<GrantView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::GivenGrant)]
struct GivenView {
    #[serde(flatten)]
    grant: GrantView,
    /// The wallet's balance, right after it.
    balance: Amount,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::VoidedGrant)]
struct VoidedView {
    #[serde(flatten)]
    grant: GrantView,
    /// How many credits left the wallet.
    voided: Amount,
    /// The wallet's balance, right after it.
    balance: Amount,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let page = Cursor::<GrantId>::read(&call, LIMIT)?;
    let only_open = call.parameter("open") == Some("true");
    let mut connection = api.pool.acquire().await?;
    let found = grants::list(&mut connection, wallet.id, only_open, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |grant| grant.id.to_string());
    let data = found.into_iter().map(GrantView::from).collect();
    Ok(answer(StatusCode::OK, &Grants { data, next_cursor }))
}

async fn give(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Manage).await?;
    let request: GrantInput = read_object(&call)?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Manage).await?;
    let now = api.clock.now();
    let reason = checked_reason(request.reason)?;
    let description = checked_description(request.description)?.unwrap_or_else(|| reason.clone());
    let (source, usual_priority) = request.kind.source_and_priority();
    let priority = request.priority.unwrap_or(usual_priority);
    if !(0..=1_000).contains(&priority) {
        return Err(Problem::invalid("priority must be between 0 and 1000").about("priority"));
    }
    let new = NewCredits {
        id: GrantId::new(),
        wallet_id: wallet.id,
        credits: positive(&request.credits)?,
        source,
        priority,
        expires_at: ends_at(now, request.expires_at, request.expires_after_days)?,
        entry_type: "grant".to_owned(),
        description: Some(description),
        reason,
        note: EntryNote {
            metadata: request.metadata,
            by: Author { member: caller.user().cloned(), api_key: caller.api_key },
            ..EntryNote::default()
        },
        by: caller.actor.clone(),
        cause: Cause { kind: "grant", id: cause(&caller, call.idempotency_key()?) },
    };
    let before = OutboxId::new();
    let given = grants::give(&api.pool, now, &new).await?;
    publish_notices_since(&api, before);
    let view = GivenView { grant: given.grant.into(), balance: Amount(given.balance) };
    Ok(replayed(given.is_repeated, answer(StatusCode::CREATED, &view)))
}

/// When credits lapse: at a time or after days, of which only one can be said.
fn ends_at(
    now: Timestamp,
    at: Option<GivenMoment>,
    after_days: Option<u32>,
) -> Result<Option<Timestamp>, Problem> {
    match (at, after_days) {
        (None, None) => Ok(None),
        (Some(at), None) => Ok(Some(at.0)),
        (None, Some(days)) if (1..=DAYS_MAX).contains(&days) => {
            Ok(Some(now.saturating_add(Duration::days(days.into()))))
        }
        (None, Some(_)) => {
            let message = format!("expiresAfterDays must be between 1 and {DAYS_MAX}");
            Err(Problem::invalid(message).about("expiresAfterDays"))
        }
        (Some(_), Some(_)) => {
            Err(Problem::invalid("Give expiresAt or expiresAfterDays, not both").about("expiresAt"))
        }
    }
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let found = allowed(&api, &caller, &call, Scope::Read).await?;
    Ok(answer(StatusCode::OK, &GrantView::from(found)))
}

async fn void(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Manage).await?;
    let reason = checked_reason(read_object::<VoidInput>(&call)?.reason)?;
    let grant = allowed(&api, &caller, &call, Scope::Manage).await?;
    let note = EntryNote {
        metadata: Metadata::default(),
        by: Author { member: caller.user().cloned(), api_key: caller.api_key },
        ..EntryNote::default()
    };
    let before = OutboxId::new();
    let done = grants::void(&api.pool, api.clock.now(), grant.id, &reason, &caller.actor, note).await?;
    publish_notices_since(&api, before);
    let view =
        VoidedView { grant: done.grant.into(), voided: Amount(done.credits), balance: Amount(done.balance) };
    Ok(replayed(done.is_repeated, answer(StatusCode::OK, &view)))
}

/// The grant that the path names, if its wallet is open to the caller for this.
async fn allowed(api: &SharedState, caller: &Caller, call: &Call, scope: Scope) -> Result<Grant, Problem> {
    let none = || Problem::not_found("There is no such grant.");
    let id: GrantId = call.path_parameter("grantId").parse().map_err(|_| none())?;
    let found = grants::find(&mut *api.pool.acquire().await?, id).await?.ok_or_else(none)?;
    check_reach(api, caller, found.wallet_id, scope, none).await?;
    Ok(found)
}

impl From<GiveError> for Problem {
    fn from(error: GiveError) -> Self {
        match error {
            GiveError::Refused(refusal) => refusal.into(),
            GiveError::Lapsed => Self::invalid("expiresAt must be in the future").about("expiresAt"),
            GiveError::Reused => ProblemKind::IdempotencyKeyReused.into(),
            GiveError::Database(error) => error.into(),
        }
    }
}

impl From<VoidError> for Problem {
    fn from(error: VoidError) -> Self {
        match error {
            VoidError::NotFound => Self::not_found("There is no such grant."),
            VoidError::Database(error) => error.into(),
        }
    }
}
