//! What administrators did.

use audit::{Filter, RecordedAction};
use identity::rights::Scope;
use kernel::ids::AdminActionId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::entries::moment;
use super::pages_of::{Cursor, paged};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Moment;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LIMIT: i64 = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/audit-log",
        list,
        paged(
            Description::new(Access::Operator(Scope::Admin), "What administrators did, newest first"),
            LIMIT,
        )
        .query::<String>("actor", "Only what this one did, as `actor` of an action names them.")
        .query::<String>("action", "Only such actions, such as `user.block`.")
        .query::<String>("subject", "Only what was done to this, as `subject` of an action names it.")
        .query::<Moment>("from", "Only what was done then or later.")
        .query::<Moment>("to", "Only what was done before.")
        .answers::<Actions>(StatusCode::OK, "The actions: who, when, what, to what."),
    )]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::AuditLog)]
struct Actions {
    data: Vec<ActionView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::AuditedAction)]
struct ActionView {
    #[schema(value_type = Uuid)]
    action_id: AdminActionId,
    /// `admin` for the configured key, `operator:`, `key:` or `user:` and the id, or `command line`.
    actor: String,
    /// Such as `user.block`.
    action: String,
    /// What it was done to: an id or a name.
    subject: String,
    details: Value,
    /// The address that the request came from; none of what was done at a command line.
    #[schema(required)]
    address: Option<String>,
    at: Moment,
}

impl From<RecordedAction> for ActionView {
    fn from(recorded: RecordedAction) -> Self {
        Self {
            action_id: recorded.id,
            actor: recorded.action.actor,
            action: recorded.action.action,
            subject: recorded.action.subject,
            details: recorded.action.details,
            address: recorded.address,
            at: Moment(recorded.created_at),
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let page = Cursor::<AdminActionId>::read(&call, LIMIT)?;
    let text = |name: &str| call.parameter(name).map(str::to_owned);
    let filter = Filter {
        actor: text("actor"),
        action: text("action"),
        subject: text("subject"),
        from: moment(&call, "from")?,
        to: moment(&call, "to")?,
    };
    let before = page.after.unwrap_or(AdminActionId(uuid::Uuid::max()));
    let found = audit::before(&mut *api.reads.acquire().await?, &filter, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |recorded| recorded.id.to_string());
    let data = found.into_iter().map(ActionView::from).collect();
    Ok(answer(StatusCode::OK, &Actions { data, next_cursor }))
}
