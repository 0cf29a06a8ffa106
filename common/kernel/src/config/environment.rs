//! Reading variables. A reader that finds a problem notes it and goes on: one of a required setting then answers
//! [`Reported`], one of any other setting answers as if the variable were not set. Either way the configuration is
//! refused in the end. A problem never repeats what the variable holds: it may be secret.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::addresses::Kind;
use super::secret::{self, Secret};

/// What makes a good secret.
const MAKE_ONE: &str = "make one with `openssl rand -hex 32`";

/// Reads a configuration from the variables of this process.
///
/// # Errors
/// All that is wrong with it.
pub fn read<T>(reader: impl FnOnce(&mut Environment) -> Result<T, Reported>) -> Result<T, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment for all others")]
    Environment::of(std::env::vars_os()).read(reader)
}

/// The variables of a process, and what was found to be wrong with them so far.
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    problems: Vec<Problem>,
}

/// A problem was noted. Only [`Environment::problem`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Reported(());

struct Problem {
    name: &'static str,
    /// What is wrong, such as `is not set`.
    fault: String,
    /// What to do, such as `give an address`.
    remedy: String,
}

/// Everything that is wrong with a configuration: a line for each problem.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used (.env.example explains every setting):\n  {}", lines.join("\n  "))]
pub struct ConfigError {
    lines: Vec<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.name, self.fault, self.remedy)
    }
}

impl Environment {
    /// An environment of these variables.
    pub fn of<Text: Into<OsString>>(variables: impl IntoIterator<Item = (Text, Text)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, problems: Vec::new() }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read<T>(
        mut self,
        reader: impl FnOnce(&mut Self) -> Result<T, Reported>,
    ) -> Result<T, ConfigError> {
        match reader(&mut self) {
            Ok(config) if self.problems.is_empty() => Ok(config),
            Ok(_) | Err(Reported(())) => {
                Err(ConfigError { lines: self.problems.iter().map(ToString::to_string).collect() })
            }
        }
    }

    /// Notes what is wrong with a variable and what to do about it.
    pub fn problem(
        &mut self,
        name: &'static str,
        fault: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Reported {
        self.problems.push(Problem { name, fault: fault.into(), remedy: remedy.into() });
        Reported(())
    }

    /// The text of a variable, if it is set.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.text(name, "give it a value or unset it").ok().flatten()
    }

    /// The text of a variable that must be set.
    ///
    /// # Errors
    /// When it is not, or blank.
    pub fn required(&mut self, name: &'static str, remedy: &str) -> Result<String, Reported> {
        match self.text(name, remedy)? {
            Some(text) => Ok(text),
            None => Err(self.problem(name, "is not set", remedy)),
        }
    }

