//! The ledger: every movement of credits, once.
//!
//! All changes go through [`operations::post`]: it locks the wallets, runs the pure rules of [`rules`] over each
//! requested movement in turn, and writes what they decided, all in the caller's transaction. One request or a
//! thousand take the same path, which is what lets concurrent purchases and debits share a commit.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod adjustments;
pub mod alerts;
mod book;
pub mod debits;
pub mod expiring;
pub mod finding;
pub mod grants;
pub mod history;
pub mod holds;
pub mod levels;
pub mod limits;
mod needs;
pub mod operations;
pub mod optimistic;
mod recording;
pub mod rules;
pub mod statement;
pub mod states;
pub mod store;
mod telling;
#[cfg(test)]
mod tests;
pub mod totals;
pub mod transfers;

use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, EntryId, GrantId, LimitId, OutboxId, PaymentId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use kernel::text_enum;
use limits::ReachedLimit;
use rules::Burned;
use serde::{Deserialize, Serialize};
use time::Date;

text_enum! {
    /// The other side of a movement: what a wallet gains, its counter-account gives, so the books sum to zero.
    CounterAccount {
        Stripe => "stripe",
        Creem => "creem",
        /// Bought in an app store, reported by RevenueCat.
        Revenuecat => "revenuecat",
        /// Given: check-ins, coupons.
        Promotion => "promotion",
        Usage => "usage",
        Expiry => "expiry",
        /// Taken back because the money went back.
        Refund => "refund",
        /// Moved by an administrator.
        Manual => "manual",
        /// Another wallet of this ledger.
        Transfer => "transfer",
    }
}

text_enum! {
    /// Where a grant came from.
    GrantSource {
        /// A pack or a free amount, paid for once.
        Purchase => "purchase",
        /// A period of a subscription.
        Plan => "plan",
        Checkin => "checkin",
        Coupon => "coupon",
        Manual => "manual",
        Store => "store",
        /// Given by an operator, for nothing.
        Promotion => "promotion",
    }
}

/// What caused a movement. The database keeps it unique, so the same cause is never applied twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The kind of thing: `payment`, `consume`, `hold`, `expiry`, …
    pub kind: &'static str,
    /// Which one of them.
    pub id: String,
}

/// Credits to add.
#[derive(Clone, Debug)]
pub struct NewGrant {
    pub id: GrantId,
    pub source: GrantSource,
    /// How much; positive.
    pub amount: Credits,
    /// Lower numbers burn first among grants that expire together.
    pub priority: i16,
    /// When it lapses, if ever.
    pub expires_at: Option<Timestamp>,
    /// The purchase that paid for it.
    pub payment_id: Option<PaymentId>,
    /// The purchase that it belongs to besides: it was added to it, or is given back after a dispute of it.
    pub origin_payment_id: Option<PaymentId>,
}

/// A change of a wallet.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a grant; an open debt is paid from it first.
    Grant(NewGrant),
    /// Adds grants in one entry; an open debt is paid from them first.
    Grants(Vec<NewGrant>),
    /// Gives back what a debit took. An open debt is paid from it first.
    GiveBack {
        debit: EntryId,
        /// What came from no grant that is known: a grant of its own.
        unknown: Option<NewGrant>,
        /// How much goes into which grants that it came from.
        parts: Burned,
    },
    /// Spends this much of what is available, or nothing.
    Debit(Credits),
    /// Reserves this much of what is available, or nothing.
    Hold(Credits),
    /// Ends a reservation of `held` by spending `spend`.
    Capture {
        /// What was reserved.
        held: Credits,
        /// What is spent.
        spend: Credits,
        /// What becomes of what is spent beyond `held`.
        above: Above,
    },
    /// Ends a reservation without spending.
    Release(Credits),
    /// Lapses what is left of a grant, unless a hold needs it.
    Expire(GrantId),
    /// Takes off what no hold needs of a grant; what holds need is for them alone from now on.
    Void(GrantId),
    /// Takes credits back, from the named grants first, then in burn order; what was spent becomes debt.
    Reverse {
        /// What was paid with the money that went back, in the order in which it is taken.
        grants: Vec<GrantId>,
        /// How much to take back.
        amount: Credits,
    },
}

