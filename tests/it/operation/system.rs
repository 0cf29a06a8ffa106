//! A whole system of real processes under a real Prometheus: what they show is valid and complete, every query of the
//! dashboard is answered, no alert fires while all is well, and alerts fire when something is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use harness::client::Client;
use harness::eventually::Look;
use harness::prometheus::Prometheus;
use harness::system::Service;
use harness::tool;
use harness::world::{GOOD_CARD, User, World};
use kernel::metrics::{Kind, Source, catalogue};
use serde_json::{Value, json};

use super::text;
use crate::events::publish_raw;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

async fn start() -> World {
    World::builder().api_process(DEV).worker_process(DEV).scheduler_process(DEV).start().await
}

/// The API, the worker and the scheduler, and what they show.
const PROCESSES: [(&str, &[Source]); 3] = [
    ("api", &[Source::All, Source::Api, Source::ApiAndWorker]),
    ("worker", &[Source::All, Source::Worker, Source::ApiAndWorker]),
    ("scheduler", &[Source::All, Source::Scheduler, Source::Leader]),
];

async fn shown(port: u16) -> String {
    let metrics = Client::new(format!("http://127.0.0.1:{port}")).unwrap();
    metrics.get("/metrics").send().await.map_or_else(|error| error.to_string(), |answer| answer.text())
}

/// The names and types in what a process shows.
fn types(shown: &str) -> BTreeMap<&str, &str> {
    shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

/// Prometheus's own program reads what a process shows, and finds nothing to complain of.
fn lint(shown: &str) {
    let mut promtool = Command::new(tool("promtool", "prometheus"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = promtool.spawn().unwrap();
    running.stdin.take().unwrap().write_all(shown.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let complaints = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&complaints));
}

/// Purchases of which one is given back, debits, and a refusal.
async fn use_it(world: &World) -> User {
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let orders = world.api().get("/purser/v1/orders?wallet=me").bearer(&alice.api_key).expect(200).await;
    let path = format!("/purser/v1/orders/{}/refund", orders["data"][0]["orderId"].as_str().unwrap());
    world.admin_post(&path, json!({"reason": "of a test"})).expect(200).await;
    world.drain().await;
    world.buy(&alice, 2_500).await;
    for _ in 0..3 {
        spend(world, &alice, 10, 200).await;
    }
    spend(world, &alice, 1_000_000, 402).await;
    alice
}

async fn spend(world: &World, user: &User, credits: i64, status: u16) {
    let key = uuid::Uuid::new_v4().to_string();
    let debit = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    debit.idempotency_key(&key).json(json!({"credits": credits})).expect(status).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_shows_its_part_of_the_catalogue_from_zero_on() {
    let world = start().await;
    let ports = world.settings().addresses.metrics_ports;
    for ((process, sources), port) in PROCESSES.into_iter().zip(ports) {
        // Gauges are there once they were measured.
        let own = |kind: Kind| kind != Kind::Gauge;
        let expected: Vec<_> =
            catalogue::ALL.iter().filter(|metric| sources.contains(&metric.source)).collect();
        let known = |name: &str| expected.iter().find(|metric| metric.name == name);
        let text = world
            .eventually(&format!("the {process} shows its build"), async || {
                let text = shown(port).await;
                if text.contains("purser_build_info") { Look::Done(text) } else { Look::NotYet(text) }
            })
            .await;
        lint(&text);
        for (name, kind) in types(&text) {
            let metric = known(name).unwrap_or_else(|| panic!("the {process} shows {name}"));
            assert_eq!(kind, metric.kind.as_str(), "{name}");
            assert!(text.contains(&format!("# HELP {name} {}", metric.help)), "{name} has no help");
        }
        let is_closed =
            |labels: &[kernel::metrics::Label]| labels.iter().all(|label| !label.values.is_empty());
        for metric in expected.iter().filter(|metric| own(metric.kind) && is_closed(metric.labels)) {
            assert!(types(&text).contains_key(metric.name), "the {process} does not begin {}", metric.name);
        }
    }
    let jobs = shown(ports[1]).await;
    assert!(jobs.contains("purser_jobs_total{kind=\"payment.refund\",outcome=\"dead\"} 0"), "{jobs}");
    use_it(&world).await;
    let api = shown(ports[0]).await;
    let spent = "purser_credits_moved_millionths_total{account=\"usage\",direction=\"out\"} 30000000";
    assert!(api.contains(spent), "{api}");
    let worker = shown(ports[1]).await;
    let sold = "purser_credits_moved_millionths_total{account=\"stripe\",direction=\"in\"} 3000000000";
    let money = "purser_money_received_minor_total{provider=\"stripe\",currency=\"usd\"} 3000";
    assert!(worker.contains(sold) && worker.contains(money), "{worker}");
    world.finish().await;
}

/// What concerns the whole system is shown by the leader alone; the next one takes it over.
#[tokio::test(flavor = "multi_thread")]
async fn the_leader_alone_shows_the_whole_system() {
    let world = World::builder().without_worker().scheduler_process(DEV).start().await;
    let [port] = servers::ports::free_ports().unwrap();
    let first = world.settings().addresses.metrics_ports[2];
    let leads = |port: u16, leads: u8| {
        let (world, sign) = (&world, format!("purser_scheduler_leads {leads}\n"));
        async move {
            let look = async || {
                let text = shown(port).await;
                if text.contains(&sign) { Look::Done(text) } else { Look::NotYet(text) }
            };
            world.eventually(&format!("the scheduler at {port} shows {sign}"), look).await
        }
    };
    leads(first, 1).await;
    let second = world
        .additional_process(Service::Scheduler, DEV.as_ref(), &[])
        .with_variable("METRICS_ADDR", &format!("127.0.0.1:{port}"));
    second.start().unwrap();
    let waiting = leads(port, 0).await;
    let of_leader = catalogue::ALL.iter().filter(|metric| metric.source == Source::Leader);
    let shown_by_two: Vec<&str> = of_leader
        .clone()
        .map(|metric| metric.name)
        .filter(|name| types(&waiting).contains_key(name))
        .collect();
    assert!(shown_by_two.is_empty(), "a scheduler that does not lead shows {shown_by_two:?}");
    let kept = "insert into reconciliation_runs (ended_at, findings, paid_not_credited) values ($1, 3, 2)
                on conflict (is_only) do update
                set ended_at = excluded.ended_at, findings = 3, paid_not_credited = 2";
    sqlx::query(kept).bind(world.clock().now()).execute(world.pool()).await.unwrap();
    let all = |port: u16| {
        let (world, of_leader) = (&world, of_leader.clone());
        async move {
            let look = async || {
                let text = shown(port).await;
                let missing: Vec<&str> = of_leader
                    .clone()
                    .map(|metric| metric.name)
                    .filter(|name| !types(&text).contains_key(name))
                    .collect();
                let found = text.contains("purser_reconciliation_findings 3\n");
                let is_so = missing.is_empty() && found && text.contains("purser_paid_not_credited 2\n");
                Look::when(is_so, format!("missing: {missing:?}"))
            };
            world.eventually(&format!("the scheduler at {port} shows everything"), look).await;
        }
    };
    all(first).await;
    world.scheduler().kill9().unwrap();
    leads(port, 1).await;
    all(port).await;
    second.sigterm().unwrap();
    world.abandon().await;
}

/// The queries of the dashboard, each with its panel.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/purser.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().unwrap();
        panel["targets"].as_array().into_iter().flatten().map(move |target| (title, target))
    });
    let queries: Vec<_> = targets
        .map(|(title, target)| {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "15s");
            (title.to_owned(), query)
        })
        .collect();
    assert!(queries.len() > 40, "the queries were not found");
    queries
}

