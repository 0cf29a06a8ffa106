//! The servers and processes under measurement, durable as in production, and the CPU time that each has used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use harness::catalog;
use harness::client::Client;
use harness::eventually::{Look, eventually};
use harness::system::{Service, ServiceProcess, Settings};
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Servers, Surroundings, target_directory};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::network::delayed;
use crate::seed::{self, Seeded};

const READY_PATIENCE: Duration = Duration::from_secs(30);
/// What a cloud's network adds, each way.
const CLOUD_DELAY: Duration = Duration::from_micros(500);
/// What a cloud's disk adds to each commit.
const CLOUD_COMMIT: [&str; 2] = ["commit_delay = 2000", "commit_siblings = 0"];

/// Everything that runs.
pub struct Bench {
    pub settings: Settings,
    pub pool: PgPool,
    pub seeded: Seeded,
    servers: Servers,
    processes: Vec<ServiceProcess>,
}

impl Bench {
    /// Starts private servers and the processes; in a cloud, servers far away with slow disks.
    pub async fn start(workers: usize, is_cloud: bool) -> Result<Self> {
        let watchdog = Arc::new(Watchdog::start()?);
        let directory = target_directory().join("bench").join(format!("run-{}", std::process::id()));
        watchdog.guard_path(&directory);
        let surroundings = Surroundings {
            watchdog: Arc::clone(&watchdog),
            progress: Progress::new(Sink::Error),
            cancelled: CancellationToken::new(),
        };
        let options = Options::private(directory.clone(), Durability::Durable);
        let servers = tokio::task::block_in_place(|| Servers::start(options, &surroundings))?;
        tune(&servers, if is_cloud { &CLOUD_COMMIT } else { &[] }).await?;
        let mut settings = Settings::on_free_ports(&servers, "bench")?;
        if is_cloud {
            for url in [&mut settings.addresses.database_url, &mut settings.addresses.amqp_url] {
                *url = far_away(url)?;
            }
        }
        // Planned as the planner likes: here are audits of everything, which the services never make.
        let pool = PgPool::connect(servers.postgres().url()).await?;
        catalog::migrate_and_stock(&pool).await?;
        let mut services = vec![Service::Api];
        services.extend(std::iter::repeat_n(Service::Worker, workers));
        services.push(Service::Scheduler);
        let program = std::env::current_exe()?;
        let mut processes = Vec::new();
        for (index, service) in services.into_iter().enumerate() {
            let log = directory.join("logs").join(format!("{}-{index}.log", service.name()));
            let mut variables = settings.variables(service);
            // Several workers cannot share one port for metrics.
            variables.retain(|(name, _)| *name != "METRICS_ADDR");
            let process = ServiceProcess::new(service, &program, variables, log, Arc::clone(&watchdog));
            process.start()?;
            processes.push(process);
        }
        let bench = Self { settings, pool, seeded: Seeded::default(), servers, processes };
        bench.wait_until_ready().await?;
        Ok(bench)
    }

    async fn wait_until_ready(&self) -> Result<()> {
        let api = Client::new(self.settings.api_url())?;
        eventually("the API is ready", READY_PATIENCE, async || {
            let ended = self.processes.iter().find(|process| process.has_ended().is_some());
            match ended {
                Some(process) => {
                    Look::Never(anyhow!("{} ended:\n{}", process.service().name(), process.log_tail()))
                }
                None => api.get("/readyz").require(200).await.map(drop).into(),
            }
        })
        .await
    }

    pub fn port(&self) -> u16 {
        self.settings.addresses.api_port
    }

    /// Creates the wallets and credentials of a fresh installation.
    pub async fn seed(&mut self) -> Result<()> {
        self.seeded = seed::accounts(&self.pool, "bench", seed::ACTIVE_WALLETS, 0).await?;
        Ok(())
    }

    /// Gives the installation so many wallets more, each with ten rows in the ledger; what is measured from now on is
    /// some of them.
    pub async fn grow(&mut self, wallets: usize) -> Result<()> {
        self.seeded = seed::accounts(&self.pool, "grown", wallets, 9).await?;
        seed::purchases(&self.pool, "grown").await?;
        seed::settle(&self.pool).await
    }

    pub fn processes_of(&self, service: Service) -> impl Iterator<Item = &ServiceProcess> {
        self.processes.iter().filter(move |process| process.service() == service)
    }

    /// The memory of each process, in MB.
    pub fn memory(&self) -> Vec<(&'static str, f64)> {
        let pids =
            self.processes.iter().filter_map(|process| Some((process.service().name(), process.pid()?)));
        pids.map(|(name, pid)| (name, resident(pid))).collect()
    }

    /// CPU seconds used so far, by role; `generator` is this process.
    pub fn cpu(&self) -> BTreeMap<&'static str, f64> {
        let mut used = BTreeMap::from([("generator", tree_cpu(std::process::id(), false))]);
        for process in &self.processes {
            if let Some(pid) = process.pid() {
                *used.entry(process.service().name()).or_default() += tree_cpu(pid, true);
            }
        }
        for (name, server) in [("postgres", self.servers.postgres()), ("rabbitmq", self.servers.rabbitmq())] {
            if let Some(pid) = server.pid() {
                used.insert(name, tree_cpu(pid, true));
            }
        }
        used
    }
}

/// Gives the database the memory and the log that a server of its own would have: the defaults are for machines of long
/// ago, and would have it write checkpoints all the time.
async fn tune(servers: &Servers, more: &[&str]) -> Result<()> {
    let mut connection = PgConnection::connect(servers.postgres().url()).await?;
    let usual = ["shared_buffers = '1GB'", "max_wal_size = '8GB'", "checkpoint_timeout = '15min'"];
    for setting in usual.iter().chain(more) {
        let statement = format!("alter system set {setting}");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await?;
    tokio::task::block_in_place(|| {
        servers.postgres().stop_fast()?;
        servers.postgres().start()
    })
}

/// The address of the same server behind a network that takes its time.
fn far_away(address: &str) -> Result<String> {
    let mut url = Url::parse(address)?;
    let port = url.port().context("a server without a port")?;
    url.set_port(Some(delayed(port, CLOUD_DELAY)?)).map_err(|()| anyhow!("a server without a port"))?;
    Ok(url.into())
}

/// The memory that a process takes, in MB.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    kilobytes.trim().trim_end_matches(" kB").parse().map_or(0.0, |kilobytes: f64| kilobytes / 1024.0)
}

/// The CPU seconds of a process and, if asked for, of those below it.
fn tree_cpu(pid: u32, with_children: bool) -> f64 {
    let mut ticks = 0_u64;
    let mut wanted = vec![pid];
    let parents = if with_children { parents() } else { Vec::new() };
    while let Some(pid) = wanted.pop() {
        ticks += stat(pid).map_or(0, |(_, used)| used);
        wanted.extend(parents.iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| *child));
    }
    // The kernel counts in hundredths of a second on every machine in use.
    ticks as f64 / 100.0
}

fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.0)))
        .collect()
}

/// The parent of a process and its ticks: own ones, and those of children that have ended.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((u32::try_from(field(1)?).ok()?, field(11)? + field(12)? + field(13)? + field(14)?))
}
