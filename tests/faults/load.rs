//! The load: clients that act again and again, each request until it has a real answer, with the same key. They pause
//! while time passes: a key is good for a day, and a page for no longer.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::join_all;
use harness::client::{Answer, Client, Request};
use harness::receiver::{self, Receiver};
use harness::system::Secrets;
use harness::terms::{self, Plan};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::RwLock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::actors::{ALL, Actor};
use crate::journal::Journal;
use crate::system::System;

/// Several actors work on the same wallets at the same time.
const USERS: usize = 6;
/// Users who have plans and nothing else.
const SUBSCRIBERS: usize = 6;
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
    pub subscribers: Vec<User>,
    /// The plans that are sold, both by the month.
    pub plans: Vec<Plan>,
    /// Whoever acts holds it; so does time, alone, while it passes.
    acting: RwLock<()>,
    /// How far the installation's clock is ahead of the real one, in seconds.
    ahead: AtomicI64,
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
            subscribers: Vec::new(),
            plans: Vec::new(),
            acting: RwLock::default(),
            ahead: AtomicI64::new(0),
        };
        let admin = &system.settings.secrets.admin_api_key;
        let endpoint = json!({"url": load.host.url()});
        load.api.post("/purser/v1/webhook-endpoints").bearer(admin).json(endpoint).require(201).await?;
        load.sell(system, admin).await?;
        let plans = load.sell_plans(admin).await?;
        let mut users = Vec::new();
        let names = (0..USERS).map(|number| format!("user-{number}"));
        for id in names.chain((0..SUBSCRIBERS).map(|number| format!("subscriber-{number}"))) {
            users.push(load.create_user(&id).await?);
        }
        let subscribers = users.split_off(USERS);
        Ok(Self { users, subscribers, plans, ..load })
    }

    /// Creates a user of the system under load.
    ///
    /// # Errors
    /// When the system does not work.
    pub async fn create_user(&self, id: &str) -> Result<User> {
        let admin = &self.secrets.admin_api_key;
        let named = json!({"email": format!("{id}@example.com")});
        let path = format!("/purser/v1/users/{id}");
        self.api.put(&path).bearer(admin).json(named).require(201).await?;
        let key = self.api.post("/purser/v1/api-keys").bearer(admin).idempotency_key(&new_key());
        let key = key.json(harness::world::key_of(id)).require(201).await?;
        Ok(User { id: id.to_owned(), api_key: text(&key, "apiKey")? })
    }

    /// Has plans sold over both providers, at Stripe by prices of their own.
    async fn sell_plans(&self, admin: &str) -> Result<Vec<Plan>> {
        let mut plans: Vec<Plan> =
            terms::plans().into_iter().filter(|plan| plan.interval == "month").collect();
        for plan in &mut plans {
            let form = format!(
                "currency=usd&unit_amount={}&recurring[interval]=month&product_data[name]={}",
                plan.cents, plan.id
            );
            let price = self.emulator.post("/v1/prices").bearer(&self.secrets.stripe_secret_key).body(form);
            let form = "application/x-www-form-urlencoded";
            plan.price = text(&price.header("content-type", form).require(200).await?, "id")?;
            let product = format!("prod_{}", plan.id);
            let sold = json!({"creem_product_id": product, "stripe_price_id_monthly": plan.price});
            let path = format!("/admin/billing/plans/{}", plan.id);
            self.api.put(&path).bearer(admin).json(sold).require(200).await?;
        }
        Ok(plans)
    }

    /// One of the plans.
    pub fn plan(&self, random: &mut StdRng) -> Result<&Plan> {
        self.plans.choose(random).context("no plans")
    }

    /// The time, by the installation's clock.
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::seconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets time pass while everything else may go wrong: for the installation, and then for the providers. Nobody acts
    /// meanwhile, but what was begun goes on.
    pub async fn pass(&self, seconds: i64) -> Result<()> {
        let _nobody_acts = self.acting.write().await;
        let (admin, key) = (&self.secrets.admin_api_key, new_key());
        loop {
            let advance = || {
                let request = self.api.post("/purser/v1/test/clock").bearer(admin).idempotency_key(&key);
                request.json(json!({"advanceSeconds": seconds}))
            };
            let moved = self.require("clock: moved", &[200], advance).await?;
            let ahead = moved["aheadSeconds"].as_i64().context("no time")?;
            self.ahead.store(ahead, Ordering::Relaxed);
            // A process that is frozen goes by it when it no longer is.
            if moved["inForce"] == true {
                break;
            }
        }
        loop {
            let body = json!({"now": self.now().unix_timestamp(), "signs": true});
            // It may be frozen just now.
            match self.emulator.put("/_emulator/clock").json(body).send().await {
                Ok(answer) if answer.status() == 200 => return Ok(()),
                Ok(answer) => bail!("the providers' clock does not move: {answer}"),
                Err(_) => sleep(RETRY_AFTER).await,
            }
        }
    }

    /// Has packs sold by Payment Links and over Creem.
    async fn sell(&self, system: &System, admin: &str) -> Result<()> {
        harness::dev::link_packs(&self.api, &system.settings).await?;
        let product = json!({"id": "prod_micro", "name": "Micro", "description": "100 credits", "price": 1_500,
                             "currency": "USD", "billing_type": "onetime"});
        self.emulator.post("/_emulator/creem/products").json(product).require(200).await?;
        let packs = self.api.get("/purser/v1/catalog/packs").bearer(admin).require(200).await?;
        let packs = packs["data"].as_array().context("no packs in the catalog")?;
        let micro = packs.iter().find(|pack| pack["packId"] == "micro").context("no pack micro")?;
        let mut micro = micro.clone();
        micro["creemProductId"] = json!("prod_micro");
        self.api.put("/purser/v1/catalog/packs/micro").bearer(admin).json(micro).require(200).await?;
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
        let _time_stands = self.acting.read().await;
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
pub fn is_final(answer: &Answer) -> bool {
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
