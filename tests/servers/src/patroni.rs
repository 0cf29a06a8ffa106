//! A private PostgreSQL cluster: a primary and its standbys under Patroni, one of them synchronous, each on a host of
//! its own, with etcd as the store that they agree in. When the primary goes away, Patroni promotes the synchronous
//! standby; when it comes back, Patroni makes it a standby.

use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::directory::{Owner, create_data_directory, kept_directory};
use super::discovery::{find_in_path, find_postgres};
use super::hosts::Host;
use super::ports::free_ports;
use super::server::{Engine, Recipe, Server, Surroundings};
use super::{http, python, random_password, target_directory};

const NAME: &str = "a PostgreSQL under Patroni";
/// What keeps the cluster, as reports say it.
pub const VERSION: &str = "Patroni 4.1.5";
const PACKAGES: [&str; 2] = ["patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9"];
/// The least that Patroni takes: so long a primary that is gone keeps its office.
pub const TTL: Duration = Duration::from_secs(20);
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// A switchover waits for the former primary to end.
const SWITCHOVER_PATIENCE: Duration = Duration::from_secs(60);
const WHOLE_PATIENCE: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What a member of the cluster does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Office {
    /// It takes writes.
    Primary,
    /// Commits wait for it.
    SynchronousStandby,
    /// It follows the primary.
    Standby,
}

/// A cluster. Its members are stopped when dropped.
pub struct PatroniCluster {
    members: Vec<Member>,
    password: String,
}

struct Member {
    name: String,
    host: Host,
    server: Server,
    postgres: SocketAddrV4,
    rest: SocketAddrV4,
}

/// What all members share.
struct Plan<'a> {
    programs: PathBuf,
    python: PathBuf,
    owner: Option<Owner>,
    password: String,
    store: SocketAddrV4,
    ports: [u16; 2],
    directory: &'a Path,
    surroundings: &'a Surroundings,
}

impl PatroniCluster {
    /// Starts a member on each host, and waits until there is a primary with its standbys.
    pub fn start(
        directory: &Path,
        hosts: &[Host],
        store: SocketAddrV4,
        surroundings: &Surroundings,
    ) -> Result<Self> {
        let programs = find_postgres().context("no program of PostgreSQL was found")?;
        // A folder of links to a few of them is not enough.
        let programs = programs.join("postgres").canonicalize()?.with_file_name("");
        let owner = Owner::for_postgres()?;
        let python = installed(owner, surroundings)?;
        let (password, ports) = (random_password(), free_ports()?);
        let plan = Plan { programs, python, owner, password, store, ports, directory, surroundings };
        surroundings.progress.say(format!("starting PostgreSQL under Patroni ({})", plan.programs.display()));
        // One after the other: the first becomes the primary that the others copy.
        let members: Result<Vec<Member>> =
            (1..).zip(hosts).map(|(number, host)| plan.start(format!("db{number}"), host)).collect();
        let cluster = Self { members: members?, password: plan.password };
        cluster.wait_until_whole()?;
        surroundings.progress.say("PostgreSQL under Patroni has a primary and its standbys");
        Ok(cluster)
    }

