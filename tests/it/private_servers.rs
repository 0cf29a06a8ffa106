//! The private servers: they come back with their data after a crash, work from any checkout, and leave
//! nothing behind when their parent is killed.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use nix::sys::signal::Signal;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::checkout::{Checkout, port};

const QUEUE: &str = "kept";
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn private_servers_continue_after_being_killed_stopped_or_paused() {
    let servers = harness::private_servers("restarts");
    let (postgres, rabbitmq) = (servers.postgres(), servers.rabbitmq());
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    connection.execute("create table kept (number int); insert into kept values (7)").await.unwrap();

    postgres.kill9().unwrap();
    assert!(connection.execute("select 1").await.is_err(), "a killed server still answers");
    assert!(PgConnection::connect(postgres.url()).await.is_err());
    postgres.start().unwrap();
    assert_eq!(kept(postgres.url()).await, 7);

    postgres.pause().unwrap();
    let frozen =
        tokio::time::timeout(Duration::from_millis(500), PgConnection::connect(postgres.url())).await;
    assert!(frozen.is_err(), "a frozen server answers");
    postgres.resume().unwrap();
    assert_eq!(kept(postgres.url()).await, 7);

    postgres.stop_fast().unwrap();
    assert!(postgres.stop_fast().is_err(), "what does not run cannot be stopped");
    postgres.start().unwrap();
    assert_eq!(kept(postgres.url()).await, 7);

    publish(rabbitmq.url()).await;
    rabbitmq.stop_fast().unwrap();
    rabbitmq.start().unwrap();
    take(rabbitmq.url()).await;
    let before = rabbitmq.pid();
    rabbitmq.kill9().unwrap();
    rabbitmq.start().unwrap();
    assert_ne!(rabbitmq.pid(), before);
    take(rabbitmq.url()).await;
}

#[test]
fn private_servers_start_in_an_unusual_private_checkout_and_end_with_a_killed_parent() {
    let mut checkout = Checkout::run("purser it's \"é\"", 0o700, &["servers"]);
    checkout.wait_for("Ctrl-C");
    assert_eq!(checkout.folders.len(), 2, "{:?}", checkout.folders);
    let ports = ["DATABASE_URL", "AMQP_URL"].map(|key| port(&checkout.value(key)));
    checkout.end(Signal::SIGKILL);
    checkout.require_nothing_left(&ports);
}

async fn kept(url: &str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.fetch_one("select number from kept").await.unwrap().get(0)
}

async fn publish(url: &str) {
    let connection = lapin::Connection::connect(url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(QUEUE.into(), options, arguments).await.unwrap();
    let properties = lapin::BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish("".into(), QUEUE.into(), options, b"kept", properties);
    assert!(published.await.unwrap().await.unwrap().is_ack());
    connection.close(200, "".into()).await.unwrap();
}

/// Takes the message and gives it back. A queue of this kind needs a moment after its broker is up.
async fn take(url: &str) {
    let connection = lapin::Connection::connect(url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default());
    let delivery = tokio::time::timeout(PATIENCE, consumer.await.unwrap().next()).await;
    let delivery = delivery.expect("a message that was confirmed is gone").unwrap().unwrap();
    assert_eq!(delivery.data, b"kept");
    connection.close(200, "".into()).await.unwrap();
}
