//! The APIs of other credit systems, over the one ledger. A dialect only translates: no SQL, no provider.
//!
//! To add one: its folder, its `mod` line, its line in the list, and its name in `enabled_dialects.rs`.

mod allmine;
mod billing;
mod samsar;
mod timeproof;
mod wasdi;

use crate::http::group::ApiGroup;

pub(crate) static GROUPS: &[ApiGroup] =
    &[allmine::GROUP, billing::GROUP, samsar::GROUP, timeproof::GROUP, wasdi::GROUP];

/// Where payment providers send their events, in the words of the dialect that has the path.
pub(crate) static WEBHOOKS: &[ApiGroup] = &[timeproof::WEBHOOK, billing::WEBHOOKS];
