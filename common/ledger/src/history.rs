//! The ledger as people read it: newest entries first. Ids sort by age, so a wallet's history is a walk along its key.

use std::collections::BTreeSet;

use crate::CounterAccount;
use sqlx::PgConnection;
use time::Duration;
use uuid::Uuid;

use kernel::clock::Timestamp;
use kernel::ids::{
    AdjustmentId, ApiKeyId, EntryId, GrantId, HoldId, OrganizationId, PaymentId, TransferId, UserId, WalletId,
};
use kernel::metadata::Metadata;
use kernel::money::Credits;

/// An entry, with the owner of its wallet.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub id: EntryId,
    /// The user whose wallet it is…
    pub user_id: Option<UserId>,
    pub organization_id: Option<OrganizationId>,
    /// Signed.
    pub amount: Credits,
    /// The balance after it.
    pub balance_after: Credits,
    /// What it was for, in a word.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    pub created_at: Timestamp,
}

impl HistoryEntry {
    /// The change of the balance as seen by those who are shown whole credits: what they are shown in all adds up to
    /// the balance that they are shown. A fraction of a credit therefore appears with the entry that completes it.
    pub fn whole_amount(&self) -> i64 {
        let before = self.balance_after.checked_sub(self.amount).unwrap_or(Credits::ZERO);
        self.balance_after.floor_whole().saturating_sub(before.floor_whole())
    }
}

/// The entries of a wallet; of one type or of all.
///
/// # Errors
/// Database errors only.
pub async fn of_wallet(
    connection: &mut PgConnection,
    wallet: WalletId,
    entry_type: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<HistoryEntry>, sqlx::Error> {
    sqlx::query_as!(
        HistoryEntry,
        r#"select e.id as "id: EntryId", w.user_id as "user_id: UserId",
                  w.organization_id as "organization_id: OrganizationId", e.amount as "amount: Credits",
                  e.balance_after as "balance_after: Credits", e.entry_type, e.description, e.created_at
           from ledger_entries e join wallets w on w.id = e.wallet_id
           where e.wallet_id = $1 and ($2::text is null or e.entry_type = $2)
           order by e.id desc limit $3 offset $4"#,
        wallet.0,
        entry_type,
        limit,
        offset
    )
    .fetch_all(connection)
    .await
}

/// The entries of all wallets; of one type or of all.
///
/// # Errors
/// Database errors only.
pub async fn of_all(
    connection: &mut PgConnection,
    entry_type: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<HistoryEntry>, sqlx::Error> {
    sqlx::query_as!(
        HistoryEntry,
        r#"select e.id as "id: EntryId", w.user_id as "user_id: UserId",
                  w.organization_id as "organization_id: OrganizationId", e.amount as "amount: Credits",
                  e.balance_after as "balance_after: Credits", e.entry_type, e.description, e.created_at
           from ledger_entries e join wallets w on w.id = e.wallet_id
           where $1::text is null or e.entry_type = $1
           order by e.id desc limit $2 offset $3"#,
        entry_type,
        limit,
        offset
    )
    .fetch_all(connection)
    .await
}

/// What an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceOf {
    /// An order: what it bought, what was added for ordering it, or what followed its money back or again.
    Payment(PaymentId),
    /// The hold that was captured, whole or in part.
    Hold(HoldId),
    /// The grant that it made, for no order, or that lapsed or was voided.
    Grant(GrantId),
    /// The debit that it gives back.
    Debit(EntryId),
    Transfer(TransferId),
    Adjustment(AdjustmentId),
    /// Nothing but what asked for it: a debit.
    Itself,
}

/// An entry, with all that was noted with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub wallet_id: WalletId,
    /// Signed.
    pub amount: Credits,
    /// The other side of the movement.
    pub counter_account: CounterAccount,
    /// What it was for, in a word.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    /// What the caller attached.
    pub metadata: Metadata,
    /// Who did it, or for whom it was done…
    pub member_id: Option<UserId>,
    /// …and with which key.
    pub api_key_id: Option<ApiKeyId>,
    /// The balance after it.
    pub balance_after: Credits,
    pub created_at: Timestamp,
    pub source: SourceOf,
}

