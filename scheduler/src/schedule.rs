//! What happens by the clock, as data. A job of the schedule takes no input: it looks for what is due.

use std::time::Duration;

use billing::app_stores::ClaimPurchases;
use billing::auto_recharge::{BeginRechargeMonth, SweepRecharges};
use billing::payments::ExpirePayments;
use billing::reconciliation::ReconcilePayments;
use jobs::EncodedJob;
use ledger::expiring::TellExpiringGrants;
use ledger::holds::ExpireHolds;
use ledger::operations::ExpireGrants;
use outgoing_webhooks::RetryWebhooks;

/// Something that happens by the clock.
#[derive(Clone, Copy)]
pub struct Entry {
    /// For logs and metrics.
    pub name: &'static str,
    pub every: Duration,
    pub action: Action,
}

#[derive(Clone, Copy)]
pub enum Action {
    /// Writes a job to the outbox while this process leads, and publishes it.
    Emit(fn() -> EncodedJob),
    /// Publishes jobs that a transaction wrote to the outbox and its process did not publish.
    SweepOutbox,
    /// Deletes sessions and live tickets that have ended, counters of limits that were taken away, messages to
    /// webhook endpoints that were delivered, or given
    /// up, a month ago, and old provider events and settled dead letters. Answers to idempotent requests stay: what was
    /// done once is never done again.
    Forget,
    /// Adds up what was noted for the statistics.
    AddUpStatistics,
    /// Counts what operators watch. The leader alone does it; what it shows goes away soon after it leads no longer.
    Measure,
    /// Adds up the credits of all wallets.
    MeasureCredits,
}

/// The schedule.
pub const SCHEDULE: &[Entry] = &[
    Entry { name: "outbox", every: Duration::from_secs(1), action: Action::SweepOutbox },
    Entry {
        name: "holds.expire",
        every: Duration::from_secs(5),
        action: Action::Emit(|| EncodedJob::from(&ExpireHolds {})),
    },
    Entry {
        name: "grants.expire",
        every: Duration::from_secs(30),
        action: Action::Emit(|| EncodedJob::from(&ExpireGrants {})),
    },
    Entry {
        name: "grants.tell_expiring",
        every: Duration::from_secs(60),
        action: Action::Emit(|| EncodedJob::from(&TellExpiringGrants {})),
    },
    Entry {
        name: "payments.expire",
        every: Duration::from_secs(30),
        action: Action::Emit(|| EncodedJob::from(&ExpirePayments {})),
    },
    Entry {
        name: "purchases.claim",
        every: Duration::from_secs(60),
        action: Action::Emit(|| EncodedJob::from(&ClaimPurchases {})),
    },
    Entry {
        name: "webhooks.retry",
        every: Duration::from_secs(5),
        action: Action::Emit(|| EncodedJob::from(&RetryWebhooks {})),
    },
    // For wallets that no debit has asked about: lost jobs, cool-downs that are over, raised thresholds.
    Entry {
        name: "recharge.sweep",
        every: Duration::from_secs(30),
        action: Action::Emit(|| EncodedJob::from(&SweepRecharges {})),
    },
    // Often, so that the first one of a month comes soon after midnight. The others find nothing.
    Entry {
        name: "recharge.month",
        every: Duration::from_secs(30),
        action: Action::Emit(|| EncodedJob::from(&BeginRechargeMonth {})),
    },
    Entry {
        name: "payments.reconcile",
        every: Duration::from_secs(3600),
        action: Action::Emit(|| EncodedJob::from(&ReconcilePayments::default())),
    },
    Entry { name: "statistics", every: Duration::from_secs(2), action: Action::AddUpStatistics },
    Entry { name: "measure", every: Duration::from_secs(10), action: Action::Measure },
    Entry { name: "measure.credits", every: Duration::from_secs(60), action: Action::MeasureCredits },
    Entry { name: "forget", every: Duration::from_secs(60), action: Action::Forget },
];
