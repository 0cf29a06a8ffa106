//! A lease: one process at a time holds it, and only for so long. It is a row of the database and goes by the
//! database's time, so it works behind poolers and across failovers, where a lock of a connection does not.
//!
//! The holder counts by its own monotonic clock, from before it asked, and stops a margin early. A process that was
//! frozen meanwhile may still believe that it holds the lease: what it then writes names its term, and the database
//! refuses a term that is over.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

/// How long a lease lasts in the database, unless it is renewed.
const LASTS: Duration = Duration::from_secs(6);
/// How much earlier its holder gives it up: more than the clocks of a primary and its successor differ.
const MARGIN: Duration = Duration::from_secs(2);

/// Who asks for a lease. Random, so that two processes are never the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Uuid);

impl Holder {
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

/// A lease that was given, for its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub name: &'static str,
    pub holder: Uuid,
    /// Higher than that of every lease of this name before it.
    pub term: i64,
    until: Instant,
}

impl Lease {
    /// Until when its holder may go by it.
    pub fn until(&self) -> Instant {
        self.until
    }

    pub fn is_valid(&self) -> bool {
        Instant::now() < self.until
    }
}

/// Asks for a lease; none while another process holds it.
///
/// # Errors
/// Database errors only.
pub async fn acquire(
    pool: &PgPool,
    name: &'static str,
    Holder(holder): Holder,
) -> Result<Option<Lease>, sqlx::Error> {
    // Most of those who ask do so in vain: they only read.
    let is_held = sqlx::query_scalar!(
        r#"select exists (select from leases where name = $1 and expires_at > now()) as "is_held!""#,
        name
    )
    .fetch_one(pool)
    .await?;
    if is_held {
        return Ok(None);
    }
    let until = local_end();
    let term = sqlx::query_scalar!(
        "insert into leases as held (name, holder, term, expires_at)
         values ($1, $2, 1, now() + $3::bigint * interval '1 millisecond')
         on conflict (name) do update
         set holder = excluded.holder, term = held.term + 1, expires_at = excluded.expires_at
         where held.expires_at <= now()
         returning term",
        name,
        holder,
        lasts()
    )
    .fetch_optional(pool)
    .await?;
    Ok(term.map(|term| Lease { name, holder, term, until }))
}

/// Prolongs a lease; none if it has ended.
///
/// # Errors
/// Database errors only: the lease then lasts as long as before.
pub async fn renew(pool: &PgPool, lease: &Lease) -> Result<Option<Lease>, sqlx::Error> {
    let until = local_end();
    let renewed = sqlx::query!(
        "update leases set expires_at = now() + $4::bigint * interval '1 millisecond'
         where name = $1 and holder = $2 and term = $3 and expires_at > now()",
        lease.name,
        lease.holder,
        lease.term,
        lasts()
    )
    .execute(pool)
    .await?;
    Ok((renewed.rows_affected() == 1).then_some(Lease { until, ..*lease }))
}

/// Ends a lease, so that another process need not wait for its end.
///
/// # Errors
/// Database errors only.
pub async fn give_back(pool: &PgPool, lease: &Lease) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update leases set expires_at = now() where name = $1 and holder = $2 and term = $3",
        lease.name,
        lease.holder,
        lease.term
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The end of a lease that is asked for now. The database counts from when it gets the question, which is later.
fn local_end() -> Instant {
    Instant::now() + LASTS - MARGIN
}

fn lasts() -> i64 {
    i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX)
}