    /// An address that names all members.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.members.iter().map(|member| member.postgres.to_string()).collect();
        format!("postgres://postgres:{}@{}/postgres", self.password, hosts.join(","))
    }

    /// Where each member takes connections, and where it says what it is.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddrV4, SocketAddrV4)> {
        self.members.iter().map(|member| (member.postgres, member.rest))
    }

    /// The servers.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.members.iter().map(|member| &member.server)
    }

    /// The member that has this office, by its number.
    pub fn holder(&self, office: Office) -> Result<usize> {
        let offices = self.offices()?;
        let at = offices.iter().position(|(_, has)| *has == office);
        let name = at.and_then(|at| offices.get(at)).map(|(name, _)| name.as_str());
        let member = self.members.iter().position(|member| Some(member.name.as_str()) == name);
        member.with_context(|| format!("no member is {office:?}: {offices:?}"))
    }

    /// A member's server and host.
    pub fn member(&self, number: usize) -> Result<(&Server, &Host)> {
        let member = self.members.get(number).context("no such member")?;
        Ok((&member.server, &member.host))
    }

    /// Makes the synchronous standby the primary, as before maintenance.
    pub fn switch_over(&self) -> Result<()> {
        let (from, to) = (self.holder(Office::Primary)?, self.holder(Office::SynchronousStandby)?);
        let name = |number: usize| self.members.get(number).map(|member| member.name.as_str());
        let body = json!({"leader": name(from), "candidate": name(to)}).to_string();
        let rest = self.members.get(from).context("no such member")?.rest;
        let (status, text) = http::request("POST", rest, "/switchover", &body, SWITCHOVER_PATIENCE)?;
        ensure!(status == 200, "the switchover is refused ({status}): {text}");
        Ok(())
    }

    /// Waits until there is another primary than this member.
    pub fn wait_for_successor(&self, former: usize) -> Result<()> {
        eventually("no other member became the primary", || {
            ensure!(self.holder(Office::Primary)? != former, "the former primary is the primary");
            Ok(())
        })
    }

    /// Waits until there is a primary, and each other member follows it, one of them synchronously.
    pub fn wait_until_whole(&self) -> Result<()> {
        eventually("the PostgreSQL cluster does not become whole", || {
            let offices = self.offices()?;
            let is_held = |office| offices.iter().any(|(_, has)| *has == office);
            let is_whole = is_held(Office::Primary) && is_held(Office::SynchronousStandby);
            ensure!(is_whole && offices.len() == self.members.len(), "{offices:?}");
            Ok(())
        })
    }

    /// The office of each member that runs, as the first member says that knows of all.
    fn offices(&self) -> Result<Vec<(String, Office)>> {
        let mut failure = anyhow!("there is no member");
        for member in &self.members {
            // One that is frozen takes connections, and holds nobody up for long.
            match http::request("GET", member.rest, "/cluster", "", Duration::from_secs(1)) {
                Ok((_, body)) if has_leader(&body) => return offices(&body),
                Ok((_, body)) => failure = anyhow!("there is no leader: {body}"),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

fn has_leader(body: &str) -> bool {
    offices(body).is_ok_and(|offices| offices.iter().any(|(_, office)| *office == Office::Primary))
}

fn offices(body: &str) -> Result<Vec<(String, Office)>> {
    let cluster: Value = serde_json::from_str(body).context("not a description of a cluster")?;
    let members = cluster["members"].as_array().context("a cluster without members")?;
    let office = |member: &Value| {
        let (name, state) = (member["name"].as_str()?, member["state"].as_str()?);
        let office = match (member["role"].as_str()?, state) {
            ("leader", "running") => Office::Primary,
            ("sync_standby", "streaming") => Office::SynchronousStandby,
            ("replica", "streaming") => Office::Standby,
            _ => return None,
        };
        Some((name.to_owned(), office))
    };
    Ok(members.iter().filter_map(office).collect())
}

impl Plan<'_> {
    fn start(&self, name: String, host: &Host) -> Result<Member> {
        let watchdog = &self.surroundings.watchdog;
        let folder = create_data_directory(&self.directory.join(&name), self.owner, watchdog)?;
        watchdog.guard_folder(&folder);
        let [postgres, rest] = self.ports.map(|port| SocketAddrV4::new(host.address, port));
        let configuration = folder.join("patroni.json");
        fs::write(&configuration, self.configuration(&name, &folder, postgres, rest).to_string())?;
        let log = self.directory.join("logs").join(format!("{name}.log"));
        let (python, owner, there, at) = (self.python.clone(), self.owner, host.clone(), folder.clone());
        let command = move || {
            let mut command = there.command(&python, owner);
            command.args(["-m", "patroni"]).arg(&configuration).current_dir(&at);
            command
        };
        let recipe =
            Recipe { command: Box::new(command), log, stop_signal: Signal::SIGTERM, folder: Some(folder) };
        let ready = Box::new(move || {
            let (status, body) = http::request("GET", rest, "/health", "", ANSWER_PATIENCE)?;
            ensure!(status == 200, "PostgreSQL does not run: {body}");
            Ok(())
        });
        let url = format!("postgres://postgres:{}@{postgres}/postgres", self.password);
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, self.surroundings.clone());
        server.start()?;
        Ok(Member { name, host: host.clone(), server, postgres, rest })
    }

    fn configuration(&self, name: &str, folder: &Path, postgres: SocketAddrV4, rest: SocketAddrV4) -> Value {
        let (postgres, rest) = (postgres.to_string(), rest.to_string());
        let user = |name: &str| json!({"username": name, "password": self.password});
        json!({
            "scope": "purser", "name": name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": self.store.to_string()},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL.as_secs(), "loop_wait": 2, "retry_timeout": 3, "synchronous_mode": true,
                    "postgresql": {"use_pg_rewind": true, "parameters": parameters()},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": postgres, "connect_address": postgres, "bin_dir": self.programs,
                "data_dir": folder.join("data"), "pgpass": folder.join("pgpass"),
                "authentication": {
                    "superuser": user("postgres"), "replication": user("replicator"), "rewind": user("rewinder"),
                },
                "parameters": {"unix_socket_directories": "", "dynamic_shared_memory_type": "mmap"},
                // As for a lone server: passwords in the clear cost each client least.
                "pg_hba": ["host all all all password", "host replication replicator all password"],
            },
        })
    }
}

/// What an operator sets for failover: a standby that hangs holds commits up for no longer than ten seconds.
fn parameters() -> Value {
    json!({
        "max_connections": 300, "wal_keep_size": "256MB",
        "wal_sender_timeout": "10s", "wal_receiver_timeout": "10s", "tcp_user_timeout": "10s",
    })
}

/// A Python with Patroni that `owner` may run. One of a version manager lies in a home that others may not enter, and
/// so may the checkout: then Patroni is installed for this run alone.
fn installed(owner: Option<Owner>, surroundings: &Surroundings) -> Result<PathBuf> {
    let of_the_system = Some(PathBuf::from("/usr/bin/python3")).filter(|found| found.exists());
    let python = of_the_system.filter(|_| owner.is_some()).or_else(|| find_in_path("python3"));
    let python = python.context("Python was not found: install the packages python3 and python3-venv")?;
    let folder = kept_directory(&target_directory().join("patroni"), owner, &surroundings.watchdog)?;
    Ok(python::installed_for(&python, &PACKAGES, &folder)?.join("python"))
}

fn eventually(what: &str, look: impl Fn() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    while let Err(error) = look() {
        if started.elapsed() > WHOLE_PATIENCE {
            return Err(error.context(what.to_owned()));
        }
        thread::sleep(LOOK_INTERVAL);
    }
    Ok(())
}
