//! The sessions of operators, and who is signed in.

use identity::operators::{OperatorRole, OperatorSession, sessions};
use identity::rights::Scope;
use kernel::ids::OperatorSessionId;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::{OperatorView, named, operator_id};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Id, Moment};
use crate::http::{Response, answer, empty};
use crate::native::pages_of::{Cursor, paged};
use crate::native::sessions::withdrawn;
use crate::problem::Problem;
use crate::state::SharedState;

/// How many sessions one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let own = |summary: &str| {
        Description::new(Access::Operator(Scope::Read), summary)
            .role(OperatorRole::Viewer)
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/operators/{operatorId}/sessions",
            list,
            paged(named(own("An operator's sessions that have not ended, newest first")), LIMIT)
                .says("An operator sees their own, an admin those of all.")
                .answers::<Sessions>(StatusCode::OK, "The sessions, without their tokens."),
        ),
        Endpoint::get(
            "/purser/v1/operator-session",
            current,
            own("Who is signed in").answers::<CurrentView>(StatusCode::OK, "The operator, and the session."),
        ),
        Endpoint::delete(
            "/purser/v1/operator-sessions/{sessionId}",
            end,
            own("End an operator's session")
                .says("An operator ends their own, an admin anybody's. `current` signs out.")
                .path_parameter::<Id>("sessionId", "The session's id, or `current`.")
                .answers_plainly(StatusCode::NO_CONTENT, "It does not work any more."),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OperatorSessions)]
struct Sessions {
    data: Vec<SessionView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OperatorSession)]
struct SessionView {
    #[schema(value_type = Uuid)]
    session_id: OperatorSessionId,
    created_at: Moment,
    /// To the minute.
    last_seen_at: Moment,
    /// When it ends, if it is used until then; it ends two hours after its last use.
    expires_at: Moment,
    /// Where the operator signed in.
    #[schema(required)]
    address: Option<String>,
    #[schema(required)]
    user_agent: Option<String>,
    /// Whether it is the session of this request.
    current: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::CurrentOperator)]
struct CurrentView {
    #[schema(value_type = Uuid)]
    session_id: OperatorSessionId,
    operator: OperatorView,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Read).await?;
    let id = operator_id(&call, &caller)?;
    if caller.operator.is_none_or(|operator| operator.id != id) {
        caller.check(Scope::Admin)?;
    }
    let page = Cursor::<OperatorSessionId>::read(&call, LIMIT)?;
    let before = page.after.unwrap_or(OperatorSessionId(uuid::Uuid::max()));
    let mut connection = api.pool.acquire().await?;
    let found = sessions::list(&mut connection, api.clock.now(), id, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |session| session.id.to_string());
    let own = caller.operator.map(|operator| operator.session);
    let data = found.into_iter().map(|session| view(session, own)).collect();
    Ok(answer(StatusCode::OK, &Sessions { data, next_cursor }))
}

fn view(session: OperatorSession, own: Option<OperatorSessionId>) -> SessionView {
    SessionView {
        session_id: session.id,
        created_at: Moment(session.created_at),
        last_seen_at: Moment(session.last_seen_at),
        expires_at: Moment(session.expires_at),
        address: session.address,
        user_agent: session.user_agent,
        current: own == Some(session.id),
    }
}

async fn current(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Read).await?;
    let who = caller.operator.ok_or_else(no_operator)?;
    let found = identity::operators::operations::find(&mut *api.pool.acquire().await?, who.id).await?;
    Ok(answer(StatusCode::OK, &CurrentView { session_id: who.session, operator: found.into() }))
}

async fn end(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Read).await?;
    let none = || Problem::not_found("There is no such session.");
    let id = match (call.path_parameter("sessionId"), caller.operator) {
        ("current", who) => who.ok_or_else(no_operator)?.session,
        (id, _) => id.parse().map_err(|_| none())?,
    };
    let of = match caller.operator {
        _ if caller.may(Scope::Admin) => None,
        who => Some(who.ok_or_else(none)?.id),
    };
    let mut transaction = api.pool.begin().await?;
    let hash = sessions::end(&mut transaction, api.clock.now(), &caller.actor, id, of).await?;
    transaction.commit().await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn no_operator() -> Problem {
    Problem::not_found("No operator is signed in with this credential.")
}
