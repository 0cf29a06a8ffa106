//! The worker's settings.

use std::num::NonZeroU32;
use std::time::Duration;

use billing::app_stores::rules::PRODUCTION;
use billing::auto_recharge::Limits;
use billing::catalog::prices::CreditPrice;
use billing::payments::ReturnUrls;
use billing::reversals::Policy;
use jobs::Role;
use kernel::config::{Connections, Environment, Mode, Reported, Secret};
use outgoing_webhooks::standard_webhooks::address::Reach;

/// Twenty: fewer than the 25 that Stripe allows for each operation.
const STRIPE_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Everything the worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Database and broker.
    pub connections: Connections,
    /// `PURSER_MODE`: `test` or `live`; test unless set.
    pub mode: Mode,
    /// `--roles` or `WORKER_ROLES`: which queues to consume; all unless set.
    pub roles: Vec<Role>,
    /// `STRIPE_SECRET_KEY`: of the Stripe account, `sk_…` or a restricted `rk_…`.
    pub stripe_secret_key: Secret,
    /// `STRIPE_API_BASE`: another address than Stripe's own, for the emulator.
    pub stripe_api_base: Option<String>,
    /// `STRIPE_REQUESTS_PER_SECOND`: for this process; 20 unless set. Stripe allows 25 for each operation.
    pub stripe_requests_per_second: NonZeroU32,
    /// `ONE_OFF_INVOICES`: `true` has Stripe make an invoice of each one-off purchase, for which it charges; `false`
    /// unless set.
    pub one_off_invoices: bool,
    /// `CREEM_API_KEY`: of the Creem store; without it nothing is sold over Creem.
    pub creem_api_key: Option<Secret>,
    /// `CREEM_API_BASE`: another address than Creem's own, for the emulator.
    pub creem_api_base: Option<String>,
    /// `VERIFY`: whether signed events are trusted; `auto` unless set.
    pub verify: Verify,
    /// `REVENUECAT_ENVIRONMENTS`: in which environments purchases in app stores are credited; `PRODUCTION` alone unless
    /// set. Purchases in `SANDBOX` cost nothing.
    pub revenuecat_environments: Vec<String>,
    /// `REVERSALS`: what happens when credits were spent before their payment is refunded. `debt`: the wallet owes
    /// them; `clamp`: they are forgiven, and noted on the payment. `debt` unless set.
    pub reversals: Policy,
    /// `AUTO_RECHARGE_PAUSE_SECONDS` and `AUTO_RECHARGES_PER_DAY`: how long the next recharge of a wallet waits
    /// after one, at least, and how many there are in 24 hours; 60, which is the least, and 10 unless set.
    /// `SAMSAR_CENTS_PER_100_CREDITS`: as the api has it; 100 unless set.
    pub recharge_limits: Limits,
    /// `GRANT_EXPIRING_DAYS`: how many days before credits lapse it is told, once; 7 unless set.
    pub grant_expiring_days: u32,
    /// `CHECKOUT_SUCCESS_URL` and `CHECKOUT_CANCEL_URL`: where buyers return to unless the order says; pages of
    /// `PUBLIC_URL` unless set.
    pub return_urls: ReturnUrls,
    /// `WEBHOOK_ALLOW_PRIVATE`: `true` lets webhook endpoints be at private addresses and without TLS; `false` unless
    /// set.
    pub webhook_reach: Reach,
}

/// Whether signed events are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// An event that proves what it says is applied; the provider is asked about the others.
    Auto,
    /// The provider is asked about every event.
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

