//! One scheduler leads: through the death, the freezing and the isolation of its leader.

use std::time::Duration;

use harness::eventually::{Look, eventually};
use harness::relay::{Relay, Way};
use harness::system::{Service, ServiceProcess};
use harness::world::World;
use jobs::outbox;
use kernel::lease::{self, Holder};
use ledger::holds::ExpireHolds;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::DEV;

/// A lease lasts six seconds; the rest is for a busy machine.
const CHANGE: Duration = Duration::from_secs(20);

/// Which scheduler leads, as the database has it: the term, and whether it is over.
pub(super) async fn term(world: &World) -> (i64, bool) {
    let stored = sqlx::query_as("select term, expires_at > now() from leases where name = 'scheduler'");
    stored.fetch_optional(world.pool()).await.unwrap().unwrap_or_default()
}

pub(super) async fn wait_for_term(world: &World, wanted: i64) {
    let look = async || {
        let found = term(world).await;
        Look::when(found == (wanted, true), format!("{found:?}"))
    };
    eventually(&format!("leader number {wanted}"), CHANGE, look).await.unwrap();
}

pub(super) async fn wait_for_log(process: &ServiceProcess, text: &str) {
    let look = async || {
        let output = process.output().unwrap();
        Look::when(output.contains(text), output)
    };
    eventually(&format!("the log says {text:?}"), CHANGE, look).await.unwrap();
}

/// A world whose schedulers are described by the test.
async fn without_scheduler() -> World {
    World::builder().without_worker().without_scheduler().start().await
}

/// A scheduler whose connections are called `name` and go to `port`.
fn scheduler(world: &World, name: &str, port: u16) -> ServiceProcess {
    let mut url = Url::parse(&world.settings().addresses.database_url).unwrap();
    url.set_port(Some(port)).unwrap();
    url.query_pairs_mut().append_pair("application_name", name);
    world
        .additional_process(Service::Scheduler, DEV.as_ref(), &[])
        .with_variable("DATABASE_URL", url.as_str())
}

fn database_port(world: &World) -> u16 {
    let options: PgConnectOptions = world.settings().addresses.database_url.parse().unwrap();
    options.get_port()
}

/// Notes of each job in the outbox which process wrote it, and who led then.
async fn watch_outbox(world: &World) {
    let watch = "
        create table emitted (writer text not null, term bigint not null);
        create function note_writer() returns trigger language plpgsql as $$ begin
            insert into emitted select current_setting('application_name'), term from leases;
            return new;
        end $$;
        create trigger note_writer after insert on outbox for each row execute function note_writer()";
    sqlx::raw_sql(watch).execute(world.pool()).await.unwrap();
}

async fn wait_for_jobs(world: &World, writer: &str, term: i64) {
    let condition = format!("emitted where writer = '{writer}' and term = {term}");
    let look = async || {
        let count = world.count(&condition).await;
        Look::when(count > 0, count)
    };
    eventually(&format!("{condition}: any"), CHANGE, look).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_an_earlier_term_writes_no_job() {
    let world = without_scheduler().await;
    let (pool, now) = (world.pool(), world.clock().now());
    let (first, second) = (Holder::random(), Holder::random());
    let write = async |lease| outbox::insert_while_held(pool, &lease, now, &ExpireHolds {}).await.unwrap();

    let early = lease::acquire(pool, "test", first).await.unwrap().unwrap();
    assert_eq!(lease::acquire(pool, "test", second).await.unwrap(), None, "it is held");
    assert_eq!(lease::acquire(pool, "test", first).await.unwrap(), None, "its holder may only renew it");
    assert!(lease::acquire(pool, "another", second).await.unwrap().is_some());
    let early = lease::renew(pool, &early).await.unwrap().unwrap();
    assert!(write(early).await.is_some());

    let pass = "update leases set expires_at = now() where name = 'test'";
    sqlx::query(pass).execute(pool).await.unwrap();
    assert!(early.is_valid(), "its holder has not noticed");
    assert_eq!((write(early).await, lease::renew(pool, &early).await.unwrap()), (None, None));
    let late = lease::acquire(pool, "test", second).await.unwrap().unwrap();
    assert!(late.term > early.term);
    assert_eq!((write(early).await, lease::renew(pool, &early).await.unwrap()), (None, None));
    lease::give_back(pool, &early).await.unwrap();
    assert!(write(late).await.is_some(), "a lease that was given back late ends no other");

    lease::give_back(pool, &late).await.unwrap();
    let again = lease::acquire(pool, "test", second).await.unwrap().unwrap();
    assert!(again.term > late.term && write(late).await.is_none(), "a holder's own earlier term is over too");
    assert_eq!(world.count("outbox").await, 2);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_frozen_emits_nothing_once_another_leads() {
    let world = without_scheduler().await;
    watch_outbox(&world).await;
    let port = database_port(&world);
    let (first, second) = (scheduler(&world, "first", port), scheduler(&world, "second", port));
    first.start().unwrap();
    wait_for_jobs(&world, "first", 1).await;
    second.start().unwrap();
    first.sigstop().unwrap();
    wait_for_jobs(&world, "second", 2).await;
    first.sigcont().unwrap();
    wait_for_log(&first, "no longer leads").await;
    // The next jobs of the second are due within five seconds.
    sqlx::query("delete from emitted where term = 2 and writer = 'second'")
        .execute(world.pool())
        .await
        .unwrap();
    wait_for_jobs(&world, "second", 2).await;
    assert_eq!(world.count("emitted where writer = 'first' and term > 1").await, 0);
    assert_eq!(term(&world).await, (2, true), "the second leads on");
    first.sigterm().unwrap();
    second.sigterm().unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_stops_before_another_leads() {
    let world = without_scheduler().await;
    watch_outbox(&world).await;
    let port = database_port(&world);
    let relay = Relay::open(port).await.unwrap();
    let (first, second) = (scheduler(&world, "first", relay.port()), scheduler(&world, "second", port));
    first.start().unwrap();
    wait_for_jobs(&world, "first", 1).await;
    second.start().unwrap();
    relay.set(Way::Silent);
    // Its lease may last on: it gives up by its own clock, with nobody to ask.
    wait_for_log(&first, "no longer leads").await;
    wait_for_jobs(&world, "second", 2).await;
    relay.set(Way::Open);
    second.kill9().unwrap();
    wait_for_term(&world, 3).await;
    wait_for_jobs(&world, "first", 3).await;
    assert_eq!(world.count("emitted where writer = 'first' and term = 2").await, 0);
    first.sigterm().unwrap();
    assert!(!term(&world).await.1, "one that stops gives its lease back");
    world.abandon().await;
}
