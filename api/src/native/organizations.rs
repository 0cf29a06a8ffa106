//! Organizations: their members see them, administrators say who is one.

use billing::auto_recharge::custody;
use identity::{Member, OwnOrganization, Role, operations, rules};
use kernel::ids::{OrganizationId, UserId};
use kernel::money::Credits;
use ledger::operations::balance;
use notices::Live;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::{Method, StatusCode};

use super::{ApiError, admin, caller};
use crate::Shared;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, one_of};
use crate::http::{Call, Response, answer, empty, json as body};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let organization =
        |description: Description| description.path_parameter::<i64>("orgId", "The organization's id.");
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
        Endpoint::new(
            Method::PUT,
            "/admin/organizations/{orgId}/members/{userId}",
            put_member,
            member(Description::new(Access::Admin, "Give a user a role in an organization"))
                .says(
                    "As a new member, or instead of another role. Owners and admins buy and spend, members spend, \
                     viewers see. An organization that has an owner keeps one.",
                )
                .takes::<RoleBody>()
                .answers::<MemberBody>(StatusCode::OK, "The user has the role.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::new(
            Method::DELETE,
            "/admin/organizations/{orgId}/members/{userId}",
            remove_member,
            member(Description::new(Access::Admin, "Take a user out of an organization"))
                .says("An organization that has an owner keeps one.")
                .answers_plainly(StatusCode::NO_CONTENT, "The user is not a member any more.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Organizations)]
struct Organizations {
    organizations: Vec<Own>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OwnOrganization)]
struct Own {
    #[schema(value_type = i64)]
    org_id: OrganizationId,
    name: String,
    /// What the caller may do there.
    #[schema(schema_with = role_schema)]
    role: &'static str,
    balance: Amount,
}

impl Own {
    fn new(organization: OwnOrganization, balance: Credits) -> Self {
        Self {
            org_id: organization.id,
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
    organization: Own,
    members: Vec<MemberBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OrganizationMember)]
struct MemberBody {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(schema_with = role_schema)]
    role: &'static str,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self { user_id: member.user_id, role: member.role.as_str() }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::NewRole)]
struct RoleBody {
    #[schema(schema_with = role_schema)]
    role: Role,
}

fn role_schema() -> Object {
    one_of(Role::NAMES)
}

async fn list(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let now = api.clock.now();
    let mine = operations::organizations(&api.pool, &principal.user_id).await?;
    let mut connection = api.pool.acquire().await?;
    let mut organizations = Vec::with_capacity(mine.len());
    for organization in mine {
        let balance = balance(&mut connection, now, organization.wallet_id).await?;
        organizations.push(Own::new(organization, balance));
    }
    Ok(answer(StatusCode::OK, &Organizations { organizations }))
}

/// One that the caller is not in is as one that does not exist.
async fn find(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let id = organization_id(&call)?;
    let mine = operations::organizations(&api.pool, &principal.user_id).await?;
    let own = mine.into_iter().find(|organization| organization.id == id).ok_or_else(unknown)?;
    let members = operations::members(&api.pool, id).await?;
    let balance = balance(&mut *api.pool.acquire().await?, api.clock.now(), own.wallet_id).await?;
    let details = Details {
        organization: Own::new(own, balance),
        members: members.into_iter().map(MemberBody::from).collect(),
    };
    Ok(answer(StatusCode::OK, &details))
}

async fn put_member(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let RoleBody { role } = body::read(&call)?;
    let (organization, user) = (organization_id(&call)?, user_id(&call)?);
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    operations::member_put(&mut transaction, now, organization, &user, role).await?;
    if !rules::may_buy(role) {
        custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    }
    transaction.commit().await?;
    announce(&api, &user).await;
    Ok(answer(StatusCode::OK, &MemberBody { user_id: user, role: role.as_str() }))
}

async fn remove_member(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let user = user_id(&call)?;
    let organization = organization_id(&call)?;
    let mut transaction = api.pool.begin().await?;
    operations::member_remove(&mut transaction, organization, &user).await?;
    custody::let_go(&mut transaction, api.clock.now(), &user, Some(organization)).await?;
    transaction.commit().await?;
    announce(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Has the user's live connections opened again, with the wallets that the user may see now.
async fn announce(api: &Shared, user: &UserId) {
    let announcement = Live::MembershipChanged { user_id: user.clone() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, %user, "open connections go on with the wallets that this user saw before");
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("There is no such organization.")
}

fn organization_id(call: &Call) -> Result<OrganizationId, ApiError> {
    call.path_parameter("orgId").parse().map(OrganizationId).map_err(|_| unknown())
}

fn user_id(call: &Call) -> Result<UserId, ApiError> {
    let text = call.path_parameter("userId").to_owned();
    UserId::try_from(text).map_err(|_| ApiError::not_found("There is no such user."))
}
