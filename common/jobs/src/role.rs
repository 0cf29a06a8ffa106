//! Roles: groups of workers, each with a queue of its own.

use std::str::FromStr;

/// A group of workers with a queue of its own, scaled on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Applies what events prove (credits, states) and maintains the ledger.
    Apply,
    /// Opens the provider's pages: checkouts and portals.
    Checkout,
    /// Notifies users and the host application.
    Notify,
    /// Charges saved cards for auto-recharge.
    Recharge,
    /// Asks the provider about what an event does not prove.
    Verify,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Apply, Self::Checkout, Self::Notify, Self::Recharge, Self::Verify];

    /// The name in queues, the command line and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Checkout => "checkout",
            Self::Notify => "notify",
            Self::Recharge => "recharge",
            Self::Verify => "verify",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("there is no role {text:?}: the roles are apply, checkout, notify, recharge, verify")
        })
    }
}
