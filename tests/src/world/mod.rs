//! A world: one whole Purser for one test, with a database, queues, a payment provider and a clock of its
//! own. Many worlds run at the same time on the servers of the test run.
//!
//! A test ends with [`World::finish`], which waits until nothing is under way and then audits the books.

mod builder;
mod database;
mod operators;
mod part;
mod provider;
mod start;

use std::path::Path;
use std::time::Duration;

use kernel::clock::Clock;
use kernel::test_clock::{self, Target};
use serde_json::{Value, json};
use servers::Servers;
use sqlx::PgPool;
use tokio_util::sync::DropGuard;

use self::part::Part;
use crate::books;
use crate::client::{Client, Request};
use crate::eventually::{Look, eventually};
use crate::queues::Queues;
use crate::quiescence::Quiescence;
use crate::system::{Service, ServiceProcess, Settings};

pub use self::builder::WorldBuilder;
pub use self::operators::{Operator, link};

/// Checkouts in the emulator are paid with this card unless a test has another in mind.
pub const GOOD_CARD: &str = "4242424242424242";

/// How long a world may take until it is idle.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a single thing may take that a test waits for.
const EVENT_PATIENCE: Duration = Duration::from_secs(30);

/// Whose servers a world uses.
enum UsedServers {
    Shared(&'static Servers),
    Own(Box<Servers>),
}

/// One whole system under test. Its methods panic where a test would fail anyway, saying what was asked and
/// answered.
pub struct World {
    settings: Settings,
    clock: Clock,
    clock_follower: Option<DropGuard>,
    pool: PgPool,
    api: Client,
    emulator: Client,
    // Stopped in this order.
    api_part: Part,
    worker_part: Part,
    scheduler_part: Part,
    emulator_part: Part,
    dead_letters_allowed: bool,
    servers: UsedServers,
}

/// The body that asks for an API key with which a user does what users may do.
pub fn key_of(user: &str) -> Value {
    let scopes = ["read", "spend", "buy", "admin"];
    json!({"name": "For tests", "scopes": scopes, "walletsOf": format!("user:{user}")})
}

/// A user of a world.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    /// The wallet that holds the user's credits.
    pub wallet_id: String,
    /// A key with which the user's servers call the API.
    pub api_key: String,
}

/// A payment page that was opened for a user.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The provider's session, `cs_test_…`.
    pub session_id: String,
    pub url: String,
    pub answer: Value,
}

