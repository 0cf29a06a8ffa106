//! The ledger as people read it: newest entries first. Ids sort by age, so a wallet's history is a walk along its key.

use sqlx::PgConnection;

use kernel::clock::Timestamp;
use kernel::ids::{EntryId, OrganizationId, UserId, WalletId};
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
