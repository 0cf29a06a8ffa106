//! A private RabbitMQ: a node of its own on loopback, without the `epmd` daemon that Erlang otherwise leaves
//! behind, with a random password.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::{Connection, ConnectionProperties};
use nix::sys::signal::Signal;

use super::container::{Container, Image};
use super::directory::create_data_directory;
use super::node_names::answer_no_names;
use super::ports::free_ports;
use super::server::{Engine, ReadyCheck, Recipe, Server, Surroundings};
use super::{Places, block_on, random_password, retry_port};

pub(super) const NAME: &str = "RabbitMQ";
const IMAGE: &str = "rabbitmq:4";
const PORT_IN_CONTAINER: u16 = 5672;
const USER: &str = "purser";
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const CLOSED_BY_US: u16 = 200;

/// A broker that runs already, as `AMQP_URL` names it.
pub fn external(url: String, surroundings: Surroundings) -> Result<Server> {
    let server = Server::new(NAME, url.clone(), Engine::External, ready_check(url), surroundings);
    server.start().context("AMQP_URL names a broker that does not answer")?;
    Ok(server)
}

/// Starts a new node with the program `rabbitmq-server`.
pub fn start_installed(program: &Path, places: &Places, surroundings: &Surroundings) -> Result<Server> {
    let directory = create_data_directory(&places.rabbitmq, None, &surroundings.watchdog)?;
    let password = random_password();
    let names_port = answer_no_names(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    retry_port(|| {
        let [port, distribution_port] = free_ports()?;
        let node = Node {
            program: program.to_path_buf(),
            folder: directory.clone(),
            // It is fixed, as queues remember it.
            name: "purser@localhost".to_owned(),
            address: Ipv4Addr::LOCALHOST,
            ports: Ports { port, distribution_port, names_port },
            is_one_of_several: false,
        };
        node.write_configuration(&password, "")?;
        let log = places.logs.join("rabbitmq.log");
        let command = Box::new(move || node.command(Command::new(&node.program)));
        let recipe = Recipe { command, log, stop_signal: Signal::SIGTERM, folder: None };
        let url = url(&password, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })
}

/// Starts a new node in a container.
pub fn start_container(surroundings: &Surroundings) -> Result<Server> {
    let password = random_password();
    retry_port(|| {
        let [port] = free_ports()?;
        let image = Image {
            name: IMAGE,
            ports: (PORT_IN_CONTAINER, port),
            environment: &[("RABBITMQ_DEFAULT_USER", USER), ("RABBITMQ_DEFAULT_PASS", password.as_str())],
            arguments: &[],
        };
        let watchdog = surroundings.watchdog.clone();
        let container = Container::create("rabbitmq", &image, watchdog)?;
        let url = url(&password, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Container(container), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })
}

/// Where a node listens: to clients, to other nodes, and where it asks for their names.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub port: u16,
    pub distribution_port: u16,
    pub names_port: u16,
}

/// A node that is a process of ours.
pub(super) struct Node {
    pub program: PathBuf,
    pub folder: PathBuf,
    pub name: String,
    pub address: Ipv4Addr,
    pub ports: Ports,
    pub is_one_of_several: bool,
}

impl Node {
    pub(super) fn write_configuration(&self, password: &str, more: &str) -> Result<()> {
        let configuration = format!(
            "listeners.tcp.1 = {}:{}\n\
             loopback_users = none\n\
             default_user = {USER}\n\
             default_pass = {password}\n\
             log.file = false\n\
             log.console = true\n\
             log.console.level = warning\n\
             vm_memory_high_watermark.absolute = 1GB\n\
             disk_free_limit.absolute = 50MB\n{more}",
            self.address, self.ports.port
        );
        fs::write(self.folder.join("rabbitmq.conf"), configuration)?;
        fs::write(self.folder.join("enabled_plugins"), "[].\n")?;
        fs::create_dir_all(self.folder.join("home"))?;
        Ok(())
    }

    /// Completes a command that runs the program.
    pub(super) fn command(&self, mut command: Command) -> Command {
        let Ports { distribution_port, names_port, .. } = self.ports;
        let folder = &self.folder;
        command.env_clear().current_dir(folder);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // Erlang keeps its cookie in HOME.
        command.env("HOME", folder.join("home")).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.env("RABBITMQ_NODENAME", &self.name);
        if self.is_one_of_several {
            // Their hosts have addresses only.
            command.env("RABBITMQ_USE_LONGNAME", "true");
        }
        command.env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"));
        command.env("RABBITMQ_LOG_BASE", folder.join("log")).env("RABBITMQ_LOGS", "-");
        command.env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"));
        command.env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        command.env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"));
        command.env("RABBITMQ_PID_FILE", folder.join("rabbitmq.pid"));
        command.env("RABBITMQ_DIST_PORT", distribution_port.to_string());
        command.env("ERL_CRASH_DUMP", folder.join("erl_crash.dump"));
        command.env("ERL_EPMD_PORT", names_port.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        let interface = self.address.octets().map(|byte| byte.to_string()).join(",");
        let no_daemon = format!("-start_epmd false -erl_epmd_port {distribution_port}");
        // Idle threads do not spin where several nodes share few cores.
        let idle = if self.is_one_of_several { "+sbwt none +sbwtdcpu none +sbwtdio none" } else { "" };
        command.env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("-kernel inet_dist_use_interface {{{interface}}} {no_daemon} {idle}"),
        );
        // The broker runs Erlang once more before it starts itself, only to have that daemon started.
        command.env("ERL_AFLAGS", "-start_epmd false");
        // The script then becomes the broker, instead of waiting for it as its parent.
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }
}

pub(super) fn url(password: &str, address: SocketAddrV4) -> String {
    // The heartbeat makes a frozen broker noticed within seconds.
    format!("amqp://{USER}:{password}@{address}/%2f?heartbeat=5")
}

/// An open port is not enough: after a crash the broker listens before its queues are back.
pub(super) fn ready_check(url: String) -> ReadyCheck {
    Box::new(move || {
        block_on(async {
            let ask = async {
                let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
                // Kept until the end: one that is already closing makes the close of the connection fail.
                let _channel = connection.create_channel().await?;
                connection.close(CLOSED_BY_US, "".into()).await
            };
            let answer = tokio::time::timeout(ANSWER_PATIENCE, ask).await;
            answer.context("no answer in time")?.context("the broker refuses a connection")
        })
    })
}
