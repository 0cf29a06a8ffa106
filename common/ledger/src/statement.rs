//! A user's wallet as its owner reads it, page by page: what moved, and purchases that have not been paid.

use sqlx::PgConnection;
use uuid::Uuid;

use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use kernel::money::Credits;
use kernel::text_enum;

text_enum! {
    /// How a line stands.
    Status {
        /// A purchase that can be paid.
        Pending => "pending",
        /// It moved.
        Completed => "completed",
        /// A purchase that will not be paid.
        Failed => "failed",
        /// A purchase whose money went back.
        Refunded => "refunded",
    }
}

/// Which lines. A condition that is not given holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What it was for, in a word.
    pub types: Option<Vec<String>>,
    pub statuses: Option<Vec<Status>>,
    /// Whether it adds credits.
    pub is_credit: Option<bool>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Which of the lines.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub limit: i64,
    /// After how many.
    pub offset: i64,
    /// From the oldest on, instead of the newest.
    pub oldest_first: bool,
}

#[derive(Clone, Debug)]
pub struct Line {
    /// The ledger entry's id, or the unpaid purchase's.
    pub id: Uuid,
    /// What it was for, in a word.
    pub entry_type: String,
    /// Signed; of an unpaid purchase, what it would add.
    pub amount: Credits,
    pub status: Status,
    /// For people.
    pub description: Option<String>,
    /// The balance after it; none of what did not move.
    pub balance_after: Option<Credits>,
    pub occurred_at: Timestamp,
}

// Ids sort by age, so a page is the beginning of a walk along two keys; hence a limit for each, and a query for each
// direction.
macro_rules! lines_query {
    ($order:literal, $connection:expr, $wallet:expr, $user:expr, $filter:expr, $page:expr) => {{
        let statuses: Option<Vec<&str>> =
            $filter.statuses.as_ref().map(|all| all.iter().map(|status| status.as_str()).collect());
        sqlx::query_as!(
            Line,
            r#"select id as "id!", entry_type as "entry_type!", amount as "amount!: Credits",
                      status as "status!: Status", description, balance_after as "balance_after: Credits",
                      occurred_at as "occurred_at!"
               from ((select * from (
                          select e.id, e.entry_type, e.amount, e.description, e.balance_after,
                                 e.created_at as occurred_at,
                                 case when p.state in ('refunded', 'disputed') then 'refunded' else 'completed' end
                                     as status
                          from ledger_entries e
                          left join payments p on p.id = case when e.source_kind = 'payment' then e.source_id::uuid end
                                                  and p.user_id = $2 and p.wallet_id = e.wallet_id
                          where e.wallet_id = $1) as moved
                      where ($3::text[] is null or entry_type = any($3)) and ($4::text[] is null or status = any($4))
                        and ($5::boolean is null or (amount > 0) = $5)
                        and ($6::timestamptz is null or occurred_at >= $6)
                        and ($7::timestamptz is null or occurred_at < $7)
                      order by id "# + $order + " limit $8::bigint + $9::bigint)
                     union all
                     (select * from (
                          select id, case kind when 'subscription' then 'subscription' else 'purchase' end
                                     as entry_type, credits as amount, summary as description,
                                 null::bigint as balance_after, created_at as occurred_at,
                                 case when state in ('created', 'pending') then 'pending' else 'failed' end as status
                          from payments
                          where user_id = $2 and wallet_id = $1 and mode <> 'setup' and completed_at is null) as unpaid
                      where ($3::text[] is null or entry_type = any($3)) and ($4::text[] is null or status = any($4))
                        and ($5::boolean is null or (amount > 0) = $5)
                        and ($6::timestamptz is null or occurred_at >= $6)
                        and ($7::timestamptz is null or occurred_at < $7)
                      order by id " + $order + " limit $8::bigint + $9::bigint)) as statement
               order by id " + $order + " limit $8 offset $9",
            $wallet.0,
            $user.as_str(),
            $filter.types.as_deref(),
            statuses.as_deref() as Option<&[&str]>,
            $filter.is_credit,
            $filter.from,
            $filter.until,
            $page.limit,
            $page.offset
        )
        .fetch_all($connection)
        .await
    }};
}

/// A page of the statement of a user's own wallet.
///
/// # Errors
/// Database errors only.
pub async fn lines(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Line>, sqlx::Error> {
    if page.oldest_first {
        lines_query!("asc", connection, wallet, user, filter, page)
    } else {
        lines_query!("desc", connection, wallet, user, filter, page)
    }
}

/// How many lines there are.
///
/// # Errors
/// Database errors only.
pub async fn count(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
    filter: &Filter,
) -> Result<i64, sqlx::Error> {
    let statuses: Option<Vec<&str>> =
        filter.statuses.as_ref().map(|all| all.iter().map(|status| status.as_str()).collect());
    sqlx::query_scalar!(
        r#"with statement as (
               select e.entry_type, e.amount, e.created_at as occurred_at,
                      case when p.state in ('refunded', 'disputed') then 'refunded' else 'completed' end as status
               from ledger_entries e
               left join payments p on p.id = case when e.source_kind = 'payment' then e.source_id::uuid end
                                       and p.user_id = $2 and p.wallet_id = e.wallet_id
               where e.wallet_id = $1
               union all
               select case kind when 'subscription' then 'subscription' else 'purchase' end, credits, created_at,
                      case when state in ('created', 'pending') then 'pending' else 'failed' end
               from payments
               where user_id = $2 and wallet_id = $1 and mode <> 'setup' and completed_at is null
           )
           select count(*) as "count!" from statement
           where ($3::text[] is null or entry_type = any($3)) and ($4::text[] is null or status = any($4))
             and ($5::boolean is null or (amount > 0) = $5)
             and ($6::timestamptz is null or occurred_at >= $6) and ($7::timestamptz is null or occurred_at < $7)"#,
        wallet.0,
        user.as_str(),
        filter.types.as_deref(),
        statuses.as_deref() as Option<&[&str]>,
        filter.is_credit,
        filter.from,
        filter.until
    )
        .fetch_one(connection)
        .await
}
