//! A private etcd: one node that holds what the members of a PostgreSQL cluster agree on. It is under no fault: of a
//! store that is away nothing could be learned but that the primary gives up.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::directory::create_data_directory;
use super::ports::free_ports;
use super::server::{Engine, Recipe, Server, Surroundings};
use super::{http, retry_port, tool};

const NAME: &str = "etcd";
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// Starts a new one that listens on `address`.
pub fn start(
    directory: &Path,
    address: Ipv4Addr,
    surroundings: &Surroundings,
) -> Result<(Server, SocketAddrV4)> {
    let program = tool("etcd", "etcd-server", surroundings)?;
    surroundings.progress.say(format!("starting etcd ({})", program.display()));
    let folder = create_data_directory(&directory.join("etcd"), None, &surroundings.watchdog)?;
    let mut found = SocketAddrV4::new(address, 0);
    let server = retry_port(|| {
        let [clients, peers] = free_ports()?;
        found = SocketAddrV4::new(address, clients);
        let (client_url, peer_url) = (format!("http://{found}"), format!("http://{address}:{peers}"));
        let (program, data) = (program.clone(), folder.clone());
        let command = move || {
            let mut command = Command::new(&program);
            command
                .env_clear()
                .current_dir(&data)
                .args(["--name", "one", "--data-dir"])
                .arg(data.join("data"));
            command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
            command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
            command.args(["--initial-cluster", &format!("one={peer_url}"), "--initial-cluster-state", "new"]);
            command
        };
        let log = directory.join("logs").join("etcd.log");
        let recipe = Recipe { command: Box::new(command), log, stop_signal: Signal::SIGTERM, folder: None };
        let ready = Box::new(move || {
            let (status, body) = http::request("GET", found, "/health", "", ANSWER_PATIENCE)?;
            ensure!(status == 200, "etcd is not well: {body}");
            Ok(())
        });
        let engine = Engine::Process(recipe);
        let server = Server::new(NAME, format!("http://{found}"), engine, ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })?;
    Ok((server, found))
}
