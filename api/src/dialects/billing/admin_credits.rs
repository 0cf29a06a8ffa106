//! All transactions, and adjusting a balance by hand. A worker makes the adjustment and records who asked for it.

use identity::operations::{membership, user as user_by_id};
use jobs::outbox;
use kernel::ids::{AdjustmentId, EntryId, OrganizationId, RequestId, UserId, WalletId};
use kernel::money::{AmountError, Credits};
use ledger::adjustments::{AdjustCredits, Adjusted, Adjustment};
use ledger::history::{self, HistoryEntry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::credits::Transaction;
use super::envelope::{List, Success, success};
use super::page::{Page, paged};
use crate::commands::carry_out;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{self, read_json};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

/// The largest adjustment, in whole credits: a typing error must not fill a wallet so far that purchases no longer fit.
const ADJUSTMENT_MAX: i64 = 1_000_000_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/admin/credits/transactions",
            transactions,
            paged(Description::new(Access::Admin, "The transactions of all wallets, newest first"))
                .query::<String>("user_id", "Only those of this user's wallet.")
                .query::<String>("type", "Only those of this type.")
                .answers::<Success<List<OwnedTransaction>>>(StatusCode::OK, "The transactions.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
        Endpoint::post(
            "/admin/credits/manual",
            adjust,
            Description::new(Access::Admin, "Change a balance by hand")
                .says(
                    "What is taken must be available, else nothing is changed (`INSUFFICIENT_CREDITS`). Who asked \
                     for it and why is recorded with the transaction. Sent again with the same `Idempotency-Key` it \
                     is the same change.",
                )
                .header::<String>("Idempotency-Key", "1 to 255 printable ASCII characters.")
                .takes::<AdjustmentInput>()
                .answers::<Success<AdjustmentDone>>(StatusCode::CREATED, "The balance is changed.")
                .answers::<Success<AdjustmentPending>>(StatusCode::ACCEPTED, "The balance will be changed soon.")
                .refuses(&[
                    StatusCode::BAD_REQUEST,
                    StatusCode::NOT_FOUND,
                    StatusCode::CONFLICT,
                    StatusCode::UNPROCESSABLE_ENTITY,
                ]),
        ),
    ]
}

/// A transaction and whose it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::OwnedTransaction)]
struct OwnedTransaction {
    /// The user whose wallet it is…
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// …or the organization.
    org_id: Option<String>,
    #[serde(flatten)]
    transaction: Transaction,
}

impl From<HistoryEntry> for OwnedTransaction {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            user_id: entry.user_id.clone(),
            org_id: entry.organization_id.map(|id| id.to_string()),
            transaction: Transaction::from(entry),
        }
    }
}

async fn transactions(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let Page { limit, offset } = Page::of(&call)?;
    let entry_type = entry_type(call.parameter("type"))?;
    let wallet = match call.parameter("user_id") {
        None => None,
        Some(user) => match wallet_of(&api, user).await? {
            Some((_, wallet)) => Some(wallet),
            None => return Ok(success(StatusCode::OK, List::<OwnedTransaction>(Vec::new()))),
        },
    };
    let mut connection = api.pool.acquire().await?;
    let entries = match wallet {
        Some(wallet) => history::of_wallet(&mut connection, wallet, entry_type, limit, offset).await?,
        None => history::of_all(&mut connection, entry_type, limit, offset).await?,
    };
    let shown: Vec<OwnedTransaction> = entries.into_iter().map(OwnedTransaction::from).collect();
    Ok(success(StatusCode::OK, List(shown)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = billing::ManualAdjustment)]
struct AdjustmentInput {
    /// Whose wallet.
    user_id: String,
    /// Credits to add, or, if negative, to take; at most six decimals, not zero.
    #[schema(value_type = i64)]
    amount: Box<RawValue>,
    /// Why: shown to the user.
    #[schema(min_length = 1, max_length = 500)]
    description: String,
    /// The wallet of this organization, in which the user is, rather than the user's own.
    org_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::ManualAdjustmentDone)]
struct AdjustmentDone {
    #[schema(value_type = uuid::Uuid)]
    transaction_id: EntryId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// As asked for.
    #[schema(value_type = i64)]
    amount: serde_json::Value,
    /// Whole credits, rounded down.
    balance: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::ManualAdjustmentPending)]
struct AdjustmentPending {
    /// Always `pending`.
    status: &'static str,
    #[schema(value_type = String)]
    user_id: UserId,
    /// As asked for.
    #[schema(value_type = i64)]
    amount: serde_json::Value,
}

