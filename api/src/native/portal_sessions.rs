//! Sessions of the pages on which customers see a wallet (`/wallet`): made by the host application, opened by a link,
//! once.

use identity::credentials::CredentialHash;
use identity::portal::{self, NewPortalSession, PortalSession};
use identity::rights::Scope;
use identity::{administration, operations};
use kernel::ids::{PortalSessionId, UserId, WalletId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::sessions::withdrawn;
use super::wallets::addressed;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Id, Moment};
use crate::http::{Response, answer, empty};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

/// How many sessions one answer lists at most.
const LIMIT: i64 = 200;
/// The languages that the pages have.
pub(crate) const LOCALES: [&str; 3] = ["en", "de", "tr"];
/// Where a link leads: the secret follows.
pub(crate) const LINK: &str = "/wallet/open/";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/purser/v1/portal-sessions",
            make,
            Description::new(Access::Operator(Scope::Manage), "Make a link to a customer's wallet page")
                .says(
                    "Send the customer there: the link opens the page once, within ten minutes. The session that it \
                     opens lasts two hours and is good for this wallet alone, with the scopes `read` and `buy`. For an \
                     organization `memberId` says as which of its members; without it, it is the organization's own.",
                )
                .idempotency_key()
                .takes::<PortalSessionInput>()
                .answers::<PortalSessionMade>(StatusCode::CREATED, "The link. It is shown in this answer only.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/portal-sessions",
            list,
            paged(Description::new(Access::Operator(Scope::Manage), "Who looks at a wallet's page"), LIMIT)
                .says("Links that wait to be opened and sessions that have not ended, the newest first.")
                .wallet()
                .answers::<PortalSessions>(StatusCode::OK, "The sessions, without their secrets."),
        ),
        Endpoint::delete(
            "/purser/v1/portal-sessions/{portalSessionId}",
            end,
            Description::new(Access::Operator(Scope::Manage), "End a session of a wallet page")
                .says("At once, opened or not, and its live connections with it.")
                .path_parameter::<Id>("portalSessionId", "The session's id.")
                .answers_plainly(StatusCode::NO_CONTENT, "It does not work any more.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/portal-sessions/open",
            open,
            Description::new(Access::Public, "Open a wallet page's session with its link")
                .says("As the page does. The secret is what the link ends with. It is good once.")
                .takes::<LinkInput>()
                .answers::<OpenedView>(StatusCode::CREATED, "The session's token, which is shown in this answer only.")
                .refuses(&[StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED]),
        ),
        Endpoint::get(
            "/purser/v1/portal-session",
            current,
            Description::new(Access::Allowed(Scope::Read), "The session of the wallet page that asks")
                .answers::<PortalSessionView>(StatusCode::OK, "The session that the credential is the token of.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewPortalSession, example = json!({
    "wallet": "user:alice", "returnUrl": "http://localhost:3000/account", "locale": "de",
}))]
struct PortalSessionInput {
    /// `user:ID`, `org:ID`, or a wallet's id.
    wallet: String,
    /// The member as whom an organization's wallet is seen; without it, it is the organization itself.
    #[schema(value_type = Option<String>)]
    member_id: Option<UserId>,
    /// Where the page's way back leads, on an allowed site.
    return_url: String,
    /// The page's language: `en`, `de` or `tr`; that of the browser unless given.
    #[schema(value_type = Option<String>)]
    locale: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PortalSessionMade)]
struct PortalSessionMade {
    #[schema(value_type = Uuid)]
    portal_session_id: PortalSessionId,
    /// The link.
    url: String,
    /// Until when it can be opened.
    expires_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PortalSessions)]
struct PortalSessions {
    data: Vec<PortalSessionView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PortalSession)]
struct PortalSessionView {
    #[schema(value_type = Uuid)]
    portal_session_id: PortalSessionId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// As which user; null for an organization's own.
    #[schema(value_type = Option<String>, required)]
    user_id: Option<UserId>,
    return_url: String,
    #[schema(required)]
    locale: Option<String>,
    created_at: Moment,
    /// Null while the link waits to be opened.
    #[schema(required)]
    opened_at: Option<Moment>,
    /// Of the link, or once it is open of the session.
    expires_at: Moment,
}

