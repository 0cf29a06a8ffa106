//! Processes that die between two steps of their work, at each of them in turn: nothing accepted is lost, and nothing
//! is done twice.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use billing::payments::{ExpirePayments, VerifyPayment};
use futures::future::join_all;
use harness::client::Request;
use harness::eventually::{Look, eventually};
use harness::system::{Service, ServiceProcess};
use harness::world::{GOOD_CARD, User, World};
use jobs::Role;
use jobs::outbox;
use kernel::crash::Step;
use serde_json::json;

use crate::events::publish;
use crate::every_job::{adjustment_of, every_job, require_done_once};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
/// What `abort` ends a process with.
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts one more process of a world, which dies when it comes to a point.
fn doomed(world: &World, service: Service, arguments: &[&str], step: Step, work: &str) -> ServiceProcess {
    let process = world.additional_process(service, Path::new(DEV), arguments);
    let process = process.with_variable("CRASH_AT", &format!("{} {work}", step.as_str()));
    process.start().unwrap();
    process
}

/// Waits until it has come to its point.
async fn wait_for_death(process: ServiceProcess) {
    let check = async || match process.has_ended() {
        Some(status) => Look::Done(status),
        None => Look::NotYet(process.log_tail()),
    };
    let status = eventually("the process dies at its point", PATIENCE, check).await.unwrap();
    assert_eq!(status.signal(), Some(SIGABRT), "{}", process.log_tail());
}

pub async fn worker_dies(world: &World, step: Step, work: &str) {
    wait_for_death(doomed(world, Service::Worker, &[], step, work)).await;
}

