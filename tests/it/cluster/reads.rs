//! Reads that may be some seconds old go to a copy of the database, but only to one that is fit for them.

use std::collections::BTreeSet;

use harness::client::Request;
use harness::world::{User, World};
use serde_json::{Value, json};
use servers::Server;

use super::{Api, ask, at, blocking};

/// An API that reads from a copy of its database.
struct Reader {
    world: World,
    alice: User,
    standby: Server,
    api: Api,
}

impl Reader {
    async fn start() -> Self {
        let world = World::builder().own_servers().without_worker().start().await;
        let alice = world.create_user("alice").await;
        let grant = json!({"credits": 1_000, "kind": "promotional", "reason": "for a test"});
        world.admin_post("/purser/v1/wallets/user:alice/grants", grant).expect(201).await;
        let prefix = &world.settings().addresses.amqp_prefix;
        let standby = blocking(|| harness::standby_of(world.servers().postgres(), prefix));
        let api = reading(&world, &at(&world, &standby)).start(&world).await;
        let reader = Self { world, alice, standby, api };
        reader.wait_for_log("go to a copy of the database").await;
        reader
    }

    async fn wait_for_log(&self, text: &str) {
        self.world.eventually(text, async || logged(&self.api, text)).await;
    }

    fn get(&self, path: &str) -> Request {
        self.api.client.get(path).bearer(&self.world.settings().secrets.admin_api_key)
    }

    async fn debit(&self, from: u32, to: u32) {
        for number in from..to {
            self.api.debit(&self.alice, &format!("debit {number}")).expect(200).await;
        }
    }

    /// What was spent, as the statistics have it.
    async fn spent(&self) -> f64 {
        let statistics = self.get("/purser/v1/statistics").expect(200).await;
        statistics["total"]["spent"].as_f64().unwrap()
    }

    /// How many entries the pages of the history have.
    async fn entries(&self) -> usize {
        let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let path = format!("/purser/v1/wallets/user:alice/entries?limit=2{cursor}");
            let page = self.get(&path).expect(200).await;
            for entry in page["data"].as_array().unwrap() {
                assert!(ids.insert(entry["entryId"].to_string()), "{entry} is there twice");
            }
            match &page["nextCursor"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => return ids.len(),
            }
        }
    }

    /// Reads until a session of the copy was last asked about a table.
    async fn wait_for_session(&self, table: &str, read: impl AsyncFn()) {
        let statement = format!(
            "select count(*)::text from pg_stat_activity where query like '%{table}%' and pid <> pg_backend_pid()"
        );
        let look = async || {
            read().await;
            let sessions = ask(self.standby.url(), &statement).await;
            anyhow::ensure!(sessions.as_deref() != Some("0"), "no session has asked");
            Ok::<_, anyhow::Error>(())
        };
        self.world.eventually(&format!("{table} is read from the copy"), look).await;
    }

    async fn end(self) {
        self.api.process.sigterm().unwrap();
        self.world.abandon().await;
    }
}

fn reading(world: &World, copy: &str) -> Api {
    let Api { process, client } = Api::describe(world, &world.settings().addresses.database_url);
    Api { process: process.with_variable("DATABASE_READ_URL", copy), client }
}

fn logged(api: &Api, text: &str) -> anyhow::Result<()> {
    let output = api.process.output()?;
    anyhow::ensure!(output.contains(text), "{output}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_and_further_pages_are_read_from_a_copy_and_the_first_page_from_the_primary() {
    let reader = Reader::start().await;
    reader.debit(0, 3).await;
    let caught_up = async || {
        let (spent, entries) = (reader.spent().await, reader.entries().await);
        anyhow::ensure!(spent == 3.0 && entries == 4, "{spent} {entries}");
        Ok::<_, anyhow::Error>(())
    };
    reader.world.eventually("the copy has all", caught_up).await;
    let shown = async |path: &str| drop(reader.get(path).expect(200).await);
    reader.wait_for_session("statistics", async || shown("/purser/v1/statistics").await).await;
    reader.wait_for_session("admin_actions", async || shown("/purser/v1/audit-log").await).await;
    reader.wait_for_session("ledger_entries", async || _ = reader.entries().await).await;

    // What the copy has not yet is missing in no list, whether or not it is known to be old.
    ask(reader.standby.url(), "select pg_wal_replay_pause()::text").await;
    reader.debit(3, 10).await;
    assert_eq!(reader.entries().await, 11);
    reader.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_far_behind_or_away_is_not_read() {
    let reader = Reader::start().await;
    ask(reader.standby.url(), "select pg_wal_replay_pause()::text").await;
    reader.debit(0, 3).await;
    reader.wait_for_log("it is far behind").await;
    assert_eq!(reader.spent().await, 3.0);

    ask(reader.standby.url(), "select pg_wal_replay_resume()::text").await;
    let is_read_again = async || {
        let times = reader.api.process.output()?.matches("go to a copy of the database").count();
        anyhow::ensure!(times > 1, "{times}");
        Ok::<_, anyhow::Error>(())
    };
    reader.world.eventually("the copy is read again", is_read_again).await;
    blocking(|| reader.standby.stop_fast());
    reader.debit(3, 5).await;
    assert_eq!((reader.spent().await, reader.entries().await), (5.0, 6), "read from the primary");
    reader.wait_for_log("it does not answer").await;
    reader.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_installation_is_not_read() {
    let (other, world) = (World::start().await, World::builder().without_worker().start().await);
    let api = reading(&world, &other.settings().addresses.database_url).start(&world).await;
    let is_logged = async || logged(&api, "it belongs to another installation");
    world.eventually("the API logs why it does not read there", is_logged).await;
    api.process.sigterm().unwrap();
    world.abandon().await;
    other.abandon().await;
}