impl Config {
    /// Reads the variables named at the fields. `roles` are those of the command line.
    ///
    /// # Errors
    /// When something that must be set is missing or wrong.
    pub fn read(environment: &mut Environment, roles: Vec<Role>) -> Result<Self, Reported> {
        let connections = Connections::read(environment);
        let mode = Mode::read(environment);
        let stripe_secret_key = stripe_secret_key(environment, mode);
        Ok(Self {
            mode,
            roles: all_unless_given(environment, roles),
            stripe_api_base: environment.web_address(
                "STRIPE_API_BASE",
                "give the address of an emulator, or unset it for Stripe's own",
            ),
            stripe_requests_per_second: environment.parsed(
                "STRIPE_REQUESTS_PER_SECOND",
                STRIPE_REQUESTS_PER_SECOND,
                "give a number of at least 1, for example 20",
            ),
            one_off_invoices: environment.parsed("ONE_OFF_INVOICES", false, "give `true` or `false`"),
            creem_api_key: creem_api_key(environment, mode),
            creem_api_base: environment.web_address(
                "CREEM_API_BASE",
                "give the address of an emulator, or unset it for Creem's own",
            ),
            verify: environment.parsed("VERIFY", Verify::Auto, "give `auto` or `always`"),
            revenuecat_environments: match environment.list("REVENUECAT_ENVIRONMENTS") {
                none if none.is_empty() => vec![PRODUCTION.to_owned()],
                given => given,
            },
            reversals: environment.parsed("REVERSALS", Policy::Debt, "give `debt` or `clamp`"),
            recharge_limits: recharge_limits(environment),
            grant_expiring_days: grant_expiring_days(environment),
            return_urls: return_urls(environment),
            webhook_reach: environment.parsed(
                "WEBHOOK_ALLOW_PRIVATE",
                Reach::Public,
                "give `true` or `false`",
            ),
            connections: connections?,
            stripe_secret_key: stripe_secret_key?,
        })
    }
}

fn all_unless_given(environment: &mut Environment, given: Vec<Role>) -> Vec<Role> {
    let names = Role::ALL.map(Role::as_str).join(", ");
    let set = environment.parsed_list("WORKER_ROLES", &format!("give some of {names}, separated by commas"));
    [given, set].into_iter().find(|roles| !roles.is_empty()).unwrap_or_else(|| Role::ALL.to_vec())
}

fn recharge_limits(environment: &mut Environment) -> Limits {
    let default = Limits::default();
    let seconds = environment.at_least(
        "AUTO_RECHARGE_PAUSE_SECONDS",
        Limits::PAUSE_MIN.as_secs(),
        default.pause.as_secs(),
    );
    let per_day = environment.at_least("AUTO_RECHARGES_PER_DAY", 1, default.per_day);
    if seconds > 86_400 {
        environment.problem("AUTO_RECHARGE_PAUSE_SECONDS", "is more than a day", "give at most 86400");
    }
    if per_day > 100 {
        environment.problem("AUTO_RECHARGES_PER_DAY", "is too many", "give at most 100");
    }
    let cents = environment.at_least("SAMSAR_CENTS_PER_100_CREDITS", 1, 100);
    let contract_price = CreditPrice::per_hundred(cents);
    Limits { pause: Duration::from_secs(seconds), per_day, contract_price }
}

fn grant_expiring_days(environment: &mut Environment) -> u32 {
    let days = environment.at_least("GRANT_EXPIRING_DAYS", 1, 7);
    if days > 365 {
        environment.problem("GRANT_EXPIRING_DAYS", "is more than a year", "give at most 365");
    }
    days
}

fn stripe_secret_key(environment: &mut Environment, mode: Mode) -> Result<Secret, Reported> {
    const NAME: &str = "STRIPE_SECRET_KEY";
    let remedy = match mode {
        Mode::Test => "give the secret key of the Stripe account, which starts with sk_test_",
        Mode::Live => "give the secret key of the Stripe account, which starts with sk_live_",
    };
    let key = environment.required_given_secret("STRIPE_SECRET_KEY", &["sk_", "rk_"], remedy)?;
    // A live key in a test installation would charge real cards for credits that cost nothing, and the reverse.
    match mode {
        Mode::Test if key.expose().contains("_live_") => {
            Err(environment.problem(NAME, "is a live key, but PURSER_MODE is test", remedy))
        }
        Mode::Live if key.expose().contains("_test_") => {
            Err(environment.problem(NAME, "is a test key, but PURSER_MODE is live", remedy))
        }
        Mode::Test | Mode::Live => Ok(key),
    }
}

