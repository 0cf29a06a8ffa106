//! Holds: credits reserved for work whose price is known only at its end, then captured, released, or expired.

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

pub use super::Above;
use super::operations::post;
use super::{Author, Cause, Change, Counted, CounterAccount, EntryNote, Movement, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::database::is_locked;
use kernel::ids::{ApiKeyId, EntryId, HoldId, UserId, WalletId};
use kernel::metadata::Metadata;
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
    /// How much was spent: of it, or more if what it was captured for cost more.
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
    /// What the caller attached; also to the entries of what is captured.
    pub metadata: Metadata,
    /// When it would have ended by itself, had it not been extended since.
    pub placed_until: Option<Timestamp>,
    /// The limits that counted it when it was placed.
    pub counted: Option<Json<Counted>>,
}

impl Hold {
    /// How much is reserved while it is active: what has not been captured in parts.
    pub fn left(&self) -> Credits {
        self.amount.checked_sub(self.captured).unwrap_or(Credits::ZERO).max(Credits::ZERO)
    }

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
    /// How long it lasts at the most, unless it is extended.
    pub lasts: Duration,
    /// What the caller attached.
    pub metadata: Metadata,
    /// The key that it is placed with.
    pub api_key: Option<ApiKeyId>,
}

impl NewHold {
    fn is(&self, hold: &Hold) -> bool {
        hold.wallet_id == self.wallet_id
            && hold.amount == self.amount
            && hold.entry_type == self.entry_type
            && hold.description == self.description
            && hold.metadata == self.metadata
            && hold.placed_until.unwrap_or(hold.expires_at) == hold.created_at + self.lasts
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
    let mut hold = Hold {
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
        metadata: new.metadata.clone(),
        placed_until: None,
        counted: None,
    };
    let cause = Cause { kind: "hold", id: hold.id.to_string() };
    let placed = move_credits(connection, now, &hold, new.api_key, cause, Change::Hold(new.amount)).await?;
    hold.counted = placed.counted.map(Json);
    if !store::insert(connection, &hold, new.key.as_deref()).await? {
        return Err(HoldError::InUse);
    }
    Ok(Placed { hold, is_repeated: false })
}

/// How a hold is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By spending this much of what is left of it. To spend nothing is to give it up.
    Capture(Credits),
    /// By spending all that is left of it.
    CaptureAll,
    /// Not yet, by spending this much of it: what is left stays reserved. Where nothing is left it ends.
    CapturePart(Credits),
    /// By spending this much, also more than what is left of it.
    CaptureAbove(Credits, Above),
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
    /// What to do about a hold. It is captured while its time is not up, and at the end once; a request that captured
    /// of it, known by its key, may come again. `before` is what was spent for the same cause.
    fn course(
        self,
        hold: &Hold,
        key: Option<&str>,
        now: Timestamp,
        before: Option<Credits>,
    ) -> Result<Course, HoldError> {
        let repeat = |spend| {
            if before.unwrap_or_default() == spend { Ok(Course::Repeat) } else { Err(HoldError::Reused) }
        };
        let is_known = key.is_some() && hold.ended_key.as_deref() == key;
        match (self, hold.state) {
            (Self::CapturePart(spend), _) if before.is_some() => repeat(spend),
            (
                Self::Capture(_) | Self::CaptureAll | Self::CaptureAbove(..) | Self::CapturePart(_),
                HoldState::Active,
            ) if hold.expires_at <= now => Err(HoldError::Ended(HoldState::Expired)),
            (_, HoldState::Active) => Ok(Course::End),
            (Self::CaptureAll, HoldState::Captured) if is_known => match hold.captured == hold.amount {
                true => Ok(Course::Repeat),
                false => Err(HoldError::Reused),
            },
            (Self::Capture(spend) | Self::CaptureAbove(spend, _), HoldState::Captured) if is_known => {
                repeat(spend)
            }
            (Self::Capture(Credits::ZERO) | Self::CaptureAbove(Credits::ZERO, _), HoldState::Released)
                if is_known =>
            {
                Ok(Course::Repeat)
            }
            (Self::Release, HoldState::Released) | (Self::Expire, HoldState::Expired) => Ok(Course::Repeat),
            (_, state) => Err(HoldError::Ended(state)),
        }
    }

    /// The cause of the entry: a hold is captured in parts once for each key, and at the end once.
    fn cause(self, hold: &Hold, key: Option<&str>) -> Cause {
        let id = match (self, key) {
            (Self::CapturePart(_), Some(key)) => format!("{}:{key}", hold.id),
            (Self::CapturePart(_), None) => format!("{}:{}", hold.id, EntryId::new()),
            _ => hold.id.to_string(),
        };
        Cause { kind: "capture", id }
    }

    /// The hold once it is ended so, and the movement for it.
    fn apply(self, hold: &mut Hold, key: Option<&str>) -> Result<Change, Refusal> {
        let left = hold.left();
        let (spend, held, above) = match self {
            Self::CapturePart(part) if part > left => return Err(Refusal::BadAmount),
            Self::CapturePart(part) => (part, part, Above::Refuse),
            Self::Capture(spend) => (spend, left, Above::Refuse),
            Self::CaptureAll => (left, left, Above::Refuse),
            Self::CaptureAbove(spend, above) => (spend, left, above),
            Self::Release | Self::Expire => (Credits::ZERO, left, Above::Refuse),
        };
        hold.captured = hold.captured.checked_add(spend).map_err(|_| Refusal::BadAmount)?;
        let is_part = matches!(self, Self::CapturePart(_));
        hold.state = match self {
            Self::Release => HoldState::Released,
            Self::Expire => HoldState::Expired,
            Self::CapturePart(part) if part < left => HoldState::Active,
            // Nothing of it was ever spent.
            _ if hold.captured == Credits::ZERO => HoldState::Released,
            _ => HoldState::Captured,
        };
        if hold.state != HoldState::Active {
            hold.ended_key = key.map(str::to_owned);
        }
        let is_free = spend == Credits::ZERO && !is_part;
        Ok(if is_free { Change::Release(held) } else { Change::Capture { held, spend, above } })
    }
}

