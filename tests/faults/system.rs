//! The whole system on servers of its own, or on a cluster of them: an API or two, two workers, two schedulers and the
//! payment emulator, each a process, joined by relays.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use harness::catalog;
use harness::client::Client;
use harness::eventually::{Look, eventually_every};
use harness::queues::Queues;
use harness::reconciliation::Reconciliation;
use harness::relay::{Relay, Way};
use harness::system::{Service, ServiceProcess, Settings};
use jobs::Role;
use kernel::database;
use servers::cluster::Cluster;
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Server, Servers, Surroundings, ports, target_directory};
use sqlx::PgPool;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::network::Link;
use crate::schedule::{Build, Machine};

const PREFIX: &str = "faults";
const READY_PATIENCE: Duration = Duration::from_secs(60);
const READY_INTERVAL: Duration = Duration::from_millis(100);
/// The provider's first retry; each later one waits twice as long.
const WEBHOOK_RETRY_MILLISECONDS: &str = "200";

/// All that were ever sent are audited, and a long run lasts years.
const KEEP_PROVIDER_EVENTS_DAYS: &str = "36500";

/// The usual limit is the real provider's.
const EMULATOR_REQUESTS_PER_SECOND: &str = "1000";

/// The process whose database is behind PgBouncer, in a system on a cluster.
pub const BEHIND_POOLER: Machine = Machine::Api(1);

/// What happens when credits were spent before their money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reversals {
    /// The wallet owes them.
    Debt,
    /// They are forgiven.
    Clamp,
}

impl fmt::Display for Reversals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Debt => "debt",
            Self::Clamp => "clamp",
        })
    }
}

/// Everything that runs.
pub struct System {
    /// When it was started; the provider counts in whole seconds.
    since: OffsetDateTime,
    pub settings: Settings,
    pub pool: PgPool,
    /// As clients reach it, through the network.
    pub api: Client,
    /// Each of its processes, without a network.
    pub apis: Vec<Client>,
    /// As buyers and banks reach it, whose network is not under test.
    pub emulator: Client,
    processes: Vec<(Machine, ServiceProcess)>,
    relays: Vec<(Link, Relay)>,
    backing: Backing,
    programs: Programs,
    _following: DropGuard,
}

/// The programs that hold all processes.
pub struct Programs {
    pub this: PathBuf,
    /// Of the build that is upgraded from, if that is tried.
    pub before: Option<PathBuf>,
}

impl Programs {
    /// The program that a process is started with. The provider has one build only.
    fn first(&self, service: Service) -> &Path {
        self.before.as_deref().filter(|_| service != Service::Emulator).unwrap_or(&self.this)
    }
}

/// What it runs on.
pub enum Backing {
    Servers(Box<Servers>),
    Cluster(Box<Cluster>),
}

