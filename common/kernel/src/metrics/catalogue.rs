//! Every metric: its name, who shows it, its unit, what it tells, and its labels with the values that are known.
//! docs/metrics.md is made from this list.

use metrics::Unit;

use super::kinds::{Counter, Definition, Gauge, Histogram, Kind, Label, Process, Source};

const PROVIDERS: &[&str] = &["stripe", "creem", "revenuecat", "manual"];
const EVENT_PROVIDERS: &[&str] = &["stripe", "creem", "revenuecat"];
const ROLES: &[&str] = &["apply", "checkout", "notify", "recharge", "verify"];
const ACCOUNTS: &[&str] =
    &["stripe", "creem", "revenuecat", "promotion", "usage", "expiry", "refund", "manual", "transfer"];
const REVERSALS: &[&str] = &["refund", "dispute", "total", "warning"];
const CONTRADICTIONS: &[&str] = &[
    "amount",
    "currency",
    "customer",
    "livemode",
    "mode",
    "owner",
    "paid_twice",
    "provider",
    "session",
    "unknown_order",
    "unknown_plan",
];
const PAUSES: &[&str] = &[
    "declined",
    "card_refused",
    "card_expired",
    "card_removed",
    "not_authenticated",
    "charge_refused",
    "money_taken_back",
    "disputed",
    "card_owner_left",
    "by_owner",
    "by_admin",
];
const SUBSCRIPTION_STATES: &[&str] = &["incomplete", "active", "past_due", "paused", "canceled"];
const FORGOTTEN: &[&str] = &[
    "sessions",
    "portal sessions",
    "live tickets",
    "limits",
    "operators' sessions",
    "attempts to sign in",
    "webhooks",
    "provider events",
    "dead letters",
];
/// The values are no closed set.
const ANY: &[&str] = &[];

