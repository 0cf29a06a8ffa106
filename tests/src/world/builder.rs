//! What a world consists of, before it starts.

use std::path::{Path, PathBuf};

use api::brand::Brand;
use jobs::Role;
use kernel::money::Credits;

use super::{World, start};

/// Where a part runs.
#[derive(Clone, Debug, Default)]
pub(super) enum Placement {
    /// As a task of this process: fast, and on the world's clock.
    #[default]
    InProcess,
    /// As a process of its own, which can be killed and frozen.
    Process(PathBuf),
    /// Not at all.
    Absent,
}

/// Describes a world. The path of the binary `dev`, which holds all processes, is known to integration tests
/// only: `env!("CARGO_BIN_EXE_dev")`.
#[derive(Clone, Debug, Default)]
pub struct WorldBuilder {
    pub(super) api: Placement,
    pub(super) worker: Placement,
    pub(super) scheduler: Placement,
    pub(super) emulator: Placement,
    pub(super) roles: Option<Vec<Role>>,
    pub(super) verifies_always: bool,
    pub(super) clamps_reversals: bool,
    pub(super) has_one_off_invoices: bool,
    pub(super) has_own_servers: bool,
    pub(super) jwks_url: Option<String>,
    pub(super) registers_users: bool,
    pub(super) revenuecat_signing_secrets: Vec<String>,
    pub(super) is_live: bool,
    pub(super) has_several_subscriptions: bool,
    /// What a wallet may owe after a capture.
    pub(super) capture_above_hold: Option<Credits>,
    pub(super) rate_limits: (u32, u32),
    pub(super) guards_webhooks: bool,
    pub(super) log_filter: Option<String>,
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) brand: Brand,
}

impl WorldBuilder {
    /// Runs the API as a process.
    pub fn api_process(mut self, program: impl AsRef<Path>) -> Self {
        self.api = Placement::Process(program.as_ref().into());
        self
    }

    /// Runs the worker as a process.
    pub fn worker_process(mut self, program: impl AsRef<Path>) -> Self {
        self.worker = Placement::Process(program.as_ref().into());
        self
    }

    /// Runs the scheduler as a process.
    pub fn scheduler_process(mut self, program: impl AsRef<Path>) -> Self {
        self.scheduler = Placement::Process(program.as_ref().into());
        self
    }

    /// Runs the payment emulator as a process.
    pub fn emulator_process(mut self, program: impl AsRef<Path>) -> Self {
        self.emulator = Placement::Process(program.as_ref().into());
        self
    }

    /// Runs no worker: jobs stay in their queues.
    pub fn without_worker(mut self) -> Self {
        self.worker = Placement::Absent;
        self
    }

    /// Runs no scheduler: nothing happens by the clock, and the outbox is not swept.
    pub fn without_scheduler(mut self) -> Self {
        self.scheduler = Placement::Absent;
        self
    }

    /// Runs these roles of the worker only.
    pub fn roles(mut self, roles: &[Role]) -> Self {
        self.roles = Some(roles.to_vec());
        self
    }

    /// Has the provider asked about every event, as `VERIFY=always` does.
    pub fn verify_always(mut self) -> Self {
        self.verifies_always = true;
        self
    }

    /// Has the API accept tokens that are signed with the keys at this address.
    pub fn jwks(mut self, address: &str) -> Self {
        self.jwks_url = Some(address.to_owned());
        self
    }

    /// Has genuine tokens of unknown users register them, as `JWT_REGISTERS_USERS=true` does.
    pub fn registering_users(mut self) -> Self {
        self.registers_users = true;
        self
    }

    /// Has RevenueCat's webhooks signed with one of these secrets.
    pub fn revenuecat_signs(mut self, secrets: &[&str]) -> Self {
        self.revenuecat_signing_secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        self
    }

    /// Has the API take real money only, as `PURSER_MODE=live` does.
    pub fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// Has the pages for customers look and speak like this host application.
    pub fn brand(mut self, brand: Brand) -> Self {
        self.brand = brand;
        self
    }

    /// Lets a wallet have more than one subscription, as `SEVERAL_SUBSCRIPTIONS=true` does.
    pub fn several_subscriptions(mut self) -> Self {
        self.has_several_subscriptions = true;
        self
    }

    /// Lets captures spend more than is held, as `CAPTURE_ABOVE_HOLD_DEBT` does.
    pub fn capture_above_hold(mut self, at_most: Credits) -> Self {
        self.capture_above_hold = Some(at_most);
        self
    }

    /// Limits the requests that one credential, and one address, may make in a second. Worlds have no limits otherwise.
    pub fn rate_limits(mut self, per_credential: u32, per_address: u32) -> Self {
        self.rate_limits = (per_credential, per_address);
        self
    }

    /// Refuses webhook endpoints at private addresses, as an installation does by default.
    pub fn guarded_webhooks(mut self) -> Self {
        self.guards_webhooks = true;
        self
    }

    /// Has the parts that are processes log what this filter lets through, as `RUST_LOG` does.
    pub fn logs(mut self, filter: &str) -> Self {
        self.log_filter = Some(filter.to_owned());
        self
    }

    /// Sets a variable for the parts that are processes.
    pub fn variable(mut self, key: &'static str, value: &str) -> Self {
        self.variables.push((key, value.to_owned()));
        self
    }

    /// Has Stripe make an invoice of each one-off purchase, as `ONE_OFF_INVOICES=true` does.
    pub fn one_off_invoices(mut self) -> Self {
        self.has_one_off_invoices = true;
        self
    }

    /// Has credits forgiven that were spent before their money went back, as `REVERSALS=clamp` does.
    pub fn clamp_reversals(mut self) -> Self {
        self.clamps_reversals = true;
        self
    }

    /// Starts a PostgreSQL and a RabbitMQ for this world alone, which it may then stop and kill.
    pub fn own_servers(mut self) -> Self {
        self.has_own_servers = true;
        self
    }

    /// Starts it and waits until it works.
    ///
    /// # Panics
    /// When something does not start; the text says what and why.
    pub async fn start(self) -> World {
        super::expect(start::start(self).await, "the world does not start")
    }
}
