//! Giving credits, and taking back what is left of a grant: by hand, with the record of who did it and why.

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::views::{self, GrantView};
use crate::operations::post;
use crate::store;
use crate::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, WalletId};
use kernel::money::Credits;

/// Credits to give.
#[derive(Clone, Debug)]
pub struct NewCredits {
    /// The grant that they become; lists sort by it, so it is a new one.
    pub id: GrantId,
    pub wallet_id: WalletId,
    /// How much; positive. A debt of the wallet is paid from it first.
    pub credits: Credits,
    pub source: GrantSource,
    /// Lower numbers burn first among grants that expire together.
    pub priority: i16,
    /// When they lapse, if ever.
    pub expires_at: Option<Timestamp>,
    /// The word that lists show.
    pub entry_type: String,
    /// For people; on the entry.
    pub description: Option<String>,
    /// For the audit log.
    pub reason: String,
    /// The grant has its metadata too.
    pub note: EntryNote,
    /// Who, named as in [`audit::AdminAction::actor`].
    pub by: String,
    /// Why; they are given once for it.
    pub cause: Cause,
}

/// That credits were given, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The grant as it is.
    pub grant: GrantView,
    pub entry_id: EntryId,
    /// The balance right after it.
    pub balance: Credits,
    /// Whether they had been given before for the same cause.
    pub is_repeated: bool,
}

/// Why credits cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum GiveError {
    /// There is no such wallet, or the amount is not positive or too large to count.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("credits that lapse must do so in the future")]
    Lapsed,
    /// Other credits were given for the same cause.
    #[error("the key was used for another request")]
    Reused,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Gives credits, once for their cause, and records who did it. When the credits lapse is not compared then: it may
/// have been said in days.
///
/// # Errors
/// [`GiveError`]; nothing is given then.
pub async fn give(pool: &PgPool, now: Timestamp, new: &NewCredits) -> Result<Given, GiveError> {
    let mut transaction = pool.begin().await?;
    let movement = movement(new);
    let posted = post(&mut transaction, now, std::slice::from_ref(&movement)).await?.each.pop();
    let (entry_id, balance, is_repeated) = match posted {
        Some(Posted::Done { entry_id: Some(entry_id), balance }) => (entry_id, balance, false),
        Some(Posted::AlreadyPosted {
            entry_id,
            wallet_id,
            amount,
            entry_type,
            description,
            metadata,
            balance,
        }) => {
            let same = wallet_id == new.wallet_id
                && amount == new.credits
                && entry_type == new.entry_type
                && description == new.description
                && metadata == new.note.metadata;
            if !same {
                return Err(GiveError::Reused);
            }
            (entry_id, balance, true)
        }
        Some(Posted::Refused(refusal)) => return Err(refusal.into()),
        Some(Posted::Done { entry_id: None, .. }) | None => return Err(sqlx::Error::RowNotFound.into()),
    };
    let grant = views::of_entry(&mut transaction, entry_id).await?.ok_or(GiveError::Reused)?;
    if grant.source != new.source {
        return Err(GiveError::Reused);
    }
    if !is_repeated {
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(GiveError::Lapsed);
        }
        let details = json!({
            "grant_id": new.id, "transaction_id": entry_id, "credits": new.credits.to_json(), "source": new.source,
            "reason": new.reason,
        });
        let subject = new.wallet_id.to_string();
        audit::note(&mut transaction, now, &new.by, "credits.give", &subject, details).await?;
    }
    transaction.commit().await?;
    Ok(Given { grant, entry_id, balance, is_repeated })
}

fn movement(new: &NewCredits) -> Movement {
    let counter_account = match new.source {
        GrantSource::Checkin | GrantSource::Coupon => CounterAccount::Promotion,
        GrantSource::Purchase | GrantSource::Plan | GrantSource::Manual | GrantSource::Store => {
            CounterAccount::Manual
        }
    };
    Movement {
        wallet_id: new.wallet_id,
        cause: new.cause.clone(),
        change: Change::Grant(NewGrant {
            id: new.id,
            source: new.source,
            amount: new.credits,
            priority: new.priority,
            expires_at: new.expires_at,
            payment_id: None,
            origin_payment_id: None,
        }),
        counter_account,
        entry_type: new.entry_type.clone(),
        description: new.description.clone(),
        note: new.note.clone(),
    }
}

