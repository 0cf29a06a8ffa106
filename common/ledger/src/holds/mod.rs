//! Holds: credits reserved for work whose price is known only at its end, then captured, released, or expired.

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

mod store;

use std::time::Duration;

use super::operations::post;
use super::{Cause, Change, CounterAccount, EntryNote, Movement, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::database::is_locked;
use kernel::ids::{EntryId, HoldId, UserId, WalletId};
use kernel::money::Credits;
use kernel::text_enum;

text_enum! {
    /// What became of a hold.
    HoldState {
        Active => "active",
        /// Spent, in whole or part; the rest is free again.
        Captured => "captured",
        /// Free again.
        Released => "released",
        /// Free again, because its time was up.
        Expired => "expired",
    }
}

/// The word that lists show for what is captured, unless the hold says another.
pub const ENTRY_TYPE: &str = "hold_captured";

#[derive(Clone, Debug)]
pub struct Hold {
    pub id: HoldId,
    pub wallet_id: WalletId,
    pub user_id: UserId,
    /// How much is, or was, reserved.
    pub amount: Credits,
    /// How much of it was spent.
    pub captured: Credits,
    /// Where it stands in the database; see [`Hold::state_at`].
    pub state: HoldState,
    /// The word that lists show for what is captured.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The key of the request that ended it.
    pub ended_key: Option<String>,
}

impl Hold {
    /// Where it stands: its time may be up before its credits are free again.
    pub fn state_at(&self, now: Timestamp) -> HoldState {
        if self.state == HoldState::Active && self.expires_at <= now {
            HoldState::Expired
        } else {
            self.state
        }
    }
}

/// A hold to be placed.
#[derive(Clone, Debug)]
pub struct NewHold {
    pub wallet_id: WalletId,
    pub user_id: UserId,
    /// How much is reserved.
    pub amount: Credits,
    /// The word that lists show for what is captured.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    /// The key of the request: it places one hold, for ever.
    pub key: Option<String>,
    /// How long it lasts at the most.
    pub lasts: Duration,
}

impl NewHold {
    fn is(&self, hold: &Hold) -> bool {
        hold.wallet_id == self.wallet_id
            && hold.amount == self.amount
            && hold.entry_type == self.entry_type
            && hold.description == self.description
            && hold.expires_at == hold.created_at + self.lasts
    }
}

/// A hold that was asked for.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The hold, as it is.
    pub hold: Hold,
    /// Whether it was placed by an earlier request with the same key.
    pub is_repeated: bool,
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
    /// The key was used for another hold, or for another end of it.
    #[error("the key was used for another request")]
    Reused,
    /// A request with the same key is placing its hold at this moment.
    #[error("a request with this key is being worked on")]
    InUse,
    /// It has ended another way, or in another request.
    #[error("the hold is already {}", .0.as_str())]
    Ended(HoldState),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Reserves credits until the hold's time is up. A request with the same key finds the hold that the first one placed,
/// in its present state; a refusal leaves nothing behind, and the key may be used again.
///
/// # Errors
/// [`HoldError::Refused`] when less is available, [`HoldError::Reused`] when the key placed another hold.
pub async fn place(
    connection: &mut PgConnection,
    now: Timestamp,
    new: &NewHold,
) -> Result<Placed, HoldError> {
    if let Some(key) = &new.key
        && let Some(hold) = store::by_key(connection, &new.user_id, key).await?
    {
        return if new.is(&hold) { Ok(Placed { hold, is_repeated: true }) } else { Err(HoldError::Reused) };
    }
    // Not to be guessed, and not from its key.
    let hold = Hold {
        id: HoldId::new(),
        wallet_id: new.wallet_id,
        user_id: new.user_id.clone(),
        amount: new.amount,
        captured: Credits::ZERO,
        state: HoldState::Active,
        entry_type: new.entry_type.clone(),
        description: new.description.clone(),
        created_at: now,
        expires_at: now + new.lasts,
        ended_key: None,
    };
    move_credits(connection, now, &hold, "hold", Change::Hold(new.amount)).await?;
    if !store::insert(connection, &hold, new.key.as_deref()).await? {
        return Err(HoldError::InUse);
    }
    Ok(Placed { hold, is_repeated: false })
}

/// How a hold is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By spending this much of it.
    Capture(Credits),
    /// By giving it up.
    Release,
    /// By its time being up.
    Expire,
}

/// What to do about a hold that is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// End it.
    End,
    /// Nothing: it has ended so.
    Repeat,
}

