//! Spends credits. The ledger is the record: a debit's cause is the caller's key, and the ledger never applies a cause
//! twice.

use identity::rights::Scope;
use identity::rules;
use kernel::ids::{EntryId, OrganizationId, UserId, WalletId};
use kernel::money::Credits;
use ledger::{Cause, Change, CounterAccount, EntryNote, Movement, Posted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;

use super::organizations::membership;
use crate::auth::{Principal, missing};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Amount, GivenAmount, OrgId};
use crate::http::{Response, answer};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/credits/consume",
        consume,
        Description::new(Access::User, "Spend credits")
            .says(
                "Debits the caller's wallet, or an organization's with `orgId`. Grants that lapse first are spent \
                 first. When credits are short nothing is debited.",
            )
            .idempotency_key()
            .takes::<Consume>()
            .answers::<Consumed>(StatusCode::OK, "The credits are spent.")
            .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Consume)]
struct Consume {
    /// How many; more than none.
    credits: GivenAmount,
    /// For people, shown in the history.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What it was for, in a word of yours; `usage` unless given.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    entry_type: Option<String>,
    /// The organization whose credits are spent, rather than the caller's own.
    org_id: Option<OrgId>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Consumed)]
struct Consumed {
    /// The ledger's entry.
    #[schema(value_type = Uuid)]
    transaction_id: EntryId,
    /// What is left.
    balance: Amount,
}

async fn consume(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: Consume = read_json(&call)?;
    let amount = positive(&request.credits)?;
    let description = checked_description(request.description)?;
    let entry_type = checked_type(request.entry_type)?;
    let wallet_id = wallet_to_spend(&api, &principal, request.org_id.map(|id| id.0)).await?;
    let movement = Movement {
        wallet_id,
        cause: Cause { kind: "consume", id: cause(&principal.user_id, call.idempotency_key()?) },
        change: Change::Debit(amount),
        counter_account: CounterAccount::Usage,
        entry_type: entry_type.clone(),
        description: description.clone(),
        note: EntryNote::default(),
    };
    match api.spending.debit(movement).await? {
        Posted::Done { entry_id: Some(entry), balance } => Ok(done(entry, balance)),
        Posted::Done { entry_id: None, .. } => Err(Problem::internal("a debit wrote no entry")),
        Posted::AlreadyPosted {
            entry_id,
            wallet_id: wallet,
            amount: moved,
            entry_type: kind,
            description: text,
            balance,
            ..
        } => {
            let same = wallet == wallet_id
                && moved.checked_neg() == Ok(amount)
                && kind == entry_type
                && text == description;
            if same { Ok(done(entry_id, balance)) } else { Err(ProblemKind::IdempotencyKeyReused.into()) }
        }
        Posted::Refused(refusal) => Err(refusal.into()),
    }
}

fn done(entry: EntryId, balance: Credits) -> Response {
    answer(StatusCode::OK, &Consumed { transaction_id: entry, balance: Amount(balance) })
}

/// The cause's id for the caller's key, or one that is never used again.
fn cause(user: &UserId, key: Option<&str>) -> String {
    match key {
        // The length keeps apart a user `a` with the key `b:c` and a user `a:b` with the key `c`.
        Some(key) => format!("{}:{user}:{key}", user.as_str().len()),
        None => Uuid::now_v7().to_string(),
    }
}

/// The wallet to spend from, if the caller may spend from it.
pub(super) async fn wallet_to_spend(
    api: &SharedState,
    principal: &Principal,
    organization: Option<OrganizationId>,
) -> Result<WalletId, Problem> {
    check_may_spend(principal)?;
    let Some(organization) = organization else { return Ok(principal.wallet_id) };
    let membership = membership(api, principal, organization).await?;
    if rules::may_spend(membership.role) { Ok(membership.wallet_id) } else { Err(may_not()) }
}

/// The caller's role does not let it spend.
pub(super) fn may_not() -> Problem {
    Problem::forbidden("Your role in this organization may not spend its credits.")
}

/// Whether credits may be spent with the caller's credential: debits, and holds from beginning to end. API keys spend;
/// sessions and tokens are what browsers hold, and spend where they were given that right.
pub(super) fn check_may_spend(principal: &Principal) -> Result<(), Problem> {
    if principal.scopes.contains(Scope::Spend) || principal.is_admin {
        Ok(())
    } else {
        Err(missing(Scope::Spend))
    }
}

pub(super) fn positive(given: &GivenAmount) -> Result<Credits, Problem> {
    let amount = given.credits()?;
    if amount.is_positive() {
        Ok(amount)
    } else {
        Err(Problem::invalid("credits must be positive").coded("invalid_credits"))
    }
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
        Err(Problem::invalid(message))
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
        Err(Problem::invalid(message))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_of_different_users_never_meet() {
        let user = |id: &str| UserId::try_from(id.to_owned()).unwrap();
        assert_eq!(cause(&user("a"), Some("k")), cause(&user("a"), Some("k")));
        assert_ne!(cause(&user("a"), Some("b:c")), cause(&user("a:b"), Some("c")));
        assert_ne!(cause(&user("a"), None), cause(&user("a"), None));
    }

    #[test]
    fn texts_that_the_database_refuses_are_refused_first() {
        assert!(checked_description(Some("a\0b".to_owned())).is_err());
        assert!(checked_description(Some("x".repeat(501))).is_err());
        assert!(checked_description(Some("é\n".repeat(250))).is_ok());
        assert!(checked_type(Some("a b".to_owned())).is_err() && checked_type(Some(String::new())).is_err());
        assert_eq!(checked_type(None).ok().as_deref(), Some("usage"));
    }
}