/// Waits until an API answers that has just been started.
pub async fn wait_until_started(world: &World) {
    world.eventually("the API is ready", async || world.api().get("/readyz").require(200).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_every_step_of_every_job() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let jobs = every_job(&world, &alice, &checkout).await;
    world.drain().await;
    world.worker().kill9().unwrap();
    world.pay(&checkout.session_id, GOOD_CARD).await;
    let dying = Role::ALL.map(|role| {
        let (world, jobs) = (&world, jobs.iter().filter(move |job| job.role == role));
        async move {
            for job in jobs {
                publish(world, job.clone()).await;
                for step in [Step::Received, Step::Done, Step::Settled, Step::Acknowledged] {
                    let arguments = ["--roles", role.as_str()];
                    wait_for_death(doomed(world, Service::Worker, &arguments, step, job.kind)).await;
                }
            }
        }
    });
    join_all(dying).await;
    world.worker().start().unwrap();
    world.drain().await;
    require_done_once(&world, &alice).await;
    world.finish().await;
}

/// Orders credits without waiting for the page; returns the order's id.
async fn order(world: &World, user: &User) -> String {
    let request = world.api().post("/v1/credits/recharge").bearer(&user.api_key);
    let accepted = request.header("prefer", "respond-async").json(json!({"credits": 100})).expect(202).await;
    accepted["paymentId"].as_str().unwrap().to_owned()
}

async fn pay(world: &World, order: &str) {
    let session: String =
        sqlx::query_scalar("select provider_session from payments where id = $1::text::uuid")
            .bind(order)
            .fetch_one(world.pool())
            .await
            .unwrap();
    world.pay(&session, GOOD_CARD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_between_the_provider_the_database_and_the_broker() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    world.worker().kill9().unwrap();
    let (first, second, third) =
        (order(&world, &alice).await, order(&world, &alice).await, order(&world, &alice).await);
    for work in ["customer", "checkout"] {
        worker_dies(&world, Step::Asked, work).await;
    }
    world.worker().start().unwrap();
    // A worker that asks the provider holds its job where nobody sees it: to drain is not enough.
    world.wait_for_rows(3, "payments where provider_session is not null").await;
    world.drain().await;
    world.worker().kill9().unwrap();

    pay(&world, &first).await;
    worker_dies(&world, Step::Written, "batch").await;
    assert_eq!(world.count("ledger_entries").await, 0);
    worker_dies(&world, Step::Published, "outbox").await;
    assert_eq!(world.count("ledger_entries").await, 1);
    pay(&world, &second).await;
    worker_dies(&world, Step::Committed, "batch").await;
    pay(&world, &third).await;
    publish(&world, &VerifyPayment { payment_id: third.parse().unwrap() }).await;
    let verifying = doomed(&world, Service::Worker, &["--roles", "verify"], Step::Published, "fact");
    wait_for_death(verifying).await;
    publish(&world, &ExpirePayments {}).await;
    worker_dies(&world, Step::Committed, "stale orders").await;

    world.worker().start().unwrap();
    world.wait_for_rows(3, "ledger_entries").await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 300);
    assert_eq!(world.count("ledger_entries").await, 3);
    let shown = world.emulator().get("/_emulator/requests").expect(200).await;
    for (call, times) in [("POST /v1/customers", 1), ("POST /v1/checkout/sessions", 3)] {
        assert_eq!(shown["requests"][call]["executed"], json!(times), "{call}: {shown}");
    }
    world.finish().await;
}

/// A request whose API dies at a point of it, and then is sent again.
pub async fn api_dies(world: &World, step: Step, work: &str, request: impl Fn() -> Request, status: u16) {
    let doomed = doomed(world, Service::Api, &[], step, work);
    wait_until_started(world).await;
    let unanswered = request().send().await;
    assert!(unanswered.is_err(), "{} {work} is not on the way: {unanswered:?}", step.as_str());
    wait_for_death(doomed).await;
    // The claim on an idempotency key lapses a minute after its process died.
    let lapse =
        "update idempotency_keys set created_at = created_at - interval '2 minutes' where status is null";
    sqlx::query(lapse).execute(world.pool()).await.unwrap();
    world.api_process().start().unwrap();
    wait_until_started(world).await;
    request().expect(status).await;
    world.api_process().kill9().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_may_die_at_every_step_of_a_request() {
    let world = World::builder().api_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    world.api_process().kill9().unwrap();
    let post = |path: &str, key: &str, body: serde_json::Value| {
        world.api().post(path).bearer(&alice.api_key).idempotency_key(key).json(body)
    };

    for step in [Step::Written, Step::Committed] {
        let spend = || post("/purser/v1/wallets/me/debits", step.as_str(), json!({"credits": 10}));
        api_dies(&world, step, "debit", spend, 200).await;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 980);

    for step in [Step::Written, Step::Committed] {
        let place = || post("/purser/v1/wallets/me/holds", step.as_str(), json!({"credits": 100}));
        api_dies(&world, step, "hold", place, 201).await;
    }
    assert_eq!(world.count("holds").await, 2);
    let holds: Vec<String> =
        sqlx::query_scalar("select id::text from holds").fetch_all(world.pool()).await.unwrap();
    for (step, hold) in [Step::Written, Step::Committed].into_iter().zip(&holds) {
        let path = format!("/purser/v1/holds/{hold}/capture");
        api_dies(&world, step, "end of a hold", || post(&path, hold, json!({})), 200).await;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 780);

    for step in [Step::Written, Step::Committed, Step::Done, Step::Settled] {
        let recharge =
            || post("/v1/credits/recharge", &format!("order {}", step.as_str()), json!({"credits": 60}));
        api_dies(&world, step, "order", recharge, 200).await;
    }
    assert_eq!(world.count("payments where provider = 'stripe'").await, 5);

    // Without a key: what was committed is given, and sent again it is given again.
    let purchase = || {
        let request = world.api().post("/api/v1/credit-packages/purchase").bearer(&alice.api_key);
        request.json(json!({"packageId": "65a000000000000000000010"}))
    };
    for (step, work) in [(Step::Written, "gift"), (Step::Committed, "gift"), (Step::Done, "command")] {
        api_dies(&world, step, work, purchase, 201).await;
    }
    world.api_process().start().unwrap();
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 830);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_may_die_at_every_step_of_a_webhook() {
    let world = World::builder().api_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    for step in [Step::Verified, Step::Published] {
        let checkout = world.start_checkout(&alice, 100).await;
        world.drain().await;
        world.api_process().kill9().unwrap();
        let doomed = doomed(&world, Service::Api, &[], step, "webhook");
        wait_until_started(&world).await;
        world.pay(&checkout.session_id, GOOD_CARD).await;
        wait_for_death(doomed).await;
        world.api_process().start().unwrap();
        wait_until_started(&world).await;
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    assert_eq!(world.count("ledger_entries").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_may_die_after_it_has_published() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    wait_for_death(doomed(&world, Service::Scheduler, &[], Step::Published, "schedule")).await;
    let job = adjustment_of(&alice);
    let mut connection = world.pool().acquire().await.unwrap();
    let left = outbox::insert(&mut connection, world.clock().now(), &job).await.unwrap();
    drop(connection);
    wait_for_death(doomed(&world, Service::Scheduler, &[], Step::Published, "sweep")).await;
    assert_eq!(world.count(&format!("outbox where id = '{}'", left.0)).await, 1);
    let healthy = world.additional_process(Service::Scheduler, Path::new(DEV), &[]);
    healthy.start().unwrap();
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5);
    world.finish().await;
}

#[test]
fn shipped_builds_have_no_crash_points() {
    let features = |packages: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--offline", "--edges", "features,normal", "--invert", "kernel"]);
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        let output = cargo.current_dir(servers::checkout()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(features(&["tests"]).contains("crash-points"), "the question is wrong");
    let shipped = features(&["api", "worker", "scheduler"]);
    assert!(!shipped.contains("crash-points"), "{shipped}");
}
