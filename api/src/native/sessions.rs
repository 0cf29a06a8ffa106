//! Login sessions of users.

use std::time::Duration;

use identity::administration::{self, SessionRecord};
use identity::credentials::CredentialHash;
use identity::operators::OperatorRole;
use identity::rights::{Scope, Scopes};
use identity::{NewSession, operations, rules};
use kernel::ids::{SessionId, UserId};
use notices::Live;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::organizations::user_id;
use super::pages_of::{Cursor, paged};
use super::users::logins_changed;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Id, Moment, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many sessions one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let user = |summary: &str| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::post(
            "/purser/v1/sessions",
            open,
            Description::new(Access::Operator(Scope::Manage), "Open a login session for a user")
                .role(OperatorRole::Admin)
                .says(
                    "Its token is for the user's browser or app, and is shown in this answer only: a repetition with \
                     the same key does not show it again.",
                )
                .idempotency_key()
                .takes::<SessionInput>()
                .answers::<SessionView>(StatusCode::CREATED, "The session.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::delete(
            "/purser/v1/sessions/{sessionId}",
            end,
            Description::new(Access::Operator(Scope::Manage), "End a session")
                .role(OperatorRole::Support)
                .says("It ends at once, and so do live connections that were opened with it.")
                .path_parameter::<Id>("sessionId", "The session's id.")
                .answers_plainly(StatusCode::NO_CONTENT, "It does not work any more.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/purser/v1/users/{userId}/sessions",
            list,
            paged(user("A user's sessions that have not ended, newest first"), LIMIT)
                .answers::<Sessions>(StatusCode::OK, "The sessions, without their tokens."),
        ),
        Endpoint::delete(
            "/purser/v1/users/{userId}/sessions",
            end_all,
            user("End all sessions of a user")
                .role(OperatorRole::Support)
                .answers_plainly(StatusCode::NO_CONTENT, "None of them works any more."),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewSession, example = json!({"userId": "alice", "ttlSeconds": 3600}))]
struct SessionInput {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// How long it lasts; a day unless given.
    #[schema(minimum = 1, maximum = 31_536_000)]
    ttl_seconds: Option<u64>,
    /// What may be done with it: of `read`, `buy` and `spend`; `read` and `buy` unless given.
    #[schema(schema_with = scopes_schema)]
    scopes: Option<Scopes>,
}

fn scopes_schema() -> Array {
    let names: Vec<&str> = Scope::OF_USERS.into_iter().map(Scope::as_str).collect();
    ArrayBuilder::new().items(one_of(&names)).build()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Session)]
struct SessionView {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    /// The token itself.
    session_token: String,
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Sessions)]
struct Sessions {
    data: Vec<SessionRecordView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::SessionRecord)]
pub(super) struct SessionRecordView {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    created_at: Moment,
    expires_at: Moment,
    #[schema(schema_with = scopes_schema)]
    scopes: Scopes,
}

impl From<SessionRecord> for SessionRecordView {
    fn from(session: SessionRecord) -> Self {
        Self {
            session_id: session.id,
            created_at: Moment(session.created_at),
            expires_at: Moment(session.expires_at),
            scopes: session.scopes,
        }
    }
}

/// What a browser needs.
fn usual_scopes() -> Scopes {
    [Scope::Read, Scope::Buy].into_iter().collect()
}

async fn open(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let request: SessionInput = read_object(&call)?;
    let ttl = request.ttl_seconds.map_or(rules::SESSION_TTL, Duration::from_secs);
    let scopes = request.scopes.unwrap_or_else(usual_scopes);
    let session = NewSession { user: request.user_id, ttl, scopes };
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let opened = operations::session_create(&api.pool, api.clock.now(), &actor, &session).await?;
            let view = SessionView {
                session_id: opened.id,
                session_token: opened.token.text,
                expires_at: Moment(opened.expires_at),
            };
            Ok((StatusCode::CREATED, view))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let (user, now, page) = (user_id(&call)?, api.clock.now(), Cursor::<SessionId>::read(&call, LIMIT)?);
    let mut connection = api.pool.acquire().await?;
    administration::account(&mut connection, &user).await?;
    let before = page.after.unwrap_or(SessionId(uuid::Uuid::max()));
    let found = administration::sessions(&mut connection, now, &user, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |session| session.id.to_string());
    let data = found.into_iter().map(SessionRecordView::from).collect();
    Ok(answer(StatusCode::OK, &Sessions { data, next_cursor }))
}

async fn end_all(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let user = user_id(&call)?;
    let mut transaction = api.pool.begin().await?;
    administration::sessions_end(&mut transaction, api.clock.now(), &caller.actor, &user).await?;
    transaction.commit().await?;
    logins_changed(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn end(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let id = call.path_parameter("sessionId").parse();
    let id: SessionId = id.map_err(|_| Problem::not_found("There is no such session."))?;
    let mut transaction = api.pool.begin().await?;
    let hash = administration::session_end(&mut transaction, api.clock.now(), &caller.actor, id).await?;
    transaction.commit().await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Has every instance forget a credential, and end the live connections that were opened with it.
pub(super) async fn withdrawn(api: &SharedState, credential: CredentialHash) {
    api.auth.forget(credential).await;
    let announcement = Live::CredentialRevoked { key_hash: credential.to_hex() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, "other instances may accept a withdrawn credential for up to half a minute");
    }
}
