//! Holds: credits reserved for work whose price is known only at its end, then captured, released, or expired.

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use super::operations::post;
use super::{Cause, Change, CounterAccount, Movement, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, HoldId, UserId, WalletId};
use kernel::money::Credits;
use kernel::text_enum;

text_enum! {
    /// What became of a hold.
    HoldState {
        /// Reserved.
        Active => "active",
        /// Spent, in whole or part; the rest is free again.
        Captured => "captured",
        /// Free again.
        Released => "released",
        /// Free again, because its time was up.
        Expired => "expired",
    }
}

/// A hold.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Which.
    pub id: HoldId,
    /// On which wallet.
    pub wallet_id: WalletId,
    /// By whom.
    pub user_id: UserId,
    /// How much is, or was, reserved.
    pub amount: Credits,
    /// How much of it was spent.
    pub captured: Credits,
    /// Where it stands.
    pub state: HoldState,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A hold to be placed.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// Its id.
    pub id: HoldId,
    /// On which wallet.
    pub wallet_id: WalletId,
    /// By whom.
    pub user_id: UserId,
    /// How much is reserved.
    pub amount: Credits,
    /// For people.
    pub description: Option<String>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Why a hold cannot be made or ended so.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The ledger refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is none, or it is not this caller's.
    #[error("there is no such hold")]
    NotFound,
    /// There is one of this id that was placed otherwise.
    #[error("another hold was placed with this key")]
    Reused,
    /// It has ended another way.
    #[error("the hold is already {}", .0.as_str())]
    Ended(HoldState),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Reserves credits until `expires_at`. Placing a hold of the same id again changes nothing.
///
/// # Errors
/// [`HoldError::Refused`] when less is available, [`HoldError::Reused`] when the id is that of another hold.
pub async fn place(connection: &mut PgConnection, now: Timestamp, new: &NewHold) -> Result<Hold, HoldError> {
    if let Some(hold) = hold_lock(connection, new.id).await? {
        let same =
            hold.wallet_id == new.wallet_id && hold.user_id == new.user_id && hold.amount == new.amount;
        return if same { Ok(hold) } else { Err(HoldError::Reused) };
    }
    move_credits(connection, now, new.wallet_id, new.id, "hold", Change::Hold(new.amount)).await?;
    sqlx::query!(
        "insert into holds (id, wallet_id, user_id, amount, description, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        new.id.0,
        new.wallet_id.0,
        new.user_id.as_str(),
        new.amount.millionths(),
        new.description,
        now,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(Hold {
        id: new.id,
        wallet_id: new.wallet_id,
        user_id: new.user_id.clone(),
        amount: new.amount,
        captured: Credits::ZERO,
        state: HoldState::Active,
        expires_at: new.expires_at,
    })
}

/// How a hold is ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// By spending this much of it.
    Capture(Credits),
    /// By giving it up.
    Release,
    /// By its time being up.
    Expire,
}

/// Ends a hold of this user; ending it again the same way changes nothing and answers the same.
/// Returns the ledger entry, if credits were spent, and the balance.
///
/// # Errors
/// [`HoldError::NotFound`] for an unknown or foreign hold, [`HoldError::Ended`] when it has ended another way.
pub async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    user_id: &UserId,
    id: HoldId,
    ending: Ending,
) -> Result<(Hold, Option<EntryId>, Credits), HoldError> {
    let mut hold = hold_lock(connection, id)
        .await?
        .filter(|hold| hold.user_id == *user_id)
        .ok_or(HoldError::NotFound)?;
    let (state, captured, change) = match ending {
        Ending::Capture(spend) => (HoldState::Captured, spend, Change::Capture { held: hold.amount, spend }),
        Ending::Release => (HoldState::Released, Credits::ZERO, Change::Release(hold.amount)),
        Ending::Expire => (HoldState::Expired, Credits::ZERO, Change::Release(hold.amount)),
    };
    if hold.state != HoldState::Active {
        if hold.state == state && hold.captured == captured {
            let cause = Cause { kind: "capture", id: id.to_string() };
            let entry = super::store::entries_by_cause(connection, &[&cause]).await?.pop();
            let balance = super::operations::balance(connection, now, hold.wallet_id).await?;
            return Ok((hold, entry.map(|entry| entry.id), balance));
        }
        return Err(HoldError::Ended(hold.state));
    }
    let (entry, balance) = move_credits(connection, now, hold.wallet_id, id, "capture", change).await?;
    sqlx::query!(
        "update holds set state = $2, captured = $3, ended_at = $4 where id = $1",
        id.0,
        state.as_str(),
        captured.millionths(),
        now
    )
    .execute(connection)
    .await?;
    hold.state = state;
    hold.captured = captured;
    Ok((hold, entry, balance))
}

/// Ends the holds whose time is up, oldest first, up to `limit`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn expire_due(pool: &PgPool, now: Timestamp, limit: i64) -> Result<usize, HoldError> {
    let due = sqlx::query!(
        r#"select id as "id: HoldId", user_id as "user_id: UserId" from holds
           where state = 'active' and expires_at <= $1 order by expires_at limit $2"#,
        now,
        limit
    )
    .fetch_all(pool)
    .await?;
    for row in &due {
        let mut transaction = pool.begin().await?;
        match end(&mut transaction, now, &row.user_id, row.id, Ending::Expire).await {
            Ok(_) => transaction.commit().await?,
            // The caller was quicker.
            Err(HoldError::Ended(_)) => transaction.rollback().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(due.len())
}

async fn move_credits(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet_id: WalletId,
    id: HoldId,
    cause: &'static str,
    change: Change,
) -> Result<(Option<EntryId>, Credits), HoldError> {
    let movement = Movement {
        wallet_id,
        cause: Cause { kind: cause, id: id.to_string() },
        change,
        counter_account: CounterAccount::Usage,
        entry_type: "hold_captured".to_owned(),
        description: None,
    };
    match post(connection, now, &[movement]).await?.each.pop() {
        Some(Posted::Done { entry_id, balance }) => Ok((entry_id, balance)),
        Some(Posted::Before { entry_id, balance, .. }) => Ok((Some(entry_id), balance)),
        Some(Posted::Refused(refusal)) => Err(refusal.into()),
        None => Err(Refusal::BadAmount.into()),
    }
}

/// This user's hold of this id.
///
/// # Errors
/// Database errors only.
pub async fn find(
    connection: &mut PgConnection,
    user_id: &UserId,
    id: HoldId,
) -> Result<Option<Hold>, sqlx::Error> {
    sqlx::query_as!(
        Hold,
        r#"select id as "id: HoldId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                  amount as "amount: Credits", captured as "captured: Credits", state as "state: HoldState",
                  expires_at
           from holds where id = $1 and user_id = $2"#,
        id.0,
        user_id.as_str()
    )
    .fetch_optional(connection)
    .await
}

async fn hold_lock(connection: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, sqlx::Error> {
    sqlx::query_as!(
        Hold,
        r#"select id as "id: HoldId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                  amount as "amount: Credits", captured as "captured: Credits", state as "state: HoldState",
                  expires_at
           from holds where id = $1 for update"#,
        id.0
    )
    .fetch_optional(connection)
    .await
}

/// Frees the credits of holds whose time is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireHolds {}
job!(ExpireHolds: "holds.expire" on Apply, 3 attempts);
