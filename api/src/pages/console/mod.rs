//! The console: for those who run the installation. Each page reads operations of the own API with the session of the
//! operator who looks at it, and each button leads to the form of one operation.

mod access;
mod actions;
mod audit_log;
mod catalog;
mod decide;
mod figures;
mod forms;
mod live;
mod orders;
mod overview;
mod parts;
mod recharging;
mod search;
mod sign_in;
mod system;
mod views;
mod visit;
mod wallets;
mod webhooks;

use super::endpoint::{get, post};
use super::format::Locale;
use crate::http::endpoint::Endpoint;
use visit::visited;

/// The console is for people of one house: it speaks English.
const LOCALE: Locale = Locale::English;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        get("/console/sign-in", sign_in::show),
        post("/console/sign-in", sign_in::sign_in),
        post("/console/sign-out", visited(sign_in::sign_out)),
        get("/console/invitation", sign_in::invitation),
        post("/console/invitation", sign_in::accept),
        get("/console", visited(overview::show)),
        get("/console/search", visited(search::show)),
        get("/console/wallets/{wallet}", visited(wallets::show)),
        get("/console/wallets/{wallet}/entries.csv", visited(wallets::export)),
        get("/console/users/{userId}/export", visited(wallets::export_user)),
        get("/console/orders", visited(orders::list)),
        get("/console/orders/{orderId}", visited(orders::show)),
        get("/console/quarantine", visited(decide::events)),
        get("/console/quarantine/{id}", visited(decide::event)),
        get("/console/dead-letters", visited(decide::letters)),
        get("/console/dead-letters/{id}", visited(decide::letter)),
        get("/console/parked-purchases", visited(decide::purchases)),
        get("/console/recharges", visited(recharging::paused)),
        get("/console/catalog", visited(catalog::show)),
        get("/console/webhooks", visited(webhooks::list)),
        get("/console/webhooks/{endpointId}", visited(webhooks::show)),
        get("/console/keys", visited(access::keys)),
        get("/console/operators", visited(access::operators)),
        get("/console/operators/{operatorId}", visited(access::operator)),
        get("/console/account", visited(access::account)),
        get("/console/audit", visited(audit_log::show)),
        get("/console/system", visited(system::show)),
        get("/console/do/{action}", visited(forms::show)),
        post("/console/do/{action}", visited(forms::perform)),
        post("/console/live", visited(live::ticket)),
    ]
}