async fn adjust(api: SharedState, call: Call) -> Result<Response, Problem> {
    let by = call.require_admin(&api).await?.actor;
    let key = call.idempotency_key()?;
    let request: AdjustmentInput = read_json(&call)?;
    let credits = amount(&request.amount)?;
    let description = description(&request.description)?;
    let (user_id, wallet_id) = wallet(&api, &request).await?;
    let adjustment_id =
        key.map_or_else(AdjustmentId::new, |key| RequestId::of("adjustment", &by, key).into());
    let entry_type = "manual".to_owned();
    let adjustment = Adjustment { adjustment_id, wallet_id, credits, entry_type, description, by };
    let job = AdjustCredits { adjustment: Box::new(adjustment) };
    let mut connection = api.pool.acquire().await?;
    let outbox_id = outbox::insert(&mut connection, api.clock.now(), &job).await?;
    drop(connection);
    let amount = credits.to_json();
    let Some(reply) = carry_out(&api, &job, outbox_id).await else {
        return Ok(success(StatusCode::ACCEPTED, AdjustmentPending { status: "pending", user_id, amount }));
    };
    match reply {
        Adjusted::Done { entry_id: transaction_id, balance } => {
            let balance = balance.floor_whole();
            Ok(success(StatusCode::CREATED, AdjustmentDone { transaction_id, user_id, amount, balance }))
        }
        Adjusted::Insufficient { available } => {
            let message = format!("{available} credits are available.");
            Err(Problem::new(ProblemKind::Unprocessable, message).coded(ErrorCode::InsufficientCredits))
        }
        Adjusted::OutOfRange => {
            let message = "The balance would be too large.";
            Err(Problem::new(ProblemKind::Unprocessable, message).coded(ErrorCode::AmountOutOfRange))
        }
        Adjusted::OtherAdjustment => {
            let message = "This Idempotency-Key was used for another request.";
            Err(Problem::conflict(ErrorCode::IdempotencyKeyReused, message))
        }
    }
}

/// The user and the wallet to adjust.
async fn wallet(api: &SharedState, request: &AdjustmentInput) -> Result<(UserId, WalletId), Problem> {
    let found = wallet_of(api, &request.user_id).await?;
    let (user, own) = found.ok_or_else(|| Problem::not_found("There is no such user."))?;
    let Some(organization) = &request.org_id else { return Ok((user, own)) };
    let unknown = || Problem::not_found("The user is in no such organization.");
    let organization = organization.parse().map(OrganizationId).map_err(|_| unknown())?;
    let membership = membership(&api.pool, &user, organization).await?.ok_or_else(unknown)?;
    Ok((user, membership.wallet_id))
}

/// The user and the user's own wallet; none if there is no such user.
async fn wallet_of(api: &SharedState, user: &str) -> Result<Option<(UserId, WalletId)>, Problem> {
    let Ok(user) = UserId::try_from(user.to_owned()) else { return Ok(None) };
    let found = user_by_id(&mut *api.pool.acquire().await?, &user).await?;
    Ok(found.map(|user| (user.id, user.wallet_id)))
}

fn amount(raw: &RawValue) -> Result<Credits, Problem> {
    let out_of_range = || Problem::invalid(format!("amount must be within ±{ADJUSTMENT_MAX}"));
    let amount = json::credits(raw).map_err(|error| match error {
        AmountError::NotANumber => Problem::invalid("amount must be a number"),
        AmountError::TooPrecise => Problem::invalid("amount must have at most six decimals"),
        AmountError::Overflow => out_of_range(),
    })?;
    if amount == Credits::ZERO {
        return Err(Problem::invalid("amount must not be zero"));
    }
    let limit = Credits::from_whole(ADJUSTMENT_MAX).map_err(|_| out_of_range())?;
    let is_within = amount <= limit && amount.checked_neg().is_ok_and(|opposite| opposite <= limit);
    if is_within { Ok(amount) } else { Err(out_of_range()) }
}

/// The text without surrounding space, if it can be stored and shown and is not empty.
fn description(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = (1..=500).contains(&text.chars().count())
        && !text.chars().any(|letter| letter.is_control() && letter != '\n');
    if fits {
        Ok(text.to_owned())
    } else {
        let message = "description must have 1 to 500 characters and no control characters";
        Err(Problem::invalid(message))
    }
}

fn entry_type(text: Option<&str>) -> Result<Option<&str>, Problem> {
    let fits = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if text.is_none_or(fits) {
        Ok(text)
    } else {
        Err(Problem::invalid("type must have 1 to 64 letters, digits, _, . or -"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_are_exact_bounded_and_not_zero() {
        let of = |text: &str| amount(&RawValue::from_string(text.to_owned()).unwrap()).ok();
        assert_eq!(of("-0.000001"), Some(Credits::from_millionths(-1)));
        assert_eq!(of("1000000000"), Credits::from_whole(1_000_000_000).ok());
        assert_eq!(of("-1e9"), Credits::from_whole(-1_000_000_000).ok());
        for text in
            ["0", "-0.0", "1000000000.000001", "-1000000000.000001", "0.0000001", "1e30", "\"5\"", "null"]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
