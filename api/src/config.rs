//! What the api process reads from its environment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use billing::auto_recharge::Defaults;
use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR};
use ipnet::IpNet;
use kernel::clock::Clock;
use kernel::config::{self, ConfigError, Connections, Mode, Secret};
use kernel::money::{Credits, Currency, Money};
use outgoing_webhooks::standard_webhooks::address::Reach;
use signatures::revenuecat::Agreed;
use url::{Host, Url};

use crate::enabled_dialects::Dialects;
use crate::origins::origin_of;

/// The settings of the api process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Postgres and RabbitMQ.
    pub connections: Connections,
    /// `API_ADDR`: where to listen; 127.0.0.1:8080 unless set.
    pub address: SocketAddr,
    /// `PUBLIC_URL`: how browsers reach this API; the listening address unless set.
    pub public_url: Option<String>,
    /// `ADMIN_API_KEY`: opens the admin API.
    pub admin_api_key: Secret,
    /// `STRIPE_WEBHOOK_SECRET`: one or, while one is being replaced, several, separated by commas.
    pub stripe_webhook_secrets: Vec<Secret>,
    /// `CREEM_WEBHOOK_SECRET`: one or several; without it nothing is sold over Creem, and its events are refused.
    pub creem_webhook_secrets: Vec<Secret>,
    /// `REVENUECAT_WEBHOOK_AUTH` and `REVENUECAT_SIGNING_SECRET`, one of each or several: of the two, each that is set
    /// has to be right; with neither, RevenueCat's events are refused.
    pub revenuecat: Agreed,
    /// `RETURN_URL_ORIGINS`: sites to which buyers may return from a payment page, besides this API's own.
    pub return_url_origins: Vec<String>,
    /// `JWT_HS256_SECRET`, `JWT_JWKS_URL`, `JWT_ISSUER`, `JWT_AUDIENCE`: whose tokens are accepted; without the first
    /// two, none are.
    pub jwt: Option<JwtConfig>,
    /// `ALLOWED_ORIGINS`: sites whose pages may call this API from a browser, besides its own.
    pub allowed_origins: Vec<String>,
    /// `CHECKOUT_DEADLINE_MS`: how long a request waits for a payment page before it is told to poll; 5000 unless set.
    pub checkout_deadline: Duration,
    /// `PURSER_MODE`: `test` or `live`; test unless set.
    pub mode: Mode,
    /// `MAX_CONNECTIONS`: open at once, further ones wait; 10000 unless set.
    pub max_connections: usize,
    /// `RATE_LIMIT_PER_CREDENTIAL`, `RATE_LIMIT_PER_ADDRESS`, `TRUSTED_PROXIES`: how much one caller may ask in a
    /// second.
    pub rate_limits: RateLimitConfig,
    /// `DIALECTS`: the APIs of other systems that are served; all unless set.
    pub dialects: Dialects,
    /// `WEBHOOK_ALLOW_PRIVATE`: as the worker has it; `false` unless set.
    pub webhook_reach: Reach,
    /// `AUTO_RECHARGE_THRESHOLD` (credits, 1000 unless set) and `AUTO_RECHARGE_AMOUNT_CENTS` (5000 unless set): what an
    /// account that switches auto-recharge on asks for until it says otherwise.
    pub auto_recharge: Defaults,
    /// Tells the time.
    pub clock: Clock,
}

/// Which JSON Web Tokens are accepted.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The secret of tokens that are signed with HS256; without it there are none of these.
    pub secret: Option<Secret>,
    /// Where the public keys are of tokens that are signed with RS256, ES256 or EdDSA (RFC 7517); without it there are
    /// none of these.
    pub jwks_url: Option<Url>,
    /// Who must have issued them.
    pub issuer: Option<String>,
    /// Whom they must be meant for.
    pub audience: Option<String>,
}

/// How many requests one caller may make.
#[derive(Clone, Debug, Default)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_PER_CREDENTIAL`: requests a second with one credential; 200 unless set, 0 for no limit.
    pub per_credential: u32,
    /// `RATE_LIMIT_PER_ADDRESS`: requests a second from one address (of IPv6: one /64); 1000 unless set, 0 for no
    /// limit.
    pub per_address: u32,
    /// `TRUSTED_PROXIES`: networks of the proxies in front of this API, such as `10.0.0.0/8`: what they say in
    /// `X-Forwarded-For` is believed. None unless set.
    pub trusted_proxies: Vec<IpNet>,
}

