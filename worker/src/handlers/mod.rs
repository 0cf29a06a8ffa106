//! What each job does, one file each, and the dispatch over the catalogue.

mod adjust;
mod apply;
pub mod catalogue;
mod charge_recharge;
mod check_recharge;
mod claim_purchases;
mod confirm_session;
mod create_checkout;
mod deliver_webhook;
mod expire;
mod notify;
mod open_portal;
pub(crate) mod reconcile;
mod save_card;
mod verify;
mod verify_reversal;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::handlers::catalogue::AnyJob;
use crate::providers::ProviderError;
use crate::providers::creem::client::CreemClient;
use crate::providers::stripe::client::StripeClient;
use anyhow::Context;
use billing::auto_recharge::{Limits, RechargeError};
use billing::payments::ReturnUrls;
use billing::provider_events::ApplyError;
use billing::reversals::Policy;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use kernel::clock::Clock;
use kernel::database;
use kernel::ids::OutboxId;
use kernel::retry;
use messaging::consumer::{Handler, Outcome};
use messaging::{Publisher, outbox};
use sqlx::PgPool;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Verify};
use deliver_webhook::Webhooks;

/// How long a job waits, within one delivery, for a server that is away; then it comes back through a delay.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long to wait before asking again whether the database is back.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What the jobs work with.
pub struct Jobs {
    pool: PgPool,
    publisher: Publisher,
    clock: Clock,
    stripe: StripeClient,
    /// None if no key of Creem is configured.
    creem: Option<CreemClient>,
    /// Keeps this process under the provider's limit.
    stripe_pace: DefaultDirectRateLimiter,
    webhooks: Webhooks,
    verify: Verify,
    /// In which environments purchases in app stores count.
    revenuecat_environments: Vec<String>,
    reversals: Policy,
    recharge_limits: Limits,
    return_urls: ReturnUrls,
    /// Set when a job met an outage: the database is asked before the next.
    database_doubted: AtomicBool,
    /// Outbox rows being published after their transaction.
    publishing: TaskTracker,
}

impl Jobs {
    /// Sets up the clients.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(config: &Config, pool: PgPool, publisher: Publisher, clock: Clock) -> anyhow::Result<Self> {
        let pace = NonZeroU32::new(config.stripe_requests_per_second)
            .context("STRIPE_REQUESTS_PER_SECOND cannot be used: it must be at least 1")?;
        Ok(Self {
            pool,
            publisher,
            clock,
            stripe: StripeClient::new(&config.stripe_secret_key, config.stripe_api_base.as_deref())?,
            creem: config
                .creem_api_key
                .as_ref()
                .map(|key| CreemClient::new(key, config.creem_api_base.as_deref()))
                .transpose()?,
            stripe_pace: RateLimiter::direct(Quota::per_second(pace)),
            webhooks: Webhooks::new(config.webhook_reach),
            verify: config.verify,
            revenuecat_environments: config.revenuecat_environments.clone(),
            reversals: config.reversals,
            recharge_limits: config.recharge_limits,
            return_urls: config.return_urls.clone(),
            database_doubted: AtomicBool::new(false),
            publishing: TaskTracker::new(),
        })
    }

    /// Waits for what is still being published.
    pub async fn finish(&self) {
        self.publishing.close();
        self.publishing.wait().await;
    }

    /// Publishes jobs whose transaction has committed, without keeping the caller.
    fn publish_soon(&self, ids: Vec<OutboxId>) {
        if ids.is_empty() {
            return;
        }
        let (pool, publisher) = (self.pool.clone(), self.publisher.clone());
        self.publishing.spawn(async move { outbox::publish(&pool, &publisher, &ids).await });
    }

    /// The client of Creem.
    fn creem(&self) -> Result<&CreemClient, JobError> {
        // An operator mends that, and the order is still good.
        let missing = ProviderError::Unavailable("CREEM_API_KEY is not set");
        self.creem.as_ref().ok_or(JobError::Provider(missing))
    }

    /// Asks the provider, within its limit, again while it gives no answer and patience lasts.
    async fn ask<T, Answer>(&self, question: impl Fn() -> Answer) -> Result<T, ProviderError>
    where
        Answer: Future<Output = Result<T, ProviderError>>,
    {
        let transient = |error: &ProviderError| matches!(error, ProviderError::Unavailable(_));
        retry::with_patience(PATIENCE, transient, || async {
            self.stripe_pace.until_ready().await;
            question().await
        })
        .await
    }

    /// While the database is away jobs wait here, in their queue: sent through the delays, those of a long outage
    /// would come back long after its end.
    async fn wait_for_database(&self) {
        while self.database_doubted.load(Ordering::Relaxed) {
            match database::ping(&self.pool).await {
                Ok(()) => self.database_doubted.store(false, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, "the database is away; jobs wait for it");
                    tokio::time::sleep(DATABASE_PAUSE).await;
                }
            }
        }
    }

    async fn run_alone(&self, job: &AnyJob) -> Outcome {
        let done = match job {
            // These are done together, whether they come alone or not.
            AnyJob::ApplyProviderEvents(_)
            | AnyJob::ApplyPaymentFact(_)
            | AnyJob::ApplySubscriptionFact(_)
            | AnyJob::ApplyPaymentReversal(_) => {
                return Outcome::Failed("not a lone job".to_owned());
            }
            AnyJob::ApplyCheckin(job) => self.apply_checkin(job).await,
            AnyJob::ClaimPurchases(_) => self.claim_purchases().await,
            AnyJob::AdjustCredits(job) => self.adjust_credits(job).await,
            AnyJob::ExpireGrants(_) => self.expire_grants().await,
            AnyJob::ExpireHolds(_) => self.expire_holds().await,
            AnyJob::CreateCheckout(job) => self.create_checkout(job).await,
            AnyJob::OpenPortal(job) => self.open_portal(job).await,
            AnyJob::VerifyPayment(job) => self.verify_payment(job).await,
            AnyJob::VerifyObject(job) => self.verify_object(job).await,
            AnyJob::ConfirmSession(job) => self.confirm_session(job).await,
            AnyJob::ExpirePayments(_) => self.expire_payments().await,
            AnyJob::ReconcilePayments(_) => self.reconcile_payments().await,
            AnyJob::CheckRecharge(job) => self.check_recharge(job).await,
            AnyJob::ChargeRecharge(job) => self.charge_recharge(job).await,
            AnyJob::SaveRechargeCard(job) => self.save_card(job).await,
            AnyJob::SweepRecharges(_) => self.sweep_recharges().await,
            AnyJob::BeginRechargeMonth(_) => self.begin_month().await,
            AnyJob::SendNotices(job) => self.notify(job).await,
            AnyJob::DeliverWebhook(job) => self.deliver_webhook(job).await,
            AnyJob::RetryWebhooks(_) => self.retry_webhooks().await,
        };
        done.unwrap_or_else(JobError::into_outcome)
    }
}

