//! Finds users, orders and whatever else has an id, by ids of ours, of the providers' and of the host application's.

use std::collections::BTreeSet;

use billing::finding::{self, FoundEvent, FoundOrder, FoundSubscription};
use identity::administration::{self, Account, Which};
use identity::operations::wallets_named;
use identity::rights::{OwnedWallet, Scope, WalletName};
use kernel::ids::{UserId, WalletId};
use ledger::finding::by_id;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use uuid::Uuid;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LONGEST: usize = 255;
const TYPES: &[&str] =
    &["user", "organization", "order", "subscription", "provider_event", "debit", "entry", "grant", "hold"];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/search",
        search,
        Description::new(Access::Operator(Scope::Read), "Find a user, an order, or what else has an id")
            .says(
                "By the beginning of a user's id, by an e-mail address; by the id of a wallet, an organization \
                 (`org:7`), an order, a subscription, a debit, a grant or a hold; by the provider's id of a payment, a \
                 session, an invoice, a subscription, a customer or an event; by your reference. At most ten of each.",
            )
            .required_query::<String>("query", "What is looked for, 1 to 255 characters.")
            .answers::<FoundView>(StatusCode::OK, "What was found.")
            .refuses(&[StatusCode::BAD_REQUEST]),
    )]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Found)]
struct FoundView {
    data: Vec<HitView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::FoundThing)]
struct HitView {
    #[serde(rename = "type")]
    #[schema(schema_with = types_schema)]
    kind: String,
    /// Its id here.
    id: String,
    /// For people: a name, what was bought, the type of an event.
    #[schema(required)]
    title: Option<String>,
    /// How it stands, of an order or a subscription.
    #[schema(required)]
    state: Option<String>,
    #[schema(value_type = Option<Uuid>, required)]
    wallet_id: Option<WalletId>,
    #[schema(value_type = Option<String>, required)]
    user_id: Option<UserId>,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    at: Option<Moment>,
}

fn types_schema() -> Object {
    one_of(TYPES)
}

impl HitView {
    fn new(kind: &str, id: impl ToString) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_string(),
            title: None,
            state: None,
            wallet_id: None,
            user_id: None,
            email: None,
            at: None,
        }
    }
}

impl From<Account> for HitView {
    fn from(account: Account) -> Self {
        Self {
            title: account.name,
            wallet_id: Some(account.wallet_id),
            user_id: Some(account.id.clone()),
            email: account.email,
            at: Some(Moment(account.created_at)),
            ..Self::new("user", account.id)
        }
    }
}

impl From<FoundOrder> for HitView {
    fn from(order: FoundOrder) -> Self {
        Self {
            title: Some(order.summary),
            state: Some(order.state.as_str().to_owned()),
            wallet_id: Some(order.wallet_id),
            user_id: Some(order.user_id),
            at: Some(Moment(order.created_at)),
            ..Self::new("order", order.id)
        }
    }
}

impl From<FoundSubscription> for HitView {
    fn from(subscription: FoundSubscription) -> Self {
        Self {
            title: Some(subscription.plan_id),
            state: Some(subscription.state),
            wallet_id: Some(subscription.wallet_id),
            user_id: Some(subscription.user_id),
            at: Some(Moment(subscription.created_at)),
            ..Self::new("subscription", subscription.id)
        }
    }
}

impl From<FoundEvent> for HitView {
    fn from(event: FoundEvent) -> Self {
        let id = format!("{}:{}", event.provider.as_str(), event.event_id);
        Self {
            title: Some(event.event_type),
            at: Some(Moment(event.handled_at)),
            ..Self::new("provider_event", id)
        }
    }
}

impl From<OwnedWallet> for HitView {
    fn from(wallet: OwnedWallet) -> Self {
        let wallet_id = Some(wallet.id);
        match (wallet.user_id, wallet.organization_id) {
            (Some(user), _) => Self { wallet_id, user_id: Some(user.clone()), ..Self::new("user", user) },
            (None, Some(organization)) => Self { wallet_id, ..Self::new("organization", organization) },
            (None, None) => Self { wallet_id, ..Self::new("user", wallet.id) },
        }
    }
}

async fn search(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let text = call.parameter("query").unwrap_or_default().trim();
    if !(1..=LONGEST).contains(&text.chars().count()) {
        return Err(Problem::invalid(format!("query must have 1 to {LONGEST} characters")).about("query"));
    }
    let mut connection = api.pool.acquire().await?;
    let mut data = owners(&api, &mut connection, text).await?;
    let connection = &mut *connection;
    data.extend(finding::orders(connection, text).await?.into_iter().map(HitView::from));
    data.extend(finding::subscriptions(connection, text).await?.into_iter().map(HitView::from));
    data.extend(finding::events(connection, text).await?.into_iter().map(HitView::from));
    if let Ok(id) = text.parse::<Uuid>() {
        let found = by_id(connection, id).await?.into_iter();
        data.extend(
            found.map(|one| HitView { wallet_id: Some(one.wallet_id), ..HitView::new(&one.kind, id) }),
        );
    }
    Ok(answer(StatusCode::OK, &FoundView { data }))
}

/// Users and organizations: by who they are, by their wallets, and as customers of a provider.
async fn owners(
    api: &SharedState,
    connection: &mut PgConnection,
    text: &str,
) -> Result<Vec<HitView>, Problem> {
    let name = text.strip_prefix("user:").unwrap_or(text).to_owned();
    let accounts = administration::accounts(connection, &Which::Beginning(name), "", finding::MOST).await?;
    let known: BTreeSet<WalletId> = accounts.iter().map(|account| account.wallet_id).collect();
    let mut names: Vec<WalletName> = match text.parse() {
        Ok(WalletName::Own) | Err(_) => Vec::new(),
        Ok(name) => vec![name],
    };
    let customers = finding::wallets_of_customer(connection, text).await?;
    names.extend(customers.into_iter().map(WalletName::Id));
    let mut found: Vec<HitView> = accounts.into_iter().map(HitView::from).collect();
    let mut named = wallets_named(&api.pool, &names.iter().cloned().collect()).await?;
    let wallets = names.iter().filter_map(|name| named.remove(name));
    found.extend(wallets.filter(|wallet| !known.contains(&wallet.id)).map(HitView::from));
    Ok(found)
}
