//! Organizations: members see them, administrators manage their members.

use audit::note;
use billing::auto_recharge::custody;
use identity::administration::{self, OrganizationRecord};
use identity::rights::{Reach, Scope};
use identity::{Member, OwnOrganization, Role, operations, rules};
use kernel::ids::{OrganizationId, OutboxId, UserId, WalletId};
use ledger::holds;
use notices::Live;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{self as openapi, SchemaType, Type};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::managers::{Manager, no_such_organization};
use super::pages_of::{Cursor, paged};
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{Object, read_object};
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
    #[schema(value_type = Vec<MemberInput>)]
    members: Vec<Object<MemberInput>>,
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
struct OrganizationView {
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
#[serde(deny_unknown_fields)]
#[schema(as = native::NewRole, example = json!({"role": "member"}))]
struct RoleInput {
    #[schema(schema_with = role_schema)]
    role: Role,
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
        request.members.into_iter().map(|Object(member)| (member.user_id, member.role)).collect();
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
                .map(|OwnOrganization { id, name, role, wallet_id }| {
                    OrganizationView::new(OrganizationRecord { id, name, wallet_id }, Some(role))
                })
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
    let details = Details {
        organization: OrganizationView::new(found, role),
        members: members.into_iter().map(MemberView::from).collect(),
    };
    Ok(answer(StatusCode::OK, &details))
}

async fn put_member(api: SharedState, call: Call) -> Result<Response, Problem> {
    let organization = organization_id(&call)?;
    let manager = Manager::of(&api, &call, organization).await?;
    let RoleInput { role } = read_object(&call)?;
    let user = user_id(&call)?;
    manager.check(&api, &user, Some(role)).await?;
    let (now, before) = (api.clock.now(), OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    operations::member_put(&mut transaction, now, organization, &user, role).await?;
    let (subject, details) = (organization.to_string(), json!({ "userId": user, "role": role.as_str() }));
    note(&mut transaction, now, &manager.caller.actor, "organization.member_put", &subject, details).await?;
    if !rules::may_spend(role) {
        release_holds(&api, &mut transaction, organization, &user).await?;
    }
    if !rules::may_buy(role) {
        custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    }
    transaction.commit().await?;
    publish_notices_since(&api, before);
    announce_membership_change(&api, &user).await;
    Ok(answer(StatusCode::OK, &MemberView { user_id: user, role: role.as_str() }))
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
    release_holds(&api, &mut transaction, organization, &user).await?;
    custody::let_go(&mut transaction, now, &user, Some(organization)).await?;
    transaction.commit().await?;
    publish_notices_since(&api, before);
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

fn organization_id(call: &Call) -> Result<OrganizationId, Problem> {
    call.path_parameter("orgId").parse().map(OrganizationId).map_err(|_| no_such_organization())
}

pub(super) fn user_id(call: &Call) -> Result<UserId, Problem> {
    let text = call.path_parameter("userId").to_owned();
    UserId::try_from(text).map_err(|_| Problem::not_found("There is no such user."))
}
