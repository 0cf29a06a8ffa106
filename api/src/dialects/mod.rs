//! The APIs of other credit systems, over the one ledger. A dialect only translates: no SQL, no provider.
//!
//! To add one: its folder, its `mod` line, and its line in the list.

pub(crate) mod billing;
mod samsar;
mod timeproof;

use crate::routes::Surface;

/// All dialects.
pub(crate) static SURFACES: &[Surface] = &[billing::SURFACE, samsar::SURFACE, timeproof::SURFACE];
