//! Who may what: API keys, sessions, and the record of what they did.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::failure::Failure;
use crate::operation::{Operation, Page};

const KEYS: &[&str] =
    &["apiKeyId", "name", "prefix", "scopes", "walletsOf", "lastUsedAt", "expiresAt", "revokedAt"];
const SESSIONS: &[&str] = &["sessionId", "scopes", "createdAt", "expiresAt"];
const ACTIONS: &[&str] = &["at", "actor", "action", "subject", "details"];

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Keys, also revoked ones, newest first
    List {
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Look at a key
    Show { api_key_id: String },
    /// Make a key; it is shown this once
    Create(NewKey),
    /// End a key, at once and for good
    Revoke { api_key_id: String },
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewKey {
    /// What the key is for
    name: String,
    /// read, spend, buy, manage or admin; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Only for this wallet: user:ID or org:ID; for everyone's unless given
    #[arg(long, value_name = "OWNER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    wallets_of: Option<String>,
    /// When it ends, such as 2027-01-01T00:00:00Z; never unless given
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl Keys {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { user: Some(user), page } => {
                Ok(Operation::get(["users", &user, "api-keys"]).pages(&page, KEYS))
            }
            Self::List { user: None, page } => Ok(Operation::get(["api-keys"]).pages(&page, KEYS)),
            Self::Show { api_key_id } => Ok(Operation::get(["api-keys", &api_key_id])),
            Self::Create(new) => Operation::post(["api-keys"]).body(&new),
            Self::Revoke { api_key_id } => {
                Ok(Operation::delete(["api-keys", &api_key_id], "The key is revoked."))
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// A user's sessions, newest first
    List {
        user_id: String,
        #[command(flatten)]
        page: Page,
    },
    /// Open a session for a user; its token is shown this once
    Create(NewSession),
    /// End a session
    End { session_id: String },
    /// End all sessions of a user
    EndAll { user_id: String },
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSession {
    user_id: String,
    /// How long it lasts
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u32>,
    /// read, buy or spend; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
}

impl Sessions {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { user_id, page } => {
                Ok(Operation::get(["users", &user_id, "sessions"]).pages(&page, SESSIONS))
            }
            Self::Create(new) => Operation::post(["sessions"]).body(&new),
            Self::End { session_id } => {
                Ok(Operation::delete(["sessions", &session_id], "The session is ended."))
            }
            Self::EndAll { user_id } => {
                Ok(Operation::delete(["users", &user_id, "sessions"], "The user's sessions are ended."))
            }
        }
    }
}

#[derive(Args, Debug)]
pub struct AuditLog {
    #[command(flatten)]
    page: Page,
}

impl AuditLog {
    pub fn operation(self) -> Operation {
        Operation::get(["audit-log"]).pages(&self.page, ACTIONS)
    }
}
