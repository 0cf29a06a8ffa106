//! What a credential may do, and with whose wallets.

use std::collections::BTreeSet;

use kernel::ids::{OrganizationId, UserId, WalletId};
use kernel::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// One thing that a credential may do.
    Scope {
        Read => "read",
        /// Debits, and holds from beginning to end.
        Spend => "spend",
        /// Orders, cards, auto-recharge.
        Buy => "buy",
        /// Users, grants, corrections, refunds, what is sold.
        Manage => "manage",
        /// Keys, webhooks, dead letters, quarantine, modes.
        Admin => "admin",
    }
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Read, Self::Spend, Self::Buy, Self::Manage, Self::Admin];

    /// What it is for, in a line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Read => "look at balances, entries, orders and all else",
            Self::Spend => "spend credits: debits, giving them back, and holds",
            Self::Buy => "orders, cards, auto-recharge, redeeming codes",
            Self::Manage => {
                "users, organizations, limits of members, grants, refunds of orders, what is sold"
            }
            Self::Admin => "keys and their limits, operators, webhook endpoints, what waits for an operator",
        }
    }

    /// What users' own tokens may have.
    pub const OF_USERS: [Self; 3] = [Self::Read, Self::Spend, Self::Buy];
}

/// A set of scopes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// These, and one more.
    #[must_use]
    pub fn with(mut self, scope: Scope) -> Self {
        self.0.insert(scope);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// As the database has them.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.iter().map(Scope::as_str).collect()
    }

    /// From the names in the database, which allows no other.
    pub(crate) fn of_names(names: &[String]) -> Self {
        Scope::ALL.into_iter().filter(|scope| names.iter().any(|name| name == scope.as_str())).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<All: IntoIterator<Item = Scope>>(scopes: All) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Whose wallets a credential opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's.
    Everyone,
    /// The user's own, and as the user's roles allow those of organizations.
    User { id: UserId, wallet_id: WalletId },
    /// That of one organization.
    Organization { id: OrganizationId, wallet_id: WalletId },
}

impl Reach {
    /// The one wallet that is the caller's own; none of who acts for everyone.
    pub fn own_wallet(&self) -> Option<WalletId> {
        match self {
            Self::Everyone => None,
            Self::User { wallet_id, .. } | Self::Organization { wallet_id, .. } => Some(*wallet_id),
        }
    }
}

/// How a caller names a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WalletName {
    /// `me`: the caller's own.
    Own,
    User(UserId),
    Organization(OrganizationId),
    Id(WalletId),
}

impl std::str::FromStr for WalletName {
    type Err = UnknownWallet;

    /// `me`, `user:ID`, `org:ID`, or a wallet's own id.
    fn from_str(text: &str) -> Result<Self, UnknownWallet> {
        if text == "me" {
            return Ok(Self::Own);
        }
        if let Some(user) = text.strip_prefix("user:") {
            return UserId::try_from(user.to_owned()).map(Self::User).map_err(|_| UnknownWallet);
        }
        match text.strip_prefix("org:") {
            Some(id) => id.parse().map(OrganizationId).map(Self::Organization).map_err(|_| UnknownWallet),
            None => text.parse().map(Self::Id).map_err(|_| UnknownWallet),
        }
    }
}

/// No wallet has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such wallet: name it user:ID, org:ID, by its own id, or `me`")]
pub struct UnknownWallet;

/// A wallet with its one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedWallet {
    pub id: WalletId,
    pub user_id: Option<UserId>,
    pub organization_id: Option<OrganizationId>,
    /// Whether it is the wallet of a user who is kept out.
    pub is_blocked: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wallets_have_three_names() {
        let id = WalletId::new();
        let user = UserId::try_from("org:7".to_owned()).unwrap();
        assert_eq!("me".parse(), Ok(WalletName::Own));
        assert_eq!("user:org:7".parse(), Ok(WalletName::User(user)));
        assert_eq!("org:7".parse(), Ok(WalletName::Organization(OrganizationId(7))));
        assert_eq!(id.to_string().parse(), Ok(WalletName::Id(id)));
        for text in ["", "alice", "user:", "org:", "org:seven", "User:alice"] {
            assert_eq!(text.parse::<WalletName>(), Err(UnknownWallet), "{text}");
        }
    }

    #[test]
    fn scopes_are_a_set_in_their_order() {
        let scopes: Scopes = serde_json::from_str(r#"["admin","read","admin"]"#).unwrap();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["read","admin"]"#);
        assert!(scopes.contains(Scope::Admin) && !scopes.contains(Scope::Spend));
        assert_eq!(Scopes::of_names(&["spend".to_owned()]).names(), ["spend"]);
        assert!(serde_json::from_str::<Scopes>(r#"["everything"]"#).is_err());
    }
}
