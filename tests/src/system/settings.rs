//! The environment variables that each process is started with, from one description of the whole system.

use std::time::Duration;

use anyhow::{Context, Result};
use kernel::config::{Connections, Secret};
use servers::{Servers, ports};

use super::service::Service;

/// Names the party that signs users' tokens, and the party that they are for.
const JWT_ISSUER: &str = "purser-dev";
const JWT_AUDIENCE: &str = "purser";

/// Where the development servers of Node, Angular, Astro, Flask, Vite, Django and others listen.
const DEVELOPMENT_PORTS: [u16; 7] = [3000, 4200, 4321, 5000, 5173, 8000, 8080];

/// Random for every run, so that none of them can be known to anyone else.
#[derive(Clone)]
pub struct Secrets {
    pub admin_api_key: String,
    /// What the workers present to Stripe.
    pub stripe_secret_key: String,
    pub stripe_webhook_secret: String,
    /// What the workers present to Creem.
    pub creem_api_key: String,
    pub creem_webhook_secret: String,
    /// The value of the header with which RevenueCat's webhooks come.
    pub revenuecat_webhook_auth: String,
    /// Signs users' tokens.
    pub jwt_hs256_secret: String,
}

impl Secrets {
    pub fn random() -> Self {
        let random = || hex::encode(rand::random::<[u8; 24]>());
        Self {
            admin_api_key: format!("admin_{}", random()),
            stripe_secret_key: format!("sk_test_{}", random()),
            stripe_webhook_secret: format!("whsec_{}", random()),
            creem_api_key: format!("creem_test_{}", random()),
            creem_webhook_secret: format!("creem_{}", random()),
            revenuecat_webhook_auth: format!("revenuecat_{}", random()),
            jwt_hs256_secret: random(),
        }
    }
}

/// Where everything listens.
#[derive(Clone)]
pub struct Addresses {
    /// The port of the API on loopback.
    pub api_port: u16,
    /// The port of the provider emulator on loopback.
    pub emulator_port: u16,
    /// The ports for the metrics of the API, the worker and the scheduler, in this order.
    pub metrics_ports: [u16; 3],
    pub database_url: String,
    pub amqp_url: String,
    /// The start of the name of every exchange and queue.
    pub amqp_prefix: String,
}

/// Everything that the processes of one system need to know.
#[derive(Clone)]
pub struct Settings {
    pub secrets: Secrets,
    pub addresses: Addresses,
}

