//! The whole system on servers of its own: one API, two workers, two schedulers and the payment emulator, each a
//! process, joined by relays.

use std::fmt;
use std::path::Path;
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
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Server, Servers, Surroundings, target_directory};
use sqlx::PgPool;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::network::Link;
use crate::schedule::Machine;

const PREFIX: &str = "faults";
const READY_PATIENCE: Duration = Duration::from_secs(60);
const READY_INTERVAL: Duration = Duration::from_millis(100);
/// The provider's first retry; each later one waits twice as long.
const WEBHOOK_RETRY_MILLISECONDS: &str = "200";

/// All that were ever sent are audited, and a long run lasts years.
const KEEP_PROVIDER_EVENTS_DAYS: &str = "36500";

/// The usual limit is the real provider's.
const EMULATOR_REQUESTS_PER_SECOND: &str = "1000";

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
    /// As buyers and banks reach it, whose network is not under test.
    pub emulator: Client,
    processes: Vec<(Machine, ServiceProcess)>,
    relays: Vec<(Link, Relay)>,
    servers: Servers,
}

impl System {
    /// Starts it all and waits until it works.
    pub async fn start(program: &Path, reversals: Reversals) -> Result<Self> {
        let watchdog = Arc::new(Watchdog::start()?);
        let directory = target_directory().join("faults").join(format!("run-{}", std::process::id()));
        watchdog.guard_path(&directory);
        let servers = start_servers(&directory, &watchdog)?;
        let settings = Settings::on_free_ports(&servers, PREFIX)?;
        let pool = migrated(&settings).await?;
        let mut relays = Vec::new();
        for link in Link::ALL {
            relays.push((link, Relay::open(target(link, &settings)?).await?));
        }
        let network = Network { relays: &relays, settings: &settings, reversals };
        let mut processes = Vec::new();
        for machine in Machine::ALL {
            let Some(service) = service(machine) else { continue };
            let log = directory.join("logs").join(format!("{}-{}.log", service.name(), processes.len()));
            let mut variables = settings.variables(service);
            // Several of a kind cannot share one port for metrics.
            variables.retain(|(name, _)| *name != "METRICS_ADDR");
            let mut process = ServiceProcess::new(service, program, variables, log, Arc::clone(&watchdog))
                .with_arguments(&settings.arguments(service));
            for (name, value) in network.variables(service)? {
                process = process.with_variable(name, &value);
            }
            processes.push((machine, process));
        }
        let api = Client::new(network.url(Link::ClientsToApi, &settings.api_url())?)?;
        let emulator = Client::new(settings.emulator_url())?;
        let since = OffsetDateTime::now_utc() - time::Duration::minutes(1);
        let system = Self { since, settings, pool, api, emulator, processes, relays, servers };
        for (_, process) in &system.processes {
            process.start()?;
        }
        system.wait_until_ready().await?;
        system.settle_queues()?;
        system.wait_until_ready().await?;
        Ok(system)
    }

    /// The process of a machine that is none of the servers.
    pub fn process(&self, machine: Machine) -> Option<&ServiceProcess> {
        self.processes.iter().find(|(known, _)| *known == machine).map(|(_, process)| process)
    }

