//! The pages that people see: checkout, payment links, authentication, receipts, invoices, the portal.

use crate::server::{Reply, Request};
use crate::world::Emulator;

pub(crate) fn answer(_emulator: &Emulator, _request: &Request) -> Reply {
    Reply::html(404, String::new())
}
