//! Reading the environment, with errors that name the variable and say what to do.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;
use url::Url;

/// A value that never shows itself in logs or errors, and is never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`; `None` when it is blank, because an empty secret protects nothing.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (!value.trim().is_empty()).then_some(Self(value))
    }

    /// A new one: `prefix`, and 256 random bits in base64.
    pub fn random(prefix: &str) -> Self {
        Self(format!("{prefix}{}", BASE64_STANDARD.encode(rand::rng().random::<[u8; 32]>())))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// A variable that is missing or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not set, and there is no default.
    #[error("{name} is not set: {purpose}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is for.
        purpose: &'static str,
    },
    /// Set to nothing.
    #[error("{name} is set but empty: give it a value or unset it")]
    Empty {
        /// The variable.
        name: &'static str,
    },
    /// Set to something that cannot be read. The value is not repeated: it may be secret.
    #[error("{name} cannot be used: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// A variable's text, if it is set.
///
/// # Errors
/// When it is set but blank.
pub fn optional(name: &'static str) -> Result<Option<String>, ConfigError> {
    match std::env::var(name) {
        Ok(text) if text.trim().is_empty() => Err(ConfigError::Empty { name }),
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(ConfigError::Invalid { name, reason: "it is not UTF-8".to_owned() })
        }
    }
}

/// A variable that must be set.
///
/// # Errors
/// When it is not, or blank.
pub fn required(name: &'static str, purpose: &'static str) -> Result<String, ConfigError> {
    optional(name)?.ok_or(ConfigError::Missing { name, purpose })
}

/// A secret that must be set.
///
/// # Errors
/// When it is not, or blank.
pub fn secret(name: &'static str, purpose: &'static str) -> Result<Secret, ConfigError> {
    Secret::new(required(name, purpose)?).ok_or(ConfigError::Empty { name })
}

/// The address of a server, which may have a password in it. One that can never be reached is found out at the start.
fn address(name: &'static str, purpose: &'static str, schemes: &[&str]) -> Result<Secret, ConfigError> {
    let address = secret(name, purpose)?;
    let is_one = Url::parse(address.expose()).is_ok_and(|url| schemes.contains(&url.scheme()));
    let reason = || format!("it is no address that starts with {}://", schemes.join(":// or "));
    is_one.then_some(address).ok_or_else(|| ConfigError::Invalid { name, reason: reason() })
}

/// A variable read as another type, or the default.
///
/// # Errors
/// When it is set and cannot be read.
pub fn parsed<T>(name: &'static str, default: T) -> Result<T, ConfigError>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    match optional(name)? {
        None => Ok(default),
        Some(text) => text
            .trim()
            .parse()
            .map_err(|error: T::Err| ConfigError::Invalid { name, reason: error.to_string() }),
    }
}

/// A comma-separated list; empty when the variable is not set.
///
/// # Errors
/// When an element is blank: `a,,b` is a mistake that would make an empty secret or origin.
pub fn list(name: &'static str) -> Result<Vec<String>, ConfigError> {
    let Some(text) = optional(name)? else { return Ok(Vec::new()) };
    let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err(ConfigError::Invalid { name, reason: "the list has an empty element".to_owned() });
    }
    Ok(items)
}

/// Which world of the providers this installation lives in. Events of the other one are never credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Test keys and test events (`livemode: false`).
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// As providers say it.
    pub fn is_live(self) -> bool {
        self == Self::Live
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "test" => Ok(Self::Test),
            "live" => Ok(Self::Live),
            _ => Err("it is `test` or `live`".to_owned()),
        }
    }
}

/// What every process needs to know.
#[derive(Clone, Debug)]
pub struct Connections {
    /// `DATABASE_URL`: PostgreSQL, for example `postgres://purser@localhost/purser`.
    pub database_url: Secret,
    /// `AMQP_URL`: RabbitMQ, for example `amqp://purser:…@localhost/%2f`.
    pub amqp_url: Secret,
    /// `AMQP_PREFIX`: starts the name of every exchange and queue; `purser` unless set.
    pub amqp_prefix: String,
    /// `DATABASE_MAX_CONNECTIONS`: for this process; 10 unless set.
    pub database_max_connections: u32,
}

impl Connections {
    /// Reads the variables named at the fields.
    ///
    /// # Errors
    /// The first one that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            database_url: address(
                "DATABASE_URL",
                "where PostgreSQL is, for example postgres://purser@localhost/purser",
                &["postgres", "postgresql"],
            )?,
            amqp_url: address(
                "AMQP_URL",
                "where RabbitMQ is, for example amqp://guest:guest@localhost:5672/%2f",
                &["amqp", "amqps"],
            )?,
            amqp_prefix: parsed("AMQP_PREFIX", "purser".to_owned())?,
            database_max_connections: parsed("DATABASE_MAX_CONNECTIONS", 10)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_secret_is_none_and_a_secret_never_prints() {
        assert_eq!(Secret::new("  "), None);
        let shown = format!("{:?}", Secret::new("whsec_abc"));
        assert!(!shown.contains("whsec"), "{shown}");
    }
}
