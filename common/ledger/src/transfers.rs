//! Moving credits from one wallet to another: each keeps when it lapses.

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::operations::post;
use super::store::{self, EntryRow};
use super::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, TransferId, WalletId};
use kernel::money::Credits;

/// Credits that are to go from one wallet to another.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Which: it is made once.
    pub id: TransferId,
    pub from: WalletId,
    pub to: WalletId,
    /// How much; positive, and available.
    pub credits: Credits,
    /// On both entries and in the audit log.
    pub reason: String,
    /// On both entries.
    pub note: EntryNote,
    /// Who, named as in [`audit::AdminAction::actor`].
    pub actor: String,
}

/// That credits were transferred, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// The entry that took them.
    pub from_entry: EntryId,
    /// The entry that gave them.
    pub to_entry: EntryId,
    /// The balance of the wallet that they left, right after it.
    pub from_balance: Credits,
    /// The balance of the wallet that they went to, right after it.
    pub to_balance: Credits,
    /// Whether they had been transferred before under this id.
    pub is_repeated: bool,
}

/// Why credits cannot be transferred.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("credits go from one wallet to another, not to itself")]
    SameWallet,
    /// Less is available, a wallet is not there, or the amount is not positive or too large to count.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another transfer was made under this id.
    #[error("the key was used for another request")]
    Reused,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Transfers credits, once for the transfer's id, and records who did it and why. They are taken from what is
/// available, in the order in which grants burn, and become one grant for each that was burned: it lapses when that
/// would have, burns as that would have, and comes from where that came from, but belongs to no order. A debt of the
/// wallet that they go to is paid first.
///
/// # Errors
/// [`TransferError`]; nothing is transferred then.
pub async fn transfer(
    pool: &PgPool,
    now: Timestamp,
    transfer: &Transfer,
) -> Result<Transferred, TransferError> {
    if transfer.from == transfer.to {
        return Err(TransferError::SameWallet);
    }
    let mut transaction = pool.begin().await?;
    // Both at once, in the order of their ids: two transfers that cross do not wait for each other for ever.
    if store::wallets_lock(&mut transaction, &[transfer.from, transfer.to]).await?.len() < 2 {
        return Err(Refusal::NoWallet.into());
    }
    let (taking, giving) = (cause(transfer, "from"), cause(transfer, "to"));
    let before = store::entries_by_cause(&mut transaction, &[&taking, &giving]).await?;
    if !before.is_empty() {
        return repeated(transfer, &before);
    }
    let taken = movement(transfer, transfer.from, taking, Change::Debit(transfer.credits));
    let (from_entry, from_balance) = match post(&mut transaction, now, &[taken]).await?.each.pop() {
        Some(Posted::Done { entry_id: Some(entry_id), balance }) => (entry_id, balance),
        Some(Posted::Refused(refusal)) => {
            // What had lapsed was taken off.
            transaction.commit().await?;
            return Err(refusal.into());
        }
        _ => return Err(sqlx::Error::RowNotFound.into()),
    };
    let grants = burned(&mut transaction, from_entry).await?;
    let given = movement(transfer, transfer.to, giving, Change::Grants(grants));
    let (to_entry, to_balance) = match post(&mut transaction, now, &[given]).await?.each.pop() {
        Some(Posted::Done { entry_id: Some(entry_id), balance }) => (entry_id, balance),
        Some(Posted::Refused(refusal)) => return Err(refusal.into()),
        _ => return Err(sqlx::Error::RowNotFound.into()),
    };
    let details = json!({
        "transfer_id": transfer.id, "to": transfer.to, "credits": transfer.credits.to_json(),
        "transaction_ids": [from_entry, to_entry], "reason": transfer.reason,
    });
    let subject = transfer.from.to_string();
    audit::note(&mut transaction, now, &transfer.actor, "credits.transfer", &subject, details).await?;
    transaction.commit().await?;
    Ok(Transferred { from_entry, to_entry, from_balance, to_balance, is_repeated: false })
}

/// What was made under this id before, if it was this transfer.
fn repeated(transfer: &Transfer, entries: &[EntryRow]) -> Result<Transferred, TransferError> {
    let of = |wallet: WalletId, amount: Option<Credits>| {
        entries.iter().find(|entry| {
            entry.wallet_id == wallet
                && Some(entry.amount) == amount
                && entry.description.as_ref() == Some(&transfer.reason)
                && entry.metadata == transfer.note.metadata
        })
    };
    let from = of(transfer.from, transfer.credits.checked_neg().ok()).ok_or(TransferError::Reused)?;
    let to = of(transfer.to, Some(transfer.credits)).ok_or(TransferError::Reused)?;
    Ok(Transferred {
        from_entry: from.id,
        to_entry: to.id,
        from_balance: from.balance_after,
        to_balance: to.balance_after,
        is_repeated: true,
    })
}

fn cause(transfer: &Transfer, side: &str) -> Cause {
    Cause { kind: "transfer", id: format!("{}:{side}", transfer.id) }
}

fn movement(transfer: &Transfer, wallet_id: WalletId, cause: Cause, change: Change) -> Movement {
    Movement {
        wallet_id,
        cause,
        change,
        counter_account: CounterAccount::Transfer,
        entry_type: "transfer".to_owned(),
        description: Some(transfer.reason.clone()),
        note: transfer.note.clone(),
    }
}

/// New grants like those that an entry was taken from.
async fn burned(connection: &mut PgConnection, entry: EntryId) -> Result<Vec<NewGrant>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select g.source as "source: GrantSource", (part ->> 1)::bigint as "amount!: Credits", g.priority,
                  g.expires_at
           from ledger_entries e
           cross join lateral jsonb_array_elements(e.burned) with ordinality as parts (part, place)
           join grants g on g.id = (part ->> 0)::uuid
           where e.id = $1 order by place"#,
        entry.0
    )
    .fetch_all(connection)
    .await?;
    let grants = rows.into_iter().map(|row| NewGrant {
        id: GrantId::new(),
        source: row.source,
        amount: row.amount,
        priority: row.priority,
        expires_at: row.expires_at,
        payment_id: None,
        origin_payment_id: None,
    });
    Ok(grants.collect())
}
