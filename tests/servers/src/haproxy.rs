//! A private HAProxy in front of a PostgreSQL cluster: one address that leads to whichever member says that it is the
//! primary, for what follows no list of servers, such as PgBouncer.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::patroni::PatroniCluster;
use super::ports::free_ports;
use super::server::{Engine, Recipe, Server, Surroundings};
use super::{postgres, retry_port, tool};

const NAME: &str = "HAProxy";

/// Starts one. Its address is that of the cluster's database by way of it.
pub fn start(directory: &Path, cluster: &PatroniCluster, surroundings: &Surroundings) -> Result<Server> {
    let program = tool("haproxy", "haproxy", surroundings)?;
    surroundings.progress.say(format!("starting HAProxy ({})", program.display()));
    let folder = directory.join("haproxy");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    retry_port(|| {
        let [port] = free_ports()?;
        let configuration = folder.join("haproxy.cfg");
        fs::write(&configuration, configure(port, cluster)?)?;
        let program = program.clone();
        let command = move || {
            let mut command = Command::new(&program);
            command.env_clear().arg("-db").arg("-f").arg(&configuration);
            command
        };
        let log = directory.join("logs").join("haproxy.log");
        let recipe = Recipe { command: Box::new(command), log, stop_signal: Signal::SIGUSR1, folder: None };
        let first = cluster.servers().next().context("a cluster without members")?;
        let url = postgres::with_address(first.url(), SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        let ready = Box::new(move || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop)?));
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })
}

/// As Patroni's documentation has it, but with checks twice a second: a switchover is to be over within few seconds.
fn configure(port: u16, cluster: &PatroniCluster) -> Result<String> {
    let mut text = format!(
        "global\n  maxconn 1000\n\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout check 2s\n  \
         timeout client 1h\n  timeout server 1h\n\nlisten primary\n  bind 127.0.0.1:{port}\n  \
         option httpchk GET /primary\n  http-check expect status 200\n  \
         default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions\n"
    );
    for (number, (address, rest)) in cluster.addresses().enumerate() {
        writeln!(text, "  server db{number} {address} check port {}", rest.port())?;
    }
    Ok(text)
}
