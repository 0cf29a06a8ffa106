//! PgBouncer between the processes and the database. In transaction mode, where its version allows that.

use std::time::Duration;

use futures::future::join_all;
use harness::eventually::{Look, eventually};
use harness::system::{Service, ServiceProcess};
use harness::world::World;
use servers::Pooler;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};

use super::{Api, DEV, blocking};

/// A lease lasts six seconds; the rest is for a busy machine.
const CHANGE: Duration = Duration::from_secs(20);

/// A process by way of the pooler.
fn pooled(world: &World, pooler: &Pooler, process: ServiceProcess) -> ServiceProcess {
    let direct = &world.settings().addresses.database_url;
    process
        .with_variable("DATABASE_URL", &pooler.url_of(direct).unwrap())
        .with_variable("DATABASE_DIRECT_URL", direct)
}

/// Gives the settings of connections to the role, as an installation does when it is set up.
async fn migrate(world: &World, pooler: &Pooler) {
    let migration = world.additional_process(Service::Api, DEV.as_ref(), &["--migrate-only"]);
    let migration = pooled(world, pooler, migration);
    migration.start().unwrap();
    let look = async || match migration.has_ended() {
        Some(status) if status.success() => Look::Done(()),
        Some(_) => Look::Never(anyhow::anyhow!(migration.log_tail())),
        None => Look::NotYet("it runs".to_owned()),
    };
    eventually("the schema is up to date", CHANGE, look).await.unwrap();
}

async fn wait_for_term(world: &World, wanted: i64) {
    let look = async || {
        let term = "select term from leases where expires_at > now()";
        let term: Option<i64> = sqlx::query_scalar(term).fetch_optional(world.pool()).await.unwrap();
        Look::equal(term.unwrap_or_default(), wanted)
    };
    eventually(&format!("leader number {wanted}"), CHANGE, look).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn schedulers_behind_a_pooler_elect_one_and_follow_a_dead_leader() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let pooler =
        blocking(|| harness::pooler_of(world.servers().postgres(), &world.settings().addresses.amqp_prefix));
    migrate(&world, &pooler).await;
    let describe =
        || pooled(&world, &pooler, world.additional_process(Service::Scheduler, DEV.as_ref(), &[]));
    let (first, second) = (describe(), describe());
    first.start().unwrap();
    wait_for_term(&world, 1).await;
    second.start().unwrap();
    first.kill9().unwrap();
    wait_for_term(&world, 2).await;
    // In order: its successor does not wait for the end of the lease.
    first.start().unwrap();
    second.sigterm().unwrap();
    wait_for_term(&world, 3).await;
    first.sigterm().unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_behind_a_pooler_with_the_settings_of_connections() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    world.buy(&alice, 100).await;
    world.buy(&bob, 100).await;
    let pooler =
        blocking(|| harness::pooler_of(world.servers().postgres(), &world.settings().addresses.amqp_prefix));
    migrate(&world, &pooler).await;
    let mut api = Api::describe(&world, "postgres://nowhere");
    api.process = pooled(&world, &pooler, api.process);
    let api = api.start(&world).await;
    let through = pooler.url_of(&world.settings().addresses.database_url).unwrap();
    for (name, value) in [("lock_timeout", "500ms"), ("enable_seqscan", "off"), ("statement_timeout", "10s")]
    {
        assert_eq!(setting(&through, name).await, value, "{name}");
    }

    // More at once than the pooler has connections, over every prepared statement of a debit.
    for _twice in 0..2 {
        let debits = (0..40).map(|at| api.debit(&alice, &format!("debit-{at}")).expect(200));
        join_all(debits).await;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 60, "each key once");
    let mut held = world.pool().begin().await.unwrap();
    let lock = "select 1 from wallets where id = $1::text::uuid for update";
    sqlx::query(lock).bind(&bob.wallet_id).execute(&mut *held).await.unwrap();
    let refused = api.debit(&bob, "locked").send().await.unwrap();
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    held.rollback().await.unwrap();
    api.debit(&bob, "locked").expect(200).await;
    api.process.sigterm().unwrap();
    world.finish().await;
}

/// What a setting is on connections that the pooler opens.
async fn setting(url: &str, name: &str) -> String {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = PgConnection::connect_with(&options.extra_float_digits(None)).await.unwrap();
    let shown =
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("show {name}"))).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    shown.get(0)
}