/// From a millisecond to the deadlines of requests, twofold each.
const REQUEST_SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From a message that is taken at once to one that nobody took for an hour. The broker stamps whole seconds.
const WAIT_SECONDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
/// From an event's arrival to its commit: some milliseconds, or as long as a server was away.
const APPLY_SECONDS: &[f64] =
    &[0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

macro_rules! kind {
    (Counter) => {
        Kind::Counter
    };
    (Gauge) => {
        Kind::Gauge
    };
    (Histogram $buckets:ident) => {
        Kind::Histogram($buckets)
    };
}

macro_rules! catalogue {
    ($(
        $metric:ident: $kind:ident<$count:literal> $(with $buckets:ident)? =
            $name:literal by $source:ident in $unit:ident: $help:literal [$($label:literal: $values:expr),*];
    )+) => {
        $(#[doc = $help]
        pub static $metric: $kind<$count> = $kind::new(&Definition {
            name: $name,
            help: $help,
            kind: kind!($kind $($buckets)?),
            unit: Unit::$unit,
            source: Source::$source,
            labels: &[$(Label { name: $label, values: $values }),*],
        });)+

        /// All of them.
        pub static ALL: &[&Definition] = &[$($metric.definition(),)+];
    };
}

catalogue! {
    // The process itself.
    BUILD: Gauge<2> = "purser_build_info" by All in Count:
        "Always 1; its labels say which process and version this is."
        ["process": Process::NAMES, "version": ANY];
    SERVER_UP: Gauge<1> = "purser_server_up" by All in Count:
        "1 while this process reaches the server." ["server": &["database", "broker"]];
    DATABASE_CONNECTIONS: Gauge<1> = "purser_database_connections" by All in Count:
        "Connections to the database, by whether they are in use." ["state": &["idle", "used"]];
    DATABASE_CONNECTIONS_MAX: Gauge<0> = "purser_database_connections_max" by All in Count:
        "Connections to the database that this process may open." [];

    // Requests.
    HTTP_REQUESTS: Counter<2> = "purser_http_requests_total" by Api in Count:
        "Requests that were answered." ["route": ANY, "status": ANY];
    HTTP_REQUEST_SECONDS: Histogram<1> with REQUEST_SECONDS = "purser_http_request_seconds" by Api in Seconds:
        "Time from a request to its answer." ["route": ANY];
    RATE_LIMITED: Counter<1> = "purser_rate_limited_total" by Api in Count:
        "Requests above a limit, by what it counts." ["by": &["address", "credential"]];
    JWKS_FAILURES: Counter<0> = "purser_jwks_failures_total" by Api in Count:
        "Failed attempts to fetch the keys of JSON Web Tokens." [];
    LIVE_CONNECTIONS: Gauge<0> = "purser_live_connections" by Api in Count:
        "Open WebSockets and event streams." [];
    LIVE_NOTICES_LOST: Counter<0> = "purser_live_notices_lost_total" by Api in Count:
        "Notices of debits that live connections did not get." [];

    // Money.
    EVENTS: Counter<2> = "purser_webhooks_total" by Api in Count:
        "Events that providers sent." ["provider": EVENT_PROVIDERS,
        "outcome": &["accepted", "bad_signature", "not_json", "not_set_up", "unavailable"]];
    EVENT_APPLY_SECONDS: Histogram<1> with APPLY_SECONDS = "purser_event_apply_seconds" by Worker in Seconds:
        "Time from the arrival of a provider's event to the commit of its effect." ["provider": EVENT_PROVIDERS];
    EVENTS_QUARANTINED: Counter<1> = "purser_events_quarantined_total" by Worker in Count:
        "Events that contradict their order." ["reason": CONTRADICTIONS];
    PAYMENTS_CREDITED: Counter<1> = "purser_payments_credited_total" by Worker in Count:
        "Payments whose credits were granted." ["provider": PROVIDERS];
    MONEY_RECEIVED: Counter<2> = "purser_money_received_minor_total" by Worker in Count:
        "Money of payments that were credited, in the currency's smallest unit."
        ["provider": PROVIDERS, "currency": ANY];
    MONEY_REFUNDED: Counter<2> = "purser_money_refunded_minor_total" by Worker in Count:
        "Money that was refunded, in the currency's smallest unit." ["provider": PROVIDERS, "currency": ANY];
    CREDITS_MOVED: Counter<2> = "purser_credits_moved_millionths_total" by ApiAndWorker in Count:
        "Millionths of a credit that entries of the ledger moved into wallets or out of them, by \
         counter-account: in from a provider is sold, out to usage is spent, out to expiry has lapsed, out to \
         refund was taken back."
        ["account": ACCOUNTS, "direction": &["in", "out"]];
    PAYMENTS_REVERSED: Counter<1> = "purser_payments_reversed_total" by Worker in Count:
        "Changes of credits by refunds and disputes." ["kind": REVERSALS];
    DISPUTES: Counter<0> = "purser_disputes_total" by Worker in Count:
        "Disputes of payments." [];
    UNORDERED_PAYMENTS: Counter<0> = "purser_unordered_payments_total" by Worker in Count:
        "Payments through a Payment Link that name no order: nothing was credited." [];
    STORE_PURCHASES_OF_SEVERAL: Counter<0> = "purser_store_purchases_of_several_total" by Worker in Count:
        "Store purchases that are held because nothing says how many were bought." [];
    SUBSCRIPTIONS_CHANGED: Counter<1> = "purser_subscriptions_changed_total" by Worker in Count:
        "Changes of subscriptions." ["state": SUBSCRIPTION_STATES];
    RECHARGES_DECLINED: Counter<0> = "purser_recharges_declined_total" by Worker in Count:
        "Automatic charges that were declined." [];
    RECHARGES_PAUSED: Counter<1> = "purser_recharges_paused_total" by ApiAndWorker in Count:
        "Wallets whose automatic charging was paused." ["reason": PAUSES];
    UNREADABLE_ANSWERS: Counter<1> = "purser_unreadable_answers_total" by Worker in Count:
        "Answers of providers that could not be read." ["provider": EVENT_PROVIDERS];

    // Jobs.
    JOBS: Counter<2> = "purser_jobs_total" by Worker in Count:
        "Attempts at jobs, by how they ended." ["kind": ANY, "outcome": &["done", "unavailable", "failed", "dead"]];
    BATCH_SECONDS: Histogram<1> with REQUEST_SECONDS = "purser_batch_seconds" by Worker in Seconds:
        "Time that a batch of jobs took." ["role": ROLES];
    JOB_WAIT_SECONDS: Histogram<1> with WAIT_SECONDS = "purser_job_wait_seconds" by Worker in Seconds:
        "Time that a job waited in its queue, in whole seconds; the waits of retries do not count." ["role": ROLES];
    DEAD_LETTERS: Counter<1> = "purser_dead_letters_total" by Worker in Count:
        "Jobs that became dead letters." ["role": ROLES];
    WEBHOOK_ATTEMPTS: Counter<1> = "purser_webhook_attempts_total" by Worker in Count:
        "Messages sent to webhook endpoints." ["outcome": &["delivered", "retried", "failed", "superseded"]];
    WEBHOOK_ENDPOINTS_DISABLED: Counter<0> = "purser_webhook_endpoints_disabled_total" by Worker in Count:
        "Webhook endpoints that were disabled for failing." [];

    // The schedule.
    LEADER: Gauge<0> = "purser_scheduler_leads" by Scheduler in Count:
        "1 while this scheduler leads." [];
    SCHEDULE_FAILURES: Counter<1> = "purser_schedule_failures_total" by Scheduler in Count:
        "Scheduled actions that failed." ["entry": ANY];
    FORGOTTEN_ROWS: Counter<1> = "purser_forgotten_rows_total" by Scheduler in Count:
        "Old records that were deleted." ["what": FORGOTTEN];

    // The whole system.
    OUTBOX_JOBS: Gauge<0> = "purser_outbox_jobs" by Leader in Count:
        "Jobs that wait to be published." [];
    OUTBOX_OLDEST_SECONDS: Gauge<0> = "purser_outbox_oldest_seconds" by Leader in Seconds:
        "Age of the oldest job that waits to be published." [];
    QUEUE_MESSAGES: Gauge<1> = "purser_queue_messages" by Leader in Count:
        "Messages that wait in a queue: a role's, those of its retries as delay.2s and so on, and what no \
         queue took."
        ["queue": ANY];
    QUEUE_CONSUMERS: Gauge<1> = "purser_queue_consumers" by Leader in Count:
        "Workers that take from a role's queue." ["queue": ANY];
    DEAD_LETTERS_WAITING: Gauge<1> = "purser_dead_letters_waiting" by Leader in Count:
        "Dead letters that wait for an operator." ["role": ROLES];
    EVENTS_IN_QUARANTINE: Gauge<0> = "purser_events_quarantined" by Leader in Count:
        "Quarantined events that wait for an operator." [];
    STORE_PURCHASES_PARKED: Gauge<0> = "purser_store_purchases_parked" by Leader in Count:
        "Store purchases that wait for a buyer or a product." [];
    SUBSCRIPTIONS_DOUBLED: Gauge<0> = "purser_subscriptions_doubled" by Leader in Count:
        "Wallets for which several subscriptions bill although one is allowed." [];
    WEBHOOK_ENDPOINTS_FAILING: Gauge<0> = "purser_webhook_endpoints_failing" by Leader in Count:
        "Webhook endpoints that are switched on and whose last message failed." [];
    RECONCILED_SECONDS_AGO: Gauge<0> = "purser_reconciliation_age_seconds" by Leader in Seconds:
        "Time since the books were last compared with the providers'." [];
    RECONCILIATION_FINDINGS: Gauge<0> = "purser_reconciliation_findings" by Leader in Count:
        "Differences that the last reconciliation found." [];
    PAID_NOT_CREDITED: Gauge<0> = "purser_paid_not_credited" by Leader in Count:
        "Payments that the last reconciliation found paid and not credited." [];
    CREDITS_OUTSTANDING: Gauge<0> = "purser_credits_outstanding_millionths" by Leader in Count:
        "Millionths of a credit in all wallets together: what was sold or given and can still be spent." [];
    CREDITS_HELD: Gauge<0> = "purser_credits_held_millionths" by Leader in Count:
        "Millionths of a credit that holds reserve." [];
    CREDITS_OWED: Gauge<0> = "purser_credits_owed_millionths" by Leader in Count:
        "Millionths of a credit that wallets owe, because credits were taken back after they were spent." [];
}
