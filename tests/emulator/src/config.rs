//! What the emulator is told at start: from the command line and the environment, or from a test.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;

/// The API version that objects and events are rendered in when a request names none.
pub const DEFAULT_API_VERSION: &str = "2026-09-30.endive";

/// Settings of one emulator. It holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct Config {
    /// Where events are posted from the start; more endpoints can be created over the API.
    pub webhook_url: Option<String>,
    /// The signing secret (`whsec_…`) of `webhook_url`.
    pub webhook_secret: Option<String>,
    /// The only key accepted; any `sk_test_…` or `rk_test_…` is when this is absent.
    pub secret_key: Option<String>,
    /// The address in hosted page links, without a trailing slash; that of the listener when absent.
    pub public_url: Option<String>,
    /// How long the first retry of a failed webhook waits; each later one waits twice as long.
    pub webhook_retry_base: Duration,
    /// The only key that Creem's API accepts; any `creem_…` is when this is absent.
    pub creem_api_key: Option<String>,
    /// Where Creem's events are posted; nowhere when absent.
    pub creem_webhook_url: Option<String>,
    /// The signing secret of `creem_webhook_url`.
    pub creem_webhook_secret: Option<String>,
    /// The sales tax that Creem collects, in hundredths of a percent.
    pub creem_tax_basis_points: u32,
    /// Where RevenueCat's events are posted; nowhere when absent.
    pub revenuecat_webhook_url: Option<String>,
    /// The whole value of `Authorization` on them.
    pub revenuecat_webhook_auth: Option<String>,
    /// What they are signed with besides; unsigned when absent.
    pub revenuecat_signing_secret: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            webhook_url: None,
            webhook_secret: None,
            secret_key: None,
            public_url: None,
            webhook_retry_base: Duration::from_secs(1),
            creem_api_key: None,
            creem_webhook_url: None,
            creem_webhook_secret: None,
            creem_tax_basis_points: 0,
            revenuecat_webhook_url: None,
            revenuecat_webhook_auth: None,
            revenuecat_signing_secret: None,
        }
    }
}

/// The command line of the emulator.
#[derive(Parser)]
#[command(
    name = "emulator",
    about = "A stateful stand-in for Stripe, Creem and RevenueCat: APIs, hosted pages, signed webhooks"
)]
pub(crate) struct Arguments {
    /// The address to listen on.
    #[arg(long, env = "EMULATOR_LISTEN", default_value = "127.0.0.1:12111")]
    pub(crate) listen: SocketAddr,
    /// The address that browsers reach this emulator at, if not the one it listens on.
    #[arg(long, env = "EMULATOR_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where to post events.
    #[arg(long, env = "STRIPE_WEBHOOK_URL", requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// The secret to sign events with.
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<String>,
    /// Accept this key only; without it any test key is accepted.
    #[arg(long, env = "EMULATOR_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<String>,
    /// Milliseconds before the first retry of a webhook; doubles with each one.
    #[arg(long, env = "EMULATOR_WEBHOOK_RETRY_MS", default_value_t = 1000)]
    webhook_retry_ms: u64,
    /// Accept this key only on Creem's API; without it any that begins with creem_ is accepted.
    #[arg(long, env = "CREEM_API_KEY", hide_env_values = true)]
    creem_api_key: Option<String>,
    /// Where to post Creem's events.
    #[arg(long, env = "CREEM_WEBHOOK_URL", requires = "creem_webhook_secret")]
    creem_webhook_url: Option<String>,
    /// The secret to sign Creem's events with.
    #[arg(long, env = "CREEM_WEBHOOK_SECRET", hide_env_values = true)]
    creem_webhook_secret: Option<String>,
    /// The sales tax that Creem collects, in hundredths of a percent: 2100 is 21 %.
    #[arg(long, env = "CREEM_TAX_BASIS_POINTS", default_value_t = 0)]
    creem_tax_basis_points: u32,
    /// Where to post RevenueCat's events.
    #[arg(long, env = "REVENUECAT_WEBHOOK_URL", requires = "revenuecat_webhook_auth")]
    revenuecat_webhook_url: Option<String>,
    /// The whole value of the Authorization header on them.
    #[arg(long, env = "REVENUECAT_WEBHOOK_AUTH", hide_env_values = true)]
    revenuecat_webhook_auth: Option<String>,
    /// The secret to sign them with besides.
    #[arg(long, env = "REVENUECAT_SIGNING_SECRET", hide_env_values = true)]
    revenuecat_signing_secret: Option<String>,
}

impl Arguments {
    pub(crate) fn config(self) -> Config {
        // An empty variable means "not set", as compose files cannot leave one out.
        let present = |value: Option<String>| value.filter(|text| !text.trim().is_empty());
        Config {
            webhook_url: present(self.webhook_url),
            webhook_secret: present(self.webhook_secret),
            secret_key: present(self.secret_key),
            public_url: present(self.public_url).map(|url| url.trim_end_matches('/').to_owned()),
            webhook_retry_base: Duration::from_millis(self.webhook_retry_ms),
            creem_api_key: present(self.creem_api_key),
            creem_webhook_url: present(self.creem_webhook_url),
            creem_webhook_secret: present(self.creem_webhook_secret),
            creem_tax_basis_points: self.creem_tax_basis_points,
            revenuecat_webhook_url: present(self.revenuecat_webhook_url),
            revenuecat_webhook_auth: present(self.revenuecat_webhook_auth),
            revenuecat_signing_secret: present(self.revenuecat_signing_secret),
        }
    }
}
