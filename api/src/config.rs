//! What the api process reads from its environment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use billing::auto_recharge::Defaults;
use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR};
use billing::catalog::prices::CreditPrice;
use ipnet::IpNet;
use kernel::clock::Clock;
use kernel::config::{Connections, Environment, Mode, Reported, Secret};
use kernel::money::{Credits, Currency, Money};
use ledger::holds::Above;
use outgoing_webhooks::standard_webhooks::address::Reach;
use signatures::revenuecat::RevenueCatSecrets;
use url::Url;

use crate::brand::Brand;
use crate::enabled_dialects::Dialects;

/// The settings of the api process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Postgres and RabbitMQ.
    pub connections: Connections,
    /// `API_ADDR`: where to listen; 127.0.0.1:8080 unless set.
    pub address: SocketAddr,
    /// `PUBLIC_URL`: how browsers reach this API; the listening address unless set.
    pub public_url: Option<String>,
    /// `ADMIN_API_KEY`: opens the admin API; at least 16 characters.
    pub admin_api_key: Secret,
    /// `STRIPE_WEBHOOK_SECRET`: one or, while one is being replaced, several, separated by commas.
    pub stripe_webhook_secrets: Vec<Secret>,
    /// `CREEM_WEBHOOK_SECRET`: one or several; without it nothing is sold over Creem, and its events are refused.
    pub creem_webhook_secrets: Vec<Secret>,
    /// `REVENUECAT_WEBHOOK_AUTH` and `REVENUECAT_SIGNING_SECRET`, one of each or several: of the two, each that is set
    /// has to be right; with neither, RevenueCat's events are refused.
    pub revenuecat: RevenueCatSecrets,
    /// `RETURN_URL_ORIGINS`: sites that buyers may return to from a payment page, besides this API's own.
    pub return_url_origins: Vec<String>,
    /// `JWT_HS256_SECRET`, `JWT_JWKS_URL`, `JWT_ISSUER`, `JWT_AUDIENCE`: which users' tokens are accepted; none unless
    /// one of the first two is set.
    pub jwt: Option<JwtConfig>,
    /// `ALLOWED_ORIGINS`: sites whose pages may call this API from a browser, besides its own.
    pub allowed_origins: Vec<String>,
    /// `CHECKOUT_DEADLINE_MS`: how long a request waits for a payment page before its client has to poll; 5000 unless
    /// set.
    pub checkout_deadline: Duration,
    /// `PURSER_MODE`: `test` or `live`; test unless set.
    pub mode: Mode,
    /// `FREE_PURCHASES`: `true` lets users buy packages for nothing where an API has such an endpoint; `false` unless
    /// set, and always in live mode.
    pub free_purchases: bool,
    /// `SEVERAL_SUBSCRIPTIONS`: `true` lets a wallet have more than one subscription; `false` unless set.
    pub several_subscriptions: bool,
    /// `MAX_CONNECTIONS`: open at once, further ones wait; 10000 unless set.
    pub max_connections: usize,
    /// `LIVE_CONNECTIONS_PER_USER`: WebSockets and event streams that a user may have open at a process; 20 unless set.
    /// All of them together take at most half of `MAX_CONNECTIONS`.
    pub live_connections_max: usize,
    /// `CAPTURE_ABOVE_HOLD_DEBT`: a capture may spend more than is held, and the wallet then owes up to so many
    /// credits; refused unless set.
    pub capture_above_hold: Above,
    /// `OPEN_ORDERS_PER_USER`: orders of a user that can still be paid; 100 unless set. A further one is refused.
    pub open_orders_max: u32,
    /// `RATE_LIMIT_PER_CREDENTIAL`, `RATE_LIMIT_PER_ADDRESS`, `TRUSTED_PROXIES`: how many requests one caller may make
    /// in a second.
    pub rate_limits: RateLimitConfig,
    /// `DIALECTS`: which APIs of other systems are served; all unless set.
    pub dialects: Dialects,
    /// `WEBHOOK_ALLOW_PRIVATE`: as the worker has it; `false` unless set.
    pub webhook_reach: Reach,
    /// `SAMSAR_CENTS_PER_100_CREDITS`: what credits cost over Samsar's API while the catalog has no price in US
    /// dollars; 100, as its document has it, unless set.
    pub contract_price: CreditPrice,
    /// `AUTO_RECHARGE_THRESHOLD` (credits, 1000 unless set) and `AUTO_RECHARGE_AMOUNT_CENTS` (5000 unless set): the
    /// settings of an account that switches auto-recharge on, until it changes them.
    pub auto_recharge: Defaults,
    /// `PORTAL_…`: how the pages for customers look and speak.
    pub brand: Brand,
    /// `DEMONSTRATION_URL`: a site on which a stranger may try what this installation sells, shown on the page at `/`;
    /// none unless set.
    pub demonstration_url: Option<String>,
    pub clock: Clock,
}