/// Which entries. A condition that is not given holds for all.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// What they were for, in a word: one of these.
    pub types: Option<Vec<String>>,
    pub member: Option<UserId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// An entry as stored.
struct Row {
    id: EntryId,
    wallet_id: WalletId,
    amount: Credits,
    counter_account: CounterAccount,
    entry_type: String,
    description: Option<String>,
    metadata: Metadata,
    member_id: Option<UserId>,
    api_key_id: Option<ApiKeyId>,
    balance_after: Credits,
    created_at: Timestamp,
    source_kind: String,
    source_id: String,
    grant_id: Option<GrantId>,
    debit_id: Option<EntryId>,
}

impl Row {
    fn source(&self) -> SourceOf {
        // What tells several entries of one thing apart stands behind it.
        let id = self.source_id.split(':').next().unwrap_or_default();
        let named = match self.source_kind.as_str() {
            "payment" | "coupon" | "reversal" => id.parse().ok().map(SourceOf::Payment),
            "capture" => id.parse().ok().map(SourceOf::Hold),
            "expiry" | "void" => id.parse().ok().map(SourceOf::Grant),
            "transfer" => id.parse().ok().map(SourceOf::Transfer),
            "adjustment" => id.parse().ok().map(SourceOf::Adjustment),
            _ => None,
        };
        let debit = self.debit_id.map(SourceOf::Debit);
        named.or(debit).or(self.grant_id.map(SourceOf::Grant)).unwrap_or(SourceOf::Itself)
    }
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let source = row.source();
        Self {
            id: row.id,
            wallet_id: row.wallet_id,
            amount: row.amount,
            counter_account: row.counter_account,
            entry_type: row.entry_type,
            description: row.description,
            metadata: row.metadata,
            member_id: row.member_id,
            api_key_id: row.api_key_id,
            balance_after: row.balance_after,
            created_at: row.created_at,
            source,
        }
    }
}

macro_rules! select_entries {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select e.id as "id: EntryId", e.wallet_id as "wallet_id: WalletId", e.amount as "amount: Credits",
                      e.counter_account as "counter_account: CounterAccount", e.entry_type, e.description,
                      coalesce(e.metadata, '{}') as "metadata!: Metadata",
                      e.member_id as "member_id: UserId", e.api_key_id as "api_key_id: ApiKeyId",
                      e.balance_after as "balance_after: Credits", e.created_at, e.source_kind, e.source_id,
                      e.grant_id as "grant_id: GrantId", e.debit_id as "debit_id: EntryId" "#
                + $rest
            $(, $argument)*
        )
    };
}

/// An entry of any wallet.
///
/// # Errors
/// Database errors only.
pub async fn entry(connection: &mut PgConnection, id: EntryId) -> Result<Option<Entry>, sqlx::Error> {
    let row =
        select_entries!("from ledger_entries e where e.id = $1", id.0).fetch_optional(connection).await?;
    Ok(row.map(Entry::from))
}

/// The entries of a payment: its credits, its coupon's, and what its refunds and disputes took and gave; oldest first.
///
/// # Errors
/// Database errors only.
pub async fn of_payment(
    connection: &mut PgConnection,
    payment: PaymentId,
) -> Result<Vec<Entry>, sqlx::Error> {
    // The causes of reversals begin with the payment: compared byte by byte, as their index is.
    let rows = select_entries!(
        "from ledger_entries e
         where (e.source_kind = 'payment' and e.source_id = $1) or (e.source_kind = 'coupon' and e.source_id = $1)
            or (e.source_kind = 'reversal' and e.source_id ~>=~ $1 and e.source_id ~<~ ($1 || ';'))
         order by e.id",
        payment.to_string()
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Entry::from).collect())
}

/// Whether there is such an entry.
///
/// # Errors
/// Database errors only.
pub async fn is_there(connection: &mut PgConnection, entry: EntryId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select from ledger_entries where id = $1) as "is_there!""#, entry.0)
        .fetch_one(connection)
        .await
}

