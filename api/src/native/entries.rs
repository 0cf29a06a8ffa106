//! A wallet's entries: what moved, why, by whom, and what it belongs to; as JSON a page at a time, and as CSV.

use identity::rights::Scope;
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, EntryId, UserId, WalletId};
use kernel::metadata::Metadata;
use ledger::history::{Entry, EntryFilter, SourceOf, balance_at, entries, is_there};
use serde::Serialize;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use super::pages_of::{Cursor, paged};
use super::wallets::addressed;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Moment, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many entries one answer has at most.
const LIMIT: i64 = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let of_wallet = |summary: &str| Description::new(Access::Allowed(Scope::Read), summary).wallet();
    vec![
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/entries",
            list,
            paged(of_wallet("What moved in a wallet, newest first"), LIMIT)
                .query::<String>("type", "Only entries of these types, separated by commas.")
                .query::<String>("memberId", "Only what was done by or for this user.")
                .query::<Moment>("from", "Not before this.")
                .query::<Moment>("to", "Before this.")
                .query::<String>(
                    "format",
                    "`csv` answers a table instead; the header `x-next-cursor` goes on.",
                )
                .answers::<Entries>(StatusCode::OK, "The entries."),
        ),
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/balance",
            balance,
            of_wallet("The balance of a wallet at a moment")
                .query::<Moment>("at", "When; now unless given.")
                .answers::<BalanceView>(StatusCode::OK, "The balance then.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Entries)]
struct Entries {
    data: Vec<EntryView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Entry)]
pub(super) struct EntryView {
    #[schema(value_type = Uuid)]
    entry_id: EntryId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// What it was for, in a word, such as `purchase`, `usage`, `expiry`.
    #[serde(rename = "type")]
    entry_type: String,
    /// Signed: what was spent is negative.
    credits: Amount,
    balance_after: Amount,
    /// For people.
    #[schema(required)]
    description: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// Who did it, or for whom it was done…
    #[schema(value_type = Option<String>, required)]
    member_id: Option<UserId>,
    /// …and with which API key.
    #[schema(value_type = Option<Uuid>, required)]
    api_key_id: Option<ApiKeyId>,
    /// What it belongs to; null for a debit, which is a thing of its own.
    #[schema(required)]
    belongs_to: Option<BelongsTo>,
    created_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::BelongsTo)]
struct BelongsTo {
    #[serde(rename = "type")]
    #[schema(schema_with = kinds_schema)]
    kind: &'static str,
    id: String,
}

const KINDS: &[&str] = &["order", "hold", "grant", "debit", "transfer", "adjustment"];

fn kinds_schema() -> utoipa::openapi::schema::Object {
    one_of(KINDS)
}

impl BelongsTo {
    fn of(source: SourceOf) -> Option<Self> {
        let (kind, id) = match source {
            SourceOf::Payment(id) => ("order", id.to_string()),
            SourceOf::Hold(id) => ("hold", id.to_string()),
            SourceOf::Grant(id) => ("grant", id.to_string()),
            SourceOf::Debit(id) => ("debit", id.to_string()),
            SourceOf::Transfer(id) => ("transfer", id.to_string()),
            SourceOf::Adjustment(id) => ("adjustment", id.to_string()),
            SourceOf::Itself => return None,
        };
        Some(Self { kind, id })
    }
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            entry_id: entry.id,
            wallet_id: entry.wallet_id,
            entry_type: entry.entry_type,
            credits: Amount(entry.amount),
            balance_after: Amount(entry.balance_after),
            description: entry.description,
            metadata: entry.metadata,
            member_id: entry.member_id,
            api_key_id: entry.api_key_id,
            belongs_to: BelongsTo::of(entry.source),
            created_at: Moment(entry.created_at),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::BalanceThen)]
struct BalanceView {
    at: Moment,
    balance: Amount,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let page = Cursor::<EntryId>::read(&call, LIMIT)?;
    let types = call.parameter("type").map(|text| text.split(',').map(str::to_owned).collect());
    let member = call.parameter("memberId").map(|text| {
        let invalid = |_| Problem::invalid("memberId is no user id").about("memberId");
        UserId::try_from(text.to_owned()).map_err(invalid)
    });
    let filter = EntryFilter {
        types,
        member: member.transpose()?,
        from: moment(&call, "from")?,
        until: moment(&call, "to")?,
    };
    let mut connection = connection_for(&api, page.after).await?;
    let found = entries(&mut connection, wallet.id, &filter, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |entry| entry.id.to_string());
    match call.parameter("format") {
        None | Some("json") => {
            let data = found.into_iter().map(EntryView::from).collect();
            Ok(answer(StatusCode::OK, &Entries { data, next_cursor }))
        }
        Some("csv") => table(&found, next_cursor.as_deref()),
        Some(_) => Err(Problem::invalid("format must be json or csv").about("format")),
    }
}

/// The first page is of now. A further one may be of a copy that has the entry before it, and so all older ones.
async fn connection_for(
    api: &SharedState,
    after: Option<EntryId>,
) -> Result<PoolConnection<Postgres>, Problem> {
    if let Some(after) = after
        && let Some(mut connection) = api.reads.acquire_copy().await
        && is_there(&mut connection, after).await?
    {
        return Ok(connection);
    }
    Ok(api.pool.acquire().await?)
}

/// The entries as CSV, with a line of names.
fn table(entries: &[Entry], next_cursor: Option<&str>) -> Result<Response, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names =
        ["entryId", "createdAt", "type", "credits", "balanceAfter", "description", "memberId", "belongsTo"];
    writer.write_record(names).map_err(Problem::internal)?;
    for entry in entries {
        let belongs_to = BelongsTo::of(entry.source).map(|to| format!("{}:{}", to.kind, to.id));
        let line = [
            entry.id.to_string(),
            entry.created_at.format(&Rfc3339).map_err(Problem::internal)?,
            entry.entry_type.clone(),
            entry.amount.to_string(),
            entry.balance_after.to_string(),
            unspoilt(entry.description.as_deref().unwrap_or_default()),
            unspoilt(entry.member_id.as_ref().map_or("", UserId::as_str)),
            belongs_to.unwrap_or_default(),
        ];
        writer.write_record(line).map_err(Problem::internal)?;
    }
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = writer.into_inner().map_err(Problem::internal)?.into();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Some(cursor) = next_cursor.and_then(|cursor| HeaderValue::from_str(cursor).ok()) {
        headers.insert("x-next-cursor", cursor);
    }
    Ok(response)
}

/// A text that spreadsheets do not take for a formula.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn unspoilt(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

async fn balance(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let at = moment(&call, "at")?.unwrap_or_else(|| api.clock.now());
    let balance = balance_at(&mut *api.pool.acquire().await?, wallet.id, at).await?;
    Ok(answer(StatusCode::OK, &BalanceView { at: Moment(at), balance: Amount(balance) }))
}

/// A time of the query.
pub(super) fn moment(call: &Call, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    // A `+` that was not escaped is a blank by now.
    let parsed = Timestamp::parse(&text.replace(' ', "+"), &Rfc3339);
    let problem =
        |_| Problem::invalid(format!("{name} must be a time such as 2026-11-28T08:00:00Z")).about(name);
    parsed.map(Some).map_err(problem)
}