impl Settings {
    /// Settings with new secrets for a system on private servers, all its parts on free ports.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn on_free_ports(servers: &Servers, amqp_prefix: &str) -> Result<Self> {
        let database_url = servers.postgres().url().to_owned();
        Self::at(database_url, servers.rabbitmq().url().to_owned(), amqp_prefix)
    }

    /// As [`Settings::on_free_ports`], on servers at these addresses.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn at(database_url: String, amqp_url: String, amqp_prefix: &str) -> Result<Self> {
        let [api_port, emulator_port, metrics_ports @ ..] = ports::free_ports::<5>()?;
        Ok(Self {
            secrets: Secrets::random(),
            addresses: Addresses {
                api_port,
                emulator_port,
                metrics_ports,
                database_url,
                amqp_url,
                amqp_prefix: amqp_prefix.to_owned(),
            },
        })
    }

    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.addresses.api_port)
    }

    /// Where a process finds the servers, and how many connections to the database it may have.
    ///
    /// # Errors
    /// When an address is empty.
    pub fn connections(&self, database_max_connections: u32) -> Result<Connections> {
        let secret = |address: &str| Secret::new(address).context("an empty address");
        Ok(Connections {
            database_url: secret(&self.addresses.database_url)?,
            database_direct_url: None,
            database_read_url: None,
            amqp_url: secret(&self.addresses.amqp_url)?,
            amqp_prefix: self.addresses.amqp_prefix.clone(),
            database_max_connections,
            database_lock_timeout: Duration::from_millis(500),
            database_statement_timeout: Duration::from_secs(10),
            // A busy machine has many worlds.
            database_deadline: Duration::from_secs(15),
        })
    }

    pub fn emulator_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.addresses.emulator_port)
    }

    /// Sites that may call the API from a browser and that buyers may return to: the API's own pages, and the
    /// places where an application under development usually runs.
    pub fn allowed_origins(&self) -> Vec<String> {
        let ports = [self.addresses.api_port].into_iter().chain(DEVELOPMENT_PORTS);
        [self.api_url()].into_iter().chain(ports.map(|port| format!("http://localhost:{port}"))).collect()
    }

    pub fn stripe_webhook_url(&self) -> String {
        format!("{}/api/payments/webhook", self.api_url())
    }

    pub fn creem_webhook_url(&self) -> String {
        format!("{}/payment/webhook/creem", self.api_url())
    }

    pub fn creem_api_base(&self) -> String {
        format!("{}/creem", self.emulator_url())
    }

    /// Who signs users' tokens, and for whom.
    pub fn jwt_issuer_and_audience(&self) -> (&'static str, &'static str) {
        (JWT_ISSUER, JWT_AUDIENCE)
    }

    pub fn variables(&self, service: Service) -> Vec<(&'static str, String)> {
        match service {
            Service::Api => self.api_variables(),
            Service::Worker => self.worker_variables(),
            Service::Scheduler => {
                let mut variables = self.shared_variables();
                variables.push(("METRICS_ADDR", loopback(self.addresses.metrics_ports[2])));
                variables
            }
            Service::Emulator => self.emulator_variables(),
        }
    }

    pub fn arguments(&self, service: Service) -> Vec<String> {
        match service {
            Service::Api | Service::Worker | Service::Scheduler => Vec::new(),
            Service::Emulator => vec!["--listen".to_owned(), loopback(self.addresses.emulator_port)],
        }
    }

    fn api_variables(&self) -> Vec<(&'static str, String)> {
        let secrets = &self.secrets;
        let port = self.addresses.api_port;
        let mut variables = self.shared_variables();
        variables.extend([
            ("METRICS_ADDR", loopback(self.addresses.metrics_ports[0])),
            ("API_ADDR", loopback(port)),
            ("PUBLIC_URL", self.api_url()),
            ("WEBHOOK_ALLOW_PRIVATE", "true".to_owned()),
            ("PURSER_MODE", "test".to_owned()),
            ("FREE_PURCHASES", "true".to_owned()),
            ("ADMIN_API_KEY", secrets.admin_api_key.clone()),
            ("STRIPE_WEBHOOK_SECRET", secrets.stripe_webhook_secret.clone()),
            ("CREEM_WEBHOOK_SECRET", secrets.creem_webhook_secret.clone()),
            ("REVENUECAT_WEBHOOK_AUTH", secrets.revenuecat_webhook_auth.clone()),
            ("JWT_HS256_SECRET", secrets.jwt_hs256_secret.clone()),
            ("JWT_ISSUER", JWT_ISSUER.to_owned()),
            ("JWT_AUDIENCE", JWT_AUDIENCE.to_owned()),
            ("RETURN_URL_ORIGINS", self.allowed_origins().join(",")),
            ("ALLOWED_ORIGINS", self.allowed_origins().join(",")),
            // A developer or a benchmark is a single caller with many requests.
            ("RATE_LIMIT_PER_CREDENTIAL", "0".to_owned()),
            ("RATE_LIMIT_PER_ADDRESS", "0".to_owned()),
        ]);
        variables
    }

    fn worker_variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.shared_variables();
        variables.extend([
            ("METRICS_ADDR", loopback(self.addresses.metrics_ports[1])),
            ("PUBLIC_URL", self.api_url()),
            ("WEBHOOK_ALLOW_PRIVATE", "true".to_owned()),
            ("PURSER_MODE", "test".to_owned()),
            ("STRIPE_SECRET_KEY", self.secrets.stripe_secret_key.clone()),
            ("STRIPE_API_BASE", self.emulator_url()),
            ("CREEM_API_KEY", self.secrets.creem_api_key.clone()),
            ("CREEM_API_BASE", self.creem_api_base()),
        ]);
        variables
    }

    fn emulator_variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("EMULATOR_SECRET_KEY", self.secrets.stripe_secret_key.clone()),
            ("STRIPE_WEBHOOK_URL", self.stripe_webhook_url()),
            ("STRIPE_WEBHOOK_SECRET", self.secrets.stripe_webhook_secret.clone()),
            ("CREEM_API_KEY", self.secrets.creem_api_key.clone()),
            ("CREEM_WEBHOOK_URL", self.creem_webhook_url()),
            ("CREEM_WEBHOOK_SECRET", self.secrets.creem_webhook_secret.clone()),
        ]
    }

    fn shared_variables(&self) -> Vec<(&'static str, String)> {
        let addresses = &self.addresses;
        vec![
            ("DATABASE_URL", addresses.database_url.clone()),
            ("AMQP_URL", addresses.amqp_url.clone()),
            ("AMQP_PREFIX", addresses.amqp_prefix.clone()),
            // For people, though `cargo dev` writes it into files.
            ("LOG_FORMAT", std::env::var("LOG_FORMAT").unwrap_or_else(|_| "text".to_owned())),
        ]
    }
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
