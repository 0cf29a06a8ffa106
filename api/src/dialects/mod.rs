//! The APIs of other credit systems, over the one ledger. A dialect only translates: no SQL, no provider.
//!
//! To add one: its folder, its `mod` line, and its line in the list.

mod allmine;
pub(crate) mod billing;
mod samsar;
mod timeproof;
pub(crate) mod wasdi;

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::routes::Surface;

/// All dialects.
pub(crate) static SURFACES: &[Surface] =
    &[allmine::SURFACE, billing::SURFACE, samsar::SURFACE, timeproof::SURFACE, wasdi::SURFACE];

/// Which dialects are switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialects(BTreeSet<&'static str>);

/// A name that no dialect has.
#[derive(Debug, thiserror::Error)]
#[error("there is no dialect `{unknown}`; there are {}, or `none` alone", known().join(", "))]
pub struct UnknownDialect {
    unknown: String,
}

impl Dialects {
    /// Every one.
    pub fn all() -> Self {
        Self(known().into_iter().collect())
    }

    /// Whether an API answers. What is no dialect always does.
    pub(crate) fn include(&self, surface: &Surface) -> bool {
        self.0.contains(surface.name) || !known().contains(&surface.name)
    }
}

impl FromStr for Dialects {
    type Err = UnknownDialect;

    /// Reads names, separated by commas; `none` alone is none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "none" {
            return Ok(Self(BTreeSet::new()));
        }
        let find = |name: &str| {
            let known = known().into_iter().find(|known| *known == name);
            known.ok_or_else(|| UnknownDialect { unknown: name.to_owned() })
        };
        text.split(',').map(|name| find(name.trim())).collect::<Result<_, _>>().map(Self)
    }
}

/// The names of all dialects.
fn known() -> Vec<&'static str> {
    SURFACES.iter().map(|surface| surface.name).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_and_unknown_ones_refused() {
        let read = |text: &str| text.parse::<Dialects>().map_err(|error| error.to_string());
        let all = known().join(" , ");
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
