//! A private RabbitMQ: a node of its own on loopback, without the `epmd` daemon that Erlang otherwise leaves
//! behind, with a random password.

use std::fs;
use std::path::Path;
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

const NAME: &str = "RabbitMQ";
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
    let names_port = answer_no_names()?;
    retry_port(|| {
        let [port, distribution_port] = free_ports()?;
        write_configuration(&directory, port, &password)?;
        let (program, folder) = (program.to_path_buf(), directory.clone());
        let command = move || broker_command(&program, &folder, distribution_port, names_port);
        let log = places.logs.join("rabbitmq.log");
        let recipe = Recipe { command: Box::new(command), log, stop_signal: Signal::SIGTERM };
        let url = url(&password, port);
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
        let url = url(&password, port);
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Container(container), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })
}

fn write_configuration(directory: &Path, port: u16, password: &str) -> Result<()> {
    let configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         loopback_users = none\n\
         default_user = {USER}\n\
         default_pass = {password}\n\
         log.file = false\n\
         log.console = true\n\
         log.console.level = warning\n\
         vm_memory_high_watermark.absolute = 1GB\n\
         disk_free_limit.absolute = 50MB\n"
    );
    fs::write(directory.join("rabbitmq.conf"), configuration)?;
    fs::write(directory.join("enabled_plugins"), "[].\n")?;
    fs::create_dir_all(directory.join("home"))?;
    Ok(())
}

fn broker_command(program: &Path, directory: &Path, distribution_port: u16, names_port: u16) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(directory);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // Erlang keeps its cookie in HOME. The node's name is fixed, as queues remember it.
    command.env("HOME", directory.join("home")).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.env("RABBITMQ_NODENAME", "purser@localhost");
    command.env("RABBITMQ_MNESIA_BASE", directory.join("mnesia"));
    command.env("RABBITMQ_LOG_BASE", directory.join("log")).env("RABBITMQ_LOGS", "-");
    command.env("RABBITMQ_CONFIG_FILE", directory.join("rabbitmq.conf"));
    command.env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
    command.env("RABBITMQ_ENABLED_PLUGINS_FILE", directory.join("enabled_plugins"));
    command.env("RABBITMQ_PID_FILE", directory.join("rabbitmq.pid"));
    command.env("RABBITMQ_DIST_PORT", distribution_port.to_string());
    command.env("ERL_CRASH_DUMP", directory.join("erl_crash.dump"));
    command.env("ERL_EPMD_PORT", names_port.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
    let no_daemon = format!("-start_epmd false -erl_epmd_port {distribution_port}");
    command.env(
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
        format!("-kernel inet_dist_use_interface {{127,0,0,1}} {no_daemon}"),
    );
    // The broker runs Erlang once more before it starts itself, only to have that daemon started.
    command.env("ERL_AFLAGS", "-start_epmd false");
    // The script then becomes the broker, instead of waiting for it as its parent.
    command.env("RUNNING_UNDER_SYSTEMD", "true");
    command
}

fn url(password: &str, port: u16) -> String {
    // The heartbeat makes a frozen broker noticed within seconds.
    format!("amqp://{USER}:{password}@127.0.0.1:{port}/%2f?heartbeat=5")
}

/// An open port is not enough: after a crash the broker listens before its queues are back.
fn ready_check(url: String) -> ReadyCheck {
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
