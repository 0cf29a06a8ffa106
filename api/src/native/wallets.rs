//! Wallets: by the names that callers use for them, what a caller may do with one, and what is in it.

use identity::rights::{OwnedWallet, Reach, Scope, WalletName};
use identity::{operations, rules};
use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use ledger::grants::lapsing;
use ledger::states::states;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::auth::Caller;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Moment, OrgId};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/wallets/{wallet}",
        find,
        Description::new(Access::Allowed(Scope::Read), "Look at a wallet")
            .says("What is in it, what of that is held or owed, and what lapses when.")
            .wallet()
            .answers::<WalletView>(StatusCode::OK, "The wallet."),
    )]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Wallet)]
pub(super) struct WalletView {
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// The user whose own it is.
    #[schema(value_type = Option<String>, required)]
    user_id: Option<UserId>,
    /// The organization whose it is.
    #[schema(required)]
    org_id: Option<OrgId>,
    /// Everything in it, what is held included, less what is owed.
    balance: Amount,
    /// What can be spent now.
    available: Amount,
    /// What holds keep.
    held: Amount,
    /// What is owed: the next credits pay it first.
    debt: Amount,
    /// What lapses when if it is not spent before, the soonest first; at most 20 moments.
    lapsing: Vec<LapsingView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Lapsing)]
struct LapsingView {
    credits: Amount,
    at: Moment,
}

/// How many moments of lapsing an answer names at most.
const LAPSING_MAX: i64 = 20;

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let view = shown(&mut *api.pool.acquire().await?, api.clock.now(), wallet).await?;
    Ok(answer(StatusCode::OK, &view))
}

pub(super) async fn shown(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: OwnedWallet,
) -> Result<WalletView, Problem> {
    let state = states(connection, now, &[wallet.id]).await?.pop().ok_or_else(no_wallet)?;
    let lapsing = lapsing(connection, now, wallet.id, LAPSING_MAX).await?;
    Ok(WalletView {
        wallet_id: wallet.id,
        user_id: wallet.user_id,
        org_id: wallet.organization_id.map(OrgId),
        balance: Amount(state.balance),
        available: Amount(state.available()),
        held: Amount(state.held),
        debt: Amount(state.debt),
        lapsing: lapsing
            .into_iter()
            .map(|(credits, at)| LapsingView { credits: Amount(credits), at: Moment(at) })
            .collect(),
    })
}

/// The wallet of this name, if the caller may do with it what the scope is for. One that the caller does not reach is
/// as if it were not there.
pub(super) async fn addressed(
    api: &SharedState,
    caller: &Caller,
    name: &str,
    scope: Scope,
) -> Result<OwnedWallet, Problem> {
    caller.check(scope)?;
    let name = match name.parse().map_err(|_| no_wallet())? {
        WalletName::Own => WalletName::Id(caller.own_wallet().ok_or_else(no_own_wallet)?),
        other => other,
    };
    let wallet =
        api.auth.wallet(&name).await?.filter(|wallet| caller.is_for(wallet.id)).ok_or_else(no_wallet)?;
    let allowed = match &caller.reach {
        Reach::Everyone => true,
        Reach::Organization { wallet_id, .. } => *wallet_id == wallet.id,
        Reach::User { wallet_id, .. } if *wallet_id == wallet.id => true,
        Reach::User { id, .. } => {
            let Some(organization) = wallet.organization_id else { return Err(no_wallet()) };
            let member = operations::membership(&api.pool, id, organization).await?;
            let role = member.ok_or_else(no_wallet)?.role;
            match scope {
                Scope::Read => true,
                Scope::Spend => rules::may_spend(role),
                Scope::Buy => rules::may_buy(role),
                Scope::Manage | Scope::Admin => false,
            }
        }
    };
    if !allowed {
        return Err(match caller.reach {
            Reach::User { .. } => role_not_allowed(),
            Reach::Everyone | Reach::Organization { .. } => no_wallet(),
        });
    }
    if wallet.is_blocked && matches!(scope, Scope::Spend | Scope::Buy) {
        let message = "The user whose wallet it is was blocked: unblock them first.";
        return Err(Problem::conflict(ErrorCode::UserBlocked, message));
    }
    Ok(wallet)
}

/// Checks that the caller may do what the scope is for with something of this wallet. `none` is the answer to a caller
/// who does not reach the wallet: the thing is as if it were not there.
pub(super) async fn check_reach(
    api: &SharedState,
    caller: &Caller,
    wallet: WalletId,
    scope: Scope,
    none: impl FnOnce() -> Problem,
) -> Result<(), Problem> {
    match addressed(api, caller, &wallet.to_string(), scope).await {
        Ok(_) => Ok(()),
        Err(problem) if problem.code() == ErrorCode::WalletNotFound => Err(none()),
        Err(problem) => Err(problem),
    }
}

pub(super) fn role_not_allowed() -> Problem {
    let message = "Your role in this organization does not allow this.";
    Problem::forbidden(message).coded(ErrorCode::RoleNotAllowed)
}

fn no_own_wallet() -> Problem {
    let message =
        "This credential has no wallet of its own: name the wallet user:ID, org:ID or by its own id.";
    Problem::not_found(message).coded(ErrorCode::WalletNotFound)
}

fn no_wallet() -> Problem {
    let message = "There is no such wallet: name it user:ID, org:ID, by its own id, or `me`.";
    Problem::not_found(message).coded(ErrorCode::WalletNotFound)
}