impl Ending {
    /// What to do about a hold. It is captured once, while its time is not up: only the request that captured it,
    /// known by its key, may come again.
    fn course(self, hold: &Hold, key: Option<&str>, now: Timestamp) -> Result<Course, HoldError> {
        match (self, hold.state) {
            (Self::Capture(_), HoldState::Active) if hold.expires_at <= now => {
                Err(HoldError::Ended(HoldState::Expired))
            }
            (_, HoldState::Active) => Ok(Course::End),
            (Self::Capture(spend), HoldState::Captured)
                if key.is_some() && hold.ended_key.as_deref() == key =>
            {
                if spend == hold.captured {
                    Ok(Course::Repeat)
                } else {
                    Err(HoldError::Reused)
                }
            }
            (Self::Release, HoldState::Released) | (Self::Expire, HoldState::Expired) => Ok(Course::Repeat),
            (_, state) => Err(HoldError::Ended(state)),
        }
    }
}

/// Ends a hold that this transaction has locked; giving it up again changes nothing and answers the same, and so does
/// capturing it again with the same key. Returns the ledger entry, if credits were spent, and the balance.
///
/// # Errors
/// [`HoldError::Ended`] when it has ended, or its time is up, [`HoldError::Reused`] when the key captured another
/// amount.
pub async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    mut hold: Hold,
    ending: Ending,
    key: Option<&str>,
) -> Result<(Hold, Option<EntryId>, Credits), HoldError> {
    if ending.course(&hold, key, now)? == Course::Repeat {
        let cause = Cause { kind: "capture", id: hold.id.to_string() };
        let entry = super::store::entries_by_cause(connection, &[&cause]).await?.pop();
        let balance = super::operations::balance(connection, now, hold.wallet_id).await?;
        return Ok((hold, entry.map(|entry| entry.id), balance));
    }
    let (state, captured, change) = match ending {
        Ending::Capture(spend) => (HoldState::Captured, spend, Change::Capture { held: hold.amount, spend }),
        Ending::Release => (HoldState::Released, Credits::ZERO, Change::Release(hold.amount)),
        Ending::Expire => (HoldState::Expired, Credits::ZERO, Change::Release(hold.amount)),
    };
    let (entry, balance) = move_credits(connection, now, &hold, "capture", change).await?;
    hold.state = state;
    hold.captured = captured;
    hold.ended_key = key.map(str::to_owned);
    store::end(connection, now, &hold).await?;
    Ok((hold, entry, balance))
}

/// Ends the holds whose time is up, oldest first, up to `limit`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn expire_due(pool: &PgPool, now: Timestamp, limit: i64) -> Result<usize, HoldError> {
    let due = store::due(&mut *pool.acquire().await?, now, limit).await?;
    for id in &due {
        let mut transaction = pool.begin().await?;
        let Some(hold) = lock(&mut transaction, *id).await? else { continue };
        match end(&mut transaction, now, hold, Ending::Expire, None).await {
            Ok(_) => transaction.commit().await?,
            // The caller was quicker.
            Err(HoldError::Ended(_)) => transaction.rollback().await?,
            // Its wallet is locked: it comes again, and the others do not wait for it.
            Err(HoldError::Database(error)) if is_locked(&error) => transaction.rollback().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(due.len())
}

/// Gives up the open holds of a user on a wallet that the user may not spend from any more; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn release_all_of(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    user: &UserId,
) -> Result<usize, HoldError> {
    let holds = store::open_of(connection, wallet, user).await?;
    let count = holds.len();
    for hold in holds {
        end(connection, now, hold, Ending::Release, None).await?;
    }
    Ok(count)
}

