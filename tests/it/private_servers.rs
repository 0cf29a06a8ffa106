//! The private servers: they come back with their data after a crash, work from any checkout, and leave nothing
//! behind, however their parent ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use nix::sys::signal::Signal;
use servers::process::signal_process;
use sqlx::{Connection, Executor, PgConnection, Row};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn servers_can_be_killed_stopped_and_paused_and_then_go_on() {
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

    let before = rabbitmq.pid();
    publish(rabbitmq.url()).await;
    rabbitmq.kill9().unwrap();
    rabbitmq.start().unwrap();
    assert_ne!(rabbitmq.pid(), before);
    take(rabbitmq.url()).await;
    rabbitmq.stop_fast().unwrap();
    rabbitmq.start().unwrap();
    take(rabbitmq.url()).await;
}

#[test]
fn nothing_outlives_a_parent_that_is_killed() {
    let mut parent = Parent::start("purser-killed", 0o755);
    parent.end(Signal::SIGKILL);
    parent.require_nothing_left();
}

#[test]
fn nothing_outlives_a_parent_that_is_interrupted() {
    let mut parent = Parent::start("purser-interrupted", 0o755);
    parent.end(Signal::SIGINT);
    parent.require_nothing_left();
}

#[test]
fn servers_start_from_a_checkout_with_an_unusual_name_that_only_its_owner_may_enter() {
    let mut parent = Parent::start("purser it's \"é\"", 0o700);
    let folders = parent.folders.clone();
    assert_eq!(folders.len(), 2, "{folders:?}");
    parent.end(Signal::SIGKILL);
    parent.require_nothing_left();
    wait_until("a temporary folder is left", || !folders.iter().any(|folder| folder.exists()));
}

/// A `dev servers` in a checkout of its own.
struct Parent {
    checkout: PathBuf,
    child: Child,
    lines: Vec<String>,
    folders: Vec<PathBuf>,
}

impl Parent {
    fn start(name: &str, mode: u32) -> Self {
        let checkout = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(checkout.join("tests")).unwrap();
        fs::write(checkout.join("Cargo.lock"), "").unwrap();
        fs::set_permissions(&checkout, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.arg("servers").env("CARGO_MANIFEST_DIR", checkout.join("tests"));
        command.env_remove("DATABASE_URL").env_remove("AMQP_URL").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            let is_last = line.contains("Ctrl-C");
            lines.push(line);
            if is_last {
                break;
            }
        }
        let mut parent = Self { checkout, child, lines, folders: Vec::new() };
        parent.folders = parent.temporary_folders();
        parent
    }

    fn value(&self, key: &str) -> String {
        let start = format!("{key}=");
        let found = self.lines.iter().find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("no {key} in {:#?}", self.lines)).to_owned()
    }

    fn end(&mut self, signal: Signal) {
        for key in ["POSTGRES_PID", "RABBITMQ_PID"] {
            let pid = self.value(key);
            assert!(Path::new("/proc").join(&pid).exists(), "{key} {pid} does not run");
        }
        signal_process(self.child.id(), signal);
        self.child.wait().unwrap();
    }

    /// The folders outside the checkout that the servers have their data in.
    fn temporary_folders(&self) -> Vec<PathBuf> {
        let pids = ["POSTGRES_PID", "RABBITMQ_PID"].map(|key| self.value(key).parse::<u32>().unwrap());
        let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.path());
        entries
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with("purser-") && pids.iter().any(|pid| mentions(*pid, &name))
            })
            .collect()
    }

    fn require_nothing_left(&self) {
        let mut names = vec![self.checkout.to_string_lossy().into_owned()];
        for key in ["DATABASE_URL", "AMQP_URL"] {
            let url: reqwest::Url = self.value(key).parse().unwrap();
            let address = ("127.0.0.1", url.port().unwrap());
            let is_free = || std::net::TcpListener::bind(address).is_ok();
            wait_until("a port is still in use", is_free);
        }
        for folder in self.folders.iter() {
            names.push(folder.to_string_lossy().into_owned());
        }
        for name in &names {
            wait_until("a process is left", || processes_that_mention(name).is_empty());
        }
        let dev = self.checkout.join("target/dev");
        wait_until("data is left", || {
            let left = fs::read_dir(&dev).unwrap().map(|entry| entry.unwrap().file_name());
            left.into_iter().all(|name| name == "lock" || name == "logs")
        });
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        signal_process(self.child.id(), Signal::SIGTERM);
        self.child.wait().unwrap();
        fs::remove_dir_all(&self.checkout).unwrap();
    }
}

fn processes_that_mention(text: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.filter(|pid| *pid != std::process::id() && mentions(*pid, text)).collect()
}

/// Whether `text` is in the command line or the environment, where alone a broker's helpers carry it.
fn mentions(pid: u32, text: &str) -> bool {
    ["cmdline", "environ"].iter().any(|file| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    })
}

fn wait_until(complaint: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{complaint}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

async fn kept(url: &str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.fetch_one("select number from kept").await.unwrap().get(0)
}

async fn publish(url: &str) {
    use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
    let connection = lapin::Connection::connect(url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    let mut arguments = lapin::types::FieldTable::default();
    arguments.insert("x-queue-type".into(), lapin::types::AMQPValue::LongString("quorum".into()));
    channel.queue_declare("kept.queue".into(), options, arguments).await.unwrap();
    let properties = lapin::BasicProperties::default().with_delivery_mode(2);
    let published = channel.basic_publish(
        "".into(),
        "kept.queue".into(),
        BasicPublishOptions::default(),
        b"kept",
        properties,
    );
    assert!(published.await.unwrap().await.unwrap().is_ack());
    connection.close(200, "".into()).await.unwrap();
}

/// Takes the message and gives it back. A queue of this kind needs a moment after its broker is up.
async fn take(url: &str) {
    let connection = lapin::Connection::connect(url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = lapin::options::BasicConsumeOptions::default();
    let consumer = channel.basic_consume("kept.queue".into(), "".into(), options, Default::default());
    let delivery = tokio::time::timeout(PATIENCE, consumer.await.unwrap().next()).await;
    let delivery = delivery.expect("a message that was confirmed is gone").unwrap().unwrap();
    assert_eq!(delivery.data, b"kept");
    connection.close(200, "".into()).await.unwrap();
}
