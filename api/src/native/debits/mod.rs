//! Debits. The ledger is their record: a debit's cause is the caller's key, and the ledger never applies a cause twice.

mod giving_back;

use futures::future::join_all;
use identity::rights::{OwnedWallet, Reach, Scope};
use identity::{operations, rules};
use kernel::ids::{EntryId, UserId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use ledger::{Author, Cause, Change, CounterAccount, EntryNote, Movement, Posted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;

use crate::auth::Caller;
use crate::http::call::{Call, checked_key};
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::native::wallets::addressed;
use crate::native::words::{ErrorBody, ErrorDetail};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

/// The most debits in one request.
const BATCH_MAX: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::post(
            "/purser/v1/wallets/{wallet}/debits",
            debit,
            Description::new(Access::Allowed(Scope::Spend), "Spend credits")
                .says("Grants that lapse first are spent first. When credits are short nothing is debited.")
                .wallet()
                .idempotency_key()
                .takes::<DebitInput>()
                .answers::<DebitView>(StatusCode::OK, "The credits are spent.")
                .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::CONFLICT]),
        ),
        Endpoint::post(
            "/purser/v1/debits/batch",
            batch,
            Description::new(Access::Allowed(Scope::Spend), "Spend credits of many wallets")
                .says(
                    "Up to 1,000 debits, each on its own: one that is refused keeps no other from being done. Each has \
                     an idempotency key of its own, so that the whole request can be sent again.",
                )
                .takes::<BatchInput>()
                .answers::<BatchView>(StatusCode::OK, "What became of each debit, in their order."),
        ),
    ];
    endpoints.extend(giving_back::endpoints());
    endpoints
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewDebit, example = json!({"credits": 12.5, "type": "render", "description": "Video 7"}))]
struct DebitInput {
    /// How many; more than none.
    credits: GivenAmount,
    /// What it was for, in a word of yours; `usage` unless given.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    entry_type: Option<String>,
    /// For people, shown in the history.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// At most 20 texts of yours.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// The member of the organization for whom its credits are spent.
    #[schema(value_type = Option<String>)]
    member_id: Option<UserId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewDebits, example = json!({"debits": [
    {"wallet": "user:alice", "credits": 1, "idempotencyKey": "render-7"},
    {"wallet": "org:1", "credits": 2.5, "idempotencyKey": "render-8", "memberId": "bob"},
]}))]
struct BatchInput {
    #[schema(min_items = 1, max_items = 1000)]
    debits: Vec<BatchedInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::BatchedDebit)]
struct BatchedInput {
    /// `user:` and an id, `org:` and an id, or the wallet's own id.
    wallet: String,
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: String,
    credits: GivenAmount,
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    entry_type: Option<String>,
    #[schema(max_length = 500)]
    description: Option<String>,
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    #[schema(value_type = Option<String>)]
    member_id: Option<UserId>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Debit)]
struct DebitView {
    /// The ledger's entry.
    #[schema(value_type = Uuid)]
    debit_id: EntryId,
    /// How many were spent.
    credits: Amount,
    /// What is left, right after it.
    balance: Amount,
    /// What of it no hold keeps.
    available: Amount,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Debits)]
struct BatchView {
    data: Vec<Outcome>,
}

/// What became of one debit.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = native::DebitOutcome)]
enum Outcome {
    Done(DebitView),
    Refused { error: ErrorDetail },
}

/// A debit that was asked for, read and checked.
struct Wanted {
    amount: Credits,
    entry_type: String,
    description: Option<String>,
    metadata: Metadata,
    member: Option<UserId>,
}

impl TryFrom<DebitInput> for Wanted {
    type Error = Problem;

    fn try_from(input: DebitInput) -> Result<Self, Problem> {
        Ok(Self {
            amount: positive(&input.credits)?,
            entry_type: checked_type(input.entry_type)?,
            description: checked_description(input.description)?,
            metadata: input.metadata,
            member: input.member_id,
        })
    }
}

async fn debit(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let wanted = read_object::<DebitInput>(&call)?.try_into()?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Spend).await?;
    let done = post(&api, &caller, &wallet, wanted, call.idempotency_key()?).await?;
    Ok(answer(StatusCode::OK, &done))
}

async fn batch(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Spend).await?;
    let BatchInput { debits } = read_object(&call)?;
    if !(1..=BATCH_MAX).contains(&debits.len()) {
        return Err(Problem::invalid("debits must be 1 to 1000").about("debits"));
    }
    api.auth.remember_wallets(debits.iter().filter_map(|input| input.wallet.parse().ok())).await?;
    let each = debits.into_iter().map(|input| batched(&api, &caller, input));
    let data = join_all(each).await.into_iter().map(|outcome| match outcome {
        Ok(done) => Outcome::Done(done),
        Err(problem) => Outcome::Refused { error: ErrorBody::from(&problem).error },
    });
    Ok(answer(StatusCode::OK, &BatchView { data: data.collect() }))
}

async fn batched(api: &SharedState, caller: &Caller, input: BatchedInput) -> Result<DebitView, Problem> {
    checked_key(&input.idempotency_key)?;
    let wallet = addressed(api, caller, &input.wallet, Scope::Spend).await?;
    let BatchedInput { idempotency_key: key, credits, entry_type, description, metadata, member_id, .. } =
        input;
    let wanted = DebitInput { credits, entry_type, description, metadata, member_id }.try_into()?;
    post(api, caller, &wallet, wanted, Some(&key)).await
}

