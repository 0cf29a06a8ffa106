//! Users: made, changed, looked for, kept out, erased.

use billing::auto_recharge::custody;
use billing::payments::UpdateCustomers;
use identity::administration::{self, Account, UserChange, Which};
use identity::operators::OperatorRole;
use identity::rights::Scope;
use jobs::outbox;
use kernel::ids::{OutboxId, UserId, WalletId};
use kernel::metadata::Metadata;
use notices::Live;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::organizations::{end_limits, release_holds, user_id};
use super::pages_of::{Cursor, paged};
use super::parked_purchases::claim_for_new_user;
use super::reasons::caller_reason;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{null_is_given, read_object};
use crate::http::values::Moment;
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many users one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let user = |summary: &str| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    let reasoned = |summary: &str| {
        user(summary)
            .role(OperatorRole::Support)
            .idempotency_key()
            .takes::<Reason>()
            .answers::<AccountView>(StatusCode::OK, "The user.")
    };
    vec![
        Endpoint::get(
            "/purser/v1/users",
            list,
            paged(Description::new(Access::Operator(Scope::Read), "Users, ordered by id"), LIMIT)
                .query::<String>("query", "Only those whose id begins so, or whose e-mail address it is.")
                .query::<bool>("admin", "Only those who administrate, if `true`; not with `query`.")
                .answers::<Accounts>(StatusCode::OK, "The users."),
        ),
        Endpoint::get(
            "/purser/v1/users/{userId}",
            find,
            Description::new(Access::Operator(Scope::Read), "Look at a user")
                .path_parameter::<String>("userId", "The user's id.")
                .refuses(&[StatusCode::NOT_FOUND])
                .answers::<AccountView>(StatusCode::OK, "The user."),
        ),
        Endpoint::put(
            "/purser/v1/users/{userId}",
            put,
            Description::new(Access::Operator(Scope::Manage), "Make a user, or change one")
                .says(
                    "With a wallet, `user:` and the id. What is left out stays as it is. What a new user bought in app \
                     stores before is credited. To make a user an administrator takes the scope `admin`.",
                )
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
                .role(OperatorRole::Admin)
                .says(
                    "For good: e-mail, credentials, memberships and cards go, and the user stays out. What was \
                     bought and spent stays in the books under the user's id.",
                )
                .query::<String>("reason", "Why, for the audit log: needed of operators.")
                .answers_plainly(StatusCode::NO_CONTENT, "The user is erased.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::UserChange, example = json!({"email": "alice@example.com", "name": "Alice"}))]
struct AccountInput {
    /// Where receipts go; null removes it.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// For people; null removes it.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Option<String>>,
    /// Replaces what was there: at most 20 texts.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Metadata>,
    /// Whether the user administrates, with every right.
    admin: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::Reason, example = json!({"reason": "Paid with stolen cards"}))]
struct Reason {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Account)]
pub(super) struct AccountView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    name: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// Whether the user administrates, with every right.
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
            name: account.name,
            metadata: account.metadata,
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

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let page = Cursor::<String>::read(&call, LIMIT)?;
    let which = match (call.parameter("query"), call.parameter("admin")) {
        (Some(text), _) if !text.is_empty() => Which::Beginning(text.to_owned()),
        (_, Some("true")) => Which::Administrators,
        _ => Which::All,
    };
    let after = page.after.clone().unwrap_or_default();
    let mut connection = api.pool.acquire().await?;
    let found = administration::accounts(&mut connection, &which, &after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |account| account.id.to_string());
    let data = found.into_iter().map(AccountView::from).collect();
    Ok(answer(StatusCode::OK, &Accounts { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let found = administration::account(&mut *api.pool.acquire().await?, &user_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &AccountView::from(found)))
}

async fn put(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let user = UserId::try_from(call.path_parameter("userId").to_owned())
        .map_err(|error| Problem::invalid(format!("userId: {error}")))?;
    let request: AccountInput = read_object(&call)?;
    if request.admin.is_some() {
        caller.check(Scope::Admin)?;
    }
    let change = UserChange {
        email: request.email,
        is_admin: request.admin,
        name: request.name,
        metadata: request.metadata,
    };
    let wallets = identity::operations::wallets_visible(&api.pool, &user).await?;
    let mut transaction = api.pool.begin().await?;
    let now = api.clock.now();
    let (account, is_new) =
        administration::user_put(&mut transaction, now, &caller.actor, &user, &change).await?;
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
    let caller = call.operator(&api, Scope::Manage).await?;
    let (user, Reason { reason }) = (user_id(&call)?, read_object(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
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
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn unblock(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let (user, Reason { reason }) = (user_id(&call)?, read_object(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let mut transaction = api.pool.begin().await?;
            let now = api.clock.now();
            let account = administration::user_unblock(&mut transaction, now, &actor, &user, &reason).await?;
            transaction.commit().await?;
            logins_changed(&api, &user).await;
            Ok((StatusCode::OK, AccountView::from(account)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn erase(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let (user, now) = (user_id(&call)?, api.clock.now());
    let reason = caller_reason(&caller, call.parameter("reason").map(str::to_owned))?;
    let (wallets, before) = (identity::operations::wallets_visible(&api.pool, &user).await?, OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    custody::let_go(&mut transaction, now, &user, None).await?;
    let left =
        administration::user_erase(&mut transaction, now, &caller.actor, &user, reason.as_deref()).await?;
    release_holds(&api, &mut transaction, &left, &user).await?;
    end_limits(&mut transaction, now, &left, &user).await?;
    // Nothing is sent to the address any more; the customer at the provider loses it as well.
    let job = UpdateCustomers { user_id: user.clone(), wallets };
    let written = outbox::insert(&mut transaction, now, &job).await?;
    transaction.commit().await?;
    messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
    publish_notices_since(&api, before);
    logins_changed(&api, &user).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Has every instance read the user's logins anew, and ends the user's live connections.
pub(super) async fn logins_changed(api: &SharedState, user: &UserId) {
    api.auth.forget_all();
    let announcement = Live::LoginsChanged { user_id: user.clone() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, %user, "other instances may accept withdrawn credentials for half a minute");
    }
}
