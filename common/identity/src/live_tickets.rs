//! Tickets for live connections. A browser cannot send a header with a WebSocket or an event stream, and a credential
//! in an address ends up in logs: a ticket is good for one connection, within a minute.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::credentials::{CredentialHash, NewCredential};
use crate::operations::{credentials_valid, login_by_user};
use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};

pub const TICKET_PREFIX: &str = "plt_";
/// How long a ticket waits for its connection.
pub const LASTS: Duration = Duration::from_mins(1);

/// Who listens with a ticket.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Whose connection it is: if they are kept out, it ends. None where a server watches an organization.
    pub user: Option<UserId>,
    /// The one wallet that is listened to; none: all that the user may see.
    pub wallet: Option<WalletId>,
    /// The credential that the ticket was bought with; it ends the connection when it ends.
    pub credential: CredentialHash,
    /// Whether that is in the database, where it can be withdrawn; a token only expires.
    pub is_recorded: bool,
    /// When that ends by itself, if ever.
    pub credential_expires_at: Option<Timestamp>,
}

/// Makes a ticket. Its text is shown this once, and stored as a hash.
///
/// # Errors
/// Database errors only.
pub async fn issue(
    pool: &PgPool,
    now: Timestamp,
    listener: &Listener,
) -> Result<(NewCredential, Timestamp), sqlx::Error> {
    let (ticket, expires_at) = (NewCredential::generate(TICKET_PREFIX), now + LASTS);
    sqlx::query!(
        "insert into live_tickets (ticket_hash, user_id, wallet_id, credential_hash, is_recorded, credential_expires_at,
                                   created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        ticket.hash.0.as_slice(),
        listener.user.as_ref().map(UserId::as_str),
        listener.wallet.map(|wallet| wallet.0),
        listener.credential.0.as_slice(),
        listener.is_recorded,
        listener.credential_expires_at,
        now,
        expires_at
    )
    .execute(pool)
    .await?;
    Ok((ticket, expires_at))
}

/// Takes a ticket, which is worth nothing from now on. None if there is no such ticket, if its time is up, or if who
/// bought it may not listen any more.
///
/// # Errors
/// Database errors only.
pub async fn redeem(
    pool: &PgPool,
    now: Timestamp,
    ticket: CredentialHash,
) -> Result<Option<Listener>, sqlx::Error> {
    let Some((listener, expires_at)) = take(&mut *pool.acquire().await?, ticket).await? else {
        return Ok(None);
    };
    if expires_at <= now || listener.credential_expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    let is_valid = !listener.is_recorded
        || credentials_valid(pool, now, &[listener.credential]).await?.contains(&listener.credential);
    if !is_valid {
        return Ok(None);
    }
    // No login for a user who is blocked.
    let is_welcome = match &listener.user {
        Some(user) => login_by_user(pool, user).await?.is_some(),
        None => true,
    };
    Ok(is_welcome.then_some(listener))
}

async fn take(
    connection: &mut PgConnection,
    ticket: CredentialHash,
) -> Result<Option<(Listener, Timestamp)>, sqlx::Error> {
    let taken = sqlx::query!(
        r#"delete from live_tickets where ticket_hash = $1
           returning user_id as "user: UserId", wallet_id as "wallet: WalletId", credential_hash, is_recorded,
                     credential_expires_at, expires_at"#,
        ticket.0.as_slice()
    )
    .fetch_optional(connection)
    .await?;
    Ok(taken.and_then(|row| {
        let credential = CredentialHash(row.credential_hash.as_slice().try_into().ok()?);
        let listener = Listener {
            user: row.user,
            wallet: row.wallet,
            credential,
            is_recorded: row.is_recorded,
            credential_expires_at: row.credential_expires_at,
        };
        Some((listener, row.expires_at))
    }))
}

/// Deletes up to `limit` tickets whose time was up before `before`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from live_tickets where ticket_hash in
             (select ticket_hash from live_tickets where expires_at < $1 limit $2)",
        before,
        limit
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}
