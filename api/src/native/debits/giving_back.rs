//! Debits that are looked at and given back.

use identity::operators::OperatorRole;
use identity::rights::Scope;
use kernel::ids::{EntryId, OutboxId};
use kernel::metadata::Metadata;
use ledger::debits::{self, Decision, GIVE_BACK, GiveBack, GiveBackError, GivenBack};
use ledger::history::{Entry, entry};
use ledger::{Author, Cause, CounterAccount, EntryNote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::{cause, positive};
use crate::auth::Caller;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object_or_default;
use crate::http::values::{Amount, GivenAmount, Id};
use crate::http::{Response, answer, replayed};
use crate::native::entries::EntryView;
use crate::native::reasons::caller_reason;
use crate::native::wallets::check_reach;
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let debit = |scope, summary: &str| {
        Description::new(Access::Allowed(scope), summary)
            .path_parameter::<Id>("debitId", "The debit's id: that of a debit or of the capture of a hold.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/debits/{debitId}",
            find,
            debit(Scope::Read, "Look at a debit").answers::<EntryView>(StatusCode::OK, "The debit."),
        ),
        Endpoint::post(
            "/purser/v1/debits/{debitId}/refund",
            refund,
            debit(Scope::Spend, "Give a debit back")
                .role(OperatorRole::Support)
                .says(
                    "In whole, or in parts with `credits`: never more in all than was taken. The credits go back into \
                     the grants that they came from and lapse when those do.",
                )
                .idempotency_key()
                .may_take::<RefundInput>()
                .answers::<RefundView>(StatusCode::OK, "The credits are back.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::DebitRefund, example = json!({"credits": 2.5}))]
struct RefundInput {
    /// How much of it; all that is left unless given.
    credits: Option<GivenAmount>,
    /// Why, for the audit log: needed of operators.
    #[schema(min_length = 1, max_length = 500, nullable = false)]
    reason: Option<String>,
    /// At most 20 texts of yours.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::RefundedDebit)]
struct RefundView {
    /// The entry that gave it back.
    #[schema(value_type = Uuid)]
    entry_id: EntryId,
    #[schema(value_type = Uuid)]
    debit_id: EntryId,
    /// How much was given back.
    credits: Amount,
    /// How much of the debit can still be given back.
    left: Amount,
    /// The wallet's balance, right after it.
    balance: Amount,
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let found = allowed(&api, &caller, &call, Scope::Read).await?;
    Ok(answer(StatusCode::OK, &EntryView::from(found)))
}

async fn refund(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let request: RefundInput = read_object_or_default(&call)?;
    let debit = allowed(&api, &caller, &call, Scope::Spend).await?;
    let back = GiveBack {
        debit: debit.id,
        credits: request.credits.as_ref().map(positive).transpose()?,
        note: EntryNote {
            metadata: request.metadata,
            by: Author { member: debit.member_id, api_key: caller.api_key },
            ..EntryNote::default()
        },
        cause: Cause { kind: GIVE_BACK, id: cause(&caller, call.idempotency_key()?) },
        decision: caller_reason(&caller, request.reason)?
            .map(|reason| Decision { by: caller.actor.clone(), reason }),
    };
    let before = OutboxId::new();
    let done = debits::give_back(&api.pool, api.clock.now(), &back).await?;
    publish_notices_since(&api, before);
    let GivenBack { entry_id, credits, left, balance, .. } = done;
    let view = RefundView {
        entry_id,
        debit_id: debit.id,
        credits: Amount(credits),
        left: Amount(left),
        balance: Amount(balance),
    };
    Ok(replayed(done.is_repeated, answer(StatusCode::OK, &view)))
}

/// The debit that the path names, if its wallet is open to the caller for this.
async fn allowed(api: &SharedState, caller: &Caller, call: &Call, scope: Scope) -> Result<Entry, Problem> {
    let none = || Problem::not_found("There is no such debit.");
    let id: EntryId = call.path_parameter("debitId").parse().map_err(|_| none())?;
    let found = entry(&mut *api.pool.acquire().await?, id).await?.ok_or_else(none)?;
    if found.counter_account != CounterAccount::Usage || !found.amount.is_negative() {
        return Err(none());
    }
    check_reach(api, caller, found.wallet_id, scope, none).await?;
    Ok(found)
}

impl From<GiveBackError> for Problem {
    fn from(error: GiveBackError) -> Self {
        match error {
            GiveBackError::NotFound => Self::not_found("There is no such debit."),
            GiveBackError::NotADebit => {
                Self::conflict(ErrorCode::NotADebit, "Only debits and captures can be given back.")
            }
            GiveBackError::BadAmount => {
                Self::invalid("credits are out of range").coded(ErrorCode::InvalidCredits).about("credits")
            }
            GiveBackError::MoreThanLeft { left } => Self::conflict(
                ErrorCode::MoreThanLeft,
                format!("{left} credits of this debit are left to be given back."),
            ),
            GiveBackError::Reused => ProblemKind::IdempotencyKeyReused.into(),
            GiveBackError::Database(error) => error.into(),
        }
    }
}
