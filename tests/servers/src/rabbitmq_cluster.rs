//! A private RabbitMQ cluster: each node on a host of its own. A node that sees fewer than half of them pauses, so that
//! two parts never go on by themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use nix::sys::signal::Signal;

use super::directory::create_data_directory;
use super::hosts::Host;
use super::node_names::answer_no_names;
use super::ports::free_ports;
use super::rabbitmq::{NAME, Node, Ports, ready_check, url};
use super::server::{Engine, Recipe, Server, Surroundings};
use super::{block_on, discovery, random_password};

/// Nodes that find no others at their first start become a cluster each.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
const QUEUE: &str = "is-one-cluster";

/// A cluster. Its nodes are stopped when dropped.
pub struct RabbitMqCluster {
    nodes: Vec<(Server, Host)>,
}

/// What all nodes share.
struct Plan<'a> {
    program: std::path::PathBuf,
    password: String,
    ports: Ports,
    /// Lines of the configuration.
    configuration: String,
    directory: &'a Path,
    surroundings: &'a Surroundings,
}

impl RabbitMqCluster {
    /// Starts a node on each host, and waits until they are one cluster.
    pub fn start(directory: &Path, hosts: &[Host], surroundings: &Surroundings) -> Result<Self> {
        let program = discovery::find_rabbitmq().context("no program of RabbitMQ was found")?;
        let [port, distribution_port, names_port] = free_ports()?;
        surroundings.progress.say(format!("starting three nodes of RabbitMQ ({})", program.display()));
        let plan = Plan {
            program,
            password: random_password(),
            ports: Ports { port, distribution_port, names_port },
            configuration: configuration(hosts),
            directory,
            surroundings,
        };
        let (first, others) = hosts.split_first().context("a cluster without hosts")?;
        // The others find it. If all looked for each other at the same time, each could begin a cluster.
        let first = (plan.start(0, first)?, first.clone());
        let start = |(number, host): (usize, &Host)| Ok((plan.start(number + 1, host)?, host.clone()));
        let others: Result<Vec<(Server, Host)>> = thread::scope(|scope| {
            let start = &start;
            let starting: Vec<_> =
                others.iter().enumerate().map(|one| scope.spawn(move || start(one))).collect();
            let started = starting.into_iter().map(|node| node.join().map_err(|_| anyhow!("a panic"))?);
            started.collect()
        });
        let cluster = Self { nodes: std::iter::once(first).chain(others?).collect() };
        cluster.require_one()?;
        surroundings.progress.say("three nodes of RabbitMQ are a cluster");
        Ok(cluster)
    }

    /// An address that names all nodes.
    pub fn url(&self) -> String {
        let urls: Vec<&str> = self.nodes.iter().map(|(server, _)| server.url()).collect();
        urls.join(",")
    }

    /// The servers.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().map(|(server, _)| server)
    }

    /// A node's server and host.
    pub fn node(&self, number: usize) -> Result<(&Server, &Host)> {
        let (server, host) = self.nodes.get(number).context("no such node")?;
        Ok((server, host))
    }

    /// Waits until every node takes connections.
    pub fn wait_until_whole(&self) -> Result<()> {
        self.servers().try_for_each(Server::wait_until_ready)
    }

    /// An error unless what is declared at one node is there at all others.
    fn require_one(&self) -> Result<()> {
        let urls: Vec<String> = self.servers().map(|server| server.url().to_owned()).collect();
        block_on(async move {
            let (first, others) = urls.split_first().context("a cluster without nodes")?;
            declare(first, QueueDeclareOptions::durable()).await?;
            let started = Instant::now();
            for other in others {
                let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
                while let Err(error) = declare(other, passive).await {
                    ensure!(started.elapsed() < JOIN_PATIENCE, "the nodes are no cluster: {error:#}");
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
            }
            Ok(())
        })
    }
}

async fn declare(url: &str, options: QueueDeclareOptions) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(QUEUE.into(), options, arguments).await?;
    connection.close(200, "".into()).await?;
    Ok(())
}

impl Plan<'_> {
    fn start(&self, number: usize, host: &Host) -> Result<Server> {
        let name = format!("mq{}", number + 1);
        let watchdog = &self.surroundings.watchdog;
        let folder = create_data_directory(&self.directory.join(&name), None, watchdog)?;
        watchdog.guard_folder(&folder);
        let address = host.address;
        let names = std::net::SocketAddrV4::new(address, self.ports.names_port);
        host.network(move || answer_no_names(names))?;
        let node = Node {
            program: self.program.clone(),
            folder: folder.clone(),
            name: node_name(host),
            address,
            ports: self.ports,
            is_one_of_several: true,
        };
        node.write_configuration(&self.password, &self.configuration)?;
        let cookie = folder.join("home").join(".erlang.cookie");
        fs::write(&cookie, &self.password)?;
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400))?;
        let there = host.clone();
        let command = Box::new(move || node.command(there.command(&node.program, None)));
        let log = self.directory.join("logs").join(format!("{name}.log"));
        let recipe = Recipe { command, log, stop_signal: Signal::SIGTERM, folder: Some(folder) };
        let url = url(&self.password, std::net::SocketAddrV4::new(address, self.ports.port));
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, self.surroundings.clone());
        server.start()?;
        Ok(server)
    }
}

fn node_name(host: &Host) -> String {
    format!("purser@{}", host.address)
}

/// What an operator sets: a node that is cut off is noticed within seconds instead of a minute.
fn configuration(hosts: &[Host]) -> String {
    let mut lines = vec![
        "cluster_partition_handling = pause_minority".to_owned(),
        "net_ticktime = 8".to_owned(),
        "cluster_formation.peer_discovery_backend = classic_config".to_owned(),
    ];
    lines.extend(hosts.iter().enumerate().map(|(number, host)| {
        format!("cluster_formation.classic_config.nodes.{} = {}", number + 1, node_name(host))
    }));
    lines.join("\n") + "\n"
}
