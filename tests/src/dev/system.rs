//! The whole system as processes beside each other, its start and its end.

use std::env;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use jobs::Role;
use kernel::clock::Clock;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::DropGuard;

use super::arguments::Ports;
use super::directory::DevDirectory;
use super::entrance::{Entrance, Guide};
use super::environment_file::EnvironmentFile;
use super::seed::{self, Credentials};
use super::start_servers;
use crate::catalog;
use crate::client::Client;
use crate::emulator_clock;
use crate::eventually::{Look, eventually};
use crate::queues::Queues;
use crate::system::{Addresses, Secrets, Service, ServiceProcess, Settings};
use servers::ports::{free_ports, is_busy};
use servers::{Servers, Surroundings, postgres};

const API_PORT: u16 = 8080;
const EMULATOR_PORT: u16 = 12111;
const DATABASE: &str = "purser";
const AMQP_PREFIX: &str = "purser";
const START_PATIENCE: Duration = Duration::from_secs(60);
const DEATH_INTERVAL: Duration = Duration::from_millis(250);

/// Servers, processes, and the file that describes them. Stopped from the first field to the last.
pub struct System {
    environment_file: Option<EnvironmentFile>,
    clock_follower: Option<DropGuard>,
    entrance: Option<(String, DropGuard)>,
    services: Vec<ServiceProcess>,
    servers: Servers,
    settings: Settings,
    credentials: Option<Credentials>,
    client: Client,
    directory: DevDirectory,
    surroundings: Surroundings,
}

