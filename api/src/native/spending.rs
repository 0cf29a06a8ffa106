//! Debits, grouped: concurrent requests share a transaction, as databases group commits. When a group fails, each of
//! its debits is tried alone, so that none is refused for another's sake.

use kernel::clock::Clock;
use kernel::crash;
use kernel::crash::Step;
use kernel::group_commit::{GroupCommit, GroupLimits};
use ledger::operations::post;
use ledger::{Movement, Posted};
use messaging::{Publisher, outbox};
use sqlx::PgPool;

use super::ApiError;

/// Debits in one transaction at the most, and transactions at once: one, so that those who come meanwhile share the
/// next. Two at once are half as large each, and cost the database a third more for each debit.
const LIMITS: GroupLimits = GroupLimits { size: 128, concurrency: 1 };

/// What a debit led to.
pub(crate) type Debited = Result<Posted, ApiError>;

/// Takes debits.
pub(crate) type Spending = GroupCommit<Movement, Debited>;

/// Starts the grouping task.
pub(crate) fn start(pool: PgPool, publisher: Publisher, clock: Clock) -> Spending {
    let purse = Purse { pool, publisher, clock };
    GroupCommit::start(LIMITS, move |movements: Vec<Movement>| {
        let purse = purse.clone();
        async move {
            match purse.together(&movements).await {
                Ok(posted) => posted.into_iter().map(Ok).collect(),
                Err(error) if movements.len() > 1 && !is_outage(&error) => {
                    tracing::warn!(%error, debits = movements.len(), "a group of debits failed; trying each alone");
                    purse.one_by_one(movements).await
                }
                Err(error) => {
                    let message = error.to_string();
                    let first = std::iter::once(Err(ApiError::from(error)));
                    first
                        .chain(movements.iter().skip(1).map(|_| Err(ApiError::unavailable(&message))))
                        .collect()
                }
            }
        }
    })
}

/// What debits are made with.
#[derive(Clone)]
struct Purse {
    pool: PgPool,
    publisher: Publisher,
    clock: Clock,
}

impl Purse {
    async fn together(&self, movements: &[Movement]) -> Result<Vec<Posted>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let posted = post(&mut transaction, self.clock.now(), movements).await?;
        crash::point(Step::Written, "debit");
        transaction.commit().await?;
        crash::point(Step::Committed, "debit");
        if !posted.jobs.is_empty() {
            let purse = self.clone();
            tokio::spawn(async move { outbox::publish(&purse.pool, &purse.publisher, &posted.jobs).await });
        }
        Ok(posted.each)
    }

    async fn one_by_one(&self, movements: Vec<Movement>) -> Vec<Debited> {
        let mut answers = Vec::with_capacity(movements.len());
        for movement in movements {
            let posted = self.together(std::slice::from_ref(&movement)).await;
            answers.push(match posted {
                Ok(mut posted) => posted.pop().ok_or_else(|| ApiError::internal("a debit had no outcome")),
                Err(error) => Err(error.into()),
            });
        }
        answers
    }
}

/// Whether the database is away, so that trying each alone would only take longer to fail.
fn is_outage(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_))
}