    /// A variable read as another type; `default` unless it is set.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, default: T, remedy: &str) -> T {
        let Some(text) = self.optional(name) else { return default };
        text.trim().parse().unwrap_or_else(|_| {
            self.problem(name, "cannot be read", remedy);
            default
        })
    }

    /// A whole number that is not too small; `default` unless it is set.
    pub fn at_least<T>(&mut self, name: &'static str, least: T, default: T) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.optional(name) else { return default };
        match text.trim().parse() {
            Ok(number) if number >= least => number,
            Ok(_) | Err(_) => {
                let fault = format!("is not a whole number of at least {least}, or too large");
                self.problem(name, fault, format!("give one, for example {default}"));
                default
            }
        }
    }

    /// A list of texts separated by commas; empty unless it is set.
    pub fn list(&mut self, name: &'static str) -> Vec<String> {
        let Some(text) = self.optional(name) else { return Vec::new() };
        let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
        // `a,,b` is a mistake that would make an empty secret or origin.
        if items.iter().any(String::is_empty) {
            self.problem(name, "has an empty element", "take out the comma too many");
            return Vec::new();
        }
        items
    }

    /// A list of values of another type, separated by commas; empty unless it is set.
    pub fn parsed_list<T: FromStr>(&mut self, name: &'static str, remedy: &str) -> Vec<T> {
        let items = self.list(name);
        items.iter().map(|item| item.parse()).collect::<Result<_, _>>().unwrap_or_else(|_| {
            self.problem(name, "has an element that cannot be read", remedy);
            Vec::new()
        })
    }

    /// The address of a server that processes connect to, or of several. It is a secret, because it may hold a
    /// password.
    ///
    /// # Errors
    /// When it is missing, or can never be reached.
    pub fn servers(&mut self, name: &'static str, kind: &Kind, remedy: &str) -> Result<Secret, Reported> {
        let text = self.required(name, remedy)?;
        self.check_servers(name, text, kind, remedy)
    }

    /// As [`Self::servers`], if it is set.
    pub fn optional_servers(&mut self, name: &'static str, kind: &Kind, remedy: &str) -> Option<Secret> {
        let text = self.optional(name)?;
        self.check_servers(name, text, kind, remedy).ok()
    }

    fn check_servers(
        &mut self,
        name: &'static str,
        text: String,
        kind: &Kind,
        remedy: &str,
    ) -> Result<Secret, Reported> {
        let fault = match kind.fault(&text) {
            Some(fault) => fault,
            None => return Secret::new(text).ok_or_else(|| self.problem(name, "is set but empty", remedy)),
        };
        Err(self.problem(name, fault, remedy))
    }

    /// The address of a page or an API, if it is set.
    pub fn web_address(&mut self, name: &'static str, remedy: &str) -> Option<String> {
        let text = self.optional(name)?;
        if web_url(&text).is_none() {
            self.problem(name, "is no address that starts with http:// or https://", remedy);
            return None;
        }
        Some(text)
    }

    /// The address of something that no third party may change on its way, if it is set: over TLS, or on this machine.
    pub fn safe_address(&mut self, name: &'static str, remedy: &str) -> Option<Url> {
        let is_safe = |url: &Url| match url.host() {
            Some(Host::Domain(host)) => url.scheme() == "https" || host == "localhost",
            Some(Host::Ipv4(address)) => url.scheme() == "https" || address.is_loopback(),
            Some(Host::Ipv6(address)) => url.scheme() == "https" || address.is_loopback(),
            None => false,
        };
        let text = self.optional(name)?;
        let url = web_url(text.trim()).filter(is_safe);
        if url.is_none() {
            self.problem(name, "is no address that starts with https://", remedy);
        }
        url
    }

    /// The scheme and host of a site as browsers write them, if they are set.
    pub fn origin(&mut self, name: &'static str) -> Option<String> {
        let text = self.optional(name)?;
        self.origins_of(name, &[text]).pop()
    }

    /// A list of sites, each by scheme and host as browsers write them; empty unless it is set.
    pub fn origins(&mut self, name: &'static str) -> Vec<String> {
        let texts = self.list(name);
        self.origins_of(name, &texts)
    }

    fn origins_of(&mut self, name: &'static str, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| origin_of(text.trim())).collect::<Option<_>>().unwrap_or_else(|| {
            let remedy = "give scheme and host and nothing else, for example https://shop.example.com";
            self.problem(name, "is not the address of a site", remedy);
            Vec::new()
        })
    }

    /// A secret of at least `length` characters that this installation makes up for itself, if it is set.
    pub fn own_secret(&mut self, name: &'static str, length: usize) -> Option<Secret> {
        let text = self.optional(name)?;
        self.check_own(name, &text, length).ok()
    }

    /// A secret of at least `length` characters that this installation makes up for itself and must have.
    ///
    /// # Errors
    /// When it is missing, can be guessed, or was made for something else.
    pub fn required_own_secret(&mut self, name: &'static str, length: usize) -> Result<Secret, Reported> {
        let text = self.required(name, MAKE_ONE)?;
        self.check_own(name, &text, length)
    }

    fn check_own(&mut self, name: &'static str, text: &str, length: usize) -> Result<Secret, Reported> {
        if let Some(kind) = secret::kind(text) {
            let fault = format!("is {kind}, which others know");
            return Err(self.problem(name, fault, MAKE_ONE));
        }
        if text.chars().count() < length {
            return Err(self.problem(name, format!("has fewer than {length} characters"), MAKE_ONE));
        }
        self.printable(name, text, MAKE_ONE)
    }

    /// A secret that another party gave out, if it is set. It begins with one of `prefixes`.
    pub fn given_secret(&mut self, name: &'static str, prefixes: &[&str], remedy: &str) -> Option<Secret> {
        let text = self.optional(name)?;
        self.check_given(name, &text, prefixes, remedy).ok()
    }

    /// A secret that another party gave out and that must be set. It begins with one of `prefixes`.
    ///
    /// # Errors
    /// When it is missing, or is something else.
    pub fn required_given_secret(
        &mut self,
        name: &'static str,
        prefixes: &[&str],
        remedy: &str,
    ) -> Result<Secret, Reported> {
        let text = self.required(name, remedy)?;
        self.check_given(name, &text, prefixes, remedy)
    }

    /// Secrets that another party gave out, separated by commas: several while one is being replaced. Each begins with
    /// one of `prefixes`, if there are any.
    pub fn given_secrets(&mut self, name: &'static str, prefixes: &[&str], remedy: &str) -> Vec<Secret> {
        let texts = self.list(name);
        texts.iter().filter_map(|text| self.check_given(name, text, prefixes, remedy).ok()).collect()
    }

    fn check_given(
        &mut self,
        name: &'static str,
        text: &str,
        prefixes: &[&str],
        remedy: &str,
    ) -> Result<Secret, Reported> {
        if prefixes.is_empty() || prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            return self.printable(name, text, remedy);
        }
        let fault = match secret::kind(text) {
            Some(kind) => format!("is {kind}"),
            None => format!("does not start with {}", prefixes.join(" or ")),
        };
        Err(self.problem(name, fault, remedy))
    }

    /// A secret that can stand in the header of a request.
    fn printable(&mut self, name: &'static str, text: &str, remedy: &str) -> Result<Secret, Reported> {
        let is_printable = text.trim() == text && !text.chars().any(char::is_control);
        Secret::new(text)
            .filter(|_| is_printable)
            .ok_or_else(|| self.problem(name, "has white space around it or a line break in it", remedy))
    }

    fn text(&mut self, name: &'static str, remedy: &str) -> Result<Option<String>, Reported> {
        let Some(value) = self.variables.get(OsStr::new(name)) else { return Ok(None) };
        let Some(text) = value.to_str().map(str::to_owned) else {
            return Err(self.problem(name, "is not UTF-8", remedy));
        };
        if text.trim().is_empty() {
            return Err(self.problem(name, "is set but empty", remedy));
        }
        if is_example(&text) {
            return Err(self.problem(name, "is still an example", remedy));
        }
        Ok(Some(text))
    }
}

