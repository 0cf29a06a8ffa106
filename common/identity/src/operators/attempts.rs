//! Bounds how often one may try to sign in: by account, whether or not there is one, and by address.

use std::net::IpAddr;
use std::time::Duration;

use kernel::clock::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::OperatorError;

/// How many attempts an account takes in [`WINDOW`].
pub const OF_ACCOUNT: i32 = 8;
/// How many attempts an address has in [`WINDOW`].
pub const OF_ADDRESS: i32 = 40;
pub const WINDOW: Duration = Duration::from_mins(15);

/// An attempt that was counted.
#[derive(Debug)]
pub struct Attempt {
    subjects: Vec<Vec<u8>>,
}

fn subject(kind: &str, text: &str) -> Vec<u8> {
    Sha256::digest(format!("{kind}:{}", text.to_lowercase())).to_vec()
}

/// Counts an attempt before it is made, so that attempts at the same time are counted too.
///
/// # Errors
/// [`OperatorError::TooManyAttempts`].
pub async fn begin(
    pool: &PgPool,
    now: Timestamp,
    account: &str,
    address: Option<IpAddr>,
) -> Result<Attempt, OperatorError> {
    let by_account = (subject("account", account), OF_ACCOUNT);
    let by_address = address.map(|address| (subject("address", &network(address).to_string()), OF_ADDRESS));
    let mut subjects = Vec::new();
    for (subject, most) in [by_address, Some(by_account)].into_iter().flatten() {
        let counted = sqlx::query!(
            "insert into operator_attempts as a (subject, attempts, expires_at) values ($1, 1, $2)
             on conflict (subject) do update
             set attempts = case when a.expires_at <= $3 then 1 else a.attempts + 1 end,
                 expires_at = case when a.expires_at <= $3 then excluded.expires_at else a.expires_at end
             returning attempts, expires_at",
            subject.as_slice(),
            now + WINDOW,
            now
        )
        .fetch_one(pool)
        .await?;
        if counted.attempts > most {
            let seconds =
                u16::try_from((counted.expires_at - now).whole_seconds().max(1)).unwrap_or(u16::MAX);
            return Err(OperatorError::TooManyAttempts { seconds });
        }
        subjects.push(subject);
    }
    Ok(Attempt { subjects })
}

/// Takes back what was counted of an attempt that succeeded: who knows the password is not kept out by others' guesses
/// at the same address.
///
/// # Errors
/// Database errors only.
pub async fn succeeded(pool: &PgPool, attempt: Attempt) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update operator_attempts set attempts = greatest(attempts - 1, 0) where subject = any($1)",
        &attempt.subjects as &[Vec<u8>]
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes up to `limit` counts whose time is over; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, now: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from operator_attempts where subject in
             (select subject from operator_attempts where expires_at < $1 limit $2)",
        now,
        limit
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

/// All addresses that one person can choose from count as one: with IPv6 a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn neighbours_count_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(subject("account", "Ada@Example.com"), subject("account", "ada@example.com"));
    }
}
