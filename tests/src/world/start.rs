//! Starts the parts of a world, each with its own settings. All that is particular to a part is in this file.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use billing::app_stores::rules::PRODUCTION;
use billing::payments::ReturnUrls;
use billing::reversals::Policy;
use jobs::Role;
use kernel::clock::Clock;
use kernel::config::{Mode, Secret};
use ledger::holds::Above;
use outgoing_webhooks::standard_webhooks::address::Reach;
use servers::ports::free_ports;
use signatures::revenuecat::RevenueCatSecrets;
use tokio::net::TcpListener;

use super::builder::{Placement, WorldBuilder};
use super::part::Part;
use super::{UsedServers, World, database};
use crate::client::Client;
use crate::emulator_clock;
use crate::eventually::{Look, eventually};
use crate::queues::Queues;
use crate::run;
use crate::system::{Addresses, Secrets, Service, ServiceProcess, Settings};

const READY_PATIENCE: Duration = Duration::from_secs(60);
/// Short, so that a test that has the API down does not wait for seconds.
const WEBHOOK_RETRY: Duration = Duration::from_millis(100);
/// Enough for a test, so that many worlds fit on one server.
const RETENTION: scheduler::Retention = scheduler::Retention {
    provider_events: time::Duration::days(90),
    dead_letters: time::Duration::days(90),
};
const DATABASE_CONNECTIONS: u32 = 5;
const CONNECTIONS_MAX: usize = 1_000;
/// Generous: a test that wants the answer 202 takes the worker away.
const CHECKOUT_DEADLINE: Duration = Duration::from_secs(10);
const STRIPE_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// Starts everything and waits until it works.
pub(super) async fn start(builder: WorldBuilder) -> Result<World> {
    let name = format!("purser_test_{}", uuid::Uuid::new_v4().simple());
    let servers = choose_servers(&builder, &name).await?;
    let used = match &servers {
        UsedServers::Shared(servers) => servers,
        UsedServers::Own(servers) => servers.as_ref(),
    };
    let database_url = database::create(used, &name, !builder.has_own_servers).await?;
    let pool = database::connect(&database_url).await?;
    let api_socket = Socket::choose(&builder.api).await?;
    let emulator_socket = Socket::choose(&builder.emulator).await?;
    let settings = Settings {
        secrets: Secrets::random(),
        addresses: Addresses {
            api_port: api_socket.port,
            emulator_port: emulator_socket.port,
            metrics_ports: free_ports()?,
            database_url,
            amqp_url: used.rabbitmq().url().to_owned(),
            amqp_prefix: name,
        },
    };
    let clock = Clock::system();
    let mut world = World {
        api: Client::new(settings.api_url())?,
        emulator: Client::new(settings.emulator_url())?,
        emulator_part: start_emulator(&builder, &settings, emulator_socket)?,
        api_part: start_api(&builder, &settings, api_socket, &clock)?,
        worker_part: start_worker(&builder, &settings, &clock)?,
        scheduler_part: start_scheduler(&builder, &settings, &clock)?,
        settings,
        clock,
        clock_follower: None,
        pool,
        dead_letters_allowed: false,
        servers,
    };
    wait_until_ready(&mut world, builder.roles.as_deref()).await?;
    let emulator = world.emulator_part.is_present().then(|| world.emulator.clone());
    let connections = world.settings.connections(1)?;
    let follower = emulator_clock::follow(&connections, world.clock.clone(), emulator).await?;
    world.clock_follower = Some(follower);
    Ok(world)
}

/// Describes a process of a world, which logs into the folder of the test run.
pub(super) fn describe_process(
    service: Service,
    program: &Path,
    variables: Vec<(&'static str, String)>,
) -> ServiceProcess {
    let random: u32 = rand::random();
    let log = run::directory().join(format!("{}-{random:08x}.log", service.name()));
    ServiceProcess::new(service, program, variables, log, run::watchdog())
}

/// The port of a part. A part in this process is given the listener itself.
struct Socket {
    port: u16,
    listener: Option<TcpListener>,
}

impl Socket {
    async fn choose(placement: &Placement) -> Result<Self> {
        match placement {
            Placement::InProcess => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
                Ok(Self { port: listener.local_addr()?.port(), listener: Some(listener) })
            }
            Placement::Process(_) | Placement::Absent => {
                let [port] = free_ports()?;
                Ok(Self { port, listener: None })
            }
        }
    }
}

async fn choose_servers(builder: &WorldBuilder, name: &str) -> Result<UsedServers> {
    let (is_own, name) = (builder.has_own_servers, name.to_owned());
    let chosen = tokio::task::spawn_blocking(move || {
        if is_own {
            return UsedServers::Own(Box::new(run::private_servers(&name)));
        }
        UsedServers::Shared(run::servers())
    });
    chosen.await.context("starting the servers panicked")
}

