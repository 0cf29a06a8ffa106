//! The caller's balance and its history.

use kernel::ids::EntryId;
use ledger::history::{self, HistoryEntry};
use ledger::operations::balance;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{List, Moment, Success, success};
use super::page::{Page, paged};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/credits/balance",
            get_balance,
            Description::new(Access::User, "The caller's balance")
                .answers::<Success<Balance>>(StatusCode::OK, "The balance."),
        ),
        Endpoint::get(
            "/credits/transactions",
            transactions,
            paged(Description::new(Access::User, "What changed the caller's balance, newest first"))
                .says(
                    "Amounts are whole credits and add up to the balance that is shown: a fraction of a credit \
                     appears with the transaction that completes it.",
                )
                .answers::<Success<List<Transaction>>>(StatusCode::OK, "The transactions.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
    ]
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::Balance)]
struct Balance {
    /// Whole credits, rounded down.
    balance: i64,
}

/// A change of a balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::Transaction)]
pub(super) struct Transaction {
    #[schema(value_type = uuid::Uuid)]
    id: EntryId,
    /// `purchase`, `subscription`, `checkin`, `manual`, `refund`, `coupon`, `expiry`, or what credits were spent on,
    /// in the spender's words: `ai_usage`, …
    #[serde(rename = "type")]
    entry_type: String,
    /// Whole credits; negative when they were spent, lapsed or taken back.
    amount: i64,
    description: Option<String>,
    created_at: Moment,
}

impl From<HistoryEntry> for Transaction {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            id: entry.id,
            amount: entry.whole_amount(),
            entry_type: entry.entry_type,
            description: entry.description,
            created_at: Moment(entry.created_at),
        }
    }
}

async fn get_balance(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let balance = balance(&mut connection, api.clock.now(), principal.wallet_id).await?.floor_whole();
    Ok(success(StatusCode::OK, Balance { balance }))
}

async fn transactions(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let page = Page::of(&call)?;
    let mut connection = api.pool.acquire().await?;
    let wallet = principal.wallet_id;
    let entries = history::of_wallet(&mut connection, wallet, None, page.limit, page.offset).await?;
    let transactions: Vec<Transaction> = entries.into_iter().map(Transaction::from).collect();
    Ok(success(StatusCode::OK, List(transactions)))
}
