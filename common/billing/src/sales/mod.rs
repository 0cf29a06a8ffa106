//! Orders as the host application looks at them, whichever API they were placed through: with their lines, what has
//! gone back of them, and the refunds that were asked for.

pub mod operations;
mod store;

use crate::payments::{Item, Payment, State};
use crate::refunds::RefundRequest;
use crate::reversals::{Account, Reversal};
use kernel::ids::WalletId;

/// An order and all that belongs to it.
#[derive(Clone, Debug)]
pub struct Sale {
    pub payment: Payment,
    pub items: Vec<Item>,
    /// What has gone back of it.
    pub account: Account,
    /// Its refunds and disputes, in the order in which they were first heard of.
    pub reversals: Vec<Reversal>,
    /// The refunds that were asked for, in the order in which they were.
    pub refunds: Vec<RefundRequest>,
}

/// Which orders are looked for: those for which all holds that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub wallet: Option<WalletId>,
    /// One of these; none given: any.
    pub states: Vec<State>,
    /// The host application's own id.
    pub reference: Option<String>,
}
