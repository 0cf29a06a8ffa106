//! Operators: those who run the installation, what each may do, and how they are invited, changed and removed.

mod access;
mod sessions;

use identity::credentials::CredentialHash;
use identity::operators::operations::{self, NewLink};
use identity::operators::{LinkPurpose, NewOperator, Operator, OperatorChange, OperatorRole};
use identity::rights::Scope;
use kernel::config::Mode;
use kernel::ids::OperatorId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::reasons::{caller_reason, checked_reason};
use super::sessions::withdrawn;
use crate::auth::Caller;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Moment, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// How many operators one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    [inviting(), changing(), sessions::endpoints(), access::endpoints()].into_iter().flatten().collect()
}

fn admin(summary: &str) -> Description {
    Description::new(Access::Operator(Scope::Admin), summary)
}

fn named(description: Description) -> Description {
    description
        .path_parameter::<String>("operatorId", "The operator's id, or `me`: the operator who calls.")
        .refuses(&[StatusCode::NOT_FOUND])
}

fn inviting() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/purser/v1/operators",
            invite,
            admin("Invite an operator")
                .says(
                    "The link is for the operator and works once: on its page they choose a password. It is shown in \
                     this answer only, and ends after three days.",
                )
                .idempotency_key()
                .takes::<OperatorInput>()
                .answers::<InvitationView>(StatusCode::CREATED, "The operator, with the link.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::post(
            "/purser/v1/operators/{operatorId}/invite",
            invite_again,
            named(admin("Invite an operator again"))
                .says(
                    "With another link, in place of the one before: for one who lost it, or the password. Accepting it \
                     sets another password and ends the operator's sessions.",
                )
                .idempotency_key()
                .answers::<InvitationView>(StatusCode::CREATED, "The operator, with the link."),
        ),
        Endpoint::post(
            "/purser/v1/operators/{operatorId}/sign-in-link",
            sign_in_link,
            named(admin("Get a link that signs an operator in, in test mode"))
                .says("It works once, within twelve hours. In live mode the answer is 403.")
                .idempotency_key()
                .answers::<InvitationView>(StatusCode::CREATED, "The operator, with the link.")
                .refuses(&[StatusCode::FORBIDDEN]),
        ),
    ]
}