/// Which JSON Web Tokens are accepted.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// `JWT_HS256_SECRET`: signs tokens with HS256; at least 32 characters. Without it such tokens are refused.
    pub secret: Option<Secret>,
    /// `JWT_JWKS_URL`: the public keys of tokens that are signed with RS256, ES256 or EdDSA (RFC 7517). Without it such
    /// tokens are refused.
    pub jwks_url: Option<Url>,
    /// `JWT_ISSUER`: who must have issued a token; not checked unless set.
    pub issuer: Option<String>,
    /// `JWT_AUDIENCE`: for whom a token must be; not checked unless set.
    pub audience: Option<String>,
    /// `JWT_REGISTERS_USERS`: `true` registers the user of a token who is not known yet; `false` unless set.
    pub registers_users: bool,
}

/// A key that is shorter can be searched: RFC 7518 wants as many bits as the hash has.
const HS256_SECRET_MIN: usize = 32;
/// A shorter key can be guessed.
const ADMIN_API_KEY_MIN: usize = 16;

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
    /// When something that must be set is missing or wrong.
    pub fn read(environment: &mut Environment) -> Result<Self, Reported> {
        let connections = Connections::read(environment);
        let admin_api_key = environment.required_own_secret("ADMIN_API_KEY", ADMIN_API_KEY_MIN);
        let stripe_webhook_secrets = stripe_webhook_secrets(environment);
        let mode = Mode::read(environment);
        Ok(Self {
            address: environment.parsed(
                "API_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 8080)),
                "give an address and a port, for example 127.0.0.1:8080",
            ),
            public_url: environment.origin("PUBLIC_URL"),
            creem_webhook_secrets: environment.given_secrets(
                "CREEM_WEBHOOK_SECRET",
                &[],
                "give the signing secret that Creem shows at the webhook",
            ),
            revenuecat: revenuecat(environment),
            return_url_origins: environment.origins("RETURN_URL_ORIGINS"),
            jwt: jwt(environment),
            allowed_origins: environment.origins("ALLOWED_ORIGINS"),
            checkout_deadline: Duration::from_millis(environment.at_least("CHECKOUT_DEADLINE_MS", 1, 5_000)),
            free_purchases: free_purchases(environment, mode),
            mode,
            several_subscriptions: environment.parsed(
                "SEVERAL_SUBSCRIPTIONS",
                false,
                "give `true` or `false`",
            ),
            max_connections: environment.at_least("MAX_CONNECTIONS", 1, 10_000),
            live_connections_max: environment.at_least("LIVE_CONNECTIONS_PER_USER", 1, 20),
            open_orders_max: environment.at_least("OPEN_ORDERS_PER_USER", 1, 100),
            capture_above_hold: capture_above_hold(environment),
            rate_limits: rate_limits(environment),
            dialects: environment.parsed(
                "DIALECTS",
                Dialects::all(),
                "give some of allmine, billing, samsar, timeproof and wasdi, separated by commas, or `none`",
            ),
            webhook_reach: environment.parsed(
                "WEBHOOK_ALLOW_PRIVATE",
                Reach::Public,
                "give `true` or `false`",
            ),
            contract_price: CreditPrice::per_hundred(environment.at_least(
                "SAMSAR_CENTS_PER_100_CREDITS",
                1,
                100,
            )),
            auto_recharge: auto_recharge(environment),
            brand: Brand::read(environment),
            demonstration_url: environment.origin("DEMONSTRATION_URL"),
            clock: Clock::system(),
            connections: connections?,
            admin_api_key: admin_api_key?,
            stripe_webhook_secrets: stripe_webhook_secrets?,
        })
    }
}

