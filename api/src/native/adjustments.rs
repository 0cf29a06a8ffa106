//! Corrects a balance by hand, up or down.

use identity::rights::Scope;
use kernel::ids::{AdjustmentId, EntryId, OutboxId, RequestId, WalletId};
use kernel::money::{AmountError, Credits};
use ledger::adjustments::{self, Adjusted, Adjustment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::reasons::checked_reason;
use super::wallets::addressed;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem, ProblemKind, Shortage};
use crate::state::SharedState;

/// The largest adjustment, in whole credits: a typing error must not fill a wallet so far that purchases no longer fit.
const MOST: i64 = 1_000_000_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/wallets/{wallet}/adjustments",
        adjust,
        Description::new(Access::Allowed(Scope::Manage), "Correct a balance")
            .says(
                "Adds credits, or with a negative amount takes them: they must be available. Who did it and why is in \
                 the audit log, and the reason is shown with the entry.",
            )
            .wallet()
            .idempotency_key()
            .takes::<AdjustmentInput>()
            .answers::<AdjustmentView>(StatusCode::CREATED, "The balance is corrected.")
            .refuses(&[StatusCode::PAYMENT_REQUIRED]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewAdjustment, example = json!({"credits": -12.5, "reason": "Counted twice"}))]
struct AdjustmentInput {
    /// What is added, or if negative taken; not zero.
    credits: GivenAmount,
    /// Why: for the audit log, and shown with the entry.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Adjustment)]
struct AdjustmentView {
    #[schema(value_type = uuid::Uuid)]
    entry_id: EntryId,
    #[schema(value_type = uuid::Uuid)]
    wallet_id: WalletId,
    credits: Amount,
    /// The wallet's balance, right after it.
    balance: Amount,
}

async fn adjust(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Manage).await?;
    let input: AdjustmentInput = read_object(&call)?;
    let wallet_id = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Manage).await?.id;
    let (credits, description) = (checked(&input.credits)?, checked_reason(input.reason)?);
    let key = call.idempotency_key()?;
    let adjustment = Adjustment {
        adjustment_id: key.map_or_else(AdjustmentId::new, |key| {
            RequestId::of("adjustment", &caller.key_space(), key).into()
        }),
        wallet_id,
        credits,
        entry_type: "adjustment".to_owned(),
        description,
        by: caller.actor,
    };
    let before = OutboxId::new();
    let adjusted = adjustments::adjust(&api.pool, api.clock.now(), &adjustment).await?;
    publish_notices_since(&api, before);
    match adjusted {
        Adjusted::Done { entry_id, balance } => {
            let view =
                AdjustmentView { entry_id, wallet_id, credits: Amount(credits), balance: Amount(balance) };
            Ok(answer(StatusCode::CREATED, &view))
        }
        Adjusted::Insufficient { available } => {
            let needed = credits.checked_neg().unwrap_or(credits);
            let mut problem = Problem::from(ProblemKind::PaymentRequired);
            problem.shortage = Some(Shortage::Credits { available, needed });
            Err(problem)
        }
        Adjusted::OutOfRange => Err(Problem::invalid("credits are out of range")
            .coded(ErrorCode::InvalidCredits)
            .about("credits")),
        Adjusted::OtherAdjustment => Err(ProblemKind::IdempotencyKeyReused.into()),
    }
}

fn checked(given: &GivenAmount) -> Result<Credits, Problem> {
    let wrong = |error: AmountError| Problem::from(error).about("credits");
    let credits = given.credits().map_err(wrong)?;
    let most = Credits::from_whole(MOST).map_err(wrong)?;
    let least = most.checked_neg().map_err(wrong)?;
    if credits != Credits::ZERO && (least..=most).contains(&credits) {
        return Ok(credits);
    }
    let message = format!("credits must be within ±{MOST}, and not zero");
    Err(Problem::invalid(message).coded(ErrorCode::InvalidCredits).about("credits"))
}
