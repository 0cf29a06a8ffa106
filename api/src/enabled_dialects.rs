//! Which dialects an installation serves.

use std::collections::BTreeSet;
use std::str::FromStr;

use billing::payments::Dialect;

/// The dialects that can be switched off. Purser's own API is none of them: it is always served.
const SWITCHABLE: [Dialect; 5] =
    [Dialect::Allmine, Dialect::Billing, Dialect::Samsar, Dialect::Timeproof, Dialect::Wasdi];

/// The dialects that are switched on, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialects(BTreeSet<&'static str>);

#[derive(Debug, thiserror::Error)]
#[error("there is no dialect `{unknown}`; there are {}, or `none` alone", names().join(", "))]
pub struct UnknownDialect {
    unknown: String,
}

impl Dialects {
    pub fn all() -> Self {
        Self(names().into())
    }

    pub(crate) fn include(&self, dialect: Dialect) -> bool {
        self.0.contains(dialect.as_str())
    }
}

impl FromStr for Dialects {
    type Err = UnknownDialect;

    /// Reads names separated by commas; `none` alone switches all dialects off.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "none" {
            return Ok(Self(BTreeSet::new()));
        }
        let find = |name: &str| {
            let known = names().into_iter().find(|known| *known == name);
            known.ok_or_else(|| UnknownDialect { unknown: name.to_owned() })
        };
        text.split(',').map(|name| find(name.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn names() -> [&'static str; SWITCHABLE.len()] {
    SWITCHABLE.map(Dialect::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_unknown_ones_refused() {
        let read = |text: &str| text.parse::<Dialects>().map_err(|error| error.to_string());
        let all = names().join(" , ");
        assert_eq!(read(&all).unwrap(), Dialects::all());
        assert_eq!(read(" samsar").unwrap().0, BTreeSet::from(["samsar"]));
        assert_eq!(read("none").unwrap().0, BTreeSet::new());
        for text in ["samsar,", "Samsar", "none,samsar", "native", "webhooks", "all", "samsar,frob"] {
            let error = read(text).unwrap_err();
            assert!(error.contains("there are") && error.contains("samsar"), "{text}: {error}");
        }
        assert!(read("samsar,frob").unwrap_err().contains("`frob`"));
    }
}