impl System {
    /// Starts everything and waits until it works.
    pub async fn start(ports: Ports, surroundings: Surroundings) -> Result<Self> {
        let progress = surroundings.progress.clone();
        progress.say("starting Purser: PostgreSQL, RabbitMQ, API, worker, scheduler, payment emulator");
        let (api_port, emulator_port) = choose_ports(ports)?;
        let directory = DevDirectory::take(&surroundings.watchdog)?;
        let servers = start_servers(&directory, surroundings.clone()).await?;
        let database_url = prepare_database(&servers).await?;
        progress.say("the database's schema is up to date");
        let addresses = Addresses {
            api_port,
            emulator_port,
            metrics_ports: free_ports()?,
            database_url,
            amqp_url: servers.rabbitmq().url().to_owned(),
            amqp_prefix: AMQP_PREFIX.to_owned(),
        };
        let settings = Settings { secrets: Secrets::random(), addresses };
        let client = Client::new(settings.api_url())?;
        let mut system = Self {
            environment_file: None,
            clock_follower: None,
            entrance: None,
            services: Vec::new(),
            servers,
            settings,
            credentials: None,
            client,
            directory,
            surroundings,
        };
        let outcome = system.start_services().await;
        if let Err(error) = outcome {
            return Err(system.explain(error));
        }
        Ok(system)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn credentials(&self) -> Result<&Credentials> {
        self.credentials.as_ref().context("the system has not been seeded")
    }

    /// Where the wallet page of the demonstration's user is.
    pub fn wallet_page(&self) -> Result<&str> {
        self.entrance.as_ref().map(|(url, _)| url.as_str()).context("the wallet page has no address")
    }

    /// The file in which other programs find where everything is.
    pub fn environment_file(&self) -> Option<&EnvironmentFile> {
        self.environment_file.as_ref()
    }

    /// Returns as soon as a process or a private server has ended by itself, and says which.
    pub async fn wait_for_death(&self) -> Error {
        loop {
            if let Some(error) = self.find_death() {
                return error;
            }
            tokio::time::sleep(DEATH_INTERVAL).await;
        }
    }

    /// An error together with the death of a process that explains it, and where to read more.
    pub fn explain(&self, error: Error) -> Error {
        let error = match self.find_death() {
            Some(death) => death,
            None => error,
        };
        anyhow!("{error:#}\nThe logs are in {}", self.directory.path().join("logs").display())
    }

    /// Stops everything: who gives work first, who does it next, the servers last. Blocks for some seconds.
    pub fn stop(mut self) {
        self.environment_file = None;
        self.clock_follower = None;
        self.entrance = None;
        for service in &self.services {
            let _had_ended_before = service.sigterm();
        }
    }

    async fn start_services(&mut self) -> Result<()> {
        let progress = self.surroundings.progress.clone();
        let program = env::current_exe().context("cannot find this program's own file")?;
        let entrance = Entrance::bind().await?;
        // In the order in which they are stopped.
        for service in [Service::Api, Service::Worker, Service::Scheduler, Service::Emulator] {
            let mut variables = self.settings.variables(service);
            if service == Service::Api {
                // Which APIs of other systems are served, a developer may choose.
                variables.extend(env::var("DIALECTS").ok().map(|dialects| ("DIALECTS", dialects)));
                variables.push(("DEMONSTRATION_URL", entrance.url().to_owned()));
            }
            let log = self.directory.log(service.name());
            let watchdog = self.surroundings.watchdog.clone();
            let process = ServiceProcess::new(service, &program, variables, log, watchdog)
                .with_arguments(&self.settings.arguments(service));
            process.start()?;
            self.services.push(process);
        }
        progress.say("waiting for the API, the worker, the scheduler and the emulator");
        self.wait_until_ready().await?;
        let emulator = Client::new(self.settings.emulator_url())?;
        let connections = self.settings.connections(1)?;
        self.clock_follower =
            Some(emulator_clock::follow(&connections, Clock::system(), Some(emulator)).await?);
        progress.say(format!("everything runs; the API is at {}", self.settings.api_url()));
        let credentials = seed::create_user(&self.client, &self.settings).await?;
        seed::open_shop(&self.client, &self.settings).await?;
        seed::link_packs(&self.client, &self.settings).await?;
        self.entrance = Some((entrance.url().to_owned(), entrance.open(self.guide(&credentials))));
        let variables = self.environment(&credentials);
        let path = self.directory.path().join("env");
        let watchdog = self.surroundings.watchdog.clone();
        self.environment_file = Some(EnvironmentFile::write(&path, &variables, watchdog)?);
        self.credentials = Some(credentials);
        progress.say(format!("addresses, keys and process ids are in {}", path.display()));
        if self.directory.is_additional() {
            progress.say("target/dev belongs to another system of this checkout that still runs");
        }
        Ok(())
    }

    fn guide(&self, credentials: &Credentials) -> Guide {
        Guide {
            client: self.client.clone(),
            admin_api_key: self.settings.secrets.admin_api_key.clone(),
            user: credentials.user.clone(),
        }
    }

    async fn wait_until_ready(&self) -> Result<()> {
        eventually("the system is ready", START_PATIENCE, async || {
            let ready = self.require_ready().await;
            match self.find_death() {
                _ if ready.is_ok() => Look::Done(()),
                Some(death) => Look::Never(death),
                None if self.surroundings.cancelled.is_cancelled() => {
                    Look::Never(anyhow!("interrupted while starting"))
                }
                None => ready.into(),
            }
        })
        .await
    }

    async fn require_ready(&self) -> Result<()> {
        let emulator = Client::new(self.settings.emulator_url())?;
        emulator.get("/_emulator/events").require(200).await.context("the emulator is not ready")?;
        self.client.get("/readyz").require(200).await.context("the API is not ready")?;
        let addresses = &self.settings.addresses;
        let queues = Queues::connect(&addresses.amqp_url, &addresses.amqp_prefix).await?;
        let ready = queues.require_consumers(&Role::ALL).await;
        queues.close().await;
        ready.context("the worker is not ready")
    }

    fn find_death(&self) -> Option<Error> {
        for service in &self.services {
            if let Some(status) = service.has_ended() {
                let name = service.service().name();
                return Some(anyhow!("{name} ended ({status}). Its last lines:\n{}", service.log_tail()));
            }
        }
        for (name, server) in [("PostgreSQL", self.servers.postgres()), ("RabbitMQ", self.servers.rabbitmq())]
        {
            if server.has_died() {
                return Some(anyhow!("{name} ended. Its last lines:\n{}", server.log_tail()));
            }
        }
        None
    }

    fn environment(&self, credentials: &Credentials) -> Vec<(&'static str, String)> {
        let secrets = &self.settings.secrets;
        let (issuer, audience) = self.settings.jwt_issuer_and_audience();
        let mut variables = vec![
            ("API_URL", self.settings.api_url()),
            // What clients look for. The key may do everything.
            ("PURSER_URL", self.settings.api_url()),
            ("PURSER_API_KEY", secrets.admin_api_key.clone()),
            ("STRIPE_EMULATOR_URL", self.settings.emulator_url()),
            ("DATABASE_URL", self.settings.addresses.database_url.clone()),
            ("AMQP_URL", self.settings.addresses.amqp_url.clone()),
            ("ADMIN_API_KEY", secrets.admin_api_key.clone()),
            ("STRIPE_SECRET_KEY", secrets.stripe_secret_key.clone()),
            ("STRIPE_WEBHOOK_SECRET", secrets.stripe_webhook_secret.clone()),
            ("CREEM_API_KEY", secrets.creem_api_key.clone()),
            ("CREEM_WEBHOOK_SECRET", secrets.creem_webhook_secret.clone()),
            ("REVENUECAT_WEBHOOK_AUTH", secrets.revenuecat_webhook_auth.clone()),
            ("JWT_HS256_SECRET", secrets.jwt_hs256_secret.clone()),
            ("JWT_ISSUER", issuer.to_owned()),
            ("JWT_AUDIENCE", audience.to_owned()),
            ("DEMO_USER_ID", credentials.user.clone()),
            ("DEMO_API_KEY", credentials.api_key.clone()),
            ("DEMO_SESSION_TOKEN", credentials.session_token.clone()),
            ("DEMO_JWT", credentials.jwt.clone()),
            ("DEMO_OPERATOR_ID", credentials.operator.clone()),
        ];
        let mut push = |name, pid: Option<u32>| variables.extend(pid.map(|pid| (name, pid.to_string())));
        for service in &self.services {
            let name = match service.service() {
                Service::Api => "API_PID",
                Service::Worker => "WORKER_PID",
                Service::Scheduler => "SCHEDULER_PID",
                Service::Emulator => "EMULATOR_PID",
            };
            push(name, service.pid());
        }
        push("POSTGRES_PID", self.servers.postgres().pid());
        push("RABBITMQ_PID", self.servers.rabbitmq().pid());
        variables
    }
}

fn choose_ports(ports: Ports) -> Result<(u16, u16)> {
    if ports == Ports::Auto {
        let [api, emulator] = free_ports()?;
        return Ok((api, emulator));
    }
    for port in [API_PORT, EMULATOR_PORT] {
        if is_busy(port) {
            let address = Ipv4Addr::LOCALHOST;
            bail!(
                "port {port} on {address} is in use by another program: \
                 stop that, or use free ports with `cargo dev -- --ports auto`"
            );
        }
    }
    Ok((API_PORT, EMULATOR_PORT))
}

/// The database's URL, with the schema up to date. On a server of our own it is a new database.
async fn prepare_database(servers: &Servers) -> Result<String> {
    let server = servers.postgres();
    let url = if server.is_external() {
        server.url().to_owned()
    } else {
        postgres::create_database(server.url(), DATABASE, None).await?
    };
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.context("cannot connect")?;
    catalog::migrate_and_stock(&pool).await?;
    pool.close().await;
    Ok(url)
}
