//! All that is kept of a user, as one document, written while it is read: a long history is not held in memory.

use std::io;
use std::str::FromStr;

use audit::{RecordedAction, note};
use billing::auto_recharge::operations::settings;
use billing::sales::{Filter, operations as sales};
use billing::subscriptions::instructions::operations as subscriptions;
use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use identity::administration::{self, Account};
use identity::rights::{OwnedWallet, Scope};
use identity::{OwnOrganization, operations};
use kernel::ids::{AdminActionId, ApiKeyId, SessionId, UserId, WalletId};
use ledger::history::{EntryFilter, entries};
use ledger::{grants, holds};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::Reply;
use warp::http::{HeaderValue, StatusCode, header};

use super::api_keys::{ApiKeyView, with_limits};
use super::auto_recharge::{self, views::WalletRecharge};
use super::entries::EntryView;
use super::grants::GrantView;
use super::holds::{HoldView, hold_view};
use super::orders::views::OrderView;
use super::organizations::{OrganizationView, user_id};
use super::sessions::SessionRecordView;
use super::subscriptions::SubscriptionView;
use super::users::AccountView;
use super::wallets::{self, WalletView};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Moment;
use crate::problem::Problem;
use crate::state::SharedState;

/// What is read of a list at once.
const AT_ONCE: i64 = 500;
/// Pieces that wait for a client that reads slowly.
const WAITING: usize = 4;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/users/{userId}/export",
        export,
        Description::new(Access::Operator(Scope::Manage), "All that is kept of a user")
            .says(
                "For people who ask what is known of them. Of organizations it has what the user did there. No secret \
                 is in it. That it was read is in the audit log. If the answer breaks off it is no JSON: ask again.",
            )
            .path_parameter::<String>("userId", "The user's id.")
            .refuses(&[StatusCode::NOT_FOUND])
            .answers::<Export>(StatusCode::OK, "Everything, the newest first; of an erased user what is left."),
    )]
}

/// All that is kept of a user. Of one who was erased it has what is left.
#[derive(ToSchema)]
#[schema(as = native::UserExport, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the document, which is written piece by piece")]
struct Export {
    profile: AccountView,
    wallet: WalletView,
    /// Null if it was never set up. Of the saved card it has the last four digits.
    #[schema(required)]
    auto_recharge: Option<WalletRecharge>,
    organizations: Vec<OrganizationView>,
    entries: Vec<EntryView>,
    /// What the user did in wallets of organizations, or what was done for the user there.
    entries_in_organizations: Vec<EntryView>,
    grants: Vec<GrantView>,
    holds: Vec<HoldView>,
    orders: Vec<OrderView>,
    subscriptions: Vec<SubscriptionView>,
    /// Those that have not ended, without their tokens.
    sessions: Vec<SessionRecordView>,
    /// Without the keys themselves.
    api_keys: Vec<ApiKeyView>,
    audit_log: Vec<ActionOnUser>,
}

/// What an administrator did about the user; not which administrator.
#[derive(Serialize, ToSchema)]
#[schema(as = native::ActionOnUser)]
struct ActionOnUser {
    at: Moment,
    /// Such as `user.block`.
    action: String,
    #[schema(required)]
    reason: Option<String>,
}

