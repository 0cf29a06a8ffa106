//! The load: clients that act again and again, each request until it has a real answer, with the same key.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use harness::client::{Answer, Client, Request};
use harness::receiver::{self, Receiver};
use harness::system::Secrets;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::actors::{ALL, Actor};
use crate::journal::Journal;
use crate::system::System;

/// Several actors work on the same wallets at the same time.
const USERS: usize = 6;
/// A key whose request died with the API is free again after a minute; this is longer than two of those.
const PATIENCE: Duration = Duration::from_secs(150);
/// More messages than a run has; after these the host application fails no more.
const MOODS: u32 = 10_000;
const RETRY_AFTER: Duration = Duration::from_millis(300);
const POLL_INTERVAL: Duration = Duration::from_millis(1_000);

/// A user of the system under load, with a wallet of its own.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub api_key: String,
}

/// What actors work with.
pub struct Load {
    pub api: Client,
    pub emulator: Client,
    pub secrets: Secrets,
    pub journal: Journal,
    /// The host application, which receives webhooks.
    pub host: Receiver,
    pub users: Vec<User>,
}

impl Load {
    /// Creates the users and what is sold.
    ///
    /// # Errors
    /// When the system does not work before anything went wrong.
    pub async fn prepare(system: &System) -> Result<Self> {
        let load = Self {
            api: system.api.clone(),
            emulator: system.emulator.clone(),
            secrets: system.settings.secrets.clone(),
            journal: Journal::default(),
            host: Receiver::answering(&moods(), receiver::Answer::Status(204)).await,
            users: Vec::new(),
        };
        let admin = &system.settings.secrets.admin_api_key;
        let endpoint = json!({"url": load.host.url()});
        load.api.post("/admin/webhook-endpoints").bearer(admin).json(endpoint).require(201).await?;
        load.sell(system, admin).await?;
        let mut users = Vec::new();
        for number in 0..USERS {
            let id = format!("user-{number}");
            let post = |path: &str, body: Value| {
                load.api.post(path).bearer(admin).idempotency_key(&new_key()).json(body).require(201)
            };
            post("/admin/users", json!({"userId": id, "email": format!("{id}@example.com")})).await?;
            let key = post("/admin/api-keys", json!({"userId": id})).await?;
            users.push(User { id, api_key: text(&key, "apiKey")? });
        }
        Ok(Self { users, ..load })
    }

    /// Has packs sold by Payment Links and over Creem.
    async fn sell(&self, system: &System, admin: &str) -> Result<()> {
        harness::dev::link_packs(&self.api, &system.settings).await?;
        let product = json!({"id": "prod_micro", "name": "Micro", "description": "100 credits", "price": 1_500,
                             "currency": "USD", "billing_type": "onetime"});
        self.emulator.post("/_emulator/creem/products").json(product).require(200).await?;
        let packs = self.api.get("/admin/catalog/packs").bearer(admin).require(200).await?;
        let packs = packs["packs"].as_array().context("no packs in the catalog")?;
        let micro = packs.iter().find(|pack| pack["packId"] == "micro").context("no pack micro")?;
        let mut micro = micro.clone();
        micro["creemProductId"] = json!("prod_micro");
        self.api.put("/admin/catalog/packs/micro").bearer(admin).json(micro).require(200).await?;
        let plan = json!({"creem_product_id": "prod_pro"});
        self.api.put("/admin/billing/plans/pro").bearer(admin).json(plan).require(200).await?;
        Ok(())
    }

    /// Lets all actors act until `stop`, each finishing what it has begun. Returns those that did not.
    pub async fn run(&self, seed: u64, stop: &CancellationToken) -> Vec<String> {
        let clients = ALL.iter().flat_map(|actor| (0..actor.clients).map(move |number| (actor, number)));
        let running = clients.enumerate().map(async |(index, (actor, number))| {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(1_000).wrapping_add(index as u64));
            loop {
                let acted = {
                    let acting = self.act(actor, &mut random);
                    tokio::pin!(acting);
                    tokio::select! {
                        acted = &mut acting => Some(acted),
                        () = stop.cancelled() => tokio::time::timeout(PATIENCE, acting).await.ok(),
                    }
                };
                match acted {
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        self.journal.open().unexpected.push(format!("{}: {error:#}", actor.name))
                    }
                    None => return Some(format!("{} {number} never came to an end", actor.name)),
                }
                let pause = Duration::from_millis(random.random_range(actor.pause.clone()));
                stop.run_until_cancelled(sleep(pause)).await?;
            }
        });
        join_all(running).await.into_iter().flatten().collect()
    }

    async fn act(&self, actor: &Actor, random: &mut StdRng) -> Result<()> {
        let user = self.users.choose(random).context("no users")?;
        (actor.act)(self, user, random).await
    }

    /// Sends a request again and again until its answer is neither an outage nor "being worked on".
    pub async fn settle(&self, what: &'static str, make: impl Fn() -> Request) -> Answer {
        self.settle_with(what, make, |_| {}).await
    }

    /// As [`Load::settle`]; `before` is called before each try.
    pub async fn settle_with(
        &self,
        what: &'static str,
        make: impl Fn() -> Request,
        before: impl Fn(&Self),
    ) -> Answer {
        loop {
            before(self);
            match make().send().await {
                Ok(answer) => {
                    self.journal.count(what, answer.status().to_string());
                    if is_final(&answer) {
                        return answer;
                    }
                }
                Err(_) => self.journal.count(what, "no answer"),
            }
            sleep(RETRY_AFTER).await;
        }
    }

    /// Asks again and again, as a page does that waits for a payment, until an answer is the one that is waited for.
    /// How long that may take is limited for all actors together, in [`Load::run`].
    pub async fn poll<T>(
        &self,
        what: &'static str,
        make: impl Fn() -> Request,
        find: impl Fn(&Value) -> Result<Option<T>>,
    ) -> Result<T> {
        loop {
            if let Some(found) = find(&self.require(what, &[200], &make).await?)? {
                return Ok(found);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// As [`Load::settle`]; any status but these is unexpected. Returns the JSON.
    pub async fn require(
        &self,
        what: &'static str,
        statuses: &[u16],
        make: impl Fn() -> Request,
    ) -> Result<Value> {
        let answer = self.settle(what, make).await;
        ensure!(statuses.contains(&answer.status()), "unexpected answer: {answer}");
        answer.json()
    }
}

/// What the host application answers at first: it fails now and then.
fn moods() -> Vec<receiver::Answer> {
    (0..MOODS).map(|number| receiver::Answer::Status(if number % 7 == 0 { 500 } else { 200 })).collect()
}

/// Whether there is nothing to gain from asking again. To a request for a payment page 202 is no answer yet.
fn is_final(answer: &Answer) -> bool {
    let being_worked_on = answer.status() == 409 && answer.text().contains("being worked on");
    answer.status() < 500 && ![202, 429].contains(&answer.status()) && !being_worked_on
}

/// A key that is used for one request.
pub fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// A text field of an answer.
pub fn text(answer: &Value, field: &str) -> Result<String> {
    let value = answer.get(field).and_then(Value::as_str);
    value.map(str::to_owned).with_context(|| format!("no text `{field}` in {answer}"))
}

/// A future in a box, as a table of functions needs it.
pub type Acting<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;