/// That a grant is void, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voided {
    /// The grant as it is: what remains of it is for holds alone.
    pub grant: GrantView,
    /// The entry that took off what no hold needed; none if that was nothing.
    pub entry_id: Option<EntryId>,
    /// How much that was.
    pub credits: Credits,
    /// The balance: right after it, or as it is if it took nothing.
    pub balance: Credits,
    pub is_repeated: bool,
}

/// Why a grant cannot be voided.
#[derive(Debug, thiserror::Error)]
pub enum VoidError {
    #[error("there is no such grant")]
    NotFound,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Voids a grant, once, and records who did it and why. What no hold needs of it leaves the balance now; what holds
/// need stays for them alone, and lapses when they end without it. For money that goes back later, it counts as
/// lapsed: it is not taken again.
///
/// # Errors
/// [`VoidError`].
pub async fn void(
    pool: &PgPool,
    now: Timestamp,
    grant: GrantId,
    reason: &str,
    actor: &str,
    note: EntryNote,
) -> Result<Voided, VoidError> {
    let mut transaction = pool.begin().await?;
    let seen = views::find(&mut transaction, grant).await?.ok_or(VoidError::NotFound)?;
    let wallet = store::wallets_lock(&mut transaction, &[seen.wallet_id]).await?.pop();
    let wallet = wallet.ok_or(sqlx::Error::RowNotFound)?;
    let seen = views::find(&mut transaction, grant).await?.ok_or(VoidError::NotFound)?;
    let movement = Movement {
        wallet_id: seen.wallet_id,
        cause: Cause { kind: "void", id: grant.to_string() },
        change: Change::Void(grant),
        counter_account: CounterAccount::Manual,
        entry_type: "void".to_owned(),
        description: Some(reason.to_owned()),
        note,
    };
    if seen.voided_at.is_some() {
        let entry = store::entries_by_cause(&mut transaction, &[&movement.cause]).await?.pop();
        let (entry_id, credits, balance) = match entry {
            Some(entry) => (Some(entry.id), entry.amount, entry.balance_after),
            None => (None, Credits::ZERO, wallet.balance),
        };
        let credits = credits.checked_neg().unwrap_or(Credits::ZERO);
        return Ok(Voided { grant: seen, entry_id, credits, balance, is_repeated: true });
    }
    let posted = post(&mut transaction, now, std::slice::from_ref(&movement)).await?.each.pop();
    let Some(Posted::Done { entry_id, balance }) = posted else {
        return Err(sqlx::Error::RowNotFound.into());
    };
    mark_void(&mut transaction, now, grant).await?;
    let left = views::find(&mut transaction, grant).await?.ok_or(VoidError::NotFound)?;
    let credits = match entry_id {
        Some(_) => store::entries_by_cause(&mut transaction, &[&movement.cause])
            .await?
            .pop()
            .map_or(Credits::ZERO, |entry| entry.amount.checked_neg().unwrap_or(Credits::ZERO)),
        None => Credits::ZERO,
    };
    let details = json!({"grant_id": grant, "transaction_id": entry_id, "credits": credits.to_json(),
                         "kept_for_holds": left.remaining.to_json(), "reason": reason});
    audit::note(&mut transaction, now, actor, "credits.void", &seen.wallet_id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(Voided { grant: left, entry_id, credits, balance, is_repeated: false })
}

/// Has what is left of a grant be for holds alone, as if it had lapsed now.
async fn mark_void(connection: &mut PgConnection, now: Timestamp, grant: GrantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update grants set voided_at = $2, expires_at = least(expires_at, $2) where id = $1",
        grant.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
