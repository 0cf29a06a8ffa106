//! Delivers events to webhook endpoints: signed, concurrently, retried until the endpoint took them, and
//! misbehaving as the faults say. Nothing here ever makes an API call wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::real_now_milliseconds;
use crate::faults::Faults;
use crate::signature::{creem_signature, stripe_signature};
use crate::timers::Timers;
use crate::world::{Emulator, World};

const ATTEMPTS: usize = 15;
/// Seconds of the emulated clock between the attempts of a Creem event.
const CREEM_RETRIES: [i64; 4] = [30, 60, 300, 3600];
/// The same for RevenueCat: 5, 10, 20, 40 and 80 minutes, and never again.
/// <https://www.revenuecat.com/docs/integrations/webhooks>
const REVENUECAT_RETRIES: [i64; 5] = [300, 600, 1200, 2400, 4800];
const LONGEST_RETRY_WAIT: Duration = Duration::from_secs(60);
/// How long a reordered event waits for another one to overtake it.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// How a provider signs its events, what it takes for success, and when it tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `Stripe-Signature`; any 2xx will do; retried soon, by the real clock.
    Stripe,
    /// `creem-signature`; 200 and nothing else; retried by the emulated clock.
    Creem,
    /// An agreed `Authorization`, and a signature if a secret for it is agreed; 200 and nothing else; retried
    /// by the emulated clock.
    RevenueCat,
}

impl Scheme {
    fn accepts(self, status: u16) -> bool {
        match self {
            Self::Stripe => (200..300).contains(&status),
            Self::Creem | Self::RevenueCat => status == 200,
        }
    }

    /// Seconds of the emulated clock between attempts; `None` for those that the real clock repeats.
    fn emulated_retries(self) -> Option<&'static [i64]> {
        match self {
            Self::Stripe => None,
            Self::Creem => Some(&CREEM_RETRIES),
            Self::RevenueCat => Some(&REVENUECAT_RETRIES),
        }
    }

    fn attempts(self) -> usize {
        self.emulated_retries().map_or(ATTEMPTS, |retries| retries.len() + 1)
    }
}

/// One signed message on its way to one endpoint.
#[derive(Clone)]
pub(crate) struct Outgoing {
    event_id: String,
    /// Which record of the event's deliveries tells about this one.
    record: usize,
    url: String,
    secret: String,
    /// What the body is signed with beside the secret.
    signing_secret: Option<String>,
    scheme: Scheme,
    body: Arc<str>,
    held: bool,
    delay: Duration,
    /// How often it was tried before.
    tried: usize,
}

/// One try of a delivery.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Attempt {
    /// When it began, in milliseconds since the Unix epoch (real time).
    at_ms: i64,
    /// How long the endpoint took, in milliseconds.
    duration_ms: u64,
    /// The status the endpoint answered, or null if it could not be reached.
    status: Option<u16>,
    /// What went wrong, if no answer came.
    error: Option<String>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// Not taken yet; it is being tried.
    Pending,
    /// The endpoint answered that it took it.
    Delivered,
    /// All attempts failed.
    Failed,
    /// Lost on purpose, by the fault `drop`.
    Dropped,
}

/// The story of one delivery of one event.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    endpoint: String,
    url: String,
    /// Where the delivery stands now.
    pub(crate) state: DeliveryState,
    /// Whether the fault `duplicate` or a resend made this one.
    reason: &'static str,
    attempts: Vec<Attempt>,
}

/// How many deliveries are in each state.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    pending: u64,
    delivered: u64,
    failed: u64,
    dropped: u64,
}

/// All deliveries so far and the messages that still have to be handed to the dispatcher.
#[derive(Default)]
pub(crate) struct Deliveries {
    records: HashMap<String, Vec<Record>>,
    outbox: Vec<Outgoing>,
    /// Retries that wait for their time by the emulated clock.
    waiting: Timers<Outgoing>,
}

impl Deliveries {
    pub(crate) fn of(&self, event_id: &str) -> &[Record] {
        self.records.get(event_id).map_or(&[], Vec::as_slice)
    }

