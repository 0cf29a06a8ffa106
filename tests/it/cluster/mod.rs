//! Database servers with standbys, and poolers in front of them: what freezes or is demoted holds nobody up for long,
//! and nothing is doubled or lost.

mod failover;
mod frozen_standby;
mod pooler;
mod reads;
mod restore;

use std::time::Duration;

use harness::client::{Client, Request};
use harness::system::{Service, ServiceProcess};
use harness::world::{User, World};
use serde_json::{Value, json};
use servers::{Server, ports, postgres};
use sqlx::{Connection, PgConnection, Row};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
/// How long a change of the primary may take to be noticed: by a question each second that waits three, and by requests
/// that were under way.
const CHANGE: Duration = Duration::from_secs(30);

/// An API of its own, with the settings that an installation has, at another address of the database.
struct Api {
    process: ServiceProcess,
    client: Client,
}

impl Api {
    fn describe(world: &World, database_url: &str) -> Self {
        let [port] = ports::free_ports().unwrap();
        let address = format!("127.0.0.1:{port}");
        let process = world
            .additional_process(Service::Api, DEV.as_ref(), &[])
            .with_variable("API_ADDR", &address)
            .with_variable("DATABASE_URL", database_url);
        Self { process, client: Client::new(format!("http://{address}")).unwrap() }
    }

    async fn start(self, world: &World) -> Self {
        self.process.start().unwrap();
        self.wait_for(world, "is ready", |status, _| status == 200).await;
        self
    }

    /// Waits until `/readyz` answers so.
    async fn wait_for(&self, world: &World, what: &str, is_so: impl Fn(u16, &Value) -> bool) {
        let look = async || {
            let (status, checks) = self.readiness().await?;
            anyhow::ensure!(is_so(status, &checks), "{status} {checks}");
            Ok::<_, anyhow::Error>(())
        };
        world.eventually(&format!("the API {what}"), look).await;
    }

    async fn readiness(&self) -> anyhow::Result<(u16, Value)> {
        let answer = self.client.get("/readyz").send().await?;
        let body: Value = serde_json::from_str(&answer.text())?;
        Ok((answer.status(), body["checks"].clone()))
    }

    fn debit(&self, user: &User, key: &str) -> Request {
        let request = self.client.post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
        request.idempotency_key(key).json(json!({"credits": 1}))
    }

    /// Sends a debit until it is answered with 200.
    async fn debit_until_done(&self, user: &User, key: &str) {
        let look = async || {
            let answer = self.debit(user, key).send().await?;
            anyhow::ensure!(answer.status() == 200, "{} {}", answer.status(), answer.text());
            Ok::<_, anyhow::Error>(())
        };
        harness::eventually::eventually(&format!("the debit {key} is done"), CHANGE, look).await.unwrap();
    }
}

/// Does something that takes the thread for a while.
pub fn blocking<T>(action: impl FnOnce() -> anyhow::Result<T>) -> T {
    tokio::task::block_in_place(action).unwrap()
}

/// A standby of a world's own server, for which each commit waits.
async fn synchronous_standby(world: &World) -> Server {
    let primary = world.servers().postgres();
    let standby = blocking(|| harness::standby_of(primary, &world.settings().addresses.amqp_prefix));
    set(primary.url(), "synchronous_standby_names", "*").await;
    let is_synchronous = async || {
        let found: Option<String> = sqlx::query_scalar("select sync_state from pg_stat_replication")
            .fetch_optional(world.pool())
            .await?;
        anyhow::ensure!(found.as_deref() == Some("sync"), "{found:?}");
        Ok::<_, anyhow::Error>(())
    };
    world.eventually("commits wait for the standby", is_synchronous).await;
    standby
}

/// Changes a setting of a server.
async fn set(url: &str, name: &str, value: &str) {
    ask(url, &format!("alter system set {name} = '{value}'")).await;
    ask(url, "select pg_reload_conf()::text").await;
}

/// Sends a statement to a server; the first column of its first row, if it answers one.
async fn ask(url: &str, statement: &str) -> Option<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    row.and_then(|row| row.get(0))
}

/// The address of the world's database at another server.
fn at(world: &World, server: &Server) -> String {
    let database = &world.settings().addresses.amqp_prefix;
    postgres::with_database(server.url(), database).unwrap()
}
