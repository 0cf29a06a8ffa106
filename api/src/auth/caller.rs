//! Who calls this system's own API, and what they may.

use identity::credentials::CredentialHash;
use identity::operators::rules::actor;
use identity::operators::{OperatorRole, SignedIn};
use identity::rights::{Reach, Scope, Scopes};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, UserId, WalletId};

use crate::problem::{ErrorCode, Problem};

/// The actor of the configured admin key.
const ADMIN: &str = "admin";

#[derive(Clone, Debug)]
pub struct Caller {
    /// For the record: `admin` for the configured key; `operator:`, `user:` or `key:` and the id.
    pub actor: String,
    /// Whose wallets are open to them.
    pub reach: Reach,
    /// The one wallet of those that is open to them, if the credential is for one alone.
    only: Option<WalletId>,
    scopes: Scopes,
    /// The operator, if one is signed in.
    pub operator: Option<SignedIn>,
    /// The API key, if one was used.
    pub api_key: Option<ApiKeyId>,
    /// When the credential ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
    pub credential: CredentialHash,
    /// Whether the credential is one of the database, where it can be withdrawn.
    pub is_recorded: bool,
}

impl Caller {
    /// Who has the configured admin key.
    pub(super) fn admin(credential: CredentialHash) -> Self {
        Self {
            actor: ADMIN.to_owned(),
            reach: Reach::Everyone,
            only: None,
            scopes: Scopes::all(),
            operator: None,
            api_key: None,
            expires_at: None,
            credential,
            is_recorded: false,
        }
    }

    pub(super) fn of(login: &identity::Login, credential: CredentialHash, is_recorded: bool) -> Self {
        let actor = match (&login.reach, login.api_key) {
            (Reach::Everyone, None) => login.operator.map_or_else(|| ADMIN.to_owned(), |one| actor(one.id)),
            (Reach::User { id, .. }, _) => format!("user:{id}"),
            (Reach::Organization { .. } | Reach::Everyone, Some(key)) => format!("key:{key}"),
            (Reach::Organization { id, .. }, None) => format!("org:{id}"),
        };
        // A user who administrates does so for everyone, with every right.
        let (reach, scopes) = if login.is_operator {
            (Reach::Everyone, Scopes::all())
        } else {
            (login.reach.clone(), login.scopes.clone())
        };
        let (operator, api_key, expires_at) = (login.operator, login.api_key, login.expires_at);
        let only = login.only;
        Self { actor, reach, only, scopes, operator, api_key, expires_at, credential, is_recorded }
    }

    /// An operator whose role suffices for an operation has the scope that it asks for, in this call. Others are who
    /// they were.
    ///
    /// # Errors
    /// When an operator's role does not suffice.
    pub(crate) fn with_role(mut self, least: Option<OperatorRole>, scope: Scope) -> Result<Self, Problem> {
        if let Some(operator) = self.operator {
            match least {
                Some(least) if operator.role >= least => self.scopes = self.scopes.with(scope),
                least => return Err(role_too_low(operator.role, least)),
            }
        }
        Ok(self)
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// # Errors
    /// When the scope is missing.
    pub fn check(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) { Ok(()) } else { Err(missing(scope)) }
    }

    /// # Errors
    /// When the scope is missing, or goes for the wallets of one owner only.
    pub fn check_everyone(&self, scope: Scope) -> Result<(), Problem> {
        self.check(scope)?;
        if self.reach == Reach::Everyone {
            return Ok(());
        }
        let message = "This credential is for the wallets of one owner; this needs one for everyone's.";
        Err(Problem::forbidden(message).coded(ErrorCode::BoundCredential))
    }

    /// The caller's own wallet: that for which the credential is alone, or the one of its user or organization.
    pub fn own_wallet(&self) -> Option<WalletId> {
        self.only.or(self.reach.own_wallet())
    }

    /// The one wallet that the credential is for, if it is for one alone.
    pub fn only_wallet(&self) -> Option<WalletId> {
        self.only
    }

    /// Whether the credential is for this wallet too: of an own wallet and of others it may be for one alone.
    pub fn is_for(&self, wallet: WalletId) -> bool {
        self.only.is_none_or(|only| only == wallet)
    }

    /// The user whose credential it is, unless it is good for everyone.
    pub fn user(&self) -> Option<&UserId> {
        match &self.reach {
            Reach::User { id, .. } => Some(id),
            Reach::Organization { .. } | Reach::Everyone => None,
        }
    }

    /// Keeps idempotency keys apart: those of a user, and those of the servers that act for all users, which share
    /// theirs so that a request can be sent again with another API key. An operator has their own.
    pub fn key_space(&self) -> String {
        match &self.reach {
            Reach::User { id, .. } => format!("user:{id}"),
            Reach::Organization { id, .. } => format!("org:{id}"),
            Reach::Everyone if self.operator.is_some() => self.actor.clone(),
            Reach::Everyone => "everyone".to_owned(),
        }
    }
}

fn role_too_low(role: OperatorRole, least: Option<OperatorRole>) -> Problem {
    let message = match least {
        Some(least) => {
            format!("Your role is {}: this takes the role {} or a higher one.", role.as_str(), least.as_str())
        }
        None => "This is not for operators: use an API key.".to_owned(),
    };
    Problem::forbidden(message).coded(ErrorCode::RoleNotAllowed)
}

/// The scope is not among those of the credential.
pub(crate) fn missing(scope: Scope) -> Problem {
    let message =
        format!("This credential lacks the scope `{}`: use one that was made with it.", scope.as_str());
    Problem::forbidden(message).coded(ErrorCode::MissingScope)
}