    /// How many deliveries are in each state.
    pub(crate) fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for record in self.records.values().flatten() {
            let count = match record.state {
                DeliveryState::Pending => &mut counts.pending,
                DeliveryState::Delivered => &mut counts.delivered,
                DeliveryState::Failed => &mut counts.failed,
                DeliveryState::Dropped => &mut counts.dropped,
            };
            *count += 1;
        }
        counts
    }

    /// Queues the retries that are due at `now`, by the emulated clock.
    pub(crate) fn release_due(&mut self, now: i64) {
        while let Some(due) = self.waiting.next_due(now) {
            self.outbox.push(due);
        }
    }

    /// When the first of these retries is due, in Unix seconds.
    pub(crate) fn next_retry_at(&self) -> Option<i64> {
        self.waiting.next_at()
    }

    /// Queues all retries that wait for the emulated clock.
    pub(crate) fn release_all(&mut self) {
        self.outbox.extend(self.waiting.take_all());
    }

    pub(crate) fn take_outbox(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }

    /// Queues a first delivery, with the faults of the moment.
    pub(crate) fn send(&mut self, faults: &mut Faults, event_id: &str, to: Endpoint<'_>, body: Arc<str>) {
        let dropped = faults.drops();
        let duplicated = faults.duplicates_delivery();
        let held = faults.reorders();
        let delay =
            if faults.delays() { Duration::from_millis(faults.knobs.delay_ms) } else { Duration::ZERO };
        if dropped {
            self.open_record(event_id, &to, "event", DeliveryState::Dropped);
            return;
        }
        self.queue(event_id, &to, "event", Arc::clone(&body), held, delay);
        if duplicated {
            self.queue(event_id, &to, "duplicate", body, false, Duration::ZERO);
        }
    }

    /// Queues a delivery that no fault touches.
    pub(crate) fn resend(&mut self, event_id: &str, to: Endpoint<'_>, body: Arc<str>) {
        self.queue(event_id, &to, "resend", body, false, Duration::ZERO);
    }

    fn queue(
        &mut self,
        event_id: &str,
        to: &Endpoint<'_>,
        reason: &'static str,
        body: Arc<str>,
        held: bool,
        delay: Duration,
    ) {
        let record = self.open_record(event_id, to, reason, DeliveryState::Pending);
        self.outbox.push(Outgoing {
            event_id: event_id.to_owned(),
            record,
            url: to.url.to_owned(),
            secret: to.secret.to_owned(),
            signing_secret: to.signing_secret.map(str::to_owned),
            scheme: to.scheme,
            body,
            held,
            delay,
            tried: 0,
        });
    }

    fn open_record(
        &mut self,
        event_id: &str,
        to: &Endpoint<'_>,
        reason: &'static str,
        state: DeliveryState,
    ) -> usize {
        let records = self.records.entry(event_id.to_owned()).or_default();
        records.push(Record {
            endpoint: to.id.to_owned(),
            url: to.url.to_owned(),
            state,
            reason,
            attempts: Vec::new(),
        });
        records.len() - 1
    }

    fn note(&mut self, outgoing: &Outgoing, attempt: Option<Attempt>, state: DeliveryState) {
        let record =
            self.records.get_mut(&outgoing.event_id).and_then(|records| records.get_mut(outgoing.record));
        if let Some(record) = record {
            record.attempts.extend(attempt);
            record.state = state;
        }
    }
}

/// Where a message goes.
pub(crate) struct Endpoint<'a> {
    pub(crate) id: &'a str,
    pub(crate) url: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) signing_secret: Option<&'a str>,
    pub(crate) scheme: Scheme,
}

/// Takes messages from the queue and starts their delivery, until shutdown.
pub(crate) async fn dispatch(
    emulator: Arc<Emulator>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    shutdown: CancellationToken,
) {
    let mut held: Vec<Outgoing> = Vec::new();
    let mut release_at = tokio::time::Instant::now();
    loop {
        let received = tokio::select! {
            () = shutdown.cancelled() => return,
            received = queue.recv() => received,
            () = tokio::time::sleep_until(release_at), if !held.is_empty() => {
                for late in held.drain(..) {
                    start(&emulator, late, Vec::new(), &shutdown);
                }
                continue;
            }
        };
        let Some(outgoing) = received else { return };
        if outgoing.held {
            if held.is_empty() {
                release_at = tokio::time::Instant::now() + LONGEST_HOLD;
            }
            held.push(outgoing);
        } else {
            start(&emulator, outgoing, std::mem::take(&mut held), &shutdown);
        }
    }
}

