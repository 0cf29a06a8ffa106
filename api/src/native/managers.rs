//! Who manages the members of an organization: a server that manages everything, and with a session that was given for
//! it, its own owners and admins. Only owners decide who is an owner.

use identity::rights::{Reach, Scope};
use identity::{Role, operations};
use kernel::ids::{OrganizationId, UserId};

use super::wallets::role_not_allowed;
use crate::auth::Caller;
use crate::http::call::Call;
use crate::problem::Problem;
use crate::state::SharedState;

/// A caller who manages the members of an organization.
pub(super) struct Manager {
    pub(super) caller: Caller,
    organization: OrganizationId,
    /// The caller's own role there; none of a server, which manages everything.
    own: Option<Role>,
}

impl Manager {
    /// Who calls, if they manage members there. An organization that is not theirs is as if it were not there.
    pub(super) async fn of(
        api: &SharedState,
        call: &Call,
        organization: OrganizationId,
    ) -> Result<Self, Problem> {
        let caller = call.allowed(api, Scope::Manage).await?;
        let Reach::User { id, .. } = &caller.reach else {
            caller.check_everyone(Scope::Manage)?;
            return Ok(Self { caller, organization, own: None });
        };
        let own = operations::membership(&api.pool, id, organization).await?;
        let own = own.filter(|own| caller.is_for(own.wallet_id)).ok_or_else(no_such_organization)?.role;
        Ok(Self { caller, organization, own: Some(own) })
    }

    /// Checks that they may give this member this role; none: take the member out.
    pub(super) async fn check(
        &self,
        api: &SharedState,
        member: &UserId,
        role: Option<Role>,
    ) -> Result<(), Problem> {
        let Some(own) = self.own else { return Ok(()) };
        let present = operations::membership(&api.pool, member, self.organization).await?;
        let may = may_manage(own, present.map(|member| member.role), role);
        if may { Ok(()) } else { Err(role_not_allowed()) }
    }
}

pub(super) fn no_such_organization() -> Problem {
    Problem::not_found("There is no such organization.")
}

/// Whether a caller with the role `own` may change a member from one role to another.
fn may_manage(own: Role, present: Option<Role>, role: Option<Role>) -> bool {
    match own {
        Role::Owner => true,
        Role::Admin => present != Some(Role::Owner) && role != Some(Role::Owner),
        Role::Member | Role::Viewer => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_manage_all_but_owners_and_others_nobody() {
        use Role::{Admin, Member, Owner, Viewer};
        for (own, present, role, may) in [
            (Owner, Some(Owner), Some(Viewer), true),
            (Owner, None, Some(Owner), true),
            (Admin, Some(Member), Some(Admin), true),
            (Admin, None, Some(Viewer), true),
            (Admin, Some(Viewer), None, true),
            (Admin, Some(Owner), Some(Viewer), false),
            (Admin, Some(Owner), None, false),
            (Admin, Some(Member), Some(Owner), false),
            (Member, Some(Viewer), Some(Member), false),
            (Viewer, None, Some(Viewer), false),
        ] {
            assert_eq!(may_manage(own, present, role), may, "{own:?} {present:?} {role:?}");
        }
    }
}