impl Config {
    /// Reads the variables named at the fields.
    ///
    /// # Errors
    /// The first one that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        let stripe = "the signing secret of the Stripe webhook endpoint, whsec_…";
        // Read once as a whole so that a missing one is told apart from an empty element.
        config::required("STRIPE_WEBHOOK_SECRET", stripe)?;
        let deadline_ms: u64 = config::parsed("CHECKOUT_DEADLINE_MS", 5_000)?;
        Ok(Self {
            connections: Connections::from_env()?,
            address: config::parsed("API_ADDR", SocketAddr::from(([127, 0, 0, 1], 8080)))?,
            public_url: origin("PUBLIC_URL", config::optional("PUBLIC_URL")?)?,
            admin_api_key: config::secret("ADMIN_API_KEY", "the key that opens the admin API")?,
            stripe_webhook_secrets: config::list("STRIPE_WEBHOOK_SECRET")?
                .into_iter()
                .filter_map(Secret::new)
                .collect(),
            creem_webhook_secrets: config::list("CREEM_WEBHOOK_SECRET")?
                .into_iter()
                .filter_map(Secret::new)
                .collect(),
            revenuecat: Agreed {
                authorizations: config::list("REVENUECAT_WEBHOOK_AUTH")?
                    .into_iter()
                    .filter_map(Secret::new)
                    .collect(),
                signing_secrets: config::list("REVENUECAT_SIGNING_SECRET")?
                    .into_iter()
                    .filter_map(Secret::new)
                    .collect(),
            },
            return_url_origins: origins("RETURN_URL_ORIGINS", config::list("RETURN_URL_ORIGINS")?)?,
            jwt: jwt()?,
            allowed_origins: origins("ALLOWED_ORIGINS", config::list("ALLOWED_ORIGINS")?)?,
            checkout_deadline: Duration::from_millis(deadline_ms),
            mode: config::parsed("PURSER_MODE", Mode::Test)?,
            max_connections: config::parsed("MAX_CONNECTIONS", 10_000)?,
            rate_limits: rate_limits()?,
            dialects: config::parsed("DIALECTS", Dialects::all())?,
            webhook_reach: config::parsed("WEBHOOK_ALLOW_PRIVATE", Reach::Public)?,
            auto_recharge: auto_recharge()?,
            clock: Clock::system(),
        })
    }
}

fn rate_limits() -> Result<RateLimitConfig, ConfigError> {
    let networks = config::list("TRUSTED_PROXIES")?;
    let network = |text: String| {
        // An address alone is the network of that address.
        let one = text.parse::<IpAddr>().map(IpNet::from);
        one.or_else(|_| text.parse()).map_err(|_| ConfigError::Invalid {
            name: "TRUSTED_PROXIES",
            reason: "give addresses or networks, such as 10.0.0.0/8, separated by commas".to_owned(),
        })
    };
    Ok(RateLimitConfig {
        per_credential: config::parsed("RATE_LIMIT_PER_CREDENTIAL", 200)?,
        per_address: config::parsed("RATE_LIMIT_PER_ADDRESS", 1_000)?,
        trusted_proxies: networks.into_iter().map(network).collect::<Result<_, _>>()?,
    })
}

fn auto_recharge() -> Result<Defaults, ConfigError> {
    let threshold: i64 = config::parsed("AUTO_RECHARGE_THRESHOLD", 1_000)?;
    let cents: i64 = config::parsed("AUTO_RECHARGE_AMOUNT_CENTS", 5_000)?;
    let wrong = |name, reason: String| ConfigError::Invalid { name, reason };
    let threshold = Credits::from_whole(threshold)
        .ok()
        .filter(|credits| !credits.is_negative())
        .ok_or_else(|| wrong("AUTO_RECHARGE_THRESHOLD", "it is a number of credits".to_owned()))?;
    if !(CHARGE_MIN_MINOR..=CHARGE_MAX_MINOR).contains(&cents) {
        let reason = format!("give cents between {CHARGE_MIN_MINOR} and {CHARGE_MAX_MINOR}");
        return Err(wrong("AUTO_RECHARGE_AMOUNT_CENTS", reason));
    }
    Ok(Defaults { threshold, amount: Money::new(cents, Currency::USD) })
}

fn jwt() -> Result<Option<JwtConfig>, ConfigError> {
    let secret = config::optional("JWT_HS256_SECRET")?.and_then(Secret::new);
    // RFC 7518: a key shorter than the hash can be searched.
    if secret.as_ref().is_some_and(|secret| secret.expose().len() < 32) {
        let reason = "it must have at least 32 characters".to_owned();
        return Err(ConfigError::Invalid { name: "JWT_HS256_SECRET", reason });
    }
    let jwks_url = config::optional("JWT_JWKS_URL")?.map(|text| jwks_url(&text)).transpose()?;
    if secret.is_none() && jwks_url.is_none() {
        return Ok(None);
    }
    Ok(Some(JwtConfig {
        secret,
        jwks_url,
        issuer: config::optional("JWT_ISSUER")?,
        audience: config::optional("JWT_AUDIENCE")?,
    }))
}

/// Whoever can change these keys on their way here can be anybody.
fn jwks_url(text: &str) -> Result<Url, ConfigError> {
    let is_safe = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => url.scheme() == "https" || name == "localhost",
        Some(Host::Ipv4(address)) => url.scheme() == "https" || address.is_loopback(),
        Some(Host::Ipv6(address)) => url.scheme() == "https" || address.is_loopback(),
        None => false,
    };
    Url::parse(text.trim()).ok().filter(is_safe).ok_or_else(|| ConfigError::Invalid {
        name: "JWT_JWKS_URL",
        reason: "give an https:// address, such as https://accounts.example.com/.well-known/jwks.json"
            .to_owned(),
    })
}

fn origins(name: &'static str, texts: Vec<String>) -> Result<Vec<String>, ConfigError> {
    texts.into_iter().map(|text| origin(name, Some(text)).map(Option::unwrap_or_default)).collect()
}

fn origin(name: &'static str, text: Option<String>) -> Result<Option<String>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let reason = "give scheme and host, such as https://shop.example.com".to_owned();
    origin_of(&text).map(Some).ok_or(ConfigError::Invalid { name, reason })
}