fn creem_api_key(environment: &mut Environment, mode: Mode) -> Option<Secret> {
    let remedy = match mode {
        Mode::Test => "give the API key of a Creem store in test mode, which starts with creem_test_",
        Mode::Live => "give the API key of the Creem store, which starts with creem_",
    };
    let key = environment.given_secret("CREEM_API_KEY", &["creem_"], remedy)?;
    match (mode, key.expose().starts_with("creem_test_")) {
        (Mode::Test, true) | (Mode::Live, false) => {}
        (Mode::Test, false) => {
            environment.problem("CREEM_API_KEY", "is a live key, but PURSER_MODE is test", remedy);
        }
        (Mode::Live, true) => {
            environment.problem("CREEM_API_KEY", "is a test key, but PURSER_MODE is live", remedy);
        }
    }
    Some(key)
}

fn return_urls(environment: &mut Environment) -> ReturnUrls {
    let site = environment.origin("PUBLIC_URL").unwrap_or_else(|| "http://localhost:8080".to_owned());
    let remedy = "give the address of a page, for example https://shop.example.com/thanks";
    let (success, cancel) = (
        environment.web_address("CHECKOUT_SUCCESS_URL", remedy),
        environment.web_address("CHECKOUT_CANCEL_URL", remedy),
    );
    ReturnUrls {
        success: success
            .unwrap_or_else(|| format!("{site}/payment_success?session_id={{CHECKOUT_SESSION_ID}}")),
        cancel: cancel.unwrap_or_else(|| format!("{site}/payment_cancel")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [(&str, &str); 2] =
        [("DATABASE_URL", "postgres://purser@localhost/purser"), ("AMQP_URL", "amqp://localhost")];

    fn refusal(set: &[(&str, &str)]) -> Option<String> {
        let variables = SERVERS.into_iter().chain(set.iter().copied());
        let read = Environment::of(variables).read(|environment| Config::read(environment, Vec::new()));
        read.err().map(|error| error.to_string())
    }

    #[test]
    fn keys_of_the_other_mode_are_refused() {
        let (test, live) = ("sk_test_1", "sk_live_1");
        assert_eq!(refusal(&[("STRIPE_SECRET_KEY", test), ("CREEM_API_KEY", "creem_test_1")]), None);
        for set in [
            [("PURSER_MODE", "test"), ("STRIPE_SECRET_KEY", live), ("CREEM_API_KEY", "creem_1")],
            [("PURSER_MODE", "live"), ("STRIPE_SECRET_KEY", test), ("CREEM_API_KEY", "creem_test_1")],
        ] {
            let refused = refusal(&set).unwrap_or_default();
            for name in ["STRIPE_SECRET_KEY is a", "CREEM_API_KEY is a"] {
                assert!(refused.contains(name), "{name}: {refused}");
            }
        }
    }

    #[test]
    fn every_problem_is_named_and_no_value_is_repeated() {
        let refused = refusal(&[
            ("STRIPE_SECRET_KEY", "pk_test_hunter2"),
            ("STRIPE_REQUESTS_PER_SECOND", "0"),
            ("WORKER_ROLES", "apply,hunter2"),
            ("CHECKOUT_SUCCESS_URL", "hunter2"),
            ("VERIFY", "hunter2"),
        ])
        .unwrap_or_default();
        for name in [
            "STRIPE_SECRET_KEY",
            "STRIPE_REQUESTS_PER_SECOND",
            "WORKER_ROLES",
            "CHECKOUT_SUCCESS_URL",
            "VERIFY",
        ] {
            assert_eq!(refused.matches(name).count(), 1, "{name}: {refused}");
        }
        assert!(refused.contains("publishable") && !refused.contains("hunter2"), "{refused}");
    }
}