impl System {
    /// Starts it all, as the build before if there is one, and waits until it works.
    pub async fn start(programs: Programs, reversals: Reversals, is_on_cluster: bool) -> Result<Self> {
        let watchdog = Arc::new(Watchdog::start()?);
        let directory = target_directory().join("faults").join(format!("run-{}", std::process::id()));
        watchdog.guard_path(&directory);
        let backing = start_backing(&directory, &watchdog, is_on_cluster)?;
        let settings = match &backing {
            Backing::Servers(servers) => Settings::on_free_ports(servers, PREFIX)?,
            Backing::Cluster(cluster) => {
                Settings::at(cluster.postgres.url(), cluster.rabbitmq.url(), PREFIX)?
            }
        };
        let (pool, following) = migrated(&settings).await?;
        let mut api_ports = vec![settings.addresses.api_port];
        if is_on_cluster {
            api_ports.extend(ports::free_ports::<1>()?);
        }
        let mut relays = Vec::new();
        for link in Link::ALL {
            if let Some(targets) = targets(link, &settings, &backing, &api_ports)? {
                relays.push((link, Relay::open_among(&targets).await?));
            }
        }
        let network = Network {
            relays: &relays,
            settings: &settings,
            reversals,
            backing: &backing,
            api_ports: &api_ports,
        };
        let mut processes = Vec::new();
        let machines = if is_on_cluster { Machine::PROCESSES.as_slice() } else { &Machine::ALL };
        for machine in machines {
            let Some(service) = service(*machine) else { continue };
            let log = directory.join("logs").join(format!("{}-{}.log", service.name(), processes.len()));
            let mut variables = settings.variables(service);
            // Several of a kind cannot share one port for metrics.
            variables.retain(|(name, _)| *name != "METRICS_ADDR");
            let program = programs.first(service);
            let mut process = ServiceProcess::new(service, program, variables, log, Arc::clone(&watchdog))
                .with_arguments(&settings.arguments(service));
            for (name, value) in network.variables(*machine)? {
                process = process.with_variable(name, &value);
            }
            processes.push((*machine, process));
        }
        let api = Client::new(network.url(Link::ClientsToApi, &settings.api_url())?)?;
        let apis = api_ports.iter().map(|port| Client::new(format!("http://127.0.0.1:{port}")));
        let apis = apis.collect::<Result<_>>()?;
        let emulator = Client::new(settings.emulator_url())?;
        let since = OffsetDateTime::now_utc() - time::Duration::minutes(1);
        let system = Self {
            since,
            settings,
            pool,
            api,
            apis,
            emulator,
            processes,
            relays,
            backing,
            programs,
            _following: following,
        };
        for (_, process) in &system.processes {
            process.start()?;
        }
        system.wait_until_ready().await?;
        system.settle_queues()?;
        system.wait_until_ready().await?;
        Ok(system)
    }

    /// The program of a build.
    pub fn program(&self, build: Build) -> Result<&Path> {
        match build {
            Build::This => Ok(&self.programs.this),
            Build::Before => self.programs.before.as_deref().context("there is no build before"),
        }
    }

    /// The process of a machine that is none of the servers.
    pub fn process(&self, machine: Machine) -> Option<&ServiceProcess> {
        self.processes.iter().find(|(known, _)| *known == machine).map(|(_, process)| process)
    }

    /// The server of a machine that is one.
    pub fn server(&self, machine: Machine) -> Option<&Server> {
        match (machine, &self.backing) {
            (Machine::Postgres, Backing::Servers(servers)) => Some(servers.postgres()),
            (Machine::RabbitMq, Backing::Servers(servers)) => Some(servers.rabbitmq()),
            _ => None,
        }
    }

    /// The cluster, if it runs on one.
    pub fn cluster(&self) -> Option<&Cluster> {
        match &self.backing {
            Backing::Servers(_) => None,
            Backing::Cluster(cluster) => Some(cluster),
        }
    }

    /// Changes what the network does on one link.
    pub fn set(&self, link: Link, way: Way) {
        for (_, relay) in self.relays.iter().filter(|(known, _)| *known == link) {
            relay.set(way);
        }
    }

    /// Processes that have ended by themselves, each with the end of its log.
    pub fn crashes(&self) -> Vec<String> {
        let ended = self.processes.iter().filter_map(|(machine, process)| {
            let status = process.has_ended()?;
            Some(format!("{machine} ended by itself ({status}):\n{}", process.log_tail()))
        });
        ended.collect()
    }

    /// A look into the queues.
    pub async fn queues(&self) -> Result<Queues> {
        Queues::connect(&self.settings.addresses.amqp_url, PREFIX).await
    }

    /// Waits until the API is ready and every queue has a consumer.
    pub async fn wait_until_ready(&self) -> Result<()> {
        eventually_every(READY_INTERVAL, "the system is ready", READY_PATIENCE, async || {
            let ready = self.require_ready().await;
            let crashes = self.crashes();
            match ready {
                Err(_) if !crashes.is_empty() => Look::Never(anyhow!(crashes.join("\n"))),
                ready => ready.into(),
            }
        })
        .await
    }