fn changing() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/operators",
            list,
            paged(admin("All operators, the newest first"), LIMIT)
                .answers::<Operators>(StatusCode::OK, "The operators."),
        ),
        Endpoint::get(
            "/purser/v1/operators/{operatorId}",
            find,
            named(admin("Look at an operator")).answers::<OperatorView>(StatusCode::OK, "The operator."),
        ),
        Endpoint::put(
            "/purser/v1/operators/{operatorId}",
            change,
            named(admin("Change an operator, disable one, or enable one again"))
                .says(
                    "What is left out stays as it is. Who is disabled is signed out at once. The last admin who can \
                     sign in stays one.",
                )
                .takes::<ChangeInput>()
                .answers::<OperatorView>(StatusCode::OK, "The operator.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::delete(
            "/purser/v1/operators/{operatorId}",
            remove,
            named(admin("Remove an operator"))
                .says("What the operator did stays in the audit log. The last admin cannot be removed.")
                .required_query::<String>("reason", "Why, for the audit log.")
                .answers_plainly(StatusCode::NO_CONTENT, "The operator is removed.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewOperator,
         example = json!({"email": "ada@example.com", "name": "Ada Lovelace", "role": "support"}))]
struct OperatorInput {
    email: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(schema_with = role_schema)]
    role: OperatorRole,
    /// Why, for the audit log: needed of operators.
    #[schema(min_length = 1, max_length = 500, nullable = false)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::OperatorChange, example = json!({"role": "finance", "reason": "Runs the books from today"}))]
struct ChangeInput {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    #[schema(schema_with = role_schema, required = false)]
    role: Option<OperatorRole>,
    /// Whether the operator is kept out.
    #[schema(nullable = false)]
    disabled: Option<bool>,
    /// Why, for the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

fn role_schema() -> Object {
    one_of(OperatorRole::NAMES)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Operator)]
struct OperatorView {
    #[schema(value_type = Uuid)]
    operator_id: OperatorId,
    email: String,
    name: String,
    #[schema(schema_with = role_schema)]
    role: OperatorRole,
    created_at: Moment,
    /// Since when the operator has a password; null before the invitation is accepted.
    #[schema(required)]
    accepted_at: Option<Moment>,
    /// Since when the operator is kept out.
    #[schema(required)]
    disabled_at: Option<Moment>,
}

impl From<Operator> for OperatorView {
    fn from(operator: Operator) -> Self {
        Self {
            operator_id: operator.id,
            email: operator.email,
            name: operator.name,
            role: operator.role,
            created_at: Moment(operator.created_at),
            accepted_at: operator.accepted_at.map(Moment),
            disabled_at: operator.disabled_at.map(Moment),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OperatorLink)]
struct InvitationView {
    #[serde(flatten)]
    operator: OperatorView,
    /// The link itself.
    url: String,
    /// When it ends.
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Operators)]
struct Operators {
    data: Vec<OperatorView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

async fn invite(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let OperatorInput { email, name, role, reason } = read_object(&call)?;
    let (new, reason) = (NewOperator { email, name, role }, caller_reason(&caller, reason)?);
    let work = {
        let (api, by) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let link = operations::invite(&api.pool, api.clock.now(), &by, &new, reason.as_deref()).await?;
            Ok((StatusCode::CREATED, link_view(&api, "invitation", link)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn invite_again(api: SharedState, call: Call) -> Result<Response, Problem> {
    another_link(api, call, LinkPurpose::Invitation, "invitation").await
}

async fn sign_in_link(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    if api.config.mode == Mode::Live {
        let message = "Nobody is signed in by a link in live mode: invite the operator again.";
        return Err(Problem::forbidden(message).coded(ErrorCode::LiveMode));
    }
    another_link(api, call, LinkPurpose::SignIn, "sign-in").await
}

async fn another_link(
    api: SharedState,
    call: Call,
    purpose: LinkPurpose,
    page: &'static str,
) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = operator_id(&call, &caller)?;
    let work = {
        let (api, by) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let link = operations::link_again(&api.pool, api.clock.now(), &by, id, purpose).await?;
            Ok((StatusCode::CREATED, link_view(&api, page, link)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

fn link_view(api: &SharedState, page: &str, link: NewLink) -> InvitationView {
    InvitationView {
        url: format!("{}/console/{page}?link={}", api.own_origin, link.token.text),
        expires_at: Moment(link.expires_at),
        operator: link.operator.into(),
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let page = Cursor::<OperatorId>::read(&call, LIMIT)?;
    let before = page.after.unwrap_or(OperatorId(uuid::Uuid::max()));
    let found = operations::list(&mut *api.pool.acquire().await?, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |operator| operator.id.to_string());
    let data = found.into_iter().map(OperatorView::from).collect();
    Ok(answer(StatusCode::OK, &Operators { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = operator_id(&call, &caller)?;
    let found = operations::find(&mut *api.pool.acquire().await?, id).await?;
    Ok(answer(StatusCode::OK, &OperatorView::from(found)))
}

async fn change(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let ChangeInput { name, role, disabled, reason } = read_object(&call)?;
    let (id, reason) = (operator_id(&call, &caller)?, checked_reason(reason)?);
    let change = OperatorChange { name, role, disabled };
    let now = api.clock.now();
    let (operator, changed) = operations::change(&api.pool, now, &caller.actor, id, &change, &reason).await?;
    all_withdrawn(&api, changed).await;
    Ok(answer(StatusCode::OK, &OperatorView::from(operator)))
}

async fn remove(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = operator_id(&call, &caller)?;
    let reason = checked_reason(call.parameter("reason").unwrap_or_default().to_owned())?;
    let ended = operations::remove(&api.pool, api.clock.now(), &caller.actor, id, &reason).await?;
    all_withdrawn(&api, ended).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The operator that the path names.
fn operator_id(call: &Call, caller: &Caller) -> Result<OperatorId, Problem> {
    let none = || Problem::not_found("There is no such operator.");
    match call.path_parameter("operatorId") {
        "me" => Ok(caller.operator.ok_or_else(none)?.id),
        id => id.parse().map_err(|_| none()),
    }
}

/// Has every instance read these logins anew.
async fn all_withdrawn(api: &SharedState, credentials: Vec<CredentialHash>) {
    for credential in credentials {
        withdrawn(api, credential).await;
    }
}