async fn firing(prometheus: &Prometheus) -> BTreeSet<String> {
    let alerts = prometheus.query("ALERTS{alertstate=\"firing\"}").await.unwrap();
    alerts.iter().map(|alert| alert["metric"]["alertname"].as_str().unwrap().to_owned()).collect()
}

/// The rules, with nothing to wait for.
fn impatient_rules() -> String {
    let rules = text("deploy/prometheus/alerts.yml");
    rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_answers_the_dashboard_and_fires_alerts() {
    let mut world = start().await;
    world.allow_dead_letters();
    let prometheus =
        Prometheus::start(&world.settings().addresses.metrics_ports, &impatient_rules()).await.unwrap();
    let alice = use_it(&world).await;
    for (panel, query) in queries() {
        world
            .eventually(&format!("{panel} shows something: {query}"), async || {
                // So that there is a rate.
                spend(&world, &alice, 1, 200).await;
                // Those that show what is not zero only.
                let may_be_empty = query.ends_with("> 0");
                match prometheus.query(&query).await {
                    Ok(series) => Look::when(may_be_empty || !series.is_empty(), "nothing"),
                    Err(error) => Look::Never(error),
                }
            })
            .await;
    }
    let calm = async || {
        let firing = firing(&prometheus).await;
        Look::when(firing.is_empty(), format!("{firing:?}"))
    };
    world.eventually("no alert fires", calm).await;
    harm(&world, &alice).await;
    let expected = [
        "PurserEventsQuarantined",
        "PurserDeadLetters",
        "PurserProviderEventsRefused",
        "PurserProcessDown",
        "PurserProcessMissing",
        "PurserQueueWithoutWorkers",
    ];
    fires(&world, &prometheus, &expected).await;
    world.scheduler().kill9().unwrap();
    fires(&world, &prometheus, &["PurserNoLeader"]).await;
    world.abandon().await;
}

async fn fires(world: &World, prometheus: &Prometheus, expected: &[&str]) {
    let look = async || {
        let firing = firing(prometheus).await;
        let missing: Vec<_> = expected.iter().filter(|name| !firing.contains(**name)).collect();
        Look::when(missing.is_empty(), format!("{missing:?} do not fire, {firing:?} do"))
    };
    world.eventually("the alerts fire", look).await;
}

/// Money that contradicts its order, a job that cannot be read, events with a wrong signature, and then no worker.
async fn harm(world: &World, alice: &User) {
    let checkout = world.start_checkout(alice, 500).await;
    let change = "update payments set amount_minor = amount_minor + 100 where provider_session = $1";
    sqlx::query(change).bind(&checkout.session_id).execute(world.pool()).await.unwrap();
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.wait_for_rows(1, "provider_events where outcome = 'quarantined' and object_id like 'cs_%'").await;
    publish_raw(world, ["not a job"]).await;
    world.wait_for_rows(1, "dead_letters where state = 'waiting'").await;
    for _ in 0..20 {
        let event = world.api().post("/api/payments/webhook").header("stripe-signature", "t=1,v1=00");
        event.body("{}").expect(400).await;
    }
    world.worker().kill9().unwrap();
    let order = world.api().post("/v1/credits/recharge").bearer(&alice.api_key);
    order.header("prefer", "respond-async").json(json!({"credits": 700})).expect(202).await;
}
