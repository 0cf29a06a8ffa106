//! Who may do what with a hold.

use identity::Role;
use identity::operations::role_lock;
use identity::rights::Reach;
use identity::rules::{may_manage_holds, may_spend};
use kernel::ids::HoldId;
use ledger::holds::{self, Hold, HoldError};
use sqlx::PgConnection;

use crate::auth::Caller;
use crate::native::wallets::role_not_allowed;
use crate::problem::Problem;

/// What a caller wants of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Look,
    Release,
    Capture,
}

/// Whether a member of an organization may do something with a hold on its wallet, and whether one who may not learns
/// that there is such a hold. They are for who placed them, and for owners and admins to see and give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Yes,
    Forbidden,
    Unknown,
}

fn verdict(deed: Deed, is_mine: bool, role: Option<Role>) -> Verdict {
    match role {
        None => Verdict::Unknown,
        Some(role) if may_manage_holds(role) && deed != Deed::Capture => Verdict::Yes,
        Some(_) if !is_mine => Verdict::Unknown,
        Some(role) if deed == Deed::Look || may_spend(role) => Verdict::Yes,
        Some(_) => Verdict::Forbidden,
    }
}

/// The hold of this id, if the caller may do this with it; another one is as if it were not there. The caller's role
/// stays as it is until the transaction ends.
pub(super) async fn allowed(
    connection: &mut PgConnection,
    caller: &Caller,
    id: &str,
    deed: Deed,
) -> Result<Hold, Problem> {
    let none = || Problem::from(HoldError::NotFound);
    let id: HoldId = id.parse().map_err(|_| none())?;
    let hold =
        holds::find(connection, id).await?.filter(|hold| caller.is_for(hold.wallet_id)).ok_or_else(none)?;
    let verdict = match &caller.reach {
        Reach::Everyone => Verdict::Yes,
        Reach::Organization { wallet_id, .. } if *wallet_id == hold.wallet_id => Verdict::Yes,
        Reach::Organization { .. } => Verdict::Unknown,
        Reach::User { wallet_id, .. } if *wallet_id == hold.wallet_id => Verdict::Yes,
        Reach::User { id: user, .. } => {
            let role = role_lock(connection, user, hold.wallet_id).await?;
            verdict(deed, hold.user_id == *user, role)
        }
    };
    match verdict {
        Verdict::Yes => Ok(hold),
        Verdict::Forbidden => Err(role_not_allowed()),
        Verdict::Unknown => Err(none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_of_an_organization_are_for_who_placed_them_and_for_its_owners_to_give_up() {
        let of = verdict;
        for deed in [Deed::Look, Deed::Release, Deed::Capture] {
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
