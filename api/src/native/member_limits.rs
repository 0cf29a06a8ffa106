//! Limits of members: who may set them, and how they are set.

use identity::Role;
use identity::operations::{organization_wallet, role_lock};
use identity::rights::{Reach, Scope};
use identity::rules::may_limit;
use ledger::limits::{self, LimitStatus, Limits};
use warp::http::StatusCode;

use super::limits::{LimitInput, LimitView, set_of_member};
use super::managers::no_such_organization;
use super::organizations::{organization_id, user_id};
use super::wallets::role_not_allowed;
use crate::auth::Caller;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::OrgId;
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let member = |summary: &str, text: &str| {
        let who = "In a session with the scope `buy`, owners limit everybody, and admins members and viewers. A \
                   server does with the scope `manage`.";
        Description::new(Access::Allowed(Scope::Buy), summary)
            .says(&format!("{text} {who}"))
            .path_parameter::<OrgId>("orgId", "The organization's id.")
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::put(
            "/purser/v1/organizations/{orgId}/members/{userId}/limit",
            put_limit,
            member(
                "Limit what a member spends",
                "Of the organization's credits, in a day or a month of UTC; instead of another limit, and at once. \
                 What \
                 was counted before stays counted.",
            )
            .takes::<LimitInput>()
            .answers::<LimitView>(StatusCode::OK, "The limit, and where it stands."),
        ),
        Endpoint::delete(
            "/purser/v1/organizations/{orgId}/members/{userId}/limit",
            remove_limit,
            member("Take a member's limit away", "The member spends as much as there is.")
                .answers_plainly(StatusCode::NO_CONTENT, "The member has no limit."),
        ),
    ]
}

async fn put_limit(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = allowed(&api, &call).await?;
    let limits = read_object::<LimitInput>(&call)?.limits("credits")?;
    match change(&api, &call, &caller, limits).await? {
        Some(limit) => Ok(answer(StatusCode::OK, &LimitView::from(limit))),
        None => Err(Problem::internal("a limit that was set is not there")),
    }
}

async fn remove_limit(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = allowed(&api, &call).await?;
    change(&api, &call, &caller, Limits::default()).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Who buys for the organization limits what its members spend; servers that only sell do not.
async fn allowed(api: &SharedState, call: &Call) -> Result<Caller, Problem> {
    let scope = |caller: &Caller| match caller.reach {
        Reach::User { .. } => Scope::Buy,
        Reach::Organization { .. } | Reach::Everyone => Scope::Manage,
    };
    call.allowed_as(api, scope).await
}

async fn change(
    api: &SharedState,
    call: &Call,
    caller: &Caller,
    new: Limits,
) -> Result<Option<LimitStatus>, Problem> {
    let (organization, user, now) = (organization_id(call)?, user_id(call)?, api.clock.now());
    let mut transaction = api.pool.begin().await?;
    let wallet =
        organization_wallet(&mut transaction, organization).await?.ok_or_else(no_such_organization)?;
    let actor_role = match &caller.reach {
        Reach::Everyone => None,
        Reach::Organization { id, .. } if *id == organization => None,
        Reach::Organization { .. } => return Err(no_such_organization()),
        Reach::User { .. } if !caller.is_for(wallet) => return Err(no_such_organization()),
        Reach::User { id, .. } => {
            Some(role_lock(&mut transaction, id, wallet).await?.ok_or_else(no_such_organization)?)
        }
    };
    // The answer to a member who may not set limits does not depend on who else is a member.
    if actor_role.is_some_and(|actor| !may_limit(actor, Role::Viewer)) {
        return Err(role_not_allowed());
    }
    let none = || Problem::not_found("The organization has no such member.");
    let role = role_lock(&mut transaction, &user, wallet).await?.ok_or_else(none)?;
    if actor_role.is_some_and(|actor| !may_limit(actor, role)) {
        return Err(role_not_allowed());
    }
    set_of_member(&mut transaction, now, &caller.actor, organization, &user, new).await?;
    let set = limits::of_members(&mut transaction, now, wallet).await?.remove(&user).unwrap_or_default();
    transaction.commit().await?;
    Ok(set.into_iter().next())
}