/// Ends a hold that this transaction has locked, or captures a part of it; giving it up again changes nothing and
/// answers the same, and so does capturing again with the same key. Returns the ledger entry, if credits were spent,
/// and the balance.
///
/// # Errors
/// [`HoldError::Ended`] when it has ended, or its time is up, [`HoldError::Reused`] when the key captured another
/// amount, [`HoldError::Refused`] when it is more than is held, or than may be owed.
pub async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    mut hold: Hold,
    ending: Ending,
    key: Option<&str>,
) -> Result<(Hold, Option<EntryId>, Credits), HoldError> {
    let cause = ending.cause(&hold, key);
    let may_be_known =
        hold.state != HoldState::Active || matches!(ending, Ending::CapturePart(_)) && key.is_some();
    let before = match may_be_known {
        true => super::store::entries_by_cause(connection, &[&cause]).await?.pop(),
        false => None,
    };
    let spent = before.as_ref().map(|entry| entry.amount.checked_neg().unwrap_or_default());
    if ending.course(&hold, key, now, spent)? == Course::Repeat {
        let balance = super::operations::balance(connection, now, hold.wallet_id).await?;
        return Ok((hold, before.map(|entry| entry.id), balance));
    }
    let change = ending.apply(&mut hold, key)?;
    let Moved { entry, balance, .. } = move_credits(connection, now, &hold, None, cause, change).await?;
    store::end(connection, now, &hold).await?;
    Ok((hold, entry, balance))
}

/// Has a hold that this transaction has locked end by itself later; a moment that is not later changes nothing.
///
/// # Errors
/// [`HoldError::Ended`] when it has ended, or its time is up.
pub async fn extend(
    connection: &mut PgConnection,
    now: Timestamp,
    mut hold: Hold,
    until: Timestamp,
) -> Result<Hold, HoldError> {
    match hold.state_at(now) {
        HoldState::Active => {}
        state => return Err(HoldError::Ended(state)),
    }
    if until > hold.expires_at {
        hold.placed_until = hold.placed_until.or(Some(hold.expires_at));
        hold.expires_at = until;
        store::extend(connection, &hold).await?;
    }
    Ok(hold)
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

/// Gives up the open holds of a user on wallets that the user may not spend from any more; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn release_all_of(
    connection: &mut PgConnection,
    now: Timestamp,
    wallets: &BTreeSet<WalletId>,
    user: &UserId,
) -> Result<usize, HoldError> {
    let mut holds = Vec::new();
    for wallet in wallets {
        holds.extend(store::open_of(connection, *wallet, user).await?);
    }
    let counted = holds.iter().filter_map(|hold| hold.counted.as_ref());
    let limits = counted.flat_map(|Json(counted)| counted.by.iter().copied()).collect();
    // All at once, so that nobody who wants several of them waits for this one, and this one for them.
    super::operations::lock(connection, wallets).await?;
    super::limits::lock(connection, &limits).await?;
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

/// A page of the holds on a wallet, newest first: at most `limit`, of those before a hold; in one state, as the
/// database has it, or in any. It costs the same at any depth.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    wallet: WalletId,
    state: Option<HoldState>,
    before: Option<HoldId>,
    limit: i64,
) -> Result<Vec<Hold>, sqlx::Error> {
    store::list(connection, wallet, state, before, limit).await
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

/// That the ledger has moved what a hold reserves.
struct Moved {
    entry: Option<EntryId>,
    balance: Credits,
    counted: Option<Counted>,
}

async fn move_credits(
    connection: &mut PgConnection,
    now: Timestamp,
    hold: &Hold,
    api_key: Option<ApiKeyId>,
    cause: Cause,
    change: Change,
) -> Result<Moved, HoldError> {
    let movement = Movement {
        wallet_id: hold.wallet_id,
        cause,
        change,
        counter_account: CounterAccount::Usage,
        entry_type: hold.entry_type.clone(),
        description: hold.description.clone(),
        note: EntryNote {
            metadata: hold.metadata.clone(),
            by: Author { member: Some(hold.user_id.clone()), api_key },
            counted: hold.counted.clone().map(|Json(counted)| counted),
        },
    };
    match post(connection, now, &[movement]).await?.each.pop() {
        Some(Posted::Done { entry_id, balance, counted, .. }) => {
            Ok(Moved { entry: entry_id, balance, counted })
        }
        Some(Posted::AlreadyPosted { entry_id, balance, .. }) => {
            Ok(Moved { entry: Some(entry_id), balance, counted: None })
        }
        Some(Posted::Refused(refusal)) => Err(refusal.into()),
        None => Err(Refusal::BadAmount.into()),
    }
}

/// Frees the credits of holds whose time is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireHolds {}
job!(ExpireHolds: "holds.expire" on Apply, 3 attempts);
