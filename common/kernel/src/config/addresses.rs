//! Lists of servers: a database with its standbys, a broker of several nodes.

use url::Url;

/// How the servers of a kind are listed.
pub struct Kind {
    schemes: [&'static str; 2],
    split: fn(&str) -> Vec<String>,
}

pub(super) const DATABASE: Kind = Kind { schemes: ["postgres", "postgresql"], split: of_database };
pub(super) const BROKER: Kind = Kind { schemes: ["amqp", "amqps"], split: of_broker };

/// The addresses of the servers of a PostgreSQL URL, which may name several as libpq has it:
/// `postgres://user@one:5432,two:5432/name`. Each has the rest of the URL.
pub fn of_database(list: &str) -> Vec<String> {
    let Some((scheme, rest)) = list.split_once("://") else { return vec![list.to_owned()] };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{tail}")).collect()
}

/// The addresses of the nodes of a broker: whole URLs with commas between them.
pub fn of_broker(list: &str) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for part in list.split(',') {
        // A comma may also be part of a password.
        match addresses.last_mut() {
            Some(last) if !part.trim_start().contains("://") => {
                last.push(',');
                last.push_str(part);
            }
            _ => addresses.push(part.trim_start().to_owned()),
        }
    }
    addresses
}

impl Kind {
    /// What is wrong with a list, if anything: each address begins with one of the schemes, and names its host.
    pub(super) fn fault(&self, list: &str) -> Option<String> {
        let addresses = (self.split)(list);
        let is_address = |address: &String| {
            Url::parse(address).is_ok_and(|url| {
                // A lone address may name its host, or a socket, in another way.
                let has_host = url.host_str().is_some_and(|host| !host.is_empty());
                self.schemes.contains(&url.scheme()) && (has_host || addresses.len() == 1)
            })
        };
        let wrong = addresses.iter().position(|address| !is_address(address))?;
        let which = match addresses.len() {
            1 => "is no address".to_owned(),
            _ => format!("names a server (number {}) that is no address", wrong.saturating_add(1)),
        };
        Some(format!("{which} that starts with {}://", self.schemes.join(":// or ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_the_rest_of_the_address() {
        let of = |list| of_database(list).join(" ");
        assert_eq!(
            of("postgres://u:p@one:1,two:2/db?a=b"),
            "postgres://u:p@one:1/db?a=b postgres://u:p@two:2/db?a=b"
        );
        assert_eq!(
            of("postgres://u:a,b@[::1]:1,two/db"),
            "postgres://u:a,b@[::1]:1/db postgres://u:a,b@two/db"
        );
        assert_eq!(of("postgres://one,two"), "postgres://one postgres://two");
        assert_eq!(of("postgres://one/db?a=b,c"), "postgres://one/db?a=b,c");
    }

    #[test]
    fn nodes_are_whole_addresses() {
        let of = |list| of_broker(list).join(" ");
        assert_eq!(
            of("amqp://u:p@one:1/%2f, amqps://u:p@two:2/v"),
            "amqp://u:p@one:1/%2f amqps://u:p@two:2/v"
        );
        assert_eq!(of("amqp://u:a,b@one"), "amqp://u:a,b@one");
    }
}
