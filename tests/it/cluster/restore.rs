//! The restore drill of `docs/runbooks/restore-drill.md`, amid purchases and debits: what was committed after the
//! moment that is restored is gone from the database, and comes back from the providers and from the host application.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::client::Client;
use harness::reconciliation::Reconciliation;
use harness::system::{Service, ServiceProcess};
use harness::world::{Checkout, GOOD_CARD, User, World};
use serde_json::{Value, json};
use servers::postgres::Backup;

use super::{DEV, ask, at, blocking};
use crate::commands;
use crate::crash_points::wait_until_started;
use crate::reconcile::{of_the_last_day, read};

/// Debits until it is told to stop, and says how many were answered with 200.
async fn spend(api: &Client, user: &User, stop: &AtomicBool) -> i64 {
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        debit(api, user, done).await;
        done += 1;
    }
    done
}

/// Waits until ten debits more are done.
async fn spent_more(world: &World) {
    const DEBITS: &str = "ledger_entries where source_kind = 'consume'";
    let before = world.count(DEBITS).await;
    let look = async || {
        let now = world.count(DEBITS).await;
        anyhow::ensure!(now >= before + 10, "{now}");
        Ok::<_, anyhow::Error>(())
    };
    world.eventually("ten debits more are done", look).await;
}

async fn debit(api: &Client, user: &User, number: i64) -> Value {
    let request = api.post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    request.idempotency_key(&format!("spent-{number}")).json(json!({"credits": 0.01})).expect(200).await
}

/// The installation after the restore: the same settings, another database, an empty broker.
struct Restored<'a> {
    world: &'a World,
    database_url: String,
    amqp_prefix: String,
}

