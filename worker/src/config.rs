//! The worker's settings.

use std::time::Duration;

use billing::app_stores::rules::PRODUCTION;
use billing::auto_recharge::Limits;
use billing::payments::ReturnUrls;
use billing::reversals::Policy;
use clap::Parser;
use jobs::Role;
use kernel::config;
use kernel::config::{ConfigError, Connections, Mode, Secret};
use outgoing_webhooks::standard_webhooks::address::Reach;

use crate::commands::Command;

/// Everything the worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Database and broker.
    pub connections: Connections,
    /// `--roles` or `WORKER_ROLES`: which queues to consume; all unless given.
    pub roles: Vec<Role>,
    /// `STRIPE_SECRET_KEY`: of the Stripe account, `sk_…` or a restricted `rk_…`.
    pub stripe_secret_key: Secret,
    /// `STRIPE_API_BASE`: another address than Stripe's own, for the emulator.
    pub stripe_api_base: Option<String>,
    /// `STRIPE_REQUESTS_PER_SECOND`: for this process; 20 unless set. Stripe allows 25 for each operation.
    pub stripe_requests_per_second: u32,
    /// `CREEM_API_KEY`: of the Creem store; without it nothing is sold over Creem.
    pub creem_api_key: Option<Secret>,
    /// `CREEM_API_BASE`: another address than Creem's own, for the emulator.
    pub creem_api_base: Option<String>,
    /// `VERIFY`: `auto` takes signed events at their word where they prove themselves; `always` asks the provider
    /// about every one.
    pub verify: Verify,
    /// `REVENUECAT_ENVIRONMENTS`: in which environments purchases in app stores are credited; `PRODUCTION` alone unless
    /// set. What is bought with `SANDBOX` costs nothing.
    pub revenuecat_environments: Vec<String>,
    /// `REVERSALS`: what becomes of credits that were spent before their money went back. `debt`: they are owed;
    /// `clamp`: they are forgiven, and noted on the payment. `debt` unless set.
    pub reversals: Policy,
    /// `AUTO_RECHARGE_PAUSE_SECONDS` and `AUTO_RECHARGES_PER_DAY`: how long the next recharge of a wallet waits after one,
    /// at least, and how many there are in 24 hours; 60, which is the least, and 10 unless set.
    pub recharge_limits: Limits,
    /// `CHECKOUT_SUCCESS_URL` and `CHECKOUT_CANCEL_URL`: where buyers return to unless the order says; pages of
    /// `PUBLIC_URL` unless set.
    pub return_urls: ReturnUrls,
    /// `WEBHOOK_ALLOW_PRIVATE`: `true` lets webhook endpoints be at private addresses and without TLS; `false` unless
    /// set.
    pub webhook_reach: Reach,
}

/// Whether signed events are taken at their word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Where they prove themselves.
    Auto,
    /// Never.
    Always,
}

impl std::str::FromStr for Verify {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            _ => Err("it is `auto` or `always`"),
        }
    }
}

/// The command line.
#[derive(Debug, Parser)]
#[command(about = "Purser's worker: settings come from the environment, see .env.example")]
pub struct Arguments {
    /// Which queues to consume: apply, checkout, notify, recharge, verify
    #[arg(long, env = "WORKER_ROLES", value_delimiter = ',')]
    roles: Vec<Role>,
    /// Bring the schema up to date first
    #[arg(long)]
    migrate: bool,
    /// Bring the schema up to date and exit
    #[arg(long)]
    migrate_only: bool,
    /// Something else than consuming.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Config {
    /// Reads the variables and arguments named at the fields.
    ///
    /// # Errors
    /// The first one that is missing or wrong.
    pub fn read(arguments: Arguments) -> Result<Self, ConfigError> {
        let public_url: String = config::parsed("PUBLIC_URL", "http://localhost:8080".to_owned())?;
        let success = format!("{public_url}/payment_success?session_id={{CHECKOUT_SESSION_ID}}");
        // The mode is the order's: only its key has to match, which is checked here once.
        let mode: Mode = config::parsed("PURSER_MODE", Mode::Test)?;
        let stripe_secret_key = config::secret("STRIPE_SECRET_KEY", "the secret key of your Stripe account")?;
        check_key(&stripe_secret_key, mode)?;
        Ok(Self {
            connections: Connections::from_env()?,
            roles: if arguments.roles.is_empty() { Role::ALL.to_vec() } else { arguments.roles },
            stripe_secret_key,
            stripe_api_base: config::optional("STRIPE_API_BASE")?,
            stripe_requests_per_second: config::parsed("STRIPE_REQUESTS_PER_SECOND", 20)?,
            creem_api_key: config::optional("CREEM_API_KEY")?.and_then(Secret::new),
            creem_api_base: config::optional("CREEM_API_BASE")?,
            verify: config::parsed("VERIFY", Verify::Auto)?,
            revenuecat_environments: environments(config::list("REVENUECAT_ENVIRONMENTS")?),
            reversals: config::parsed("REVERSALS", Policy::Debt)?,
            recharge_limits: recharge_limits()?,
            return_urls: ReturnUrls {
                success: config::parsed("CHECKOUT_SUCCESS_URL", success)?,
                cancel: config::parsed("CHECKOUT_CANCEL_URL", format!("{public_url}/payment_cancel"))?,
            },
            webhook_reach: config::parsed("WEBHOOK_ALLOW_PRIVATE", Reach::Public)?,
        })
    }
}

fn recharge_limits() -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let seconds: u64 = config::parsed("AUTO_RECHARGE_PAUSE_SECONDS", default.pause.as_secs())?;
    let per_day: i64 = config::parsed("AUTO_RECHARGES_PER_DAY", default.per_day)?;
    let wrong = |name, reason: String| Err(ConfigError::Invalid { name, reason });
    let (least, most) = (Limits::PAUSE_MIN.as_secs(), 86_400);
    if !(least..=most).contains(&seconds) {
        return wrong("AUTO_RECHARGE_PAUSE_SECONDS", format!("give seconds between {least} and {most}"));
    }
    if !(1..=100).contains(&per_day) {
        return wrong("AUTO_RECHARGES_PER_DAY", "give a number between 1 and 100".to_owned());
    }
    Ok(Limits { pause: Duration::from_secs(seconds), per_day })
}

fn environments(given: Vec<String>) -> Vec<String> {
    if given.is_empty() { vec![PRODUCTION.to_owned()] } else { given }
}

/// A live key in a test installation would charge real cards for credits that cost nothing, and the reverse.
fn check_key(key: &Secret, mode: Mode) -> Result<(), ConfigError> {
    let other = match mode {
        Mode::Test => "_live_",
        Mode::Live => "_test_",
    };
    if key.expose().contains(other) {
        let reason =
            format!("it is a{} key, but PURSER_MODE is {mode:?}", other.replace('_', " ").trim_end());
        return Err(ConfigError::Invalid { name: "STRIPE_SECRET_KEY", reason });
    }
    Ok(())
}
