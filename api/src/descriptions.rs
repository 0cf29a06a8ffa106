//! The descriptions of the API that are served, as text.

use std::collections::BTreeMap;

pub(crate) struct Descriptions {
    pub(crate) all: String,
    /// Of each API by itself, by its name.
    pub(crate) alone: BTreeMap<&'static str, String>,
}

impl Descriptions {
    /// That of everything, or of the API of this name; none if there is no such API.
    pub(crate) fn of(&self, name: Option<&str>) -> Option<&str> {
        match name {
            None => Some(&self.all),
            Some(name) => self.alone.get(name).map(String::as_str),
        }
    }
}
