//! Wallets: what is in them and what moved, grants, debits, holds, transfers.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{Metadata, Reason};
use crate::failure::Failure;
use crate::operation::{Credits, Operation, Page};

const GRANTS: &[&str] =
    &["grantId", "kind", "source", "credits", "remaining", "expiresAt", "voidedAt", "createdAt"];
const ENTRIES: &[&str] =
    &["createdAt", "type", "credits", "balanceAfter", "description", "memberId", "entryId"];
const HOLDS: &[&str] = &["holdId", "state", "credits", "captured", "held", "userId", "type", "expiresAt"];

#[derive(Debug, Subcommand)]
pub enum Wallet {
    /// The balance, what is held and owed, and what lapses when
    Show { wallet: String },
    /// What moved, newest first
    Entries {
        wallet: String,
        /// Only those of this type
        #[arg(long = "type", value_name = "TYPE")]
        entry_type: Option<String>,
        /// Only those of this member of an organization
        #[arg(long)]
        member: Option<String>,
        /// Only from this time on, such as 2026-11-01T00:00:00Z
        #[arg(long)]
        from: Option<String>,
        /// Only before this time
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// What was given, and what is left of it
    Grants {
        wallet: String,
        /// Only those of which something is left
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        page: Page,
    },
    /// What is reserved
    Holds {
        wallet: String,
        /// Only those in this state, such as active
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
}

impl Wallet {
    pub fn operation(self) -> Operation {
        match self {
            Self::Show { wallet } => Operation::get(["wallets", &wallet]),
            Self::Entries { wallet, entry_type, member, from, to, page } => {
                Operation::get(["wallets", &wallet, "entries"])
                    .query(&[
                        ("type", entry_type.as_deref()),
                        ("memberId", member.as_deref()),
                        ("from", from.as_deref()),
                        ("to", to.as_deref()),
                    ])
                    .pages(&page, ENTRIES)
            }
            Self::Grants { wallet, open, page } => Operation::get(["wallets", &wallet, "grants"])
                .query(&[("open", open.then_some("true"))])
                .pages(&page, GRANTS),
            Self::Holds { wallet, state, page } => Operation::get(["wallets", &wallet, "holds"])
                .query(&[("state", state.as_deref())])
                .pages(&page, HOLDS),
        }
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct GrantCommand {
    #[command(subcommand)]
    other: Option<OtherGrant>,
    #[command(flatten)]
    new: NewGrant,
}

#[derive(Debug, Subcommand)]
pub enum OtherGrant {
    /// Look at a grant
    Show { grant_id: String },
    /// Take back what is left of a grant
    Void {
        grant_id: String,
        #[command(flatten)]
        reason: Reason,
    },
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What was paid for
    Paid,
    /// A gift
    Promotional,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewGrant {
    // Required, unless another command is given.
    #[serde(skip)]
    #[arg(required = true)]
    wallet: Option<String>,
    #[arg(required = true)]
    credits: Option<Credits>,
    #[arg(long, value_enum, default_value = "promotional")]
    kind: Kind,
    /// When they lapse, such as 2027-01-01T00:00:00Z; never unless given
    #[arg(long, value_name = "TIME", conflicts_with = "expires_after_days")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// In how many days they lapse
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after_days: Option<u32>,
    /// For people, shown in the history; the reason unless given
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Why, for the audit log
    #[arg(long, required = true)]
    reason: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

impl GrantCommand {
    pub fn operation(self) -> Result<Operation, Failure> {
        match (self.other, self.new) {
            (Some(OtherGrant::Show { grant_id }), _) => Ok(Operation::get(["grants", &grant_id])),
            (Some(OtherGrant::Void { grant_id, reason }), _) => {
                Operation::post(["grants", &grant_id, "void"]).body(&reason)
            }
            (None, new) => {
                let wallet = new.wallet.as_deref().unwrap_or_default();
                Operation::post(["wallets", wallet, "grants"]).body(&new)
            }
        }
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct DebitCommand {
    #[command(subcommand)]
    other: Option<OtherDebit>,
    #[command(flatten)]
    new: NewDebit,
}

#[derive(Debug, Subcommand)]
pub enum OtherDebit {
    /// Look at a debit
    Show { debit_id: String },
    /// Give credits back to the grants that they came from, in all never more than was spent
    Refund(DebitRefund),
}

#[derive(Args, Debug, Serialize)]
pub struct DebitRefund {
    #[serde(skip)]
    debit_id: String,
    /// How many; all that is left unless given
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<Credits>,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewDebit {
    // Required, unless another command is given.
    #[serde(skip)]
    #[arg(required = true)]
    wallet: Option<String>,
    #[arg(required = true)]
    credits: Option<Credits>,
    #[command(flatten)]
    #[serde(flatten)]
    spending: Spending,
}

/// What credits are spent on, and for whom.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spending {
    /// What it is for, in a word of yours
    #[arg(long = "type", value_name = "TYPE")]
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    entry_type: Option<String>,
    /// For people, shown in the history
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// For which member of an organization
    #[arg(long = "member", value_name = "USER_ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

impl DebitCommand {
    pub fn operation(self) -> Result<Operation, Failure> {
        match (self.other, self.new) {
            (Some(OtherDebit::Show { debit_id }), _) => Ok(Operation::get(["debits", &debit_id])),
            (Some(OtherDebit::Refund(refund)), _) => {
                Operation::post(["debits", &refund.debit_id, "refund"]).body(&refund)
            }
            (None, new) => {
                let wallet = new.wallet.as_deref().unwrap_or_default();
                Operation::post(["wallets", wallet, "debits"]).body(&new)
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Hold {
    /// Reserve credits
    Create(NewHold),
    /// Look at a hold
    Show { hold_id: String },
    /// Spend what was reserved, or a part of it
    Capture(Capture),
    /// Let go of what is reserved
    Release { hold_id: String },
    /// Have it last longer
    Extend(Extension),
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewHold {
    #[serde(skip)]
    wallet: String,
    credits: Credits,
    /// How long it lasts
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u32>,
    #[command(flatten)]
    #[serde(flatten)]
    spending: Spending,
}

#[derive(Args, Debug, Serialize)]
pub struct Capture {
    #[serde(skip)]
    hold_id: String,
    /// How many; all of them unless given
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<Credits>,
    /// Keep the rest reserved, for another capture
    #[arg(long)]
    #[serde(rename = "final", serialize_with = "not", skip_serializing_if = "is_false")]
    keep_rest: bool,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    #[serde(skip)]
    hold_id: String,
    /// How long it lasts from now
    #[arg(long, value_name = "SECONDS")]
    ttl_seconds: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn not<S: serde::Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!flag)
}

impl Hold {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::Create(new) => Operation::post(["wallets", &new.wallet, "holds"]).body(&new),
            Self::Show { hold_id } => Ok(Operation::get(["holds", &hold_id])),
            Self::Capture(capture) => Operation::post(["holds", &capture.hold_id, "capture"]).body(&capture),
            Self::Release { hold_id } => Ok(Operation::post(["holds", &hold_id, "release"])),
            Self::Extend(extension) => {
                Operation::post(["holds", &extension.hold_id, "extend"]).body(&extension)
            }
        }
    }
}

#[derive(Args, Debug, Serialize)]
pub struct Transfer {
    from: String,
    to: String,
    credits: Credits,
    #[command(flatten)]
    #[serde(flatten)]
    reason: Reason,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

impl Transfer {
    pub fn operation(self) -> Result<Operation, Failure> {
        Operation::post(["transfers"]).body(&self)
    }
}
