//! Changing a balance by hand: the entry and the record of who did it and why are written together.

use jobs::job;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;

use super::operations::post;
use super::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted, Refusal};
use audit::{self, AdminAction};
use kernel::clock::Timestamp;
use kernel::ids::{AdjustmentId, EntryId, GrantId, WalletId};
use kernel::money::Credits;

/// Where credits given by hand burn among those that expire together: before what was bought.
const PRIORITY: i16 = 50;

/// A change of a balance that an administrator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Which: it is made once.
    pub adjustment_id: AdjustmentId,
    pub wallet_id: WalletId,
    /// By how much; not zero. What is taken must be available.
    pub credits: Credits,
    /// The word that lists show.
    pub entry_type: String,
    pub description: String,
    /// Who, named as in [`AdminAction::actor`].
    pub by: String,
}

/// What became of an adjustment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Adjusted {
    /// It is made, now or before.
    Done {
        entry_id: EntryId,
        /// The balance right after it.
        balance: Credits,
    },
    /// Less is available than is to be taken.
    Insufficient { available: Credits },
    /// The balance would be too large to count.
    OutOfRange,
    /// Another adjustment was made under this id.
    OtherAdjustment,
}

/// Makes an adjustment, once.
///
/// # Errors
/// Database errors only.
pub async fn adjust(pool: &PgPool, now: Timestamp, adjustment: &Adjustment) -> Result<Adjusted, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let posted = post(&mut transaction, now, &[movement(adjustment)]).await?;
    let adjusted = match posted.each.into_iter().next() {
        Some(Posted::Done { entry_id: Some(entry_id), balance, .. }) => {
            let action = action(adjustment, entry_id);
            audit::record(&mut transaction, now, &action).await?;
            Adjusted::Done { entry_id, balance }
        }
        Some(Posted::AlreadyPosted {
            entry_id, wallet_id, amount, entry_type, description, balance, ..
        }) => {
            let same = wallet_id == adjustment.wallet_id
                && amount == adjustment.credits
                && entry_type == adjustment.entry_type
                && description.as_ref() == Some(&adjustment.description);
            if same { Adjusted::Done { entry_id, balance } } else { Adjusted::OtherAdjustment }
        }
        Some(Posted::Refused(Refusal::Insufficient { available, .. })) => {
            Adjusted::Insufficient { available }
        }
        Some(Posted::Refused(Refusal::BadAmount)) => Adjusted::OutOfRange,
        // Limits count no corrections.
        Some(
            Posted::Refused(Refusal::NoWallet | Refusal::NoGrant | Refusal::LimitReached(_))
            | Posted::Done { entry_id: None, .. },
        )
        | None => return Err(sqlx::Error::RowNotFound),
    };
    // Also after a refusal: lapsed grants may have been taken off.
    transaction.commit().await?;
    Ok(adjusted)
}

fn movement(adjustment: &Adjustment) -> Movement {
    let change = if adjustment.credits.is_positive() {
        Change::Grant(NewGrant {
            id: GrantId::new(),
            source: GrantSource::Manual,
            amount: adjustment.credits,
            priority: PRIORITY,
            expires_at: None,
            payment_id: None,
            origin_payment_id: None,
        })
    } else {
        // What has no opposite is refused by the rules as too large.
        Change::Debit(adjustment.credits.checked_neg().unwrap_or(Credits::ZERO))
    };
    Movement {
        wallet_id: adjustment.wallet_id,
        cause: Cause { kind: "adjustment", id: adjustment.adjustment_id.to_string() },
        change,
        counter_account: CounterAccount::Manual,
        entry_type: adjustment.entry_type.clone(),
        description: Some(adjustment.description.clone()),
        note: EntryNote::default(),
    }
}

fn action(adjustment: &Adjustment, entry_id: EntryId) -> AdminAction {
    AdminAction {
        actor: adjustment.by.clone(),
        action: "credits.adjust".to_owned(),
        subject: adjustment.wallet_id.to_string(),
        details: json!({
            "adjustment_id": adjustment.adjustment_id,
            "transaction_id": entry_id,
            "credits": adjustment.credits.to_json(),
            "description": adjustment.description,
        }),
    }
}

/// Moves credits for an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdjustCredits {
    /// What to do.
    pub adjustment: Box<Adjustment>,
}
job!(AdjustCredits: "credits.adjust" on Apply, 8 attempts);