    /// The server of a machine that is one.
    pub fn server(&self, machine: Machine) -> Option<&Server> {
        match machine {
            Machine::Postgres => Some(self.servers.postgres()),
            Machine::RabbitMq => Some(self.servers.rabbitmq()),
            _ => None,
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
        self.api.get("/readyz").require(200).await?;
        let queues = self.queues().await?;
        let consumed = queues.require_consumers(&Role::ALL).await;
        queues.close().await;
        consumed
    }

    /// Restarts the broker in order once: it keeps the names of new queues in memory for minutes, and a kill before
    /// that would lose them, as ARCHITECTURE.md says.
    fn settle_queues(&self) -> Result<()> {
        let broker = self.servers.rabbitmq();
        tokio::task::block_in_place(|| broker.stop_fast().and_then(|()| broker.start()))
    }
}

fn start_servers(directory: &Path, watchdog: &Arc<Watchdog>) -> Result<Servers> {
    let surroundings = Surroundings {
        watchdog: Arc::clone(watchdog),
        progress: Progress::new(Sink::Error),
        cancelled: CancellationToken::new(),
    };
    // What is killed must find its data again.
    let options = Options::private(directory.to_path_buf(), Durability::Durable);
    tokio::task::block_in_place(|| Servers::start(options, &surroundings))
}

async fn migrated(settings: &Settings) -> Result<PgPool> {
    let pool = database::pool(&settings.connections(4)?)?;
    catalog::migrate_and_stock(&pool).await?;
    Ok(pool)
}

fn service(machine: Machine) -> Option<Service> {
    match machine {
        Machine::Api => Some(Service::Api),
        Machine::Worker(_) => Some(Service::Worker),
        Machine::Scheduler(_) => Some(Service::Scheduler),
        Machine::Emulator => Some(Service::Emulator),
        Machine::Postgres | Machine::RabbitMq => None,
    }
}

/// The port that a link leads to.
fn target(link: Link, settings: &Settings) -> Result<u16> {
    let addresses = &settings.addresses;
    let port = |url: &str| Url::parse(url)?.port().context("an address without a port");
    match link {
        Link::ClientsToApi | Link::ProviderToApi => Ok(addresses.api_port),
        Link::ApiToPostgres | Link::WorkerToPostgres | Link::SchedulerToPostgres => {
            port(&addresses.database_url)
        }
        Link::ApiToRabbitMq | Link::WorkerToRabbitMq | Link::SchedulerToRabbitMq => port(&addresses.amqp_url),
        Link::WorkerToProvider => Ok(addresses.emulator_port),
    }
}

/// The relays, and the settings that lead each process through them.
struct Network<'a> {
    relays: &'a [(Link, Relay)],
    settings: &'a Settings,
    reversals: Reversals,
}

impl Network<'_> {
    /// An address with the port of a link's relay.
    fn url(&self, link: Link, address: &str) -> Result<String> {
        let relay = self.relays.iter().find(|(known, _)| *known == link).context("a link without a relay")?;
        let mut url = Url::parse(address)?;
        url.set_port(Some(relay.1.port())).ok().context("an address without a port")?;
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    fn variables(&self, service: Service) -> Result<Vec<(&'static str, String)>> {
        let (settings, addresses) = (self.settings, &self.settings.addresses);
        let servers = |postgres, rabbitmq| -> Result<Vec<(&'static str, String)>> {
            Ok(vec![
                ("DATABASE_URL", self.url(postgres, &addresses.database_url)?),
                ("AMQP_URL", self.url(rabbitmq, &addresses.amqp_url)?),
            ])
        };
        match service {
            Service::Api => servers(Link::ApiToPostgres, Link::ApiToRabbitMq),
            Service::Scheduler => {
                let mut variables = servers(Link::SchedulerToPostgres, Link::SchedulerToRabbitMq)?;
                variables.push(("KEEP_PROVIDER_EVENTS_DAYS", KEEP_PROVIDER_EVENTS_DAYS.to_owned()));
                Ok(variables)
            }
            Service::Worker => {
                let mut variables = servers(Link::WorkerToPostgres, Link::WorkerToRabbitMq)?;
                let stripe = self.url(Link::WorkerToProvider, &settings.emulator_url())?;
                let creem = self.url(Link::WorkerToProvider, &settings.creem_api_base())?;
                variables.extend([("STRIPE_API_BASE", stripe), ("CREEM_API_BASE", creem)]);
                variables.push(("STRIPE_REQUESTS_PER_SECOND", EMULATOR_REQUESTS_PER_SECOND.to_owned()));
                variables.push(("REVERSALS", self.reversals.to_string()));
                Ok(variables)
            }
            Service::Emulator => Ok(vec![
                ("STRIPE_WEBHOOK_URL", self.url(Link::ProviderToApi, &settings.stripe_webhook_url())?),
                ("CREEM_WEBHOOK_URL", self.url(Link::ProviderToApi, &settings.creem_webhook_url())?),
                ("EMULATOR_WEBHOOK_RETRY_MS", WEBHOOK_RETRY_MILLISECONDS.to_owned()),
            ]),
        }
    }
}
