//! Grants as people see them, and when they lapse.

use sqlx::PgConnection;

use crate::GrantSource;
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, PaymentId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantView {
    pub id: GrantId,
    pub wallet_id: WalletId,
    pub source: GrantSource,
    /// How much was given, also what paid a debt.
    pub credits: Credits,
    pub remaining: Credits,
    /// Lower numbers burn first among grants that expire together.
    pub priority: i16,
    /// When it lapses, if ever; what a hold needs of it is there until the hold ends.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The order that it belongs to.
    pub payment_id: Option<PaymentId>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// What was attached to it.
    pub metadata: Metadata,
}

macro_rules! select_grants {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            GrantView,
            r#"select g.id as "id: GrantId", g.wallet_id as "wallet_id: WalletId", g.source as "source: GrantSource",
                      g.amount as "credits: Credits", g.remaining as "remaining: Credits", g.priority, g.expires_at,
                      g.created_at, coalesce(g.payment_id, g.origin_payment_id) as "payment_id: PaymentId",
                      g.voided_at, coalesce(g.metadata, '{}') as "metadata!: Metadata" "#
                + $rest
            $(, $argument)*
        )
    };
}

/// A page of a wallet's grants, newest first: at most `limit`, of those before a grant. `open_only` leaves out those
/// of which nothing remains. It costs the same at any depth.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    wallet: WalletId,
    open_only: bool,
    before: Option<GrantId>,
    limit: i64,
) -> Result<Vec<GrantView>, sqlx::Error> {
    let end = before.map_or(uuid::Uuid::max(), |before| before.0);
    if open_only {
        select_grants!(
            "from grants g where g.wallet_id = $1 and g.is_open and g.id < $2 order by g.id desc limit $3",
            wallet.0,
            end,
            limit
        )
        .fetch_all(connection)
        .await
    } else {
        select_grants!(
            "from grants g where g.wallet_id = $1 and g.id < $2 order by g.id desc limit $3",
            wallet.0,
            end,
            limit
        )
        .fetch_all(connection)
        .await
    }
}

/// A grant of any wallet.
///
/// # Errors
/// Database errors only.
pub async fn find(connection: &mut PgConnection, id: GrantId) -> Result<Option<GrantView>, sqlx::Error> {
    select_grants!("from grants g where g.id = $1", id.0).fetch_optional(connection).await
}

/// The grant that an entry made.
pub(super) async fn of_entry(
    connection: &mut PgConnection,
    entry: EntryId,
) -> Result<Option<GrantView>, sqlx::Error> {
    select_grants!("from ledger_entries e join grants g on g.id = e.grant_id where e.id = $1", entry.0)
        .fetch_optional(connection)
        .await
}

/// The grants that causes of one kind have made.
///
/// # Errors
/// Database errors only.
pub async fn of_causes(
    connection: &mut PgConnection,
    kind: &str,
    ids: &[&str],
) -> Result<Vec<GrantView>, sqlx::Error> {
    select_grants!(
        "from unnest($2::text[]) as wanted (id)
         join ledger_entries e on e.source_kind = $1 and e.source_id = wanted.id
         join grants g on g.id = e.grant_id",
        kind,
        ids as &[&str]
    )
    .fetch_all(connection)
    .await
}

/// How much of a wallet lapses at which moments after `now`, soonest first: at most `limit` moments. What is spent
/// until then does not.
///
/// # Errors
/// Database errors only.
pub async fn lapsing(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    limit: i64,
) -> Result<Vec<(Credits, Timestamp)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select expires_at as "at!", sum(remaining)::bigint as "credits!: Credits" from grants
           where wallet_id = $1 and is_open and expires_at > $2
           group by expires_at order by expires_at limit $3"#,
        wallet.0,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.credits, row.at)).collect())
}