/// Whether a text was copied from the documentation: its addresses are at hosts that are reserved for examples, and an
/// ellipsis stands for what is to be filled in.
fn is_example(text: &str) -> bool {
    let is_part_of_host = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
    let mut hosts = text.split(|character: char| !is_part_of_host(character));
    let is_reserved = |host: &str| host == "example.com" || host.ends_with(".example.com");
    text.contains('…') || text.contains("...") || hosts.any(is_reserved)
}

fn web_url(text: &str) -> Option<Url> {
    // The parser forgives what browsers forgive: a missing slash, a line break.
    let is_plain = text.starts_with("http://") || text.starts_with("https://");
    let is_one_word = !text.chars().any(|character| character.is_whitespace() || character.is_control());
    Url::parse(text).ok().filter(|_| is_plain && is_one_word)
}

/// The origin of an address that has nothing else in it (a final slash may follow), as browsers write it.
fn origin_of(text: &str) -> Option<String> {
    let url = web_url(&text.to_ascii_lowercase())?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    is_bare.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Connections;
    use super::*;

    fn refusal<T>(variables: &[(&str, &str)], read: impl FnOnce(&mut Environment) -> T) -> String {
        let refused = Environment::of(variables.iter().copied()).read(|environment| Ok(read(environment)));
        refused.err().unwrap().to_string()
    }

    #[test]
    fn all_problems_come_at_once_and_none_repeats_what_was_set() {
        let set = [("DATABASE_URL", "mysql://hunter2@localhost/purser"), ("DATABASE_MAX_CONNECTIONS", "0")];
        let refused = Environment::of(set).read(Connections::read).err().unwrap().to_string();
        for name in ["DATABASE_URL", "AMQP_URL", "DATABASE_MAX_CONNECTIONS"] {
            assert_eq!(refused.matches(name).count(), 1, "{name}: {refused}");
        }
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(
            refused.contains("AMQP_URL is not set: give the address of RabbitMQ, for example"),
            "{refused}"
        );
    }

    #[test]
    fn each_server_of_a_list_is_checked() {
        let refused = |name: &'static str, list| {
            let set = [("DATABASE_URL", "postgres://a/b"), ("AMQP_URL", "amqp://a")];
            refusal(&set.map(|(key, value)| (key, if key == name { list } else { value })), Connections::read)
        };
        for list in
            ["postgres://u:hunter2@a,:1/b", "postgres://u:hunter2@a,/b", "postgres://u:hunter2@a,b:x/c"]
        {
            let text = refused("DATABASE_URL", list);
            assert!(text.contains("DATABASE_URL names a server (number 2) that is no address"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let text = refused("AMQP_URL", "amqp://a,http://b");
        assert!(text.contains("AMQP_URL names a server (number 2)") && text.contains("amqps://"), "{text}");
        assert!(refused("AMQP_URL", "amqp://a,amqp://").contains("(number 2)"));
    }

    #[test]
    fn what_is_well_is_read() {
        let set = [
            ("DATABASE_URL", "postgres://purser@one:5433,[::1],two/purser"),
            ("DATABASE_DIRECT_URL", "postgres:///purser?host=/run/postgresql"),
            ("AMQP_URL", "amqp://one/%2f,amqps://two:1"),
            ("NUMBERS", "1, 2"),
            ("SITE", "https://Shop.Test:443/"),
        ];
        let read = Environment::of(set).read(|environment| {
            let connections = Connections::read(environment);
            let numbers: Vec<u8> = environment.parsed_list("NUMBERS", "give numbers");
            Ok((connections?.amqp_prefix, numbers, environment.origin("SITE"), environment.origins("NONE")))
        });
        let expected = ("purser".to_owned(), vec![1, 2], Some("https://shop.test".to_owned()), Vec::new());
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn values_left_empty_or_as_the_example_has_them_are_refused() {
        for value in
            ["", " ", "whsec_…", "sk_test_...", "https://app.example.com", "postgres://a:…@localhost/b"]
        {
            let refused = refusal(&[("NAME", value)], |environment| environment.optional("NAME"));
            assert!(refused.contains("NAME is "), "{value}: {refused}");
        }
        let kept = Environment::of([("NAME", "https://counterexample.com")])
            .read(|environment| Ok(environment.optional("NAME")));
        assert!(kept.unwrap().is_some());
    }

    #[test]
    fn a_secret_in_the_place_of_another_is_named() {
        let given = |environment: &mut Environment| {
            environment.given_secret("KEY", &["sk_", "rk_"], "give the secret key")
        };
        assert!(refusal(&[("KEY", "pk_live_x")], given).contains("KEY is a publishable key of Stripe"));
        assert!(refusal(&[("KEY", "whsec_x")], given).contains("KEY is the signing secret of a webhook"));
        assert!(refusal(&[("KEY", "hunter2")], given).contains("KEY does not start with sk_ or rk_"));
        assert!(refusal(&[("KEY", "sk_test_x\n")], given).contains("line break"));
        let own = |environment: &mut Environment| environment.own_secret("KEY", 16);
        assert!(refusal(&[("KEY", "a")], own).contains("KEY has fewer than 16 characters: make one with"));
        assert!(refusal(&[("KEY", "sk_live_0123456789abcdef")], own).contains("others know"));
    }

    #[test]
    fn only_the_bare_address_of_a_site_is_an_origin() {
        for (text, origin) in [
            ("https://Shop.Example.com:443/", "https://shop.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
        ] {
            assert_eq!(origin_of(text).as_deref(), Some(origin));
        }
        for text in [
            "*",
            "null",
            "shop.example.com",
            "https://a@b",
            "https://a/b",
            "https://a/?b",
            "https://a/#b",
            "ftp://a",
            "https:a",
            "https:\\\\a",
            "https://a\nb",
            "",
        ] {
            assert_eq!(origin_of(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_fetched_over_tls_or_from_this_machine() {
        for (text, is_safe) in [
            ("https://accounts.test/keys", true),
            ("http://localhost:1/keys", true),
            ("http://[::1]/keys", true),
            ("http://accounts.test/keys", false),
            ("file:///keys", false),
        ] {
            let read = Environment::of([("URL", text)])
                .read(|environment| Ok(environment.safe_address("URL", "give an address")));
            assert_eq!(read.is_ok(), is_safe, "{text}");
        }
    }
}