impl World {
    /// Everything in this process, on the shared servers.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    pub fn api(&self) -> &Client {
        &self.api
    }

    pub fn emulator(&self) -> &Client {
        &self.emulator
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The clock of every part that runs in this process.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Lets time pass: for every part, the providers included, as the test clock's endpoint does.
    ///
    /// # Panics
    /// When a part does not follow.
    pub async fn advance(&self, by: Duration) {
        let seconds = expect(i64::try_from(by.as_secs()), "a time to pass");
        let moved = test_clock::advance(&self.pool, Target::Ahead(seconds), None).await;
        assert!(expect(moved, "the test clock").in_force, "a part does not follow the test clock");
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The servers. Only a world with servers of its own may stop them.
    pub fn servers(&self) -> &Servers {
        match &self.servers {
            UsedServers::Shared(servers) => servers,
            UsedServers::Own(servers) => servers,
        }
    }

    pub fn api_process(&self) -> &ServiceProcess {
        self.api_part.process()
    }

    pub fn worker(&self) -> &ServiceProcess {
        self.worker_part.process()
    }

    pub fn scheduler(&self) -> &ServiceProcess {
        self.scheduler_part.process()
    }

    pub fn emulator_process(&self) -> &ServiceProcess {
        self.emulator_part.process()
    }

    /// Describes one more process of this world, say a second worker; `program` is the binary `dev`.
    pub fn additional_process(&self, service: Service, program: &Path, arguments: &[&str]) -> ServiceProcess {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        // The port for metrics is the first process's.
        let variables = self.settings.variables(service);
        let variables = variables.into_iter().filter(|(key, _)| *key != "METRICS_ADDR").collect();
        start::describe_process(service, program, variables).with_arguments(&arguments)
    }

    /// An admin's POST to a native route.
    pub fn admin_post(&self, path: &str, body: Value) -> Request {
        let key = uuid::Uuid::new_v4().to_string();
        let admin = &self.settings.secrets.admin_api_key;
        self.api.post(path).bearer(admin).idempotency_key(&key).json(body)
    }

    /// An admin's PUT of a user.
    pub fn put_user(&self, name: &str, body: Value) -> Request {
        let admin = &self.settings.secrets.admin_api_key;
        self.api.put(&format!("/purser/v1/users/{name}")).bearer(admin).json(body)
    }

    /// Creates a user with a wallet and an API key.
    pub async fn create_user(&self, name: &str) -> User {
        let user = self.put_user(name, json!({})).expect(201).await;
        self.with_api_key(name, &user).await
    }

    /// Creates a user who may use the admin routes.
    pub async fn create_admin(&self, name: &str) -> User {
        let user = self.put_user(name, json!({"admin": true})).expect(201).await;
        self.with_api_key(name, &user).await
    }

    async fn with_api_key(&self, name: &str, user: &Value) -> User {
        let key = self.admin_post("/purser/v1/api-keys", key_of(name)).expect(201).await;
        User { id: name.to_owned(), wallet_id: text(user, "walletId"), api_key: text(&key, "apiKey") }
    }

    /// A login session of a user.
    pub async fn create_session(&self, user: &User) -> String {
        let body = json!({"userId": user.id});
        text(&self.admin_post("/purser/v1/sessions", body).expect(201).await, "sessionToken")
    }

    /// Has WASDI's packs sold by the emulator's Payment Links, as `cargo dev` does.
    pub async fn link_packs(&self) {
        expect(crate::dev::link_packs(&self.api, &self.settings).await, "the packs cannot be linked");
    }

    /// Has a payment page opened on which a user can buy credits.
    pub async fn start_checkout(&self, user: &User, credits: i64) -> Checkout {
        let request = self.api.post("/v1/credits/recharge").bearer(&user.api_key);
        let answer = request.json(json!({"credits": credits})).expect(200).await;
        Checkout { session_id: text(&answer, "checkoutSessionId"), url: text(&answer, "url"), answer }
    }

    /// Pays on the provider's page.
    pub async fn pay(&self, session_id: &str, card: &str) -> Value {
        let path = format!("/_emulator/checkout/{session_id}/pay");
        self.emulator.post(&path).json(json!({"card": card})).expect(200).await
    }

    /// Buys credits for a user and waits until everything that follows has happened.
    pub async fn buy(&self, user: &User, credits: i64) -> Checkout {
        let checkout = self.start_checkout(user, credits).await;
        self.pay(&checkout.session_id, GOOD_CARD).await;
        self.drain().await;
        checkout
    }

    /// A wallet's balance in whole credits, read from the database.
    pub async fn balance(&self, wallet_id: &str) -> i64 {
        let row = sqlx::query_scalar::<_, i64>("select balance from wallets where id = $1::text::uuid");
        let millionths = expect(row.bind(wallet_id).fetch_one(&self.pool).await, "the wallet's balance");
        kernel::money::Credits::from_millionths(millionths).floor_whole()
    }

    /// How many rows a table has that meet a condition.
    pub async fn count(&self, table_and_condition: &str) -> i64 {
        let statement = format!("select count(*) from {table_and_condition}");
        let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&self.pool).await;
        expect(counted, table_and_condition)
    }

    /// Waits until something is so, and returns what was found.
    ///
    /// # Panics
    /// When it is not so within half a minute; the text says what was seen last.
    pub async fn eventually<T, Found: Into<Look<T>>>(
        &self,
        what: &str,
        check: impl AsyncFnMut() -> Found,
    ) -> T {
        expect(eventually(what, EVENT_PATIENCE, check).await, "this world")
    }

    /// Waits until this many rows of a table meet a condition.
    ///
    /// # Panics
    /// As [`World::eventually`].
    pub async fn wait_for_rows(&self, count: i64, table_and_condition: &str) {
        let check = async || Look::equal(self.count(table_and_condition).await, count);
        self.eventually(&format!("{count} {table_and_condition}"), check).await;
    }

    /// Waits until the API, which answers all the time, says that it can work.
    ///
    /// # Panics
    /// As [`World::eventually`], and when it does not answer.
    pub async fn wait_until_api_ready(&self) {
        self.eventually("the API is ready", async || match self.api.get("/readyz").send().await {
            Ok(answer) => Look::when(answer.status() == 200, answer),
            Err(error) => Look::Never(error),
        })
        .await;
    }

    /// Waits until the API, which answers all the time, says that it cannot work.
    ///
    /// # Panics
    /// As [`World::eventually`], and when it does not answer.
    pub async fn wait_until_api_unready(&self) {
        self.eventually("the API is not ready", async || match self.api.get("/readyz").send().await {
            Ok(answer) => Look::when(answer.status() != 200, answer),
            Err(error) => Look::Never(error),
        })
        .await;
    }

    /// Has the broker write down which queues it has, so that it may be killed. It restarts in order for
    /// that: it keeps the names of new quorum queues in memory for up to three minutes, and one whose name
    /// was lost is lost as well.
    ///
    /// # Panics
    /// When the broker is not this world's own.
    pub async fn settle_queues(&self) {
        let broker = self.servers().rabbitmq();
        expect(tokio::task::block_in_place(|| broker.stop_fast().and_then(|()| broker.start())), "a restart");
    }

    /// Says that this test makes dead letters on purpose.
    pub fn allow_dead_letters(&mut self) {
        self.dead_letters_allowed = true;
    }

    /// Waits until the queues, the delays and the outbox are empty, the provider has delivered its events,
    /// and nothing changes any more.
    ///
    /// # Panics
    /// When that takes longer than a minute; the text says what is still busy.
    pub async fn drain(&self) {
        let queues = self.queues().await;
        let quiescence = Quiescence { pool: &self.pool, queues: &queues, emulator: &self.emulator };
        expect(quiescence.wait_until_idle(PATIENCE).await, "the world is not drained");
        queues.close().await;
    }

    /// Waits until nothing is under way, stops everything, and audits the books.
    pub async fn finish(mut self) {
        self.drain().await;
        let mut findings = expect(books::findings(&self.pool).await, "the audit");
        findings.extend(self.lost_messages().await);
        self.stop_parts().await;
        database::remove(self.servers(), &self.pool, &self.settings).await;
        assert!(findings.is_empty(), "the books do not balance:\n{}", findings.join("\n"));
    }

    /// Stops everything as it is, without waiting and without an audit.
    pub async fn abandon(mut self) {
        self.stop_parts().await;
        database::remove(self.servers(), &self.pool, &self.settings).await;
    }

    /// Dead letters that the test does not expect, and what could not be routed.
    async fn lost_messages(&self) -> Vec<String> {
        let queues = self.queues().await;
        let lost = queues.lost_messages().await;
        queues.close().await;
        let is_expected = |queue: &str| self.dead_letters_allowed && queue.ends_with(".dead");
        let lost = lost.iter().filter(|message| !is_expected(&message.queue)).map(ToString::to_string);
        let collected = expect(books::dead_letters(&self.pool).await, "the audit");
        lost.chain(collected.into_iter().filter(|_| !self.dead_letters_allowed)).collect()
    }

    /// A look into the queues.
    async fn queues(&self) -> Queues {
        let addresses = &self.settings.addresses;
        expect(Queues::connect(&addresses.amqp_url, &addresses.amqp_prefix).await, "looking into the queues")
    }

    async fn stop_parts(&mut self) {
        self.clock_follower = None;
        for part in
            [&mut self.api_part, &mut self.worker_part, &mut self.scheduler_part, &mut self.emulator_part]
        {
            part.stop().await;
        }
    }
}

fn text(answer: &Value, field: &str) -> String {
    expect(crate::dev::text(answer, field), "an answer of the API")
}

/// The value, or the end of the test.
#[allow(clippy::panic)]
fn expect<Value, Error: std::fmt::Display>(result: Result<Value, Error>, what: &str) -> Value {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error:#}"),
    }
}