    /// Compares the books of the whole run with the providers, as an operator would. It changes nothing.
    pub async fn reconcile(&self) -> Result<Reconciliation> {
        let from = self.since.format(&Rfc3339)?;
        let variables = self.settings.variables(Service::Worker);
        let variables = variables.iter().map(|(key, value)| (*key, value.as_str()));
        let mut command = Service::Worker.command(&std::env::current_exe()?, variables);
        command.args(["reconcile", "--json", "--from", &from]);
        command.env("STRIPE_REQUESTS_PER_SECOND", EMULATOR_REQUESTS_PER_SECOND);
        let output = tokio::process::Command::from(command).output().await;
        let output = output.context("cannot run the comparison")?;
        let exit_code = output.status.code().context("the comparison was killed")?;
        let text = |bytes| String::from_utf8(bytes).context("the comparison prints no text");
        Reconciliation::read(exit_code, &text(output.stdout)?, &text(output.stderr)?)
    }

    async fn require_ready(&self) -> Result<()> {
        self.emulator.get("/_emulator/faults").require(200).await?;
        for api in self.apis.iter().chain([&self.api]) {
            api.get("/readyz").require(200).await?;
        }
        let queues = self.queues().await?;
        let consumed = queues.require_consumers(&Role::ALL).await;
        queues.close().await;
        consumed
    }

    /// Restarts a lone broker in order once: it keeps the names of new queues in memory for minutes, and a kill before
    /// that would lose them, as ARCHITECTURE.md says. A node of a cluster learns them from the others.
    fn settle_queues(&self) -> Result<()> {
        let Backing::Servers(servers) = &self.backing else { return Ok(()) };
        let broker = servers.rabbitmq();
        tokio::task::block_in_place(|| broker.stop_fast().and_then(|()| broker.start()))
    }
}

fn start_backing(directory: &Path, watchdog: &Arc<Watchdog>, is_cluster: bool) -> Result<Backing> {
    let surroundings = Surroundings {
        watchdog: Arc::clone(watchdog),
        progress: Progress::new(Sink::Error),
        cancelled: CancellationToken::new(),
    };
    tokio::task::block_in_place(|| {
        if is_cluster {
            return Cluster::start(directory, &surroundings)
                .map(|cluster| Backing::Cluster(Box::new(cluster)));
        }
        // What is killed must find its data again.
        let options = Options::private(directory.to_path_buf(), Durability::Durable);
        Servers::start(options, &surroundings).map(|servers| Backing::Servers(Box::new(servers)))
    })
}

/// A pool that follows the primary until the guard is dropped.
async fn migrated(settings: &Settings) -> Result<(PgPool, DropGuard)> {
    let connections = settings.connections(4)?;
    let primary = database::found_primary(&connections).await?;
    let pool = database::pool_of(&primary, &connections)?;
    catalog::migrate_and_stock(&pool).await?;
    // As `--migrate` does where a pooler is in front.
    database::give_settings_to_role(&mut *pool.acquire().await?, &connections).await?;
    let (stop, followed) = (CancellationToken::new(), pool.clone());
    let stopped = stop.clone();
    tokio::spawn(async move { primary.follow(&[followed], stopped).await });
    Ok((pool, stop.drop_guard()))
}

fn service(machine: Machine) -> Option<Service> {
    match machine {
        Machine::Api(_) => Some(Service::Api),
        Machine::Worker(_) => Some(Service::Worker),
        Machine::Scheduler(_) => Some(Service::Scheduler),
        Machine::Emulator => Some(Service::Emulator),
        Machine::Postgres | Machine::RabbitMq | Machine::Member(_) | Machine::Node(_) => None,
    }
}

