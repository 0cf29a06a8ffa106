//! Everything the emulator remembers, behind one lock, and the one way to get at it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};

use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{Deliveries, Outgoing};
use crate::faults::Faults;
use crate::requests::Requests;
use crate::{creem, revenuecat, stripe};

/// How many webhook requests may be on their way at once.
const CONCURRENT_DELIVERIES: usize = 64;

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Stripe,
    Creem,
    RevenueCat,
}

/// The state of the emulated providers and what they share.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) deliveries: Deliveries,
    pub(crate) requests: Requests,
    pub(crate) stripe: stripe::State,
    pub(crate) creem: creem::State,
    pub(crate) revenuecat: revenuecat::State,
    /// The ids of all events in the order they happened.
    pub(crate) happened: Vec<(Provider, String)>,
    /// Address of the hosted pages, without a trailing slash.
    pub(crate) public_url: String,
}

impl World {
    /// Runs everything that is due by the emulated clock, in order, each dated at its own time: a clock that
    /// is moved months ahead in one step tells the same story as one that ran there.
    pub(crate) fn run_due(&mut self) {
        while let Some(due_time) = self.next_due().filter(|due_time| *due_time <= self.clock.now()) {
            self.clock.date_at(Some(due_time));
            stripe::timers::run_due(self);
            creem::timers::run_due(self);
            self.deliveries.release_due(due_time);
            self.clock.date_at(None);
        }
    }

    /// When the next thing happens by itself, in Unix seconds by the providers' clock.
    pub(crate) fn next_due(&self) -> Option<i64> {
        let due =
            [self.stripe.timers.next_at(), self.creem.timers.next_at(), self.deliveries.next_retry_at()];
        due.into_iter().flatten().min()
    }
}

/// The world together with what acts on it in the background.
pub(crate) struct Emulator {
    world: Mutex<World>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    pub(crate) client: reqwest::Client,
    pub(crate) delivery_slots: Semaphore,
    /// Wakes every delivery that waits for its retry.
    pub(crate) retry_now: Notify,
    pub(crate) retry_base: Duration,
    pub(crate) secret_key: Option<String>,
}

impl Emulator {
    pub(crate) fn new(
        config: Config,
        public_url: String,
        outgoing: mpsc::UnboundedSender<Outgoing>,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()?;
        let mut world = World {
            clock: Clock::default(),
            faults: Faults::default(),
            deliveries: Deliveries::default(),
            requests: Requests::default(),
            stripe: stripe::State::default(),
            creem: creem::State::new(&config),
            revenuecat: revenuecat::State::new(&config),
            happened: Vec::new(),
            public_url,
        };
        stripe::stock::fill(&mut world);
        creem::products::fill(&mut world);
        if let (Some(url), Some(secret)) = (&config.webhook_url, &config.webhook_secret) {
            stripe::webhook_endpoints::register(&mut world, url, secret);
        }
        Ok(Self {
            world: Mutex::new(world),
            outgoing,
            client,
            delivery_slots: Semaphore::new(CONCURRENT_DELIVERIES),
            retry_now: Notify::new(),
            retry_base: config.webhook_retry_base,
            secret_key: config.secret_key,
        })
    }

    /// Runs `act` on the world, after what has become due by the clock, and sends the events it caused.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        // A panic in a handler must not take the whole emulator down with it.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.run_due();
        let result = act(&mut world);
        world.run_due();
        for outgoing in world.deliveries.take_outbox() {
            // Sending fails only while shutting down, when nobody waits for events any more.
            self.outgoing.send(outgoing).ok();
        }
        result
    }
}
