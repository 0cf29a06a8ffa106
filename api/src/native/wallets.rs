//! Wallets by the names that callers use for them, and what a caller may do with one.

use identity::rights::{OwnedWallet, Reach, Scope, WalletName};
use identity::{operations, rules};
use kernel::ids::{OrganizationId, UserId, WalletId};

use crate::auth::Caller;
use crate::problem::Problem;
use crate::state::SharedState;

/// A wallet that the caller may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AddressedWallet {
    pub(super) id: WalletId,
    /// The user whose own it is.
    pub(super) user_id: Option<UserId>,
    /// The organization whose it is.
    pub(super) organization_id: Option<OrganizationId>,
}

impl From<OwnedWallet> for AddressedWallet {
    fn from(wallet: OwnedWallet) -> Self {
        Self { id: wallet.id, user_id: wallet.user_id, organization_id: wallet.organization_id }
    }
}

/// The wallet of this name, if the caller may do with it what the scope is for. One that the caller does not reach is
/// as if it were not there.
pub(super) async fn addressed(
    api: &SharedState,
    caller: &Caller,
    name: &str,
    scope: Scope,
) -> Result<AddressedWallet, Problem> {
    caller.check(scope)?;
    let name = match name.parse().map_err(|_| no_wallet())? {
        WalletName::Own => WalletName::Id(caller.reach.own_wallet().ok_or_else(no_own_wallet)?),
        other => other,
    };
    let wallet = operations::wallet_named(&api.pool, &name).await?.ok_or_else(no_wallet)?;
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
            Reach::User { .. } => Problem::forbidden("Your role in this organization does not allow this.")
                .coded("role_not_allowed"),
            Reach::Everyone | Reach::Organization { .. } => no_wallet(),
        });
    }
    if wallet.is_blocked && matches!(scope, Scope::Spend | Scope::Buy) {
        let message = "The user whose wallet it is was blocked: unblock them first.";
        return Err(Problem::conflict("user_blocked", message));
    }
    Ok(wallet.into())
}

fn no_own_wallet() -> Problem {
    let message =
        "This credential has no wallet of its own: name the wallet user:ID, org:ID or by its own id.";
    Problem::not_found(message).coded("wallet_not_found")
}

fn no_wallet() -> Problem {
    let message = "There is no such wallet: name it user:ID, org:ID, by its own id, or `me`.";
    Problem::not_found(message).coded("wallet_not_found")
}
