//! Debits, grouped: concurrent requests share a transaction, as databases group commits. When a group fails, each of
//! its debits is tried alone, so that one that fails does not take the others with it. A wallet that another
//! transaction has locked holds up its own debits only: they leave the group, and wait in a lane of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kernel::clock::Clock;
use kernel::crash::{self, Step};
use kernel::database;
use kernel::deadline::within;
use kernel::group_commit::{GroupCommit, GroupLimits};
use kernel::ids::{OutboxId, WalletId};
use ledger::operations::{Debited, post_debits, post_unlocked};
use ledger::optimistic::post_unchanged;
use ledger::{Movement, Posted};
use messaging::{Publisher, outbox};
use notices::Notice;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::announcer::Announcer;
use crate::problem::Problem;

/// How many debits share a transaction, and how many transactions run at once. While one waits for the network or the
/// disk another decides and writes; but only if enough debits wait to make it worth a transaction.
/// A few debits cost a transaction almost as much as many: of batches, 512 together cost each debit half of what 128
/// do. Larger groups only wait longer for each other.
const LIMITS: GroupLimits = GroupLimits { size: 512, concurrency: 3, beside: 32 };
/// A lane's wallet is locked by one transaction at a time.
const LANE_LIMITS: GroupLimits = GroupLimits { size: 128, concurrency: 1, beside: 1 };
/// Connections for groups alone: whoever waits for a locked wallet with one of the others does not hold them up.
pub(crate) const CONNECTIONS: u32 = 4;
/// Lanes that wait for their wallet at the same time, each with a connection.
const WAITING: usize = 4;

type DebitResult = Result<Posted, Problem>;
type Lane = GroupCommit<Movement, DebitResult>;

pub(crate) struct Spending {
    /// Answers nothing for a debit of a wallet that is locked.
    group: GroupCommit<Movement, Option<DebitResult>>,
    lanes: Mutex<HashMap<WalletId, Weak<Lane>>>,
    patient: Purse,
    waiting: Arc<Semaphore>,
}

impl Spending {
    /// `pool` is what the process has for everything; `own` has [`CONNECTIONS`] for groups. A transaction that takes
    /// `limit` is given up: its debits may have been posted all the same.
    pub(crate) fn start(
        pool: PgPool,
        own: PgPool,
        publisher: Publisher,
        clock: Clock,
        limit: Duration,
    ) -> Self {
        let announcer = Announcer::start(publisher.clone());
        let patient = Purse { pool, publisher, announcer, clock, limit };
        let purse = Purse { pool: own, ..patient.clone() };
        let wallet = |movement: &Movement| Some(movement.wallet_id);
        let group = GroupCommit::start_by(LIMITS, wallet, move |movements: Vec<Movement>| {
            let purse = purse.clone();
            async move { purse.debit_free(movements).await }
        });
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self { group, lanes: Mutex::default(), patient, waiting }
    }

    /// Posts a debit in the transaction of its group.
    pub(crate) async fn debit(&self, movement: Movement) -> Result<Posted, Problem> {
        let lane = match self.lane(movement.wallet_id) {
            Some(lane) => lane,
            None => match self.group.submit(movement.clone()).await {
                Ok(Some(result)) => return result,
                Ok(None) => self.lane_for(movement.wallet_id),
                Err(error) => return Err(Problem::unavailable(error)),
            },
        };
        lane.submit(movement).await.unwrap_or_else(|error| Err(Problem::unavailable(error)))
    }

    /// The lane of a wallet that debits are waiting for.
    fn lane(&self, wallet: WalletId) -> Option<Arc<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).get(&wallet).and_then(Weak::upgrade)
    }

    /// As [`Self::lane`]; a new one if there is none.
    fn lane_for(&self, wallet: WalletId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&wallet).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let (purse, waiting) = (self.patient.clone(), Arc::clone(&self.waiting));
        let lane = Arc::new(GroupCommit::start(LANE_LIMITS, move |movements: Vec<Movement>| {
            let (purse, waiting) = (purse.clone(), Arc::clone(&waiting));
            async move {
                let _place = waiting.acquire().await;
                purse.debit(movements).await
            }
        }));
        lanes.insert(wallet, Arc::downgrade(&lane));
        lane
    }
}

