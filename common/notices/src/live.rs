//! What every API instance hears at once.

use kernel::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::Notice;

/// A message to every API instance, which pushes it to its live connections. Never stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case", try_from = "Wire")]
pub enum Live {
    /// Many notices share a message, because a message costs more than its content.
    Notices {
        /// In the order in which they happened.
        notices: Vec<Notice>,
    },
    /// API instances drop the credential from their caches.
    CredentialRevoked {
        /// The credential's hash, in hexadecimal.
        key_hash: String,
    },
    /// Logins of the user were withdrawn, or mean something else now: API instances read all of them anew.
    LoginsChanged { user_id: UserId },
    /// The set of wallets that a user may see has changed.
    MembershipChanged { user_id: UserId },
}

/// A message as it is read: serde would put a tagged enum's content aside first, and round its numbers.
#[derive(Deserialize)]
struct Wire {
    live: Kind,
    #[serde(default)]
    notices: Vec<Notice>,
    key_hash: Option<String>,
    user_id: Option<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Notices,
    CredentialRevoked,
    LoginsChanged,
    MembershipChanged,
}

impl TryFrom<Wire> for Live {
    type Error = &'static str;
    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let user = wire.user_id.ok_or("a live message names no user");
        Ok(match wire.live {
            Kind::Notices => Self::Notices { notices: wire.notices },
            Kind::CredentialRevoked => {
                let key_hash = wire.key_hash.ok_or("a live message names no credential")?;
                Self::CredentialRevoked { key_hash }
            }
            Kind::LoginsChanged => Self::LoginsChanged { user_id: user? },
            Kind::MembershipChanged => Self::MembershipChanged { user_id: user? },
        })
    }
}