async fn post(
    api: &SharedState,
    caller: &Caller,
    wallet: &OwnedWallet,
    wanted: Wanted,
    key: Option<&str>,
) -> Result<DebitView, Problem> {
    let member = member(api, caller, wallet, wanted.member).await?;
    let movement = Movement {
        wallet_id: wallet.id,
        cause: Cause { kind: "consume", id: cause(caller, key) },
        change: Change::Debit(wanted.amount),
        counter_account: CounterAccount::Usage,
        entry_type: wanted.entry_type.clone(),
        description: wanted.description.clone(),
        note: EntryNote {
            metadata: wanted.metadata.clone(),
            by: Author { member, api_key: caller.api_key },
            ..EntryNote::default()
        },
    };
    let done = |debit_id, balance, available| DebitView {
        debit_id,
        credits: Amount(wanted.amount),
        balance: Amount(balance),
        available: Amount(available),
    };
    match api.spending.debit(movement).await? {
        Posted::Done { entry_id: Some(entry), balance, available, .. } => Ok(done(entry, balance, available)),
        Posted::Done { entry_id: None, .. } => Err(Problem::internal("a debit wrote no entry")),
        Posted::AlreadyPosted {
            entry_id,
            wallet_id,
            amount,
            entry_type,
            description,
            metadata,
            balance,
            available,
        } => {
            let same = wallet_id == wallet.id
                && amount.checked_neg() == Ok(wanted.amount)
                && entry_type == wanted.entry_type
                && description == wanted.description
                && metadata == wanted.metadata;
            if same {
                Ok(done(entry_id, balance, available))
            } else {
                Err(ProblemKind::IdempotencyKeyReused.into())
            }
        }
        Posted::Refused(refusal) => Err(refusal.into()),
    }
}

/// For whom an organization's credits are spent: the user who calls, or the member whom a server names.
pub(super) async fn member(
    api: &SharedState,
    caller: &Caller,
    wallet: &OwnedWallet,
    named: Option<UserId>,
) -> Result<Option<UserId>, Problem> {
    let about = |problem: Problem| problem.about("memberId");
    if let Some(user) = caller.user() {
        return match named {
            Some(named) if named != *user => {
                Err(about(Problem::forbidden("Only your servers spend for other members.")))
            }
            _ => Ok(Some(user.clone())),
        };
    }
    let (Some(named), Some(organization)) = (&named, wallet.organization_id) else {
        return match (named, &wallet.user_id) {
            (Some(named), Some(owner)) if named != *owner => {
                Err(about(Problem::invalid("memberId is for the wallets of organizations")))
            }
            _ => Ok(wallet.user_id.clone()),
        };
    };
    let membership = operations::membership(&api.pool, named, organization).await?;
    let no_member =
        || Problem::not_found("The organization has no such member.").coded(ErrorCode::UserNotFound);
    if rules::may_spend(membership.ok_or_else(no_member).map_err(about)?.role) {
        return Ok(Some(named.clone()));
    }
    let message = "The member's role does not allow to spend the organization's credits.";
    Err(about(Problem::forbidden(message).coded(ErrorCode::RoleNotAllowed)))
}

/// The cause's id for the caller's key, or one that is never used again. The servers that act for everyone share
/// theirs, so that a request can be sent again with another API key.
pub(super) fn cause(caller: &Caller, key: Option<&str>) -> String {
    match (key, &caller.reach) {
        (None, _) => Uuid::now_v7().to_string(),
        (Some(key), Reach::Everyone) => format!("*:{key}"),
        (Some(key), Reach::Organization { id, .. }) => format!("org {id}:{key}"),
        // The length keeps apart a user `a` with the key `b:c` and a user `a:b` with the key `c`.
        (Some(key), Reach::User { id, .. }) => format!("{}:{id}:{key}", id.as_str().len()),
    }
}

pub(super) fn positive(given: &GivenAmount) -> Result<Credits, Problem> {
    let amount = given.credits().map_err(|error| Problem::from(error).about("credits"))?;
    if amount.is_positive() {
        return Ok(amount);
    }
    Err(Problem::invalid("credits must be positive").coded(ErrorCode::InvalidCredits).about("credits"))
}

/// Accepts a description that can be stored and shown.
pub(super) fn checked_description(text: Option<String>) -> Result<Option<String>, Problem> {
    let fits = |text: &String| {
        text.chars().count() <= 500 && !text.chars().any(|letter| letter.is_control() && letter != '\n')
    };
    if text.as_ref().is_none_or(fits) {
        Ok(text)
    } else {
        let message = "description must have at most 500 characters and no control characters";
        Err(Problem::invalid(message).about("description"))
    }
}

pub(super) fn checked_type(text: Option<String>) -> Result<String, Problem> {
    let Some(text) = text else { return Ok("usage".to_owned()) };
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fits {
        Ok(text)
    } else {
        let message = "type must have 1 to 64 letters, digits, _, . or -";
        Err(Problem::invalid(message).about("type"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_that_the_database_refuses_are_refused_first() {
        assert!(checked_description(Some("a\0b".to_owned())).is_err());
        assert!(checked_description(Some("x".repeat(501))).is_err());
        assert!(checked_description(Some("é\n".repeat(250))).is_ok());
        assert!(checked_type(Some("a b".to_owned())).is_err() && checked_type(Some(String::new())).is_err());
        assert_eq!(checked_type(None).ok().as_deref(), Some("usage"));
    }
}
