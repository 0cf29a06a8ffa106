//! Organizations: members see them, administrators manage their members.

use audit::note;
use billing::auto_recharge::custody;
use identity::{Member, Membership, OwnOrganization, Role, operations, rules};
use kernel::ids::{OrganizationId, UserId};
use kernel::money::Credits;
use ledger::holds;
use ledger::operations::balance;
use notices::Live;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use crate::auth::Principal;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Amount, OrgId, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let organization =
        |description: Description| description.path_parameter::<OrgId>("orgId", "The organization's id.");
    let member = |description: Description| {
        organization(description).path_parameter::<String>("userId", "The user's id.")
    };
    vec![
        Endpoint::get(
            "/organizations",
            list,
            Description::new(Access::User, "The caller's organizations")
                .answers::<Organizations>(StatusCode::OK, "The organizations, with the caller's role in each."),
        ),
        Endpoint::get(
            "/organizations/{orgId}",
            find,
            organization(Description::new(Access::User, "Look at an organization"))
                .answers::<Details>(StatusCode::OK, "The organization and its members.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::put(
            "/admin/organizations/{orgId}/members/{userId}",
            put_member,
            member(Description::new(Access::Admin, "Give a user a role in an organization"))
                .says(
                    "As a new member, or instead of another role. Owners and admins buy and spend, members spend, \
                     viewers see. An organization that has an owner keeps one. What a viewer to be holds of its \
                     credits is released.",
                )
                .takes::<RoleInput>()
                .answers::<MemberView>(StatusCode::OK, "The user has the role.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::delete(
            "/admin/organizations/{orgId}/members/{userId}",
            remove_member,
            member(Description::new(Access::Admin, "Take a user out of an organization"))
                .says("An organization that has an owner keeps one. What the user holds of its credits is released.")
                .answers_plainly(StatusCode::NO_CONTENT, "The user is not a member any more.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Organizations)]
struct Organizations {
    organizations: Vec<OrganizationView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OwnOrganization)]
struct OrganizationView {
    org_id: OrgId,
    name: String,
    /// What the caller may do there.
    #[schema(schema_with = role_schema)]
    role: &'static str,
    balance: Amount,
}

impl OrganizationView {
    fn new(organization: OwnOrganization, balance: Credits) -> Self {
        Self {
            org_id: OrgId(organization.id),
            name: organization.name,
            role: organization.role.as_str(),
            balance: Amount(balance),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::OrganizationDetails)]
struct Details {
    #[serde(flatten)]
    organization: OrganizationView,
    members: Vec<MemberView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OrganizationMember)]
struct MemberView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(schema_with = role_schema)]
    role: &'static str,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self { user_id: member.user_id, role: member.role.as_str() }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::NewRole)]
struct RoleInput {
    #[schema(schema_with = role_schema)]
    role: Role,
}

fn role_schema() -> Object {
    one_of(Role::NAMES)
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let now = api.clock.now();
    let mine = operations::organizations(&api.pool, &principal.user_id).await?;
    let mut connection = api.pool.acquire().await?;
    let mut organizations = Vec::with_capacity(mine.len());
    for organization in mine {
        let balance = balance(&mut connection, now, organization.wallet_id).await?;
        organizations.push(OrganizationView::new(organization, balance));
    }
    Ok(answer(StatusCode::OK, &Organizations { organizations }))
}

/// An organization without the caller is treated as unknown.
async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let id = organization_id(&call)?;
    let mine = operations::organizations(&api.pool, &principal.user_id).await?;
    let own = mine.into_iter().find(|organization| organization.id == id).ok_or_else(no_such_organization)?;
    let members = operations::members(&api.pool, id).await?;
    let balance = balance(&mut *api.pool.acquire().await?, api.clock.now(), own.wallet_id).await?;
    let details = Details {
        organization: OrganizationView::new(own, balance),
        members: members.into_iter().map(MemberView::from).collect(),
    };
    Ok(answer(StatusCode::OK, &details))
}

async fn put_member(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let RoleInput { role } = read_json(&call)?;
    let (organization, user) = (organization_id(&call)?, user_id(&call)?);
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    operations::member_put(&mut transaction, now, organization, &user, role).await?;
    let (subject, details) = (organization.to_string(), json!({ "userId": user, "role": role.as_str() }));
    note(&mut transaction, now, &admin.actor, "organization.member_put", &subject, details).await?;
    if !rules::may_spend(role) {
        release_holds(&api, &mut transaction, organization, &user).await?;
    }
    if !rules::may_buy(role) {
        custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    }
    transaction.commit().await?;
    announce_membership_change(&api, &user).await;
    Ok(answer(StatusCode::OK, &MemberView { user_id: user, role: role.as_str() }))
}

async fn remove_member(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let user = user_id(&call)?;
    let organization = organization_id(&call)?;
    let mut transaction = api.pool.begin().await?;
    operations::member_remove(&mut transaction, organization, &user).await?;
    let (now, subject) = (api.clock.now(), organization.to_string());
    let details = json!({ "userId": user });
    note(&mut transaction, now, &admin.actor, "organization.member_remove", &subject, details).await?;
    release_holds(&api, &mut transaction, organization, &user).await?;
    custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    transaction.commit().await?;
    announce_membership_change(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Gives up what a user holds of an organization's credits, who may not spend them any more.
pub(super) async fn release_holds(
    api: &SharedState,
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: &UserId,
) -> Result<(), Problem> {
    if let Some(wallet) = operations::organization_wallet(connection, organization).await? {
        holds::release_all_of(connection, api.clock.now(), wallet, user).await?;
    }
    Ok(())
}

/// Ends the user's live connections, so that they are opened again with the wallets that the user may see now.
async fn announce_membership_change(api: &SharedState, user: &UserId) {
    let announcement = Live::MembershipChanged { user_id: user.clone() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, %user, "open connections keep the wallets that this user saw before");
    }
}

/// The caller's membership in an organization. An organization without the caller is treated as unknown.
pub(super) async fn membership(
    api: &SharedState,
    principal: &Principal,
    organization: OrganizationId,
) -> Result<Membership, Problem> {
    let found = operations::membership(&api.pool, &principal.user_id, organization).await?;
    found.ok_or_else(no_such_organization)
}

/// The organization that the query names, if it names one.
pub(super) fn asked_organization(call: &Call) -> Result<Option<OrganizationId>, Problem> {
    let Some(text) = call.parameter("orgId") else { return Ok(None) };
    text.parse().map(OrganizationId).map(Some).map_err(|_| no_such_organization())
}

fn no_such_organization() -> Problem {
    Problem::not_found("There is no such organization.")
}

fn organization_id(call: &Call) -> Result<OrganizationId, Problem> {
    call.path_parameter("orgId").parse().map(OrganizationId).map_err(|_| no_such_organization())
}

pub(super) fn user_id(call: &Call) -> Result<UserId, Problem> {
    let text = call.path_parameter("userId").to_owned();
    UserId::try_from(text).map_err(|_| Problem::not_found("There is no such user."))
}