impl Change {
    /// The grants that it makes.
    fn made(&self) -> &[NewGrant] {
        match self {
            Self::Grant(grant) => std::slice::from_ref(grant),
            Self::Grants(grants) => grants,
            Self::GiveBack { unknown, .. } => unknown.as_slice(),
            Self::Debit(_)
            | Self::Hold(_)
            | Self::Capture { .. }
            | Self::Release(_)
            | Self::Expire(_)
            | Self::Void(_)
            | Self::Reverse { .. } => &[],
        }
    }

    /// The one grant that it makes, lapses or voids.
    fn grant(&self) -> Option<GrantId> {
        match self {
            Self::Grant(grant) => Some(grant.id),
            Self::Expire(grant) | Self::Void(grant) => Some(*grant),
            Self::Grants(_)
            | Self::GiveBack { .. }
            | Self::Debit(_)
            | Self::Hold(_)
            | Self::Capture { .. }
            | Self::Release(_)
            | Self::Reverse { .. } => None,
        }
    }
}

/// What becomes of what work cost above what was held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// It is refused.
    Refuse,
    /// It is spent of what is available, and what is not available either is owed: as long as the wallet is short of
    /// `at_most` in all. What other holds need and what is owed already count towards that.
    Debt { at_most: Credits },
}

#[derive(Clone, Debug)]
pub struct Movement {
    pub wallet_id: WalletId,
    /// Why; unique.
    pub cause: Cause,
    pub change: Change,
    pub counter_account: CounterAccount,
    /// The word that lists show: `purchase`, `ai_usage`, …
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    pub note: EntryNote,
}

/// What is noted with an entry besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryNote {
    /// What the caller attached. A grant that the movement makes has it as well.
    pub metadata: Metadata,
    pub by: Author,
    /// The limits that counted the hold that it ends, or the debit that it gives back.
    pub counted: Option<Counted>,
}

/// Who moved the credits; nobody in particular by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The user who did it, or for whom it was done: of an organization, one of its members.
    pub member: Option<UserId>,
    /// The key that it was done with.
    pub api_key: Option<ApiKeyId>,
}

/// Which limits counted something, and on which day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    #[serde(with = "calendar_day")]
    pub on: Date,
    pub by: Vec<LimitId>,
}

time::serde::format_description!(calendar_day, Date, "[year]-[month]-[day]");

/// What a list of movements led to.
#[derive(Clone, Debug)]
pub struct Postings {
    /// Each movement, in their order.
    pub each: Vec<Posted>,
    /// Jobs that became necessary, written to the outbox. Whoever commits may publish them; the sweep does otherwise.
    pub jobs: Vec<OutboxId>,
}

/// What a movement led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    Done {
        /// The entry written; none for a hold or a release, which move nothing.
        entry_id: Option<EntryId>,
        /// The balance after it.
        balance: Credits,
        /// What of it no hold keeps.
        available: Credits,
        /// The limits that counted it.
        counted: Option<Counted>,
    },
    /// Its cause was applied before: nothing was done now.
    AlreadyPosted {
        /// The entry written then.
        entry_id: EntryId,
        /// The wallet it went to.
        wallet_id: WalletId,
        /// The amount it moved.
        amount: Credits,
        entry_type: String,
        description: Option<String>,
        /// What was attached to it.
        metadata: Metadata,
        /// The balance after it, then.
        balance: Credits,
        /// What of it no hold kept, then.
        available: Credits,
    },
    /// Not possible; nothing was done.
    Refused(Refusal),
}

/// Why a movement cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Less is available than asked for.
    #[error("{available} available, {needed} needed")]
    Insufficient {
        /// The balance less what is held; not below zero.
        available: Credits,
        /// What was asked for.
        needed: Credits,
    },
    /// A limit of the member or the key leaves less than asked for.
    #[error("a limit leaves {} credits until {}", .0.limit.left, .0.limit.resets_at)]
    LimitReached(Box<ReachedLimit>),
    /// The wallet is not there.
    #[error("there is no such wallet")]
    NoWallet,
    /// The grant is not there.
    #[error("there is no such grant in this wallet")]
    NoGrant,
    /// Zero or negative, or too large to count.
    #[error("the amount must be positive and within range")]
    BadAmount,
}