/// The ports that a link leads to. The hosts of a cluster are cut off themselves.
fn targets(link: Link, settings: &Settings, backing: &Backing, api: &[u16]) -> Result<Option<Vec<u16>>> {
    let addresses = &settings.addresses;
    let url = match link {
        Link::ClientsToApi | Link::ProviderToApi => return Ok(Some(api.to_vec())),
        Link::WorkerToProvider => return Ok(Some(vec![addresses.emulator_port])),
        Link::ApiToPostgres | Link::WorkerToPostgres | Link::SchedulerToPostgres => &addresses.database_url,
        Link::ApiToRabbitMq | Link::WorkerToRabbitMq | Link::SchedulerToRabbitMq => &addresses.amqp_url,
    };
    match backing {
        Backing::Servers(_) => Ok(Some(vec![Url::parse(url)?.port().context("an address without a port")?])),
        Backing::Cluster(_) => Ok(None),
    }
}

/// The relays, and the settings that lead each process through them.
struct Network<'a> {
    relays: &'a [(Link, Relay)],
    settings: &'a Settings,
    reversals: Reversals,
    backing: &'a Backing,
    api_ports: &'a [u16],
}

impl Network<'_> {
    /// An address with the port of a link's relay.
    fn url(&self, link: Link, address: &str) -> Result<String> {
        let relay = self.relays.iter().find(|(known, _)| *known == link).context("a link without a relay")?;
        let mut url = Url::parse(address)?;
        url.set_port(Some(relay.1.port())).ok().context("an address without a port")?;
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Where a process finds the servers.
    fn servers(&self, postgres: Link, rabbitmq: Link) -> Result<Vec<(&'static str, String)>> {
        let addresses = &self.settings.addresses;
        match self.backing {
            Backing::Servers(_) => Ok(vec![
                ("DATABASE_URL", self.url(postgres, &addresses.database_url)?),
                ("AMQP_URL", self.url(rabbitmq, &addresses.amqp_url)?),
            ]),
            // The settings name all of its servers.
            Backing::Cluster(_) => Ok(Vec::new()),
        }
    }

    fn variables(&self, machine: Machine) -> Result<Vec<(&'static str, String)>> {
        let settings = self.settings;
        match machine {
            Machine::Api(number) => {
                let mut variables = self.servers(Link::ApiToPostgres, Link::ApiToRabbitMq)?;
                let port = self.api_ports.get(number).context("an API without a port")?;
                variables.push(("API_ADDR", format!("127.0.0.1:{port}")));
                if let (Backing::Cluster(cluster), BEHIND_POOLER) = (self.backing, machine) {
                    variables.push(("DATABASE_URL", cluster.pooler.url().to_owned()));
                    variables.push(("DATABASE_DIRECT_URL", settings.addresses.database_url.clone()));
                }
                Ok(variables)
            }
            Machine::Scheduler(_) => {
                let mut variables = self.servers(Link::SchedulerToPostgres, Link::SchedulerToRabbitMq)?;
                variables.push(("KEEP_PROVIDER_EVENTS_DAYS", KEEP_PROVIDER_EVENTS_DAYS.to_owned()));
                Ok(variables)
            }
            Machine::Worker(_) => {
                let mut variables = self.servers(Link::WorkerToPostgres, Link::WorkerToRabbitMq)?;
                let stripe = self.url(Link::WorkerToProvider, &settings.emulator_url())?;
                let creem = self.url(Link::WorkerToProvider, &settings.creem_api_base())?;
                variables.extend([("STRIPE_API_BASE", stripe), ("CREEM_API_BASE", creem)]);
                variables.push(("STRIPE_REQUESTS_PER_SECOND", EMULATOR_REQUESTS_PER_SECOND.to_owned()));
                variables.push(("REVERSALS", self.reversals.to_string()));
                Ok(variables)
            }
            Machine::Emulator => Ok(vec![
                ("STRIPE_WEBHOOK_URL", self.url(Link::ProviderToApi, &settings.stripe_webhook_url())?),
                ("CREEM_WEBHOOK_URL", self.url(Link::ProviderToApi, &settings.creem_webhook_url())?),
                ("EMULATOR_WEBHOOK_RETRY_MS", WEBHOOK_RETRY_MILLISECONDS.to_owned()),
            ]),
            Machine::Postgres | Machine::RabbitMq | Machine::Member(_) | Machine::Node(_) => Ok(Vec::new()),
        }
    }
}
