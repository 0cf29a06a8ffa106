//! Transfers: credits from one wallet to another.

use identity::rights::Scope;
use kernel::ids::{EntryId, OutboxId, RequestId, TransferId};
use kernel::metadata::Metadata;
use ledger::transfers::{self, Transfer, TransferError};
use ledger::{Author, EntryNote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::debits::positive;
use super::reasons::checked_reason;
use super::wallets::addressed;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer, replayed};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/transfers",
        transfer,
        Description::new(Access::Operator(Scope::Manage), "Move credits from one wallet to another")
            .says("In one transaction. The credits lapse when they would have lapsed in the wallet they come from.")
            .idempotency_key()
            .takes::<TransferInput>()
            .answers::<TransferView>(StatusCode::CREATED, "The credits are moved.")
            .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewTransfer, example = json!({
    "from": "user:alice", "to": "org:1", "credits": 50, "reason": "Alice joins Acme",
}))]
struct TransferInput {
    /// `user:` and an id, `org:` and an id, or the wallet's own id.
    from: String,
    /// As `from`.
    to: String,
    /// How many; more than none, and available.
    credits: GivenAmount,
    /// On both entries and in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// At most 20 texts of yours.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Transfer)]
struct TransferView {
    #[schema(value_type = Uuid)]
    transfer_id: TransferId,
    credits: Amount,
    from: SideView,
    to: SideView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::TransferSide)]
struct SideView {
    /// The ledger's entry.
    #[schema(value_type = Uuid)]
    entry_id: EntryId,
    /// The wallet's balance, right after it.
    balance: Amount,
}

async fn transfer(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let request: TransferInput = read_object(&call)?;
    let key = call.idempotency_key()?;
    let from = addressed(&api, &caller, &request.from, Scope::Manage).await;
    let to = addressed(&api, &caller, &request.to, Scope::Manage).await;
    let new = Transfer {
        id: key
            .map_or_else(TransferId::new, |key| RequestId::of("transfer", &caller.key_space(), key).into()),
        from: from.map_err(|problem| problem.about("from"))?.id,
        to: to.map_err(|problem| problem.about("to"))?.id,
        credits: positive(&request.credits)?,
        reason: checked_reason(request.reason)?,
        note: EntryNote {
            metadata: request.metadata,
            by: Author { member: caller.user().cloned(), api_key: caller.api_key },
            ..EntryNote::default()
        },
        actor: caller.actor.clone(),
    };
    let before = OutboxId::new();
    let done = transfers::transfer(&api.pool, api.clock.now(), &new).await?;
    publish_notices_since(&api, before);
    let view = TransferView {
        transfer_id: new.id,
        credits: Amount(new.credits),
        from: SideView { entry_id: done.from_entry, balance: Amount(done.from_balance) },
        to: SideView { entry_id: done.to_entry, balance: Amount(done.to_balance) },
    };
    Ok(replayed(done.is_repeated, answer(StatusCode::CREATED, &view)))
}

impl From<TransferError> for Problem {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::SameWallet => {
                Self::invalid("A transfer needs two wallets.").coded(ErrorCode::SameWallet).about("to")
            }
            TransferError::Refused(refusal) => refusal.into(),
            TransferError::Reused => ProblemKind::IdempotencyKeyReused.into(),
            TransferError::Database(error) => error.into(),
        }
    }
}
