//! Giving a debit back, in whole or in parts: into the grants that it was taken from.

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::operations::post;
use super::rules::Burned;
use super::store;
use super::{Cause, Change, Counted, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, WalletId};
use kernel::money::{AmountError, Credits};
use sqlx::types::Json;

/// The kind of the cause of a give-back.
pub const GIVE_BACK: &str = "debit_refund";

/// Where credits burn that are given back and whose grant is not known, among those that expire together: as what was
/// bought.
const PRIORITY: i16 = 100;

/// A debit, or the capture of a hold, to be given back.
#[derive(Clone, Debug)]
pub struct GiveBack {
    /// The entry that took the credits.
    pub debit: EntryId,
    /// How much of it; all that is left unless given.
    pub credits: Option<Credits>,
    pub note: EntryNote,
    /// Why, of the kind [`GIVE_BACK`]; it is given back once for it.
    pub cause: Cause,
    /// Who decides it and why, where that is for the audit log.
    pub decision: Option<Decision>,
}

/// What a person decides by hand.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Who, named as in [`audit::AdminAction::actor`].
    pub by: String,
    pub reason: String,
}

/// That a debit was given back, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    pub entry_id: EntryId,
    pub wallet_id: WalletId,
    /// How much of it, for this cause.
    pub credits: Credits,
    /// How much of it can still be given back.
    pub left: Credits,
    /// The wallet's balance right after it.
    pub balance: Credits,
    /// Whether it had been given back before for the same cause.
    pub is_repeated: bool,
}