impl Restored<'_> {
    fn start(&self, service: Service) -> ServiceProcess {
        let process = self
            .world
            .additional_process(service, DEV.as_ref(), &[])
            .with_variable("DATABASE_URL", &self.database_url)
            .with_variable("AMQP_PREFIX", &self.amqp_prefix);
        process.start().unwrap();
        process
    }

    async fn reconcile(&self) -> Reconciliation {
        let mut variables = self.world.settings().variables(Service::Worker);
        variables.retain(|(name, _)| !["DATABASE_URL", "AMQP_PREFIX"].contains(name));
        variables.push(("DATABASE_URL", self.database_url.clone()));
        variables.push(("AMQP_PREFIX", self.amqp_prefix.clone()));
        let arguments = of_the_last_day(self.world, &["--apply"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = blocking(|| {
            let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
            Ok(commands::run(Service::Worker, &arguments, variables))
        });
        read(&output)
    }

    /// In hundredths of a credit.
    async fn balance(&self, user: &User) -> i64 {
        let sql = format!("select (balance / 10000)::text from wallets where id = '{}'", user.wallet_id);
        ask(&self.database_url, &sql).await.unwrap().parse().unwrap()
    }

    async fn wait_for_credits(&self, user: &User, credits: i64) {
        let look = async || {
            let found = self.balance(user).await;
            anyhow::ensure!(found == credits * 100, "{found} hundredths");
            Ok::<_, anyhow::Error>(())
        };
        self.world.eventually(&format!("{} has {credits} credits", user.id), look).await;
    }
}

/// Debits amid which a moment passes and two orders are paid, all of which is kept; returns how many, and the moment.
async fn spend_and_pay(world: &World, bob: &User, open: &Checkout, backup: &Backup) -> (i64, String) {
    let database = world.servers().postgres().url();
    let stop = AtomicBool::new(false);
    let gap = async {
        spent_more(world).await;
        let moment = ask(database, "select clock_timestamp()::text").await.unwrap();
        spent_more(world).await;
        let lost = world.start_checkout(bob, 1_000).await;
        for session in [&open.session_id, &lost.session_id] {
            world.pay(session, GOOD_CARD).await;
        }
        world.wait_for_rows(4, "payments where state = 'completed'").await;
        stop.store(true, Ordering::Relaxed);
        moment
    };
    let done = futures::join!(spend(world.api(), bob, &stop), gap);
    let last = ask(database, "select pg_walfile_name(pg_switch_wal())").await.unwrap();
    let is_kept = async || {
        anyhow::ensure!(backup.has(&last), "{last} is not kept yet");
        Ok::<_, anyhow::Error>(())
    };
    world.eventually("the log is kept", is_kept).await;
    done
}

/// Has the events sent again, and gives the credits of the one whose order is gone.
async fn give_for_the_lost_order(world: &World) {
    let told = world.emulator().get("/_emulator/events?type=checkout.session.completed").expect(200).await;
    for event in told["events"].as_array().unwrap() {
        world.resend_event(event["id"].as_str().unwrap()).await;
    }
    let admin = &world.settings().secrets.admin_api_key;
    let waiting = async || {
        let path = "/purser/v1/provider-events?state=open";
        let open = world.api().get(path).bearer(admin).require(200).await?;
        anyhow::ensure!(open["data"].as_array().is_some_and(|events| events.len() == 1), "{open}");
        Ok::<_, anyhow::Error>(open["data"][0].clone())
    };
    let event = world.eventually("the payment waits for an operator", waiting).await;
    assert_eq!(event["reason"], "unknown_order", "{event}");
    let grant = json!({"credits": 1_000, "kind": "paid", "reason": "the order was lost"});
    let granted =
        world.api().post("/purser/v1/wallets/user:bob/grants").bearer(admin).idempotency_key("lost");
    granted.json(grant).expect(201).await;
    let dismiss = format!("/purser/v1/provider-events/{}/dismiss", event["id"].as_str().unwrap());
    world.api().post(&dismiss).bearer(admin).json(json!({"reason": "given by hand"})).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_and_the_providers_bring_the_books_together() {
    let world = World::builder()
        .own_servers()
        .api_process(DEV)
        .worker_process(DEV)
        .scheduler_process(DEV)
        .start()
        .await;
    // What happens at the provider is an hour old: too old to be under way.
    world.emulator().put("/_emulator/clock").json(json!({"advance_seconds": -3_600})).expect(200).await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    world.buy(&alice, 1_000).await;
    let name = world.settings().addresses.amqp_prefix.clone();
    let database = world.servers().postgres();
    // The database restarts: what holds connections to it is stopped meanwhile, as an operator would.
    let processes = [world.api_process(), world.worker(), world.scheduler()];
    processes.iter().for_each(|process| process.kill9().unwrap());
    let backup = blocking(|| harness::back_up(database, &name));
    processes.iter().for_each(|process| process.start().unwrap());
    wait_until_started(&world).await;
    world.buy(&bob, 2_500).await;
    let open = world.start_checkout(&alice, 500).await;

    let (spent, moment) = spend_and_pay(&world, &bob, &open, &backup).await;
    processes.iter().for_each(|process| process.kill9().unwrap());
    blocking(|| database.kill9());

    let server = blocking(|| harness::restore(backup, database, &moment));
    let restored = Restored {
        world: &world,
        database_url: at(&world, &server),
        amqp_prefix: format!("{name}_restored"),
    };
    let is_promoted = async || {
        let found = ask(&restored.database_url, "select pg_is_in_recovery()::text").await;
        anyhow::ensure!(found.as_deref() == Some("false"), "{found:?}");
        Ok::<_, anyhow::Error>(())
    };
    world.eventually("what was kept is read, and writes are taken", is_promoted).await;
    assert_eq!(restored.balance(&alice).await, 100_000);
    let left = restored.balance(&bob).await;
    assert!(left > 250_000 - spent && left < 250_000, "{left} after {spent} debits");
    let processes = [Service::Worker, Service::Scheduler].map(|service| restored.start(service));

    // Alice's order was there: the provider says that it is paid. Bob's second is gone with the database.
    let first = restored.reconcile().await;
    let mut found = first.differences();
    found.sort_unstable();
    assert_eq!(found, ["paid_not_credited", "unknown_order"], "{first:?}");
    restored.wait_for_credits(&alice, 1_500).await;
    // The provider does not send again what was answered, unless it is told to.
    let api = restored.start(Service::Api);
    wait_until_started(&world).await;
    give_for_the_lost_order(&world).await;

    // The host application sends what it has sent since the moment, and to be sure all before it.
    for number in 0..spent {
        debit(world.api(), &bob, number).await;
    }
    assert_eq!(restored.balance(&bob).await, 350_000 - spent);
    assert_eq!(restored.balance(&alice).await, 150_000);
    let again = restored.reconcile().await;
    assert_eq!((again.exit_code, again.findings.len()), (0, 0), "{again:?}");
    let unbalanced = "select w.id::text from wallets w left join ledger_entries e on e.wallet_id = w.id
                      group by w.id having w.balance <> coalesce(sum(e.amount), 0)";
    assert_eq!(ask(&restored.database_url, unbalanced).await, None);
    for process in processes.iter().chain([&api]) {
        process.sigterm().unwrap();
    }
    world.abandon().await;
}
