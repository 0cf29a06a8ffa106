//! All groups of endpoints, and which group answers for a path.

use crate::enabled_dialects::Dialects;
use crate::http::endpoint::Endpoint;
use crate::http::group::ApiGroup;
use crate::{dialects, native, pages};

/// Every group, in the order of the documentation: the first that owns a path answers for it.
pub(crate) fn groups() -> impl Iterator<Item = &'static ApiGroup> {
    provider_webhooks().chain(dialects::GROUPS).chain([&pages::GROUP, &pages::DOCUMENTATION, &native::GROUP])
}

fn provider_webhooks() -> impl Iterator<Item = &'static ApiGroup> {
    dialects::WEBHOOKS.iter().chain([&native::WEBHOOK])
}

/// The endpoints of a group that are served. Where providers send their events is never switched off: money is on its
/// way.
pub(crate) fn endpoints(group: &ApiGroup, dialects: &Dialects) -> Vec<Endpoint> {
    if group.dialect.is_none_or(|dialect| dialects.include(dialect)) {
        (group.endpoints)()
    } else {
        Vec::new()
    }
}

pub(crate) fn takes_provider_events(path: &str) -> bool {
    provider_webhooks().any(|group| (group.owns)(path))
}

/// The group that answers for a path. The native API owns what no other group owns.
pub(crate) fn group_of(path: &str) -> &'static ApiGroup {
    groups().find(|group| (group.owns)(path)).unwrap_or(&native::GROUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems are worded by the group that owns the path: an endpoint elsewhere would answer in foreign words.
    #[test]
    fn every_endpoint_is_at_a_path_of_its_group() {
        for group in groups() {
            for endpoint in (group.endpoints)() {
                assert!(std::ptr::eq(group_of(endpoint.path), group), "{}", endpoint.path);
            }
        }
    }
}