/// Why a debit cannot be given back.
#[derive(Debug, thiserror::Error)]
pub enum GiveBackError {
    #[error("there is no such entry")]
    NotFound,
    #[error("the entry is no debit: it did not spend credits")]
    NotADebit,
    /// Zero or negative, or too large to count.
    #[error("the amount must be positive and within range")]
    BadAmount,
    /// In all it would be more than was taken.
    #[error("only {left} credits of this debit are left to be given back")]
    MoreThanLeft { left: Credits },
    /// For the same cause another debit, or another amount, was given back.
    #[error("the key was used for another request")]
    Reused,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<AmountError> for GiveBackError {
    fn from(_: AmountError) -> Self {
        Self::BadAmount
    }
}

/// Gives a debit back, once for its cause, and never more of it than it took, however often it is done in parts. A debt
/// of the wallet is paid first; the rest goes into the grants that it was taken from, those first that burned last.
/// What was taken from a grant that has lapsed since lapses again, unless a hold needs it. Of a debit that is older
/// than the record of what it was taken from, and of what was owed, it becomes a grant of its own that never lapses.
///
/// # Errors
/// [`GiveBackError`]; nothing is given back then.
pub async fn give_back(pool: &PgPool, now: Timestamp, back: &GiveBack) -> Result<GivenBack, GiveBackError> {
    let mut transaction = pool.begin().await?;
    let debit = find(&mut transaction, back.debit).await?.ok_or(GiveBackError::NotFound)?;
    let taken = debit.amount.checked_neg()?;
    if debit.counter_account != CounterAccount::Usage || !taken.is_positive() {
        return Err(GiveBackError::NotADebit);
    }
    store::wallets_lock(&mut transaction, &[debit.wallet_id]).await?;
    let before = given_back(&mut transaction, back.debit).await?;
    let left = taken.checked_sub(before)?;
    if let Some(done) = store::entries_by_cause(&mut transaction, &[&back.cause]).await?.pop() {
        let is_same =
            done.debit_id == Some(back.debit) && back.credits.is_none_or(|credits| credits == done.amount);
        if !is_same || done.metadata != back.note.metadata {
            return Err(GiveBackError::Reused);
        }
        return Ok(GivenBack {
            entry_id: done.id,
            wallet_id: done.wallet_id,
            credits: done.amount,
            left,
            balance: done.balance_after,
            is_repeated: true,
        });
    }
    let credits = back.credits.unwrap_or(left);
    if credits > left || !left.is_positive() {
        return Err(GiveBackError::MoreThanLeft { left });
    }
    if !credits.is_positive() {
        return Err(GiveBackError::BadAmount);
    }
    let burned = debit.burned.map(|Json(burned)| burned).unwrap_or_default();
    let (unknown, parts) = split(&burned, taken, before, credits)?;
    let movement = Movement {
        wallet_id: debit.wallet_id,
        cause: back.cause.clone(),
        change: Change::GiveBack {
            debit: back.debit,
            unknown: unknown.is_positive().then(|| of_its_own(unknown)),
            parts,
        },
        counter_account: CounterAccount::Usage,
        entry_type: "refund_of_debit".to_owned(),
        description: debit.description,
        note: EntryNote { counted: debit.counted.map(|Json(counted)| counted), ..back.note.clone() },
    };
    match post(&mut transaction, now, &[movement]).await?.each.pop() {
        Some(Posted::Done { entry_id: Some(entry_id), balance, .. }) => {
            if let Some(Decision { by, reason }) = &back.decision {
                let details = json!({ "debitId": back.debit, "entryId": entry_id, "credits": credits.to_json(),
                    "reason": reason });
                audit::note(&mut transaction, now, by, "debit.refund", &debit.wallet_id.to_string(), details)
                    .await?;
            }
            transaction.commit().await?;
            let (wallet_id, left) = (debit.wallet_id, left.checked_sub(credits)?);
            Ok(GivenBack { entry_id, wallet_id, credits, left, balance, is_repeated: false })
        }
        Some(Posted::Refused(_)) => Err(GiveBackError::BadAmount),
        Some(Posted::AlreadyPosted { .. }) => Err(GiveBackError::Reused),
        Some(Posted::Done { entry_id: None, .. }) | None => Err(sqlx::Error::RowNotFound.into()),
    }
}

fn of_its_own(amount: Credits) -> NewGrant {
    NewGrant {
        id: GrantId::new(),
        source: GrantSource::Manual,
        amount,
        priority: PRIORITY,
        expires_at: None,
        payment_id: None,
        origin_payment_id: None,
    }
}

/// What part of a debit is given back next, after `before` of it: how much of what came from no known grant, which is
/// given back first, and how much of which grants, those first that burned last.
pub(super) fn split(
    burned: &Burned,
    taken: Credits,
    before: Credits,
    credits: Credits,
) -> Result<(Credits, Burned), AmountError> {
    let mut known = Credits::ZERO;
    for (_, part) in burned {
        known = known.checked_add(*part)?;
    }
    let (mut skip, mut rest) = (before, credits);
    let mut next = |part: Credits| -> Result<Credits, AmountError> {
        let skipped = part.min(skip);
        skip = skip.checked_sub(skipped)?;
        let now = part.checked_sub(skipped)?.min(rest);
        rest = rest.checked_sub(now)?;
        Ok(now)
    };
    let unknown = next(taken.checked_sub(known)?.max(Credits::ZERO))?;
    let mut parts = Burned::new();
    for (grant, part) in burned.iter().rev() {
        let part = next(*part)?;
        if part.is_positive() {
            parts.push((*grant, part));
        }
    }
    Ok((unknown, parts))
}

/// An entry, as far as giving it back is concerned.
struct Taken {
    wallet_id: WalletId,
    amount: Credits,
    counter_account: CounterAccount,
    description: Option<String>,
    burned: Option<Json<Burned>>,
    counted: Option<Json<Counted>>,
}

async fn find(connection: &mut PgConnection, id: EntryId) -> Result<Option<Taken>, sqlx::Error> {
    sqlx::query_as!(
        Taken,
        r#"select wallet_id as "wallet_id: WalletId", amount as "amount: Credits",
                  counter_account as "counter_account: CounterAccount", description, burned as "burned: Json<Burned>",
                  counted as "counted: Json<Counted>"
           from ledger_entries where id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await
}

/// How much of a debit has been given back.
async fn given_back(connection: &mut PgConnection, debit: EntryId) -> Result<Credits, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0)::bigint as "sum!: Credits" from ledger_entries where debit_id = $1"#,
        debit.0
    )
    .fetch_one(connection)
    .await
}
