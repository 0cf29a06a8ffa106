//! What administrators see of users, correct, and take back: access, sessions, keys, the right to administer.

use billing::auto_recharge::custody;
use billing::payments::UpdateCustomers;
use identity::administration::{self, Account, ApiKeyRecord, SessionRecord, UserChange};
use identity::rights::Scopes;
use jobs::outbox;
use kernel::ids::{ApiKeyId, SessionId, UserId, WalletId};
use notices::Live;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::organizations::{release_holds, user_id};
use super::pages_of::{Cursor, paged};
use super::parked_purchases::claim_for_new_user;
use super::users::{api_key_revocation, scopes_schema, withdrawn};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Id, Moment};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many users, sessions or keys one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let user = |summary: &str| {
        Description::new(Access::Admin, summary)
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    let reasoned = |summary: &str| {
        user(summary).idempotency_key().takes::<Reason>().answers::<AccountView>(StatusCode::OK, "The user.")
    };
    let mut endpoints = vec![
        Endpoint::get(
            "/purser/v1/users",
            list,
            paged(Description::new(Access::Admin, "All users, ordered by id"), LIMIT)
                .query::<bool>("admin", "Only those who may call the admin API, if `true`.")
                .answers::<Accounts>(StatusCode::OK, "The users."),
        ),
        Endpoint::get(
            "/purser/v1/users/{userId}",
            find,
            user("Look at a user").answers::<AccountView>(StatusCode::OK, "The user."),
        ),
        Endpoint::put(
            "/purser/v1/users/{userId}",
            put,
            Description::new(Access::Admin, "Make a user, or change one")
                .says("What is left out stays as it is. Without `admin` a new user may not call the admin API.")
                .path_parameter::<String>("userId", "The user's id.")
                .takes::<AccountInput>()
                .answers::<AccountView>(StatusCode::OK, "The user.")
                .answers::<AccountView>(StatusCode::CREATED, "The user, who is new.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::post(
            "/purser/v1/users/{userId}/block",
            block,
            reasoned("Keep a user out")
                .says("The user's sessions, keys and tokens stop working, and saved cards are let go."),
        ),
        Endpoint::post(
            "/purser/v1/users/{userId}/unblock",
            unblock,
            reasoned("Let a blocked user in again")
                .says("Their sessions and keys work as before. Cards that were let go have to be saved again."),
        ),
        Endpoint::delete(
            "/purser/v1/users/{userId}",
            erase,
            user("Erase a user's personal data")
                .says(
                    "For good: e-mail, credentials, memberships and cards go, and the user stays out. What was \
                     bought and spent stays in the books under the user's id.",
                )
                .answers_plainly(StatusCode::NO_CONTENT, "The user is erased.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ];
    endpoints.extend(credentials());
    endpoints
}

fn credentials() -> Vec<Endpoint> {
    let user = |summary: &str| {
        Description::new(Access::Admin, summary)
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/users/{userId}/sessions",
            list_sessions,
            paged(user("A user's sessions that have not ended, newest first"), LIMIT)
                .answers::<Sessions>(StatusCode::OK, "The sessions, without their tokens."),
        ),
        Endpoint::delete(
            "/purser/v1/users/{userId}/sessions",
            end_sessions,
            user("End all sessions of a user")
                .answers_plainly(StatusCode::NO_CONTENT, "None of them works any more."),
        ),
        Endpoint::delete(
            "/purser/v1/sessions/{sessionId}",
            end_session,
            Description::new(Access::Admin, "End a session")
                .says("At once, and with it live connections that were opened with it.")
                .path_parameter::<Id>("sessionId", "The session's id, which is not its token.")
                .answers_plainly(StatusCode::NO_CONTENT, "The session has ended.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/purser/v1/users/{userId}/api-keys",
            list_api_keys,
            paged(user("A user's API keys, withdrawn ones too, newest first"), LIMIT)
                .answers::<ApiKeys>(StatusCode::OK, "The keys' records, without the keys."),
        ),
        api_key_revocation("/purser/v1/api-keys/{apiKeyId}"),
    ]
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::UserChange)]
struct AccountInput {
    /// Where receipts go; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Whether the user may call the admin API.
    admin: Option<bool>,
}

/// Tells a field that is null from one that is left out.
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::Reason)]
struct Reason {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Account)]
struct AccountView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(required)]
    email: Option<String>,
    /// Whether the user may call the admin API.
    admin: bool,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    created_at: Moment,
    /// Since when the user is kept out.
    #[schema(required)]
    blocked_at: Option<Moment>,
    #[schema(required)]
    block_reason: Option<String>,
    /// Since when the user's personal data is gone.
    #[schema(required)]
    erased_at: Option<Moment>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            user_id: account.id,
            email: account.email,
            admin: account.is_admin,
            wallet_id: account.wallet_id,
            created_at: Moment(account.created_at),
            blocked_at: account.blocked_at.map(Moment),
            block_reason: account.block_reason,
            erased_at: account.erased_at.map(Moment),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Accounts)]
struct Accounts {
    data: Vec<AccountView>,
    #[schema(required)]
    next_cursor: Option<String>,
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
struct SessionRecordView {
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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKeys)]
struct ApiKeys {
    data: Vec<ApiKeyRecordView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKeyRecord)]
struct ApiKeyRecordView {
    #[schema(value_type = Uuid)]
    api_key_id: ApiKeyId,
    created_at: Moment,
    #[schema(required)]
    revoked_at: Option<Moment>,
}

