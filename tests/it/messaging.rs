//! The consumer runtime and the publisher against the real broker: poison, panics, retries, limits, loss.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing::payments::{ExpirePayments, VerifyPayment};
use harness::eventually::{Look, eventually};
use harness::queues::Queues;
use harness::relay::{Relay, Way};
use jobs::JobSet;
use jobs::Role;
use kernel::config::{Connections, Secret, addresses};
use kernel::ids::PaymentId;
use ledger::holds::ExpireHolds;
use ledger::operations::ExpireGrants;
use messaging::consumer::{Consumer, Handler, Limits, Outcome};
use messaging::queues::QueueWatch;
use messaging::waits::Waits;
use messaging::{PublishError, Publisher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;
use worker::handlers::catalogue::AnyJob;

const PATIENCE: Duration = Duration::from_secs(20);

/// Does what a function says, and tells the test of each job.
struct Scripted<F> {
    script: F,
    told: mpsc::UnboundedSender<&'static str>,
}

impl<F: Fn(&AnyJob) -> Outcome + Send + Sync + 'static> Handler for Scripted<F> {
    type Job = AnyJob;

    async fn handle(&self, jobs: Arc<[AnyJob]>) -> Vec<Outcome> {
        jobs.iter()
            .map(|job| {
                let outcome = (self.script)(job);
                let _test_is_over = self.told.send(job.kind());
                outcome
            })
            .collect()
    }
}

struct Line {
    connections: Connections,
    /// The broker, as the test itself reaches it.
    broker: String,
    publisher: Publisher,
    shutdown: CancellationToken,
}

impl Line {
    async fn start(amqp_url: &str) -> Self {
        let connections = Connections {
            database_url: Secret::new("postgres://nowhere").unwrap(),
            database_direct_url: None,
            database_read_url: None,
            amqp_url: Secret::new(amqp_url).unwrap(),
            amqp_prefix: format!("line-{}", uuid::Uuid::new_v4().simple()),
            database_max_connections: 1,
            database_lock_timeout: Duration::from_millis(500),
            database_statement_timeout: Duration::from_secs(10),
            database_deadline: Duration::from_secs(5),
        };
        let broker = addresses::of_broker(amqp_url).pop().unwrap();
        let shutdown = CancellationToken::new();
        let publisher = Publisher::start(&connections, shutdown.clone());
        publisher.wait_until_connected().await;
        Self { connections, broker, publisher, shutdown }
    }

    async fn shared() -> Self {
        let url = tokio::task::block_in_place(|| harness::servers().rabbitmq().url().to_owned());
        Self::start(&url).await
    }

    fn consume<F>(&self, role: Role, script: F) -> mpsc::UnboundedReceiver<&'static str>
    where
        F: Fn(&AnyJob) -> Outcome + Send + Sync + 'static,
    {
        let (told, hears) = mpsc::unbounded_channel();
        let consumer = Consumer {
            connections: self.connections.clone(),
            publisher: self.publisher.clone(),
            role,
            limits: Limits { batch: 16, concurrency: 1, linger: Duration::from_millis(1) },
            waits: Waits::default(),
            handler: Arc::new(Scripted { script, told }),
        };
        tokio::spawn(consumer.run(self.shutdown.clone()));
        hears
    }

    async fn queues(&self) -> Queues {
        Queues::connect(&self.broker, &self.connections.amqp_prefix).await.unwrap()
    }

    async fn count(&self, queue: &str) -> u32 {
        let queues = self.queues().await;
        let name = format!("{}.{queue}", self.connections.amqp_prefix);
        let count = queues.state(&name).await.unwrap().map_or(0, |state| state.messages);
        queues.close().await;
        count
    }

    /// Waits until a queue reports this many messages.
    async fn wait_for_count(&self, queue: &str, count: u32) {
        let check = async || Look::equal(self.count(queue).await, count);
        eventually(&format!("{count} messages in {queue}"), PATIENCE, check).await.unwrap();
    }

    async fn finish(self) {
        let queues = self.queues().await;
        queues.delete_all().await;
        queues.close().await;
        self.shutdown.cancel();
    }
}

