//! Debits, grouped: concurrent requests share a transaction, as databases group commits. When a group fails, each of
//! its debits is tried alone, so that one that fails does not take the others with it.

use kernel::clock::Clock;
use kernel::crash::{self, Step};
use kernel::group_commit::{GroupCommit, GroupLimits};
use ledger::operations::post;
use ledger::{Movement, Posted};
use messaging::{Publisher, outbox};
use sqlx::PgPool;

use crate::problem::Problem;

/// How many debits share a transaction, and how many transactions run at once: one, so that debits that arrive
/// meanwhile share the next. Two at once are half as large each, and cost the database a third more for each debit.
const LIMITS: GroupLimits = GroupLimits { size: 128, concurrency: 1 };

type DebitResult = Result<Posted, Problem>;

pub(crate) struct Spending(GroupCommit<Movement, DebitResult>);

impl Spending {
    pub(crate) fn start(pool: PgPool, publisher: Publisher, clock: Clock) -> Self {
        let purse = Purse { pool, publisher, clock };
        Self(GroupCommit::start(LIMITS, move |movements: Vec<Movement>| {
            let purse = purse.clone();
            async move { purse.debit(movements).await }
        }))
    }

    /// Posts a debit in the transaction of its group.
    pub(crate) async fn debit(&self, movement: Movement) -> Result<Posted, Problem> {
        self.0.submit(movement).await.unwrap_or_else(|error| Err(Problem::unavailable(error)))
    }
}

#[derive(Clone)]
struct Purse {
    pool: PgPool,
    publisher: Publisher,
    clock: Clock,
}

impl Purse {
    async fn debit(&self, movements: Vec<Movement>) -> Vec<DebitResult> {
        match self.together(&movements).await {
            Ok(posted) => posted.into_iter().map(Ok).collect(),
            Err(error) if movements.len() > 1 && !is_outage(&error) => {
                tracing::warn!(%error, debits = movements.len(), "a group of debits failed; trying each alone");
                self.one_by_one(movements).await
            }
            Err(error) => {
                let message = error.to_string();
                let first = std::iter::once(Err(Problem::from(error)));
                let others = movements.iter().skip(1).map(|_| Err(Problem::unavailable(&message)));
                first.chain(others).collect()
            }
        }
    }

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

    async fn one_by_one(&self, movements: Vec<Movement>) -> Vec<DebitResult> {
        let mut answers = Vec::with_capacity(movements.len());
        for movement in movements {
            let posted = self.together(std::slice::from_ref(&movement)).await;
            answers.push(match posted {
                Ok(mut posted) => posted.pop().ok_or_else(|| Problem::internal("a debit had no outcome")),
                Err(error) => Err(error.into()),
            });
        }
        answers
    }
}

/// Whether the database is away: trying each debit alone would only take longer to fail.
fn is_outage(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_))
}