fn stripe_webhook_secrets(environment: &mut Environment) -> Result<Vec<Secret>, Reported> {
    let remedy = "give the signing secret of the webhook endpoint at Stripe, which starts with whsec_";
    // Read as a whole first: a variable that is not set is another mistake than an empty element.
    environment.required("STRIPE_WEBHOOK_SECRET", remedy)?;
    Ok(environment.given_secrets("STRIPE_WEBHOOK_SECRET", &["whsec_"], remedy))
}

fn revenuecat(environment: &mut Environment) -> RevenueCatSecrets {
    RevenueCatSecrets {
        authorizations: environment.given_secrets(
            "REVENUECAT_WEBHOOK_AUTH",
            &[],
            "give the value of `Authorization` that is entered at RevenueCat",
        ),
        signing_secrets: environment.given_secrets(
            "REVENUECAT_SIGNING_SECRET",
            &[],
            "give the signing secret that RevenueCat shows",
        ),
    }
}

fn free_purchases(environment: &mut Environment, mode: Mode) -> bool {
    let allowed = environment.parsed("FREE_PURCHASES", false, "give `true` or `false`");
    if allowed && mode.is_live() {
        environment.problem("FREE_PURCHASES", "is true in live mode", "unset it, or set PURSER_MODE=test");
    }
    allowed && !mode.is_live()
}

fn capture_above_hold(environment: &mut Environment) -> Above {
    let text = environment.optional("CAPTURE_ABOVE_HOLD_DEBT");
    let Some(text) = text else { return Above::Refuse };
    match text.parse() {
        Ok(at_most) if !Credits::is_negative(at_most) => Above::Debt { at_most },
        _ => {
            let remedy = "give a number of credits, or unset it";
            environment.problem("CAPTURE_ABOVE_HOLD_DEBT", "is no number of credits", remedy);
            Above::Refuse
        }
    }
}

fn rate_limits(environment: &mut Environment) -> RateLimitConfig {
    let networks = environment.list("TRUSTED_PROXIES");
    // An address alone is the network of that address.
    let network = |text: &String| text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse());
    let trusted_proxies = networks.iter().map(network).collect::<Result<_, _>>().unwrap_or_else(|_| {
        let remedy = "give addresses or networks, for example 10.0.0.0/8, separated by commas";
        environment.problem("TRUSTED_PROXIES", "has an element that is no network", remedy);
        Vec::new()
    });
    RateLimitConfig {
        per_credential: environment.at_least("RATE_LIMIT_PER_CREDENTIAL", 0, 200),
        per_address: environment.at_least("RATE_LIMIT_PER_ADDRESS", 0, 1_000),
        trusted_proxies,
    }
}

fn auto_recharge(environment: &mut Environment) -> Defaults {
    let credits: i64 = environment.at_least("AUTO_RECHARGE_THRESHOLD", 0, 1_000);
    let cents: i64 = environment.at_least("AUTO_RECHARGE_AMOUNT_CENTS", CHARGE_MIN_MINOR, 5_000);
    let threshold = Credits::from_whole(credits).unwrap_or_else(|_| {
        environment.problem("AUTO_RECHARGE_THRESHOLD", "is too large", "give a number of credits");
        Credits::ZERO
    });
    if cents > CHARGE_MAX_MINOR {
        let fault = format!("is more than {CHARGE_MAX_MINOR}");
        environment.problem("AUTO_RECHARGE_AMOUNT_CENTS", fault, "give cents, for example 5000");
    }
    Defaults { threshold, amount: Money::new(cents, Currency::USD) }
}

fn jwt(environment: &mut Environment) -> Option<JwtConfig> {
    let secret = environment.own_secret("JWT_HS256_SECRET", HS256_SECRET_MIN);
    // A party that can change these keys on their way here can sign as any user.
    let jwks_url = environment.safe_address(
        "JWT_JWKS_URL",
        "give the address of a JSON Web Key Set, for example https://accounts.example.com/.well-known/jwks.json",
    );
    let (issuer, audience) = (environment.optional("JWT_ISSUER"), environment.optional("JWT_AUDIENCE"));
    let registers_users = environment.parsed("JWT_REGISTERS_USERS", false, "give `true` or `false`");
    let is_used = secret.is_some() || jwks_url.is_some();
    is_used.then_some(JwtConfig { secret, jwks_url, issuer, audience, registers_users })
}