/// Starts one delivery; those in `afterwards` start once its first attempt is over.
fn start(
    emulator: &Arc<Emulator>,
    outgoing: Outgoing,
    afterwards: Vec<Outgoing>,
    shutdown: &CancellationToken,
) {
    let (emulator, shutdown) = (Arc::clone(emulator), shutdown.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = deliver(&emulator, outgoing, afterwards, &shutdown) => {}
        }
    });
}

async fn deliver(
    emulator: &Arc<Emulator>,
    outgoing: Outgoing,
    mut afterwards: Vec<Outgoing>,
    shutdown: &CancellationToken,
) {
    tokio::time::sleep(outgoing.delay).await;
    let attempts = outgoing.scheme.attempts();
    for number in outgoing.tried..attempts {
        if number > outgoing.tried {
            wait_for_retry(emulator, number).await;
        }
        let attempt = post(emulator, &outgoing).await;
        for overtaken in afterwards.drain(..) {
            start(emulator, overtaken, Vec::new(), shutdown);
        }
        let delivered = attempt.status.is_some_and(|status| outgoing.scheme.accepts(status));
        let state = match (delivered, number + 1 < attempts) {
            (true, _) => DeliveryState::Delivered,
            (false, true) => DeliveryState::Pending,
            (false, false) => DeliveryState::Failed,
        };
        emulator.with(|world| {
            world.deliveries.note(&outgoing, Some(attempt), state);
            if !delivered {
                retry_by_emulated_clock(world, &outgoing, number);
            }
        });
        if delivered || outgoing.scheme.emulated_retries().is_some() {
            return;
        }
    }
}

/// Leaves a message to its next attempt by the emulated clock, if there is one.
fn retry_by_emulated_clock(world: &mut World, outgoing: &Outgoing, number: usize) {
    let retries = outgoing.scheme.emulated_retries().unwrap_or_default();
    let Some(wait) = retries.get(number) else { return };
    let next = Outgoing { held: false, delay: Duration::ZERO, tried: number + 1, ..outgoing.clone() };
    world.deliveries.waiting.after(&world.clock, *wait, next);
}

async fn wait_for_retry(emulator: &Emulator, number: usize) {
    let doublings = u32::try_from(number - 1).unwrap_or(u32::MAX);
    let doubled = emulator.retry_base.saturating_mul(2u32.saturating_pow(doublings));
    tokio::select! {
        () = tokio::time::sleep(doubled.min(LONGEST_RETRY_WAIT)) => {}
        () = emulator.retry_now.notified() => {}
    }
}

async fn post(emulator: &Emulator, outgoing: &Outgoing) -> Attempt {
    let Ok(_slot) = emulator.delivery_slots.acquire().await else {
        unreachable!("the semaphore is never closed")
    };
    let at_ms = real_now_milliseconds();
    let started = Instant::now();
    let signed_at = emulator.with(|world| world.clock.signature_time());
    let request = emulator.client.post(&outgoing.url);
    let request = match outgoing.scheme {
        // Each attempt is signed anew, so the timestamp says nothing about when the event happened.
        Scheme::Stripe => request
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("stripe-signature", stripe_signature(&outgoing.secret, signed_at, &outgoing.body)),
        Scheme::Creem => request
            .header("content-type", "application/json")
            .header("creem-signature", creem_signature(&outgoing.secret, &outgoing.body)),
        Scheme::RevenueCat => {
            let request =
                request.header("content-type", "application/json").header("authorization", &outgoing.secret);
            match &outgoing.signing_secret {
                // Signed like Stripe's, under another name.
                Some(secret) => request.header(
                    "x-revenuecat-webhook-signature",
                    stripe_signature(secret, signed_at, &outgoing.body),
                ),
                None => request,
            }
        }
    };
    let answer = request.body(outgoing.body.to_string()).send().await;
    let (status, error) = match answer {
        Ok(response) => {
            let status = response.status().as_u16();
            // Read to the end, so that the connection can be used again.
            response.bytes().await.ok();
            (Some(status), None)
        }
        Err(error) => (None, Some(root_cause(&error))),
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Attempt { at_ms, duration_ms, status, error }
}

/// What is at the bottom of an error, such as "Connection refused".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