fn start_process(
    builder: &WorldBuilder,
    service: Service,
    program: &Path,
    settings: &Settings,
    more: &[(&'static str, &str)],
) -> Result<Part> {
    let mut process = describe_process(service, program, settings.variables(service))
        .with_arguments(&settings.arguments(service));
    if let Some(filter) = &builder.log_filter {
        process = process.with_variable("RUST_LOG", filter);
    }
    for (key, value) in &builder.variables {
        process = process.with_variable(key, value);
    }
    for (key, value) in more {
        process = process.with_variable(key, value);
    }
    process.start()?;
    Ok(Part::Process(Box::new(process)))
}

fn start_api(builder: &WorldBuilder, settings: &Settings, socket: Socket, clock: &Clock) -> Result<Part> {
    match &builder.api {
        Placement::Absent => Ok(Part::Absent("API")),
        Placement::Process(program) => start_process(builder, Service::Api, program, settings, &[]),
        Placement::InProcess => {
            let listener = socket.listener.context("no listener for the API")?;
            let config = api_config(builder, settings, &listener, clock)?;
            Ok(Part::task("API", move |shutdown| api::run(config, listener, shutdown)))
        }
    }
}

fn api_config(
    builder: &WorldBuilder,
    settings: &Settings,
    listener: &TcpListener,
    clock: &Clock,
) -> Result<api::Config> {
    let secrets = &settings.secrets;
    let (issuer, audience) = settings.jwt_issuer_and_audience();
    Ok(api::Config {
        connections: settings.connections(DATABASE_CONNECTIONS)?,
        address: listener.local_addr()?,
        public_url: Some(settings.api_url()),
        admin_api_key: secret(&secrets.admin_api_key)?,
        stripe_webhook_secrets: vec![secret(&secrets.stripe_webhook_secret)?],
        jwt: Some(api::config::JwtConfig {
            secret: Some(secret(&secrets.jwt_hs256_secret)?),
            jwks_url: builder.jwks_url.as_deref().map(str::parse).transpose()?,
            issuer: Some(issuer.to_owned()),
            audience: Some(audience.to_owned()),
            registers_users: builder.registers_users,
        }),
        creem_webhook_secrets: vec![secret(&secrets.creem_webhook_secret)?],
        revenuecat: RevenueCatSecrets {
            authorizations: vec![secret(&secrets.revenuecat_webhook_auth)?],
            signing_secrets: builder
                .revenuecat_signing_secrets
                .iter()
                .map(|text| secret(text))
                .collect::<Result<_>>()?,
        },
        return_url_origins: settings.allowed_origins(),
        allowed_origins: settings.allowed_origins(),
        checkout_deadline: CHECKOUT_DEADLINE,
        mode: mode(builder),
        free_purchases: !builder.is_live,
        several_subscriptions: builder.has_several_subscriptions,
        max_connections: CONNECTIONS_MAX,
        live_connections_max: 20,
        open_orders_max: 100,
        capture_above_hold: builder
            .capture_above_hold
            .map_or(Above::Refuse, |at_most| Above::Debt { at_most }),
        dialects: api::Dialects::all(),
        rate_limits: api::RateLimitConfig {
            per_credential: builder.rate_limits.0,
            per_address: builder.rate_limits.1,
            trusted_proxies: Vec::new(),
        },
        webhook_reach: webhook_reach(builder),
        brand: builder.brand.clone(),
        demonstration_url: None,
        contract_price: billing::catalog::prices::CreditPrice::per_hundred(100),
        auto_recharge: billing::auto_recharge::Defaults {
            threshold: kernel::money::Credits::from_whole(1_000)?,
            amount: kernel::money::Money::new(5_000, kernel::money::Currency::USD),
        },
        clock: clock.clone(),
    })
}

fn start_worker(builder: &WorldBuilder, settings: &Settings, clock: &Clock) -> Result<Part> {
    let roles = builder.roles.clone().unwrap_or_else(|| Role::ALL.to_vec());
    match &builder.worker {
        Placement::Absent => Ok(Part::Absent("worker")),
        Placement::Process(program) => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let verify = if builder.verifies_always { "always" } else { "auto" };
            let reversals = if builder.clamps_reversals { "clamp" } else { "debt" };
            let more = [
                ("WORKER_ROLES", names.join(",")),
                ("VERIFY", verify.to_owned()),
                ("REVERSALS", reversals.to_owned()),
                ("ONE_OFF_INVOICES", builder.has_one_off_invoices.to_string()),
            ];
            let more: Vec<(&'static str, &str)> =
                more.iter().map(|(key, value)| (*key, value.as_str())).collect();
            start_process(builder, Service::Worker, program, settings, &more)
        }
        Placement::InProcess => {
            let config = worker::Config {
                mode: mode(builder),
                connections: settings.connections(DATABASE_CONNECTIONS)?,
                roles,
                stripe_secret_key: secret(&settings.secrets.stripe_secret_key)?,
                stripe_api_base: Some(settings.emulator_url()),
                creem_api_key: Some(secret(&settings.secrets.creem_api_key)?),
                creem_api_base: Some(settings.creem_api_base()),
                revenuecat_environments: vec![PRODUCTION.to_owned()],
                stripe_requests_per_second: STRIPE_REQUESTS_PER_SECOND,
                verify: if builder.verifies_always {
                    worker::config::Verify::Always
                } else {
                    worker::config::Verify::Auto
                },
                recharge_limits: billing::auto_recharge::Limits::default(),
                grant_expiring_days: 7,
                one_off_invoices: builder.has_one_off_invoices,
                reversals: if builder.clamps_reversals { Policy::Clamp } else { Policy::Debt },
                return_urls: ReturnUrls {
                    success: format!("{}/payment_success", settings.api_url()),
                    cancel: format!("{}/payment_cancel", settings.api_url()),
                },
                webhook_reach: webhook_reach(builder),
            };
            let clock = clock.clone();
            Ok(Part::task("worker", move |shutdown| worker::run(config, clock, shutdown)))
        }
    }
}

fn start_scheduler(builder: &WorldBuilder, settings: &Settings, clock: &Clock) -> Result<Part> {
    match &builder.scheduler {
        Placement::Absent => Ok(Part::Absent("scheduler")),
        Placement::Process(program) => start_process(builder, Service::Scheduler, program, settings, &[]),
        Placement::InProcess => {
            let config = scheduler::Config {
                connections: settings.connections(DATABASE_CONNECTIONS)?,
                retention: RETENTION,
                several_subscriptions: builder.has_several_subscriptions,
            };
            let clock = clock.clone();
            Ok(Part::thread("scheduler", move |shutdown| scheduler::run(config, clock, shutdown)))
        }
    }
}

fn start_emulator(builder: &WorldBuilder, settings: &Settings, socket: Socket) -> Result<Part> {
    match &builder.emulator {
        Placement::Absent => Ok(Part::Absent("emulator")),
        Placement::Process(program) => {
            let retry = WEBHOOK_RETRY.as_millis().to_string();
            start_process(
                builder,
                Service::Emulator,
                program,
                settings,
                &[("EMULATOR_WEBHOOK_RETRY_MS", &retry)],
            )
        }
        Placement::InProcess => {
            let listener = socket.listener.context("no listener for the emulator")?;
            let config = emulator::Config {
                webhook_url: Some(settings.stripe_webhook_url()),
                webhook_secret: Some(settings.secrets.stripe_webhook_secret.clone()),
                secret_key: Some(settings.secrets.stripe_secret_key.clone()),
                public_url: None,
                webhook_retry_base: WEBHOOK_RETRY,
                creem_api_key: Some(settings.secrets.creem_api_key.clone()),
                creem_webhook_url: Some(settings.creem_webhook_url()),
                creem_webhook_secret: Some(settings.secrets.creem_webhook_secret.clone()),
                ..emulator::Config::default()
            };
            Ok(Part::task("emulator", move |shutdown| emulator::run(config, listener, shutdown)))
        }
    }
}

fn mode(builder: &WorldBuilder) -> Mode {
    if builder.is_live { Mode::Live } else { Mode::Test }
}

/// The receivers of tests are on this machine.
fn webhook_reach(builder: &WorldBuilder) -> Reach {
    if builder.guards_webhooks { Reach::Public } else { Reach::Anywhere }
}

fn secret(value: &str) -> Result<Secret> {
    Secret::new(value).context("an empty secret")
}

async fn wait_until_ready(world: &mut World, roles: Option<&[Role]>) -> Result<()> {
    eventually("every part is ready", READY_PATIENCE, async || {
        let ready = require_ready(world, roles).await;
        for part in
            [&mut world.api_part, &mut world.worker_part, &mut world.scheduler_part, &mut world.emulator_part]
        {
            if let Some(failure) = part.failure().await {
                return Look::Never(failure);
            }
        }
        ready.into()
    })
    .await
}

async fn require_ready(world: &World, roles: Option<&[Role]>) -> Result<()> {
    if world.emulator_part.is_present() {
        world.emulator.get("/_emulator/events").require(200).await?;
    }
    if world.api_part.is_present() {
        world.api.get("/readyz").require(200).await?;
    }
    if world.worker_part.is_present() {
        let addresses = &world.settings.addresses;
        let queues = Queues::connect(&addresses.amqp_url, &addresses.amqp_prefix).await?;
        let consumed = queues.require_consumers(roles.unwrap_or(&Role::ALL)).await;
        queues.close().await;
        consumed?;
    }
    Ok(())
}