/// A page of a wallet's entries, newest first: at most `limit`, of those before an entry. It costs the same at any
/// depth: a walk along the wallet's entries, those of the wanted types, or those of the member. (Those of a member that
/// are of some types are looked for among all of the member's.)
///
/// # Errors
/// Database errors only.
pub async fn entries(
    connection: &mut PgConnection,
    wallet: WalletId,
    filter: &EntryFilter,
    before: Option<EntryId>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    let (from, until) = (filter.from, filter.until);
    let (beginning, end) = ids_of(connection, filter, before).await?;
    let types: Option<BTreeSet<&str>> =
        filter.types.as_ref().map(|types| types.iter().map(String::as_str).collect());
    let types: Option<Vec<&str>> = types.map(|types| types.into_iter().collect());
    let rows = match (&filter.member, types) {
        (Some(member), types) => {
            select_entries!(
                "from ledger_entries e
                 where e.wallet_id = $1 and e.member_id = $7 and e.id < $2 and e.id >= $3
                   and ($4::timestamptz is null or e.created_at >= $4)
                   and ($5::timestamptz is null or e.created_at < $5)
                   and ($8::text[] is null or e.entry_type = any($8))
                 order by e.id desc limit $6",
                wallet.0,
                end,
                beginning,
                from,
                until,
                limit,
                member.as_str(),
                types.as_deref() as Option<&[&str]>
            )
            .fetch_all(connection)
            .await?
        }
        (None, Some(types)) => {
            select_entries!(
                "from unnest($7::text[]) as wanted (entry_type)
                 cross join lateral (
                     select * from ledger_entries
                     where wallet_id = $1 and entry_type = wanted.entry_type and id < $2 and id >= $3
                       and ($4::timestamptz is null or created_at >= $4)
                       and ($5::timestamptz is null or created_at < $5)
                     order by id desc limit $6) e
                 order by e.id desc limit $6",
                wallet.0,
                end,
                beginning,
                from,
                until,
                limit,
                &types as &[&str]
            )
            .fetch_all(connection)
            .await?
        }
        (None, None) => {
            select_entries!(
                "from ledger_entries e
                 where e.wallet_id = $1 and e.id < $2 and e.id >= $3
                   and ($4::timestamptz is null or e.created_at >= $4)
                   and ($5::timestamptz is null or e.created_at < $5)
                 order by e.id desc limit $6",
                wallet.0,
                end,
                beginning,
                from,
                until,
                limit
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// Between which ids the entries are that a filter lets through: from the first on, and before the second.
async fn ids_of(
    connection: &mut PgConnection,
    filter: &EntryFilter,
    before: Option<EntryId>,
) -> Result<(Uuid, Uuid), sqlx::Error> {
    let end = filter.until.map_or(Uuid::max(), |until| first_id(until.saturating_add(WAIT)));
    let end = before.map_or(end, |before| before.0.min(end));
    let beginning = match filter.from {
        Some(from) => first_id(from.saturating_sub(WAIT + clock_is_ahead(connection).await?)),
        None => Uuid::nil(),
    };
    Ok((beginning, end))
}

/// The balance of a wallet at a moment: that after its last entry until then, also of that moment itself. What had
/// lapsed by then is in it until the entry that took it off.
///
/// # Errors
/// Database errors only.
pub async fn balance_at(
    connection: &mut PgConnection,
    wallet: WalletId,
    at: Timestamp,
) -> Result<Credits, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"select balance_after as "balance_after: Credits" from ledger_entries
           where wallet_id = $1 and id < $2 and created_at <= $3 order by id desc limit 1"#,
        wallet.0,
        first_id(at.saturating_add(WAIT)),
        at
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.unwrap_or(Credits::ZERO))
}

/// An entry's id says when it was made, by real time, so a span of time is a part of the walk along the ids. What was
/// decided at one moment got its id a little later, once its wallet was free: sooner than this, which also allows for
/// machines whose clocks differ.
const WAIT: Duration = Duration::minutes(1);

/// The least id that is made at a moment.
fn first_id(at: Timestamp) -> Uuid {
    let milliseconds = at.unix_timestamp_nanos().div_euclid(1_000_000).clamp(0, (1 << 48) - 1);
    Uuid::from_u128(milliseconds.unsigned_abs() << 80)
}

/// How far the test clock is ahead of the time that ids go by: now, and never further before.
async fn clock_is_ahead(connection: &mut PgConnection) -> Result<Duration, sqlx::Error> {
    let seconds = sqlx::query_scalar!("select offset_seconds from test_clock where only_row");
    Ok(Duration::seconds(seconds.fetch_one(connection).await?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn entry(amount: Credits, balance_after: Credits) -> HistoryEntry {
        HistoryEntry {
            id: EntryId::new(),
            user_id: None,
            organization_id: None,
            amount,
            balance_after,
            entry_type: "x".to_owned(),
            description: None,
            created_at: time::macros::datetime!(2026-11-24 08:00:00 UTC),
        }
    }

    #[test]
    fn whole_amounts_are_what_they_are() {
        let whole = |credits| Credits::from_whole(credits).unwrap();
        assert_eq!(entry(whole(100), whole(100)).whole_amount(), 100);
        assert_eq!(entry(whole(-50), whole(50)).whole_amount(), -50);
    }

    #[test]
    fn the_ids_of_a_moment_are_not_before_its_first() {
        let second = |nanoseconds| time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        let made = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_800_000_000, 123_000_000));
        let at = |milliseconds: i128| first_id(second(milliseconds * 1_000_000));
        assert!(at(1_800_000_000_123) <= made && made < at(1_800_000_000_124));
        assert_eq!(at(-1), Uuid::nil());
    }

    #[test]
    fn what_an_entry_belongs_to_is_read_from_its_cause() {
        let id = Uuid::now_v7();
        let source = |kind: &str, tail: &str, grant: Option<Uuid>, debit: Option<Uuid>| {
            let row = Row {
                id: EntryId::new(),
                wallet_id: WalletId::new(),
                amount: Credits::ZERO,
                counter_account: CounterAccount::Usage,
                entry_type: "x".to_owned(),
                description: None,
                metadata: Metadata::default(),
                member_id: None,
                api_key_id: None,
                balance_after: Credits::ZERO,
                created_at: time::macros::datetime!(2026-11-24 08:00:00 UTC),
                source_kind: kind.to_owned(),
                source_id: format!("{id}{tail}"),
                grant_id: grant.map(GrantId),
                debit_id: debit.map(EntryId),
            };
            row.source()
        };
        let other = Some(Uuid::now_v7());
        assert_eq!(source("payment", "", other, None), SourceOf::Payment(PaymentId(id)));
        assert_eq!(source("coupon", "", other, None), SourceOf::Payment(PaymentId(id)));
        assert_eq!(source("reversal", ":re_1:2", None, None), SourceOf::Payment(PaymentId(id)));
        assert_eq!(source("capture", "", None, None), SourceOf::Hold(HoldId(id)));
        assert_eq!(source("capture", ":a:key", None, None), SourceOf::Hold(HoldId(id)));
        assert_eq!(source("expiry", ":5:0", other, None), SourceOf::Grant(GrantId(id)));
        assert_eq!(source("void", "", None, None), SourceOf::Grant(GrantId(id)));
        assert_eq!(source("transfer", ":to", None, None), SourceOf::Transfer(TransferId(id)));
        assert_eq!(source("adjustment", "", other, None), SourceOf::Adjustment(AdjustmentId(id)));
        assert_eq!(source("debit_refund", "", None, Some(id)), SourceOf::Debit(EntryId(id)));
        assert_eq!(source("checkin", "", Some(id), None), SourceOf::Grant(GrantId(id)));
        assert_eq!(source("consume", "", None, None), SourceOf::Itself);
    }

    proptest! {
        #[test]
        fn what_is_shown_adds_up(amounts in proptest::collection::vec(-5_000_000_i64..5_000_000, 1..40)) {
            let (mut balance, mut shown) = (Credits::ZERO, 0);
            for amount in amounts {
                let amount = Credits::from_millionths(amount);
                balance = balance.checked_add(amount).unwrap();
                shown += entry(amount, balance).whole_amount();
            }
            prop_assert_eq!(shown, balance.floor_whole());
        }
    }
}
