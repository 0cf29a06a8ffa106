//! Organizations: members see them, administrators manage their members.

use std::collections::BTreeSet;

use audit::note;
use billing::auto_recharge::custody;
use identity::administration::{self, OrganizationRecord};
use identity::rights::{Reach, Scope};
use identity::{Member, OwnOrganization, Role, operations, rules};
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, OutboxId, UserId, WalletId};
use ledger::holds;
use ledger::limits::{self, LimitStatus, Limits, Whose};
use notices::Live;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{self as openapi, SchemaType, Type};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::limits::{LimitInput, LimitView, set_of_member};
use super::managers::{Manager, no_such_organization};
use super::pages_of::{Cursor, paged};
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{null_is_given, read_object};
use crate::http::values::{OrgId, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many organizations one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let organization =
        |description: Description| description.path_parameter::<OrgId>("orgId", "The organization's id.");
    let member = |description: Description| {
        organization(description).path_parameter::<String>("userId", "The user's id.")
    };
    vec![
        Endpoint::post(
            "/purser/v1/organizations",
            register,
            Description::new(Access::Operator(Scope::Manage), "Make an organization")
                .says("With a wallet that its members share: `org:` and its id.")
                .idempotency_key()
                .takes::<OrganizationInput>()
                .answers::<MadeView>(StatusCode::CREATED, "The organization.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::get(
            "/purser/v1/organizations",
            list,
            paged(Description::new(Access::Allowed(Scope::Read), "Organizations, ordered by id"), LIMIT)
                .says("All of them; for a user, their own.")
                .answers::<Organizations>(StatusCode::OK, "The organizations."),
        ),
        Endpoint::get(
            "/purser/v1/organizations/{orgId}",
            find,
            organization(Description::new(Access::Allowed(Scope::Read), "Look at an organization"))
                .answers::<Details>(StatusCode::OK, "The organization and its members.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::put(
            "/purser/v1/organizations/{orgId}/members/{userId}",
            put_member,
            member(Description::new(Access::Allowed(Scope::Manage), "Give a user a role in an organization"))
                .says(
                    "As a new member, or instead of another role. Owners and admins buy and spend, members spend, \
                     viewers see. An organization that has an owner keeps one. What a viewer to be holds of its \
                     credits is released. Owners and admins may do it themselves, with the session of a wallet page; \
                     only owners decide who is an owner.",
                )
                .takes::<RoleInput>()
                .answers::<MemberView>(StatusCode::OK, "The user has the role.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::delete(
            "/purser/v1/organizations/{orgId}/members/{userId}",
            remove_member,
            member(Description::new(Access::Allowed(Scope::Manage), "Take a user out of an organization"))
                .says("An organization that has an owner keeps one. What the user holds of its credits is released.")
                .answers_plainly(StatusCode::NO_CONTENT, "The user is not a member any more.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewOrganization, example = json!({"name": "Acme", "members": []}))]
struct OrganizationInput {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[serde(default)]
    members: Vec<MemberInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::Member)]
struct MemberInput {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    #[schema(schema_with = role_schema)]
    role: Role,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewOrganizationMade)]
struct MadeView {
    org_id: OrgId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Organizations)]
struct Organizations {
    data: Vec<OrganizationView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Organization)]
pub(super) struct OrganizationView {
    org_id: OrgId,
    name: String,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// What the caller may do there; null for who is no user.
    #[schema(schema_with = role_or_none, required)]
    role: Option<&'static str>,
}

impl OrganizationView {
    fn new(organization: OrganizationRecord, role: Option<Role>) -> Self {
        Self {
            org_id: OrgId(organization.id),
            name: organization.name,
            wallet_id: organization.wallet_id,
            role: role.map(Role::as_str),
        }
    }
}

impl From<OwnOrganization> for OrganizationView {
    fn from(OwnOrganization { id, name, role, wallet_id }: OwnOrganization) -> Self {
        Self::new(OrganizationRecord { id, name, wallet_id }, Some(role))
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
    /// How much of the organization's credits the member may spend; null: as much as there is.
    #[schema(required)]
    limit: Option<LimitView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewRole, example = json!({"role": "member", "limit": {"credits": 100, "per": "day"}}))]
struct RoleInput {
    #[schema(schema_with = role_schema)]
    role: Role,
    /// How much of the organization's credits the member may spend; null: as much as there is. Left out, it is as it
    /// was, and a new member has none.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<LimitInput>)]
    limit: Option<Option<LimitInput>>,
}

fn role_schema() -> openapi::Object {
    one_of(Role::NAMES)
}

fn role_or_none() -> openapi::Object {
    let mut schema = role_schema();
    schema.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    schema.enum_values.get_or_insert_default().push(Value::Null);
    schema
}

async fn register(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let request: OrganizationInput = read_object(&call)?;
    let members: Vec<(UserId, Role)> =
        request.members.into_iter().map(|member| (member.user_id, member.role)).collect();
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let now = api.clock.now();
            let made =
                operations::organization_create(&api.pool, now, &actor, &request.name, &members).await?;
            Ok((StatusCode::CREATED, MadeView { org_id: OrgId(made.id), wallet_id: made.wallet_id }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let unknown = |_| Problem::invalid("cursor is none that was answered").about("cursor");
    let page = Cursor::read_by(&call, LIMIT, |text| text.parse().map(OrganizationId).map_err(unknown))?;
    let after = page.after.unwrap_or(OrganizationId(0));
    let mut connection = api.pool.acquire().await?;
    let found: Vec<OrganizationView> = match &caller.reach {
        Reach::Everyone => {
            let all = administration::organizations(&mut connection, after, page.asked()).await?;
            all.into_iter().map(|organization| OrganizationView::new(organization, None)).collect()
        }
        Reach::User { id, .. } => {
            let own = operations::organizations(&api.pool, id).await?.into_iter();
            own.filter(|own| own.id > after && caller.is_for(own.wallet_id))
                .map(OrganizationView::from)
                .collect()
        }
        Reach::Organization { id, .. } => {
            let bound = administration::organization(&mut connection, *id).await?;
            let bound = bound.into_iter().filter(|bound| bound.id > after);
            bound.map(|organization| OrganizationView::new(organization, None)).collect()
        }
    };
    let (data, next_cursor) = page.cut(found, |organization| organization.org_id.0.to_string());
    Ok(answer(StatusCode::OK, &Organizations { data, next_cursor }))
}

/// An organization that is not the caller's is treated as unknown.
async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let id = organization_id(&call)?;
    let role = match &caller.reach {
        Reach::Everyone => None,
        Reach::Organization { id: bound, .. } if *bound == id => None,
        Reach::Organization { .. } => return Err(no_such_organization()),
        Reach::User { id: user, .. } => {
            let membership = operations::membership(&api.pool, user, id).await?;
            let membership = membership.filter(|membership| caller.is_for(membership.wallet_id));
            Some(membership.ok_or_else(no_such_organization)?.role)
        }
    };
    let found = administration::organization(&mut *api.pool.acquire().await?, id).await?;
    let found = found.ok_or_else(no_such_organization)?;
    let members = operations::members(&api.pool, id).await?;
    let mut limits =
        limits::of_members(&mut *api.pool.acquire().await?, api.clock.now(), found.wallet_id).await?;
    let members = members.into_iter().map(|Member { user_id, role }| MemberView {
        limit: only(limits.remove(&user_id)),
        role: role.as_str(),
        user_id,
    });
    let members = members.collect();
    let details = Details { organization: OrganizationView::new(found, role), members };
    Ok(answer(StatusCode::OK, &details))
}

/// A member has one limit at most.
fn only(limits: Option<Vec<LimitStatus>>) -> Option<LimitView> {
    limits.unwrap_or_default().into_iter().next().map(LimitView::from)
}

async fn put_member(api: SharedState, call: Call) -> Result<Response, Problem> {
    let organization = organization_id(&call)?;
    let manager = Manager::of(&api, &call, organization).await?;
    let RoleInput { role, limit } = read_object(&call)?;
    let new = limit.map(|limit| limit.map_or(Ok(Limits::default()), |limit| limit.limits("limit.credits")));
    let new = new.transpose()?;
    let user = user_id(&call)?;
    manager.check(&api, &user, Some(role)).await?;
    let (now, before) = (api.clock.now(), OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    operations::member_put(&mut transaction, now, organization, &user, role).await?;
    let (subject, details) = (organization.to_string(), json!({ "userId": user, "role": role.as_str() }));
    note(&mut transaction, now, &manager.caller.actor, "organization.member_put", &subject, details).await?;
    if !rules::may_spend(role) {
        release_holds(&api, &mut transaction, &[organization], &user).await?;
    }
    if !rules::may_buy(role) {
        custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    }
    if let Some(new) = new {
        set_of_member(&mut transaction, now, &manager.caller.actor, organization, &user, new).await?;
    }
    let limit = match operations::organization_wallet(&mut transaction, organization).await? {
        Some(wallet) => only(limits::of_members(&mut transaction, now, wallet).await?.remove(&user)),
        None => None,
    };
    transaction.commit().await?;
    publish_notices_since(&api, before);
    announce_membership_change(&api, &user).await;
    Ok(answer(StatusCode::OK, &MemberView { user_id: user, role: role.as_str(), limit }))
}

async fn remove_member(api: SharedState, call: Call) -> Result<Response, Problem> {
    let organization = organization_id(&call)?;
    let manager = Manager::of(&api, &call, organization).await?;
    let user = user_id(&call)?;
    manager.check(&api, &user, None).await?;
    let before = OutboxId::new();
    let mut transaction = api.pool.begin().await?;
    operations::member_remove(&mut transaction, organization, &user).await?;
    let (now, subject) = (api.clock.now(), organization.to_string());
    let details = json!({ "userId": user });
    note(&mut transaction, now, &manager.caller.actor, "organization.member_remove", &subject, details)
        .await?;
    release_holds(&api, &mut transaction, &[organization], &user).await?;
    custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    end_limits(&mut transaction, now, &[organization], &user).await?;
    transaction.commit().await?;
    publish_notices_since(&api, before);
    announce_membership_change(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Gives up what a user holds of organizations' credits, who may not spend them any more.
pub(super) async fn release_holds(
    api: &SharedState,
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
    user: &UserId,
) -> Result<(), Problem> {
    let wallets = wallets_of(connection, organizations).await?;
    holds::release_all_of(connection, api.clock.now(), &wallets, user).await?;
    Ok(())
}

/// Takes the limits away of a user who leaves organizations. What was counted is known if the user comes back.
pub(super) async fn end_limits(
    connection: &mut PgConnection,
    now: Timestamp,
    organizations: &[OrganizationId],
    user: &UserId,
) -> Result<(), Problem> {
    for wallet_id in wallets_of(connection, organizations).await? {
        let whose = Whose::Member { wallet_id, user_id: user.clone() };
        limits::put(connection, now, &whose, Limits::default()).await?;
    }
    Ok(())
}

async fn wallets_of(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> Result<BTreeSet<WalletId>, sqlx::Error> {
    let mut wallets = BTreeSet::new();
    for organization in organizations {
        wallets.extend(operations::organization_wallet(connection, *organization).await?);
    }
    Ok(wallets)
}

/// Ends the user's live connections, so that they are opened again with the wallets that the user may see now.
async fn announce_membership_change(api: &SharedState, user: &UserId) {
    let announcement = Live::MembershipChanged { user_id: user.clone() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, %user, "open connections keep the wallets that this user saw before");
    }
}

pub(super) fn organization_id(call: &Call) -> Result<OrganizationId, Problem> {
    call.path_parameter("orgId").parse().map(OrganizationId).map_err(|_| no_such_organization())
}

pub(super) fn user_id(call: &Call) -> Result<UserId, Problem> {
    let text = call.path_parameter("userId").to_owned();
    UserId::try_from(text).map_err(|_| Problem::not_found("There is no such user."))
}