impl From<PortalSession> for PortalSessionView {
    fn from(session: PortalSession) -> Self {
        Self {
            portal_session_id: session.id,
            wallet_id: session.wallet_id,
            user_id: session.user_id,
            return_url: session.return_url,
            locale: session.locale,
            created_at: Moment(session.created_at),
            opened_at: session.opened_at.map(Moment),
            expires_at: Moment(session.expires_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::PortalLink, example = json!({"link": "ppl_0123456789abcdef"}))]
struct LinkInput {
    /// What the link ends with.
    link: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OpenedPortalSession)]
struct OpenedView {
    #[schema(value_type = Uuid)]
    portal_session_id: PortalSessionId,
    /// A credential like a session's token.
    session_token: String,
    expires_at: Moment,
}

async fn make(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let input: PortalSessionInput = read_object(&call)?;
    let wallet = addressed(&api, &caller, &input.wallet, Scope::Manage).await?;
    if wallet.is_blocked {
        let message = "The user whose wallet it is was blocked: unblock them first.";
        return Err(Problem::conflict(ErrorCode::UserBlocked, message));
    }
    if !api.return_origins.allow(&input.return_url) {
        let message = "returnUrl is not on an allowed site: name the site in RETURN_URL_ORIGINS.";
        return Err(Problem::invalid(message).coded(ErrorCode::UrlNotAllowed).about("returnUrl"));
    }
    if input.locale.as_ref().is_some_and(|locale| !LOCALES.contains(&locale.as_str())) {
        return Err(Problem::invalid("locale must be en, de or tr.").about("locale"));
    }
    let user = match (wallet.user_id, wallet.organization_id, input.member_id) {
        (None, Some(organization), Some(member)) => {
            let membership = operations::membership(&api.pool, &member, organization).await?;
            membership.ok_or_else(no_member)?;
            let account = administration::account(&mut *api.pool.acquire().await?, &member).await?;
            if account.blocked_at.is_some() {
                return Err(
                    Problem::conflict(ErrorCode::UserBlocked, "The member was blocked.").about("memberId")
                );
            }
            Some(member)
        }
        (Some(user), _, Some(member)) if user != member => return Err(no_member()),
        (user, _, _) => user,
    };
    let new =
        NewPortalSession { wallet: wallet.id, user, return_url: input.return_url, locale: input.locale };
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let made = portal::make(&api.pool, api.clock.now(), &actor, &new).await?;
            let view = PortalSessionMade {
                portal_session_id: made.id,
                url: format!("{}{LINK}{}", api.own_origin, made.link.text),
                expires_at: Moment(made.expires_at),
            };
            Ok((StatusCode::CREATED, view))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

fn no_member() -> Problem {
    Problem::not_found("memberId is no member of this wallet's owner.").about("memberId")
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Manage).await?;
    let page = Cursor::<PortalSessionId>::read(&call, LIMIT)?;
    let before = page.after.unwrap_or(PortalSessionId(uuid::Uuid::max()));
    let mut connection = api.pool.acquire().await?;
    let found = portal::of_wallet(&mut connection, api.clock.now(), wallet.id, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |session| session.id.to_string());
    let data = found.into_iter().map(PortalSessionView::from).collect();
    Ok(answer(StatusCode::OK, &PortalSessions { data, next_cursor }))
}

async fn end(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let id = call.path_parameter("portalSessionId").parse();
    let id: PortalSessionId = id.map_err(|_| Problem::not_found("There is no such session."))?;
    if let Some(hash) = portal::end(&api.pool, api.clock.now(), &caller.actor, id).await? {
        withdrawn(&api, hash).await;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn open(api: SharedState, call: Call) -> Result<Response, Problem> {
    let LinkInput { link } = read_object(&call)?;
    let opened = portal::open(&api.pool, api.clock.now(), CredentialHash::of(&link)).await?;
    let opened = opened.ok_or_else(|| {
        let message = "This link was opened before, or its ten minutes are over: get another one.";
        Problem::new(ProblemKind::CredentialInvalid, message).coded(ErrorCode::LinkInvalid)
    })?;
    let view = OpenedView {
        portal_session_id: opened.id,
        session_token: opened.token.text,
        expires_at: Moment(opened.expires_at),
    };
    Ok(answer(StatusCode::CREATED, &view))
}

async fn current(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let found = portal::of_token(&api.pool, caller.credential).await?;
    let found = found.ok_or_else(|| Problem::not_found("This credential is no wallet page's session."))?;
    Ok(answer(StatusCode::OK, &PortalSessionView::from(found)))
}