impl From<ApiKeyRecord> for ApiKeyRecordView {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            api_key_id: key.id,
            created_at: Moment(key.created_at),
            revoked_at: key.revoked_at.map(Moment),
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let page = Cursor::<String>::read(&call, LIMIT)?;
    let only_admins = call.parameter("admin") == Some("true");
    let after = page.after.clone().unwrap_or_default();
    let mut connection = api.pool.acquire().await?;
    let found = administration::accounts(&mut connection, only_admins, &after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |account| account.id.to_string());
    let data = found.into_iter().map(AccountView::from).collect();
    Ok(answer(StatusCode::OK, &Accounts { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let found = administration::account(&mut *api.pool.acquire().await?, &user_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &AccountView::from(found)))
}

async fn put(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let user = UserId::try_from(call.path_parameter("userId").to_owned())
        .map_err(|error| Problem::invalid(format!("userId: {error}")))?;
    let request: AccountInput = read_json(&call)?;
    let change = UserChange { email: request.email, is_admin: request.admin };
    let wallets = identity::operations::wallets_visible(&api.pool, &user).await?;
    let mut transaction = api.pool.begin().await?;
    let now = api.clock.now();
    let (account, is_new) =
        administration::user_put(&mut transaction, now, &admin.actor, &user, &change).await?;
    let mut written = Vec::new();
    if !is_new && change.email.is_some() {
        let job = UpdateCustomers { user_id: user.clone(), wallets };
        written.push(outbox::insert(&mut transaction, now, &job).await?);
    }
    transaction.commit().await?;
    messaging::outbox::publish(&api.pool, &api.publisher, &written).await;
    if is_new {
        claim_for_new_user(&api, user);
    } else {
        logins_changed(&api, &user).await;
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &AccountView::from(account)))
}

async fn block(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let (user, Reason { reason }) = (user_id(&call)?, read_json(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let now = api.clock.now();
            let mut transaction = api.pool.begin().await?;
            let blocked = administration::user_block(&mut transaction, now, &actor, &user, &reason).await?;
            custody::let_go(&mut transaction, now, &user, None).await?;
            transaction.commit().await?;
            logins_changed(&api, &user).await;
            Ok((StatusCode::OK, AccountView::from(blocked)))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

async fn unblock(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let (user, Reason { reason }) = (user_id(&call)?, read_json(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let mut transaction = api.pool.begin().await?;
            let now = api.clock.now();
            let account = administration::user_unblock(&mut transaction, now, &actor, &user, &reason).await?;
            transaction.commit().await?;
            Ok((StatusCode::OK, AccountView::from(account)))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

async fn erase(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let (user, now) = (user_id(&call)?, api.clock.now());
    let wallets = identity::operations::wallets_visible(&api.pool, &user).await?;
    let mut transaction = api.pool.begin().await?;
    custody::let_go(&mut transaction, now, &user, None).await?;
    let left = administration::user_erase(&mut transaction, now, &admin.actor, &user).await?;
    for organization in left {
        release_holds(&api, &mut transaction, organization, &user).await?;
    }
    // Nothing is sent to the address any more; the customer at the provider loses it as well.
    let job = UpdateCustomers { user_id: user.clone(), wallets };
    let written = outbox::insert(&mut transaction, now, &job).await?;
    transaction.commit().await?;
    messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
    logins_changed(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn list_sessions(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let (user, now, page) = (user_id(&call)?, api.clock.now(), Cursor::<SessionId>::read(&call, LIMIT)?);
    let mut connection = api.pool.acquire().await?;
    administration::account(&mut connection, &user).await?;
    let before = page.after.unwrap_or(SessionId(uuid::Uuid::max()));
    let found = administration::sessions(&mut connection, now, &user, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |session| session.id.to_string());
    let data = found.into_iter().map(SessionRecordView::from).collect();
    Ok(answer(StatusCode::OK, &Sessions { data, next_cursor }))
}

async fn end_sessions(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let user = user_id(&call)?;
    let mut transaction = api.pool.begin().await?;
    administration::sessions_end(&mut transaction, api.clock.now(), &admin.actor, &user).await?;
    transaction.commit().await?;
    logins_changed(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn end_session(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let id = call.path_parameter("sessionId").parse();
    let id: SessionId = id.map_err(|_| Problem::not_found("There is no such session."))?;
    let mut transaction = api.pool.begin().await?;
    let hash = administration::session_end(&mut transaction, api.clock.now(), &admin.actor, id).await?;
    transaction.commit().await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn list_api_keys(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let (user, page) = (user_id(&call)?, Cursor::<ApiKeyId>::read(&call, LIMIT)?);
    let mut connection = api.pool.acquire().await?;
    administration::account(&mut connection, &user).await?;
    let before = page.after.unwrap_or(ApiKeyId(uuid::Uuid::max()));
    let found = administration::api_keys(&mut connection, Some(&user), before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |key| key.id.to_string());
    let data = found.into_iter().map(ApiKeyRecordView::from).collect();
    Ok(answer(StatusCode::OK, &ApiKeys { data, next_cursor }))
}

/// Has every instance read the user's logins anew, and ends the user's live connections.
async fn logins_changed(api: &SharedState, user: &UserId) {
    api.auth.forget_all();
    let announcement = Live::LoginsChanged { user_id: user.clone() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, %user, "other instances may accept withdrawn credentials for half a minute");
    }
}
