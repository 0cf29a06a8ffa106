//! Asks every process of the API for something all the time, each time until it is done, and notes how long that took.

use std::time::Duration;

use anyhow::Result;
use futures::future::join_all;
use harness::client::{Answer, Client, Request};
use kernel::money::Credits;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Interruptions;
use super::interruptions::Probe;
use crate::journal::Spent;
use crate::load::{Load, User, is_final, new_key, text};
use crate::system::System;

/// Between two questions, and between two tries of one.
const PAUSE: Duration = Duration::from_millis(150);
/// More than one is debited in the longest run.
const CREDITS: i64 = 10_000_000;

/// Clients of the processes of the API, each with a user of its own.
pub struct Prober<'a> {
    load: &'a Load,
    interruptions: &'a Interruptions,
    apis: Vec<(Client, User)>,
}

impl<'a> Prober<'a> {
    /// Creates the users. A system that is on no cluster is asked for nothing.
    ///
    /// # Errors
    /// When the system does not work before anything went wrong.
    pub async fn prepare(system: &System, load: &'a Load, interruptions: &'a Interruptions) -> Result<Self> {
        let mut apis = Vec::new();
        let asked = system.cluster().map_or(&[][..], |_| &system.apis);
        for (number, api) in asked.iter().enumerate() {
            let user = load.create_user(&format!("prober-{number}")).await?;
            let path = format!("/purser/v1/wallets/user:{}/grants", user.id);
            let grant = json!({"credits": CREDITS, "kind": "promotional", "reason": "to be debited"});
            let admin = &load.secrets.admin_api_key;
            let grant = api.post(&path).bearer(admin).idempotency_key(&new_key()).json(grant);
            grant.require(201).await?;
            load.journal.open().granted.insert(user.id.clone(), Credits::from_whole(CREDITS)?);
            apis.push((api.clone(), user));
        }
        Ok(Self { load, interruptions, apis })
    }

    /// Asks until `stop`; what was asked last is asked until it is done.
    pub async fn run(&self, stop: &CancellationToken) {
        let each = self.apis.iter().enumerate().map(|(number, (api, user))| async move {
            tokio::join!(self.debits(number, api, user, stop), self.events(number, api, stop));
        });
        join_all(each).await;
    }

    async fn debits(&self, number: usize, api: &Client, user: &User, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let key = new_key();
            let make = || {
                let debit = api.post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
                debit.idempotency_key(&key).json(json!({"credits": 1}))
            };
            let answer = self.until_done(number, Probe::Debit, "probe: debit", make).await;
            match self.note_debit(user, &key, &answer) {
                Ok(()) => {}
                Err(error) => self.load.journal.open().unexpected.push(format!("probe: {error:#}: {answer}")),
            }
            sleep(PAUSE).await;
        }
    }

    fn note_debit(&self, user: &User, key: &str, answer: &Answer) -> Result<()> {
        let cause = ("consume".to_owned(), format!("{}:{}:{key}", user.id.len(), user.id));
        let transaction_id = text(&answer.json()?, "debitId")?;
        let spent = Spent { user: user.id.clone(), amount: Credits::from_whole(1)?, transaction_id };
        self.load.journal.open().spent.insert(cause, spent);
        Ok(())
    }

    async fn events(&self, number: usize, api: &Client, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let id = new_key();
            // RevenueCat's own test of the way, which leads to nothing but a row.
            let event: Value = json!({"api_version": "1.0", "event": {"id": id, "type": "TEST"}});
            let make = || {
                let request = api.post("/webhooks/revenuecat").header("content-type", "application/json");
                let authorization = &self.load.secrets.revenuecat_webhook_auth;
                request.header("authorization", authorization).body(event.to_string())
            };
            let answer = self.until_done(number, Probe::Event, "probe: event", make).await;
            self.note_event(id, &answer);
            sleep(PAUSE).await;
        }
    }

    fn note_event(&self, id: String, answer: &Answer) {
        let mut journal = self.load.journal.open();
        if answer.status() == 200 {
            journal.store_events.insert(id);
        } else {
            journal.unexpected.push(format!("probe: {answer}"));
        }
    }

    async fn until_done(
        &self,
        number: usize,
        probe: Probe,
        what: &'static str,
        make: impl Fn() -> Request,
    ) -> Answer {
        let started = Instant::now();
        loop {
            match make().send().await {
                Ok(answer) => {
                    self.load.journal.count(what, answer.status().to_string());
                    if is_final(&answer) {
                        self.interruptions.record(number, probe, started, Instant::now());
                        return answer;
                    }
                }
                Err(_) => self.load.journal.count(what, "no answer"),
            }
            sleep(PAUSE).await;
        }
    }
}