impl Handler for Jobs {
    type Job = AnyJob;

    async fn handle(&self, jobs: Arc<[AnyJob]>) -> Vec<Outcome> {
        self.wait_for_database().await;
        let together = self.apply(&jobs).await;
        let each = jobs.iter().zip(together).map(async |(job, done)| match done {
            Some(outcome) => outcome,
            // On the heap: what a job does in all its steps is large.
            None => Box::pin(self.run_alone(job)).await,
        });
        let outcomes = futures::future::join_all(each).await;
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unavailable(_))) {
            self.database_doubted.store(true, Ordering::Relaxed);
        }
        outcomes
    }
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("the database: {0}")]
    Database(sqlx::Error),
    /// The domain refuses what follows from what a provider said.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Provider(ProviderError),
    #[error("the broker did not take a message")]
    Broker,
    #[error("{0}")]
    Dead(String),
}

impl JobError {
    fn into_outcome(self) -> Outcome {
        match self {
            Self::Database(error) if database::is_transient(&error) => {
                Outcome::Unavailable(format!("the database is away: {error}"))
            }
            Self::Database(error) => Outcome::Failed(format!("the database refuses: {error}")),
            Self::Provider(error @ ProviderError::Unavailable(_)) => Outcome::Unavailable(error.to_string()),
            Self::Provider(error) => Outcome::Dead(error.to_string()),
            Self::Broker => Outcome::Unavailable(self.to_string()),
            Self::Refused(reason) => Outcome::Failed(reason),
            Self::Dead(reason) => Outcome::Dead(reason),
        }
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<ApplyError> for JobError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Database(error) => Self::Database(error),
            ApplyError::Ledger { .. }
            | ApplyError::PostedBefore(_)
            | ApplyError::Amount(_)
            | ApplyError::Order(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<RechargeError> for JobError {
    fn from(error: RechargeError) -> Self {
        match error {
            RechargeError::Database(error) => Self::Database(error),
            RechargeError::Amount(_) | RechargeError::Order(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<ProviderError> for JobError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<messaging::PublishError> for JobError {
    fn from(_: messaging::PublishError) -> Self {
        Self::Broker
    }
}

/// What a job led to: what its caller is told, if one waits.
type Done = Result<Outcome, JobError>;

/// Done, and nobody is told.
const DONE: Outcome = Outcome::Done(None);