#[derive(Clone)]
struct Purse {
    pool: PgPool,
    publisher: Publisher,
    announcer: Announcer,
    clock: Clock,
    limit: Duration,
}

impl Purse {
    /// Posts the debits of wallets that are not locked: without a lock what can be posted so, the rest with locks.
    async fn debit_free(&self, movements: Vec<Movement>) -> Vec<Option<DebitResult>> {
        let mut results = self.each(&movements, self.in_time(self.unchanged(&movements)).await).await;
        let left = results.iter().zip(&movements).filter(|(result, _)| result.is_none());
        let left: Vec<Movement> = left.map(|(_, movement)| movement.clone()).collect();
        if !left.is_empty() {
            let unlocked = self.in_time(self.unlocked(&left)).await;
            let open = results.iter_mut().filter(|result| result.is_none());
            for (result, outcome) in open.zip(self.each(&left, unlocked).await) {
                *result = outcome;
            }
        }
        results
    }

    async fn each(
        &self,
        movements: &[Movement],
        posted: Result<Vec<Option<Posted>>, sqlx::Error>,
    ) -> Vec<Option<DebitResult>> {
        match posted {
            Ok(posted) => posted.into_iter().map(|posted| posted.map(Ok)).collect(),
            Err(error) => self.after(error, movements).await.into_iter().map(Some).collect(),
        }
    }

    async fn debit(&self, movements: Vec<Movement>) -> Vec<DebitResult> {
        match self.in_time(self.together(&movements)).await {
            Ok(posted) => posted.into_iter().map(Ok).collect(),
            Err(error) => self.after(error, &movements).await,
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        within(self.limit, work).await?
    }

    /// What becomes of debits whose common transaction failed.
    async fn after(&self, error: sqlx::Error, movements: &[Movement]) -> Vec<DebitResult> {
        if movements.len() > 1 && !concerns_all(&error) {
            tracing::warn!(%error, debits = movements.len(), "a group of debits failed; trying each alone");
            return self.one_by_one(movements).await;
        }
        let message = error.to_string();
        let first = std::iter::once(Err(Problem::from(error)));
        let others = movements.iter().skip(1).map(|_| Err(Problem::unavailable(&message)));
        first.chain(others).collect()
    }

    async fn together(&self, movements: &[Movement]) -> Result<Vec<Posted>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Debited { each, jobs, live } = post_debits(&mut transaction, self.clock.now(), movements).await?;
        crash::point(Step::Written, "debit");
        transaction.commit().await?;
        self.committed(jobs, live);
        Ok(each)
    }

    async fn unchanged(&self, movements: &[Movement]) -> Result<Vec<Option<Posted>>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        crash::point(Step::Written, "debit");
        let Debited { each, jobs, live } =
            post_unchanged(&mut connection, self.clock.now(), movements).await?;
        self.committed(jobs, live);
        Ok(each)
    }

    async fn unlocked(&self, movements: &[Movement]) -> Result<Vec<Option<Posted>>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Debited { each, jobs, live } =
            post_unlocked(&mut transaction, self.clock.now(), movements).await?;
        crash::point(Step::Written, "debit");
        transaction.commit().await?;
        self.committed(jobs, live);
        Ok(each)
    }

    fn committed(&self, jobs: Vec<OutboxId>, live: Vec<Notice>) {
        crash::point(Step::Committed, "debit");
        self.announcer.announce(live);
        if !jobs.is_empty() {
            let purse = self.clone();
            tokio::spawn(async move { outbox::publish(&purse.pool, &purse.publisher, &jobs).await });
        }
    }

    async fn one_by_one(&self, movements: &[Movement]) -> Vec<DebitResult> {
        let mut answers = Vec::with_capacity(movements.len());
        for movement in movements {
            let posted = self.in_time(self.together(std::slice::from_ref(movement))).await;
            answers.push(match posted {
                Ok(mut posted) => posted.pop().ok_or_else(|| Problem::internal("a debit had no outcome")),
                Err(error) => Err(error.into()),
            });
        }
        answers
    }
}

/// Whether trying each debit alone would only take longer to fail: the database is away, or their wallet is locked.
fn concerns_all(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_))
        || database::is_locked(error)
}