async fn hear(hears: &mut mpsc::UnboundedReceiver<&'static str>) -> &'static str {
    tokio::time::timeout(PATIENCE, hears.recv()).await.expect("no job came").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_becomes_a_dead_letter_and_blocks_no_other() {
    let line = Line::shared().await;
    for body in
        [&b"not json"[..], br#"{"kind":"from.the.future","payload":{}}"#, br#"{"kind":"holds.expire","#]
    {
        line.publisher.publish_text(Role::Apply, body.to_vec()).await.unwrap();
    }
    line.publisher.publish(&ExpireHolds {}).await.unwrap();
    let mut hears = line.consume(Role::Apply, |_| Outcome::Done(None));
    assert_eq!(hear(&mut hears).await, "holds.expire");
    line.publisher.publish(&ExpireGrants {}).await.unwrap();
    assert_eq!(hear(&mut hears).await, "grants.expire");
    line.wait_for_count("apply.dead", 3).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_panics_fails_alone() {
    let line = Line::shared().await;
    for _ in 0..5 {
        line.publisher.publish(&ExpireGrants {}).await.unwrap();
    }
    line.publisher.publish(&ExpireHolds {}).await.unwrap();
    let panics = AtomicU32::new(0);
    let mut hears = line.consume(Role::Apply, move |job| {
        let is_bad = matches!(job, AnyJob::ExpireHolds(_));
        // Once in the batch and once alone; when it comes again after a delay it succeeds.
        assert!(!is_bad || panics.fetch_add(1, Ordering::Relaxed) >= 2, "on purpose");
        Outcome::Done(None)
    });
    let mut heard = Vec::new();
    while heard.last() != Some(&"holds.expire") {
        heard.push(hear(&mut hears).await);
    }
    assert!(heard.len() >= 6, "{heard:?}");
    assert_eq!(line.count("apply.dead").await, 0);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_never_uses_up_a_job() {
    let line = Line::shared().await;
    let tries = Mutex::new(0);
    let mut hears = line.consume(Role::Verify, move |_| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries < 3 { Outcome::Unavailable("away".to_owned()) } else { Outcome::Done(None) }
    });
    // A job that may fail three times: two outages leave it all three.
    line.publisher.publish(&ExpirePayments {}).await.unwrap();
    for _ in 0..3 {
        hear(&mut hears).await;
    }
    assert_eq!(line.count("verify.dead").await, 0);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_can_never_succeed_is_a_dead_letter_at_once() {
    let line = Line::shared().await;
    let mut hears = line.consume(Role::Verify, |_| Outcome::Dead("contradiction".to_owned()));
    line.publisher.publish(&VerifyPayment { payment_id: PaymentId::new() }).await.unwrap();
    hear(&mut hears).await;
    line.wait_for_count("verify.dead", 1).await;
    line.finish().await;
}

/// The queue of a role is gone: the message is confirmed, and kept where operators find it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unroutable_message_is_kept() {
    let line = Line::shared().await;
    let connection =
        lapin::Connection::connect(&line.broker, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}.notify", line.connections.amqp_prefix);
    let deleted = channel.queue_delete(queue.as_str().into(), lapin::options::QueueDeleteOptions::default());
    tokio::time::timeout(PATIENCE, deleted).await.expect("the queue stays").unwrap();
    let job = notices::SendNotices { notices: Vec::new() };
    line.publisher.publish(&job).await.unwrap();
    line.wait_for_count("unrouted", 1).await;
    line.finish().await;
}

/// Waits until the publisher has found the broker again.
async fn wait_until_published(line: &Line) {
    let check = async || {
        let published = line.publisher.publish(&ExpireHolds {}).await;
        if published.is_err() {
            line.publisher.wait_until_connected().await;
        }
        published
    };
    eventually("a job is published", PATIENCE, check).await.unwrap();
}

/// No heartbeat would tell within ten minutes that the node is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_leaves_a_node_that_is_cut_off_for_the_next() {
    let broker = tokio::task::block_in_place(|| harness::servers().rabbitmq().url().to_owned());
    let mut first = Url::parse(&broker).unwrap();
    let relay = Relay::open(first.port().unwrap()).await.unwrap();
    first.set_port(Some(relay.port())).unwrap();
    first.set_query(Some("heartbeat=600"));
    let line = Line::start(&format!("{first},{broker}")).await;
    line.publisher.publish(&ExpireHolds {}).await.unwrap();
    relay.set(Way::Silent);
    let unconfirmed =
        futures::join!(line.publisher.publish(&ExpireHolds {}), line.publisher.publish(&ExpireHolds {}));
    assert_eq!(unconfirmed, (Err(PublishError::Unconfirmed), Err(PublishError::Unconfirmed)));
    wait_until_published(&line).await;
    assert!(line.count("apply").await >= 2, "one before and one after");
    line.finish().await;
}

/// Whoever watches the queues keeps one connection, and gets another when that is lost, or when a look was given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_the_queues_keeps_its_connection_and_finds_another() {
    let line = Line::shared().await;
    let mut address = Url::parse(&line.broker).unwrap();
    let relay = Relay::open(address.port().unwrap()).await.unwrap();
    address.set_port(Some(relay.port())).unwrap();
    let amqp_url = Secret::new(address.as_str()).unwrap();
    let mut queues = QueueWatch::new(Connections { amqp_url, ..line.connections.clone() });
    for _ in 0..3 {
        let found = queues.look().await.unwrap();
        assert!(found.iter().any(|queue| queue.name == "apply" && queue.has_workers), "{found:?}");
    }
    assert_eq!(relay.taken(), 1);
    relay.set(Way::Cut);
    assert!(queues.look().await.is_err());
    relay.set(Way::Open);
    let before = relay.taken();
    queues.look().await.unwrap();
    assert_eq!(relay.taken(), before + 1);
    relay.set(Way::Silent);
    let given_up = tokio::time::timeout(Duration::from_millis(200), queues.look()).await;
    assert!(given_up.is_err(), "a silent broker answered");
    relay.set(Way::Open);
    queues.look().await.unwrap();
    assert_eq!(relay.taken(), before + 2);
    line.finish().await;
}

/// A list may begin with a node that is down.
#[tokio::test(flavor = "multi_thread")]
async fn consumers_and_publishers_go_to_the_node_that_is_up() {
    let broker = tokio::task::block_in_place(|| harness::servers().rabbitmq().url().to_owned());
    let [nobody] = servers::ports::free_ports().unwrap();
    let line = Line::start(&format!("amqp://u:p@127.0.0.1:{nobody}/%2f,{broker}")).await;
    let mut hears = line.consume(Role::Apply, |_| Outcome::Done(None));
    line.publisher.publish(&ExpireHolds {}).await.unwrap();
    assert_eq!(hear(&mut hears).await, "holds.expire");
    line.finish().await;
}

/// Every publish that was confirmed is there after the broker was killed.
#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_survive_a_killed_broker() {
    let servers = tokio::task::block_in_place(|| harness::private_servers("confirmed"));
    let line = Line::start(servers.rabbitmq().url()).await;
    // A broker keeps the names of new quorum queues in memory for minutes; an orderly restart writes them down.
    tokio::task::block_in_place(|| servers.rabbitmq().stop_fast().and_then(|()| servers.rabbitmq().start()))
        .unwrap();
    wait_until_published(&line).await;
    let confirmed = AtomicU32::new(0);
    let publishing = async {
        for _ in 0..3_000 {
            if line.publisher.publish(&ExpireHolds {}).await.is_err() {
                break;
            }
            confirmed.fetch_add(1, Ordering::Relaxed);
        }
    };
    let killing = async {
        let check = async || {
            let confirmed = confirmed.load(Ordering::Relaxed);
            Look::when(confirmed >= 100, confirmed)
        };
        eventually("a hundred are confirmed", PATIENCE, check).await.unwrap();
        tokio::task::block_in_place(|| servers.rabbitmq().kill9()).unwrap();
    };
    futures::join!(publishing, killing);
    tokio::task::block_in_place(|| servers.rabbitmq().start()).unwrap();
    let mut hears = line.consume(Role::Apply, |_| Outcome::Done(None));
    for _ in 0..confirmed.into_inner() {
        hear(&mut hears).await;
    }
    line.finish().await;
}
