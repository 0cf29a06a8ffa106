//! What jobs work with: the database, the broker, the time, and the providers' clients.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use billing::auto_recharge::Limits;
use billing::payments::ReturnUrls;
use billing::reversals::Policy;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jobs::Role;
use kernel::clock::Clock;
use kernel::deadline::{uncounted, within};
use kernel::ids::{InstallationId, OutboxId, UserId, WebhookEndpointId};
use kernel::{database, retry};
use messaging::{Publisher, outbox};
use outgoing_webhooks::standard_webhooks::client::WebhookClient;
use sqlx::PgPool;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Verify};
use crate::error::JobError;
use crate::lanes::Lanes;
use crate::providers::ProviderError;
use crate::providers::creem::client::CreemClient;
use crate::providers::stripe::client::StripeClient;

/// How long a job waits, within one delivery, for a server that is away; then it comes back through a delay queue.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// How long to wait before asking again whether the database is back.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What a role may ask of the provider in a second: half of all for checkouts, where buyers wait; a quarter each for
/// what verifies and what recharges, and for the rest.
fn share(role: Role, all: NonZeroU32) -> NonZeroU32 {
    let part = match role {
        Role::Checkout => all.get() / 2,
        Role::Recharge | Role::Verify | Role::Apply | Role::Notify => all.get() / 4,
    };
    NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN)
}

/// What the jobs of a role work with in a process.
pub(crate) struct Context {
    pub pool: PgPool,
    /// How long a transaction may take.
    pub database_deadline: Duration,
    pub publisher: Publisher,
    pub clock: Clock,
    pub stripe: StripeClient,
    /// None if no key of Creem is configured.
    creem: Option<CreemClient>,
    /// Keeps this process under Stripe's limit of requests. Each role has its share: checkouts do not wait for what is
    /// verified, reconciled or recharged.
    stripe_pace: DefaultDirectRateLimiter,
    /// The orders that each user has on their way to the provider.
    pub checkout_lanes: Lanes<UserId>,
    pub webhook_client: WebhookClient,
    /// The messages on their way to each webhook endpoint.
    pub webhook_lanes: Lanes<WebhookEndpointId>,
    pub verify: Verify,
    /// In which environments purchases in app stores count.
    pub revenuecat_environments: Vec<String>,
    pub reversals: Policy,
    pub recharge_limits: Limits,
    /// How long before credits lapse it is told.
    pub tells_expiry_within: time::Duration,
    pub return_urls: ReturnUrls,
    /// Read once: it never changes.
    installation: OnceCell<InstallationId>,
    /// Set when a job met an outage: the next job first waits until the database answers.
    database_doubted: AtomicBool,
    /// Outbox rows that are being published after their transaction.
    publishing: TaskTracker,
}

impl Context {
    /// Sets up the clients.
    ///
    /// # Errors
    /// When a client refuses its settings.
    pub fn new(
        config: &Config,
        role: Role,
        pool: PgPool,
        publisher: Publisher,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let creem = match &config.creem_api_key {
            Some(key) => Some(CreemClient::new(key, config.creem_api_base.as_deref())?),
            None => None,
        };
        Ok(Self {
            pool,
            database_deadline: config.connections.database_deadline,
            publisher,
            clock,
            stripe: StripeClient::new(
                &config.stripe_secret_key,
                config.stripe_api_base.as_deref(),
                config.one_off_invoices,
            )?,
            creem,
            stripe_pace: RateLimiter::direct(Quota::per_second(share(
                role,
                config.stripe_requests_per_second,
            ))),
            checkout_lanes: Lanes::default(),
            webhook_client: WebhookClient::new(config.webhook_reach),
            webhook_lanes: Lanes::default(),
            verify: config.verify,
            revenuecat_environments: config.revenuecat_environments.clone(),
            reversals: config.reversals,
            recharge_limits: config.recharge_limits,
            tells_expiry_within: time::Duration::days(config.grant_expiring_days.into()),
            return_urls: config.return_urls.clone(),
            installation: OnceCell::new(),
            database_doubted: AtomicBool::new(false),
            publishing: TaskTracker::new(),
        })
    }

    /// Waits until all outbox rows of finished jobs are published.
    pub async fn finish(&self) {
        self.publishing.close();
        self.publishing.wait().await;
    }

    /// The mark that this installation's orders carry at the providers.
    pub async fn installation(&self) -> Result<InstallationId, sqlx::Error> {
        let read = || async { billing::installation::id(&mut *self.pool.acquire().await?).await };
        self.installation.get_or_try_init(read).await.copied()
    }

    /// Publishes jobs whose transaction has committed, without delaying the caller.
    pub fn publish_soon(&self, ids: Vec<OutboxId>) {
        if ids.is_empty() {
            return;
        }
        let (pool, publisher) = (self.pool.clone(), self.publisher.clone());
        self.publishing.spawn(async move { outbox::publish(&pool, &publisher, &ids).await });
    }

    /// Publishes what was told in transactions that began after `before` and have ended, without delaying the caller:
    /// for verbs that do not say which rows they wrote.
    pub fn publish_notices_since(&self, before: OutboxId) {
        let (pool, publisher) = (self.pool.clone(), self.publisher.clone());
        self.publishing.spawn(async move { outbox::publish_notices_since(&pool, &publisher, before).await });
    }

    /// The client of Creem, if there is one.
    pub fn creem_if_set_up(&self) -> Option<&CreemClient> {
        self.creem.as_ref()
    }

    /// The client of Creem. Without a key the job comes again: an operator will set it, and the order is still good.
    pub fn creem(&self) -> Result<&CreemClient, JobError> {
        let missing = ProviderError::Unavailable("CREEM_API_KEY is not set");
        self.creem.as_ref().ok_or(JobError::Provider(missing))
    }

    /// Asks a provider, at this process's pace, and again while it gives no answer and patience lasts.
    pub async fn ask<T, Answer>(&self, question: impl Fn() -> Answer) -> Result<T, ProviderError>
    where
        Answer: Future<Output = Result<T, ProviderError>>,
    {
        let transient = |error: &ProviderError| matches!(error, ProviderError::Unavailable(_));
        uncounted(retry::with_patience(PATIENCE, transient, || async {
            self.stripe_pace.until_ready().await;
            // A client's future is large, and each function between here and the job would hold it in its own.
            Box::pin(question()).await
        }))
        .await
    }

    /// A job met an outage, perhaps the database's.
    pub fn doubt_database(&self) {
        self.database_doubted.store(true, Ordering::Relaxed);
    }

    /// While the database is away jobs wait here, in their queue: sent through the delays, those of a long outage
    /// would come back long after its end.
    pub async fn wait_for_database(&self) {
        while self.database_doubted.load(Ordering::Relaxed) {
            let answer = within(self.database_deadline, database::ping(&self.pool)).await;
            match answer.unwrap_or_else(|given_up| Err(given_up.into())) {
                Ok(()) => self.database_doubted.store(false, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, "the database is away; jobs wait for it");
                    tokio::time::sleep(DATABASE_PAUSE).await;
                }
            }
        }
    }
}
