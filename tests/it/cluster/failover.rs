//! The primary freezes and its standby is promoted; a server comes back as a standby.

use harness::world::World;
use serde_json::json;
use servers::{Server, postgres};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Api, ask, at, blocking, set, synchronous_standby};

/// The address of a world's database at either of two ports.
fn at_both(first: &str, second: &str) -> String {
    let host = |url: &str| {
        let (_, rest) = url.split_once('@').unwrap();
        rest.split_once('/').unwrap().0.to_owned()
    };
    first.replacen(&host(first), &format!("{},{}", host(first), host(second)), 1)
}

async fn debits(url: &str) -> String {
    ask(url, "select count(*)::text from ledger_entries where source_kind = 'consume'").await.unwrap()
}

/// Freezes the primary, and makes its standby the primary.
async fn fail_over(world: &World, standby: &Server) {
    blocking(|| world.servers().postgres().pause());
    // One that is promoted by hand waits for standbys as its primary did.
    set(standby.url(), "synchronous_standby_names", "").await;
    ask(standby.url(), "select pg_promote()::text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_goes_on_with_the_successor_of_a_primary_that_froze() {
    let world = World::builder().own_servers().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let grant = json!({"credits": 100, "kind": "promotional", "reason": "for a test"});
    world.admin_post("/purser/v1/wallets/user:alice/grants", grant).expect(201).await;
    let standby = synchronous_standby(&world).await;
    let (first, second) = (world.settings().addresses.database_url.clone(), at(&world, &standby));
    // The first address is the standby's, which cannot write.
    let api = Api::describe(&world, &at_both(&second, &first)).start(&world).await;
    api.debit(&alice, "before").expect(200).await;

    fail_over(&world, &standby).await;
    api.debit_until_done(&alice, "after").await;
    api.debit(&alice, "before").expect(200).await;
    assert_eq!(debits(&second).await, "2", "what was answered is there, once");

    // The old primary goes on as if nothing had happened.
    blocking(|| world.servers().postgres().resume());
    api.debit(&alice, "later").expect(200).await;
    assert_eq!((debits(&first).await, debits(&second).await), ("1".to_owned(), "3".to_owned()));
    // Its standby has left it, so nothing that is done there from now on would end.
    set(world.servers().postgres().url(), "synchronous_standby_names", "").await;
    api.process.sigterm().unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_process_goes_by_the_successor_of_a_primary_that_froze() {
    const HOUR: i64 = 3_600;
    let world = World::builder().own_servers().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let grant = json!({"credits": 100, "kind": "promotional", "reason": "for a test"});
    world.admin_post("/purser/v1/wallets/user:alice/grants", grant).expect(201).await;
    let standby = synchronous_standby(&world).await;
    let (first, second) = (world.settings().addresses.database_url.clone(), at(&world, &standby));
    let api = Api::describe(&world, &at_both(&first, &second)).start(&world).await;

    fail_over(&world, &standby).await;
    api.debit_until_done(&alice, "after").await;
    let admin = &world.settings().secrets.admin_api_key;
    let advance = api.client.post("/purser/v1/test/clock").bearer(admin).idempotency_key("hour");
    advance.json(json!({"advanceSeconds": HOUR})).expect(200).await;
    let goes_by_it = async || {
        let shown = api.client.get("/purser/v1/test/clock").bearer(admin).require(200).await?;
        let now = OffsetDateTime::parse(shown["now"].as_str().unwrap_or_default(), &Rfc3339)?;
        let ahead = (now - OffsetDateTime::now_utc()).whole_seconds();
        anyhow::ensure!((HOUR - 5..=HOUR).contains(&ahead), "{ahead} s ahead, {shown}");
        Ok::<_, anyhow::Error>(())
    };
    world.eventually("the process goes by the new time", goes_by_it).await;
    // What is frozen cannot be put away, and nothing that is done there would end without its standby.
    blocking(|| world.servers().postgres().resume());
    set(world.servers().postgres().url(), "synchronous_standby_names", "").await;
    api.process.sigterm().unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_write_is_not_ready_until_it_can() {
    let world = World::builder().own_servers().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let grant = json!({"credits": 100, "kind": "promotional", "reason": "for a test"});
    world.admin_post("/purser/v1/wallets/user:alice/grants", grant).expect(201).await;
    let server = world.servers().postgres();
    let api = Api::describe(&world, &world.settings().addresses.database_url).start(&world).await;
    api.debit(&alice, "before").expect(200).await;

    let data = ask(server.url(), "show data_directory").await.unwrap();
    blocking(|| {
        server.stop_fast()?;
        postgres::demote(data.as_ref())?;
        server.start()
    });
    api.wait_for(&world, "is not ready", |status, checks| {
        status == 503 && checks["database"] == "unavailable" && checks["broker"] == "ok"
    })
    .await;
    assert_eq!(ask(server.url(), "select pg_is_in_recovery()::text").await.as_deref(), Some("true"));
    assert_eq!(api.debit(&alice, "during").send().await.unwrap().status(), 503);

    ask(server.url(), "select pg_promote()::text").await;
    api.debit_until_done(&alice, "during").await;
    api.wait_for(&world, "is ready", |status, _| status == 200).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 98);
    api.process.sigterm().unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_not_ready_and_the_answer_says_why() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let name = format!("{}_empty", world.settings().addresses.amqp_prefix);
    let server = world.servers().postgres().url();
    let empty = postgres::create_database(server, &name, None).await.unwrap();
    let api = Api::describe(&world, &empty);
    api.process.start().unwrap();
    let expected = json!({"database": "ok", "schema": "unavailable", "broker": "ok"});
    api.wait_for(&world, "misses its schema", |status, checks| (status, checks) == (503, &expected)).await;
    api.process.sigterm().unwrap();
    postgres::drop_database(server, &name).await.unwrap();
    world.abandon().await;
}