async fn export(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let user = user_id(&call)?;
    let mut connection = api.pool.acquire().await?;
    let account = administration::account(&mut connection, &user).await?;
    let organizations = operations::organizations(&api.pool, &user).await?;
    note(&mut connection, api.clock.now(), &caller.actor, "user.export", user.as_str(), json!({})).await?;
    drop(connection);
    let (sender, pieces) = mpsc::channel(WAITING);
    let mut writer = Writer { api, user, account, organizations, sender, text: String::new(), between: '{' };
    tokio::spawn(async move {
        if let Err(Stopped::Failed(problem)) = writer.write().await {
            tracing::warn!(cause = problem.cause, "an export broke off");
            // The client sees that the answer is not whole.
            let _gone = writer.sender.send(Err(io::Error::other("the export broke off"))).await;
        }
    });
    let mut response = warp::reply::stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

enum Stopped {
    /// The client is gone.
    Gone,
    Failed(Problem),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<sqlx::Error> for Stopped {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A list of which everything is written.
enum List {
    Entries(WalletId, Option<UserId>),
    Grants,
    Holds,
    Orders,
    Subscriptions,
    Sessions,
    ApiKeys,
    AuditLog,
}

/// Some of a list, as JSON, and where the rest begins.
struct Part {
    items: Vec<String>,
    next: Option<String>,
}

impl Part {
    fn new<T, View: Serialize>(
        found: Vec<T>,
        id: impl Fn(&T) -> String,
        view: impl Fn(T) -> View,
    ) -> Result<Self, Problem> {
        let is_full = i64::try_from(found.len()).is_ok_and(|count| count >= AT_ONCE);
        let next = found.last().filter(|_| is_full).map(id);
        let items =
            found.into_iter().map(|found| serde_json::to_string(&view(found)).map_err(Problem::internal));
        Ok(Self { items: items.collect::<Result<_, _>>()?, next })
    }
}

/// The id that a part begins behind; the newest of all is the first.
fn before<Id: FromStr>(position: Option<&str>) -> Result<Option<Id>, Problem> {
    let unknown = |_| Problem::internal("a list goes on behind no id");
    position.map(|text| text.parse().map_err(unknown)).transpose()
}

struct Writer {
    api: SharedState,
    user: UserId,
    account: Account,
    organizations: Vec<OwnOrganization>,
    sender: mpsc::Sender<Result<Bytes, io::Error>>,
    /// What was not sent yet.
    text: String,
    /// What stands before the next field.
    between: char,
}

impl Writer {
    async fn write(&mut self) -> Result<(), Stopped> {
        let (wallet, now) = (self.account.wallet_id, self.api.clock.now());
        let mut connection = self.api.pool.acquire().await?;
        let owned = OwnedWallet {
            id: wallet,
            user_id: Some(self.user.clone()),
            organization_id: None,
            is_blocked: self.account.blocked_at.is_some(),
        };
        let shown = wallets::shown(&mut connection, now, owned).await?;
        let recharge = match settings(&mut connection, wallet).await? {
            Some(settings) => Some(auto_recharge::shown(&mut connection, now, settings, None).await?),
            None => None,
        };
        drop(connection);
        self.field("profile", &AccountView::from(self.account.clone()))?;
        self.field("wallet", &shown)?;
        self.field("autoRecharge", &recharge)?;
        let organizations = self.organizations.clone();
        let in_organizations =
            organizations.iter().map(|one| List::Entries(one.wallet_id, Some(self.user.clone()))).collect();
        let views: Vec<OrganizationView> = organizations.into_iter().map(OrganizationView::from).collect();
        self.field("organizations", &views)?;
        for (name, lists) in [
            ("entries", vec![List::Entries(wallet, None)]),
            ("entriesInOrganizations", in_organizations),
            ("grants", vec![List::Grants]),
            ("holds", vec![List::Holds]),
            ("orders", vec![List::Orders]),
            ("subscriptions", vec![List::Subscriptions]),
            ("sessions", vec![List::Sessions]),
            ("apiKeys", vec![List::ApiKeys]),
            ("auditLog", vec![List::AuditLog]),
        ] {
            self.list(name, &lists).await?;
        }
        self.text.push('}');
        self.flush().await
    }

    fn name(&mut self, name: &str) {
        self.text.push(std::mem::replace(&mut self.between, ','));
        self.text.extend(["\"", name, "\":"]);
    }

    fn field(&mut self, name: &str, value: &impl Serialize) -> Result<(), Problem> {
        self.name(name);
        self.text.push_str(&serde_json::to_string(value).map_err(Problem::internal)?);
        Ok(())
    }

    async fn list(&mut self, name: &str, lists: &[List]) -> Result<(), Stopped> {
        self.name(name);
        let mut between = '[';
        for list in lists {
            let mut position = None;
            loop {
                let Part { items, next } = self.part(list, position.as_deref()).await?;
                for item in items {
                    self.text.push(std::mem::replace(&mut between, ','));
                    self.text.push_str(&item);
                }
                self.flush().await?;
                position = next;
                if position.is_none() {
                    break;
                }
            }
        }
        self.text.push_str(if between == '[' { "[]" } else { "]" });
        Ok(())
    }

    async fn part(&self, list: &List, position: Option<&str>) -> Result<Part, Stopped> {
        let (wallet, user, now) = (self.account.wallet_id, &self.user, self.api.clock.now());
        let mut connection = self.api.pool.acquire().await?;
        let part = match list {
            List::Entries(wallet, member) => {
                let filter = EntryFilter { member: member.clone(), ..EntryFilter::default() };
                let found = entries(&mut connection, *wallet, &filter, before(position)?, AT_ONCE).await?;
                Part::new(found, |entry| entry.id.to_string(), EntryView::from)
            }
            List::Grants => {
                let found = grants::list(&mut connection, wallet, false, before(position)?, AT_ONCE).await?;
                Part::new(found, |grant| grant.id.to_string(), GrantView::from)
            }
            List::Holds => {
                let found = holds::list(&mut connection, wallet, None, before(position)?, AT_ONCE).await?;
                Part::new(found, |hold| hold.id.to_string(), |hold| hold_view(&hold, now))
            }
            List::Orders => {
                let filter = Filter { wallet: Some(wallet), states: Vec::new(), reference: None };
                let found = sales::page(&mut connection, &filter, before(position)?, AT_ONCE).await?;
                Part::new(found, |sale| sale.payment.number.to_string(), OrderView::from)
            }
            List::Subscriptions => {
                // A wallet has few.
                let found = subscriptions::of_wallet(&mut connection, wallet, i64::MAX).await?;
                let part = Part::new(found, |_| String::new(), SubscriptionView::from)?;
                Ok(Part { next: None, ..part })
            }
            List::Sessions => {
                let before = before(position)?.unwrap_or(SessionId(Uuid::max()));
                let found = administration::sessions(&mut connection, now, user, before, AT_ONCE).await?;
                Part::new(found, |session| session.id.to_string(), SessionRecordView::from)
            }
            List::ApiKeys => {
                let before = before(position)?.unwrap_or(ApiKeyId(Uuid::max()));
                let found = administration::api_keys(&mut connection, Some(user), before, AT_ONCE).await?;
                let found = with_limits(&mut connection, now, found).await?;
                Part::new(found, |(key, _)| key.id.to_string(), |(key, limits)| ApiKeyView::new(key, limits))
            }
            List::AuditLog => {
                let before = before(position)?.unwrap_or(AdminActionId(Uuid::max()));
                let wallet = wallet.to_string();
                let found =
                    audit::about_user(&mut connection, user.as_str(), &wallet, before, AT_ONCE).await?;
                Part::new(found, |recorded| recorded.id.to_string(), ActionOnUser::from)
            }
        };
        Ok(part?)
    }

    async fn flush(&mut self) -> Result<(), Stopped> {
        let text = std::mem::take(&mut self.text);
        self.sender.send(Ok(text.into())).await.map_err(|_| Stopped::Gone)
    }
}

impl From<RecordedAction> for ActionOnUser {
    fn from(recorded: RecordedAction) -> Self {
        let reason = recorded.action.details["reason"].as_str().map(str::to_owned);
        Self { at: Moment(recorded.created_at), action: recorded.action.action, reason }
    }
}
