//! A new installation: its mode is one fact, and it sells nothing until it is told to.

use harness::system::Service;
use harness::world::World;
use kernel::database::MIGRATIONS;
use servers::postgres::create_database;
use sqlx::PgPool;

use crate::commands::{self, Output};

/// Runs a process of a world with some variables changed, until it ends.
async fn run(
    world: &World,
    service: Service,
    arguments: &'static [&'static str],
    changed: &[(&'static str, &str)],
) -> Output {
    let mut variables = world.settings().variables(service);
    variables.retain(|(name, _)| changed.iter().all(|(other, _)| name != other));
    variables.extend(changed.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let run = move || {
        let variables = variables.iter().map(|(name, value)| (*name, &**value));
        commands::run(service, arguments, variables)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn is_refused(output: &Output, mode: &str) {
    assert_eq!(output.code, 1, "{output:?}");
    let remedy = format!("set PURSER_MODE={mode} for every process");
    assert!(output.stderr.contains(&remedy), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_the_other_mode_does_not_start() {
    let world = World::builder().live().without_scheduler().start().await;
    // As it is without any PURSER_MODE.
    is_refused(&run(&world, Service::Worker, &[], &[("METRICS_ADDR", "127.0.0.1:0")]).await, "live");
    let elsewhere = [("API_ADDR", "127.0.0.1:0"), ("METRICS_ADDR", "127.0.0.1:0")];
    is_refused(&run(&world, Service::Api, &[], &elsewhere).await, "live");
    world.finish().await;

    let world = World::builder().without_worker().without_scheduler().start().await;
    let live = [("PURSER_MODE", "live"), ("STRIPE_SECRET_KEY", "sk_live_1"), ("CREEM_API_KEY", "creem_1")];
    is_refused(&run(&world, Service::Worker, &[], &live).await, "test");
    let both = [("PURSER_MODE", "live"), ("API_ADDR", "127.0.0.1:0")];
    let refused = run(&world, Service::Api, &[], &both).await;
    assert!(refused.stderr.contains("FREE_PURCHASES is true in live mode"), "{refused:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_is_changed_only_while_nothing_was_ordered() {
    let world = World::start().await;
    let url = empty_database(&world).await;
    let there = [("DATABASE_URL", url.as_str())];
    assert_eq!(run(&world, Service::Worker, &["--migrate-only"], &there).await.code, 0);
    for (arguments, shown) in [
        (&["mode"][..], "not chosen yet\n"),
        (&["mode", "live"][..], "live\n"),
        (&["mode"][..], "live\n"),
        (&["mode", "test"][..], "test\n"),
    ] {
        let output = run(&world, Service::Worker, arguments, &there).await;
        assert_eq!((output.code, output.stdout.as_str()), (0, shown), "{output:?}");
    }
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let refused = run(&world, Service::Worker, &["mode", "live"], &[]).await;
    assert!(refused.code == 2 && refused.stderr.contains("has orders already"), "{refused:?}");
    assert_eq!(world.count("installation where mode = 'test'").await, 1);
    world.finish().await;
}

async fn empty_database(world: &World) -> String {
    let name = format!("purser_new_{}", uuid::Uuid::new_v4().simple());
    create_database(world.servers().postgres().url(), &name, None).await.unwrap()
}

/// Packs, plans, and check-ins that are on.
async fn offered(pool: &PgPool) -> (i64, i64, i64) {
    let count = async |what: &'static str| sqlx::query_scalar(what).fetch_one(pool).await.unwrap();
    (
        count("select count(*) from packs").await,
        count("select count(*) from plans").await,
        count("select count(*) from checkin_config where enabled").await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_installation_offers_nothing_and_an_old_one_what_it_did() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let url = empty_database(&world).await;
    let migrated = run(&world, Service::Api, &["--migrate-only"], &[("DATABASE_URL", &url)]).await;
    assert_eq!(migrated.code, 0, "{migrated:?}");
    let pool = PgPool::connect(&url).await.unwrap();
    assert_eq!(offered(&pool).await, (0, 0, 0));
    pool.close().await;

    let pool = PgPool::connect(&empty_database(&world).await).await.unwrap();
    for migration in MIGRATIONS.iter().filter(|migration| migration.version < 70) {
        sqlx::raw_sql(migration.sql.clone()).execute(&pool).await.unwrap();
    }
    sqlx::raw_sql("insert into users (id, created_at) values ('ada', now())").execute(&pool).await.unwrap();
    for migration in MIGRATIONS.iter().filter(|migration| migration.version >= 70) {
        sqlx::raw_sql(migration.sql.clone()).execute(&pool).await.unwrap();
    }
    assert_eq!(offered(&pool).await, (12, 2, 1));
    pool.close().await;
    // What development and tests sell.
    assert_eq!(offered(world.pool()).await, (12, 2, 1));
    world.finish().await;
}