/// Locks a hold.
///
/// # Errors
/// Database errors only.
pub async fn lock(connection: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, sqlx::Error> {
    store::lock(connection, id).await
}

/// A hold.
///
/// # Errors
/// Database errors only.
pub async fn find(connection: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, sqlx::Error> {
    store::find(connection, id).await
}

/// The open holds on a wallet, of one user or of all, newest first.
///
/// # Errors
/// Database errors only.
pub async fn open(
    connection: &mut PgConnection,
    wallet: WalletId,
    user: Option<&UserId>,
    limit: i64,
) -> Result<Vec<Hold>, sqlx::Error> {
    store::open(connection, wallet, user, limit).await
}

async fn move_credits(
    connection: &mut PgConnection,
    now: Timestamp,
    hold: &Hold,
    cause: &'static str,
    change: Change,
) -> Result<(Option<EntryId>, Credits), HoldError> {
    let movement = Movement {
        wallet_id: hold.wallet_id,
        cause: Cause { kind: cause, id: hold.id.to_string() },
        change,
        counter_account: CounterAccount::Usage,
        entry_type: hold.entry_type.clone(),
        description: hold.description.clone(),
        note: EntryNote::default(),
    };
    match post(connection, now, &[movement]).await?.each.pop() {
        Some(Posted::Done { entry_id, balance, .. }) => Ok((entry_id, balance)),
        Some(Posted::AlreadyPosted { entry_id, balance, .. }) => Ok((Some(entry_id), balance)),
        Some(Posted::Refused(refusal)) => Err(refusal.into()),
        None => Err(Refusal::BadAmount.into()),
    }
}

/// Frees the credits of holds whose time is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireHolds {}
job!(ExpireHolds: "holds.expire" on Apply, 3 attempts);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::macros::datetime;

    const NOW: Timestamp = datetime!(2026-11-01 00:00 UTC);

    fn hold(state: HoldState, captured: i64, ended_key: Option<&str>) -> Hold {
        Hold {
            id: HoldId::new(),
            wallet_id: WalletId::new(),
            user_id: UserId::try_from("ada".to_owned()).unwrap(),
            amount: Credits::from_millionths(42),
            captured: Credits::from_millionths(captured),
            state,
            entry_type: "render".to_owned(),
            description: None,
            created_at: NOW - Duration::from_mins(1),
            expires_at: NOW + Duration::from_mins(1),
            ended_key: ended_key.map(str::to_owned),
        }
    }

    fn course(hold: &Hold, ending: Ending, key: Option<&str>) -> Result<Course, String> {
        ending.course(hold, key, NOW).map_err(|error| error.to_string())
    }

    #[test]
    fn a_hold_is_captured_once_and_the_same_request_may_come_again() {
        let all = Ending::Capture(Credits::from_millionths(42));
        let captured = hold(HoldState::Captured, 42, Some("a"));
        assert_eq!(course(&captured, all, Some("a")), Ok(Course::Repeat));
        assert!(course(&captured, all, Some("b")).unwrap_err().contains("captured"));
        assert!(course(&captured, all, None).unwrap_err().contains("captured"));
        let less = Ending::Capture(Credits::from_millionths(41));
        assert!(course(&captured, less, Some("a")).unwrap_err().contains("another request"));
        assert!(course(&captured, less, Some("b")).unwrap_err().contains("captured"));
        // Captured without a key: no request is known to be the same.
        assert!(course(&hold(HoldState::Captured, 42, None), all, None).is_err());
        assert!(course(&captured, Ending::Release, Some("a")).is_err());
    }

    #[test]
    fn a_hold_whose_time_is_up_is_not_captured_but_can_be_given_up() {
        let mut late = hold(HoldState::Active, 0, None);
        assert_eq!(course(&late, Ending::Capture(late.amount), None), Ok(Course::End));
        assert_eq!(late.state_at(NOW), HoldState::Active);
        late.expires_at = NOW;
        assert!(course(&late, Ending::Capture(late.amount), None).unwrap_err().contains("expired"));
        assert_eq!(course(&late, Ending::Release, None), Ok(Course::End));
        assert_eq!(course(&late, Ending::Expire, None), Ok(Course::End));
        assert_eq!(late.state_at(NOW), HoldState::Expired);
        assert_eq!(
            hold(HoldState::Captured, 1, None).state_at(NOW + Duration::from_hours(1)),
            HoldState::Captured
        );
    }

    #[test]
    fn a_key_is_for_one_hold() {
        let placed = hold(HoldState::Released, 0, None);
        let new = NewHold {
            wallet_id: placed.wallet_id,
            user_id: placed.user_id.clone(),
            amount: placed.amount,
            entry_type: placed.entry_type.clone(),
            description: None,
            key: Some("k".to_owned()),
            lasts: Duration::from_mins(2),
        };
        assert!(new.is(&placed));
        assert!(!NewHold { amount: Credits::from_millionths(43), ..new.clone() }.is(&placed));
        assert!(!NewHold { wallet_id: WalletId::new(), ..new.clone() }.is(&placed));
        assert!(!NewHold { entry_type: "x".to_owned(), ..new.clone() }.is(&placed));
        assert!(!NewHold { description: Some("x".to_owned()), ..new.clone() }.is(&placed));
        assert!(!NewHold { lasts: Duration::from_mins(3), ..new }.is(&placed));
    }
}
