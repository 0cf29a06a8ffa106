//! Purser's own API: administration, spending, holds, live events, health. camelCase; errors are
//! `{"error":{"code","message"}}`; every POST takes an `Idempotency-Key`.

mod adjustments;
mod api_keys;
mod attention;
mod audit_log;
mod auto_recharge;
mod balance_alerts;
mod catalog;
mod checkouts;
mod credit_prices;
mod dead_letters;
mod debits;
mod entries;
mod export;
mod grants;
mod health;
mod holds;
mod idempotent;
mod imports;
mod limits;
mod live;
mod managers;
mod member_limits;
mod openapi_document;
mod operators;
mod orders;
mod organizations;
mod pages_of;
mod parked_purchases;
mod plan_options;
mod portal_sessions;
mod products;
mod provider_events;
mod reasons;
mod redemptions;
mod search;
mod sessions;
mod statistics;
mod subscriptions;
mod system;
mod test_clock;
mod transfers;
mod users;
mod wallets;
mod webhook_endpoints;
mod words;

use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::http::group::ApiGroup;
use crate::provider_webhooks::{self, revenuecat};
use words::{ErrorBody, word};

/// The native API owns every path that no other API owns.
pub(crate) static GROUP: ApiGroup = ApiGroup {
    name: "native",
    about: "Purser's own API: administration, spending, holds, live events, health. Names are camelCase, times are \
            RFC 3339, and every POST takes an `Idempotency-Key`. Errors are `{\"error\": {\"code\", \"message\"}}`: \
            programs go by the code, the message is for people.",
    dialect: None,
    owns: |_| true,
    endpoints,
    word,
    error: Some(named_schema::<ErrorBody>),
};

const REVENUECAT_WEBHOOK: &str = "/webhooks/revenuecat";

/// Where RevenueCat sends its events.
pub(crate) static WEBHOOK: ApiGroup = ApiGroup {
    name: provider_webhooks::NAME,
    about: provider_webhooks::ABOUT,
    dialect: None,
    owns: |path| path == REVENUECAT_WEBHOOK,
    endpoints: || vec![revenuecat::endpoint(REVENUECAT_WEBHOOK)],
    word,
    error: Some(named_schema::<ErrorBody>),
};

fn endpoints() -> Vec<Endpoint> {
    let parts = [
        wallets::endpoints(),
        entries::endpoints(),
        grants::endpoints(),
        adjustments::endpoints(),
        debits::endpoints(),
        transfers::endpoints(),
        holds::endpoints(),
        auto_recharge::endpoints(),
        live::endpoints(),
        users::endpoints(),
        imports::endpoints(),
        export::endpoints(),
        sessions::endpoints(),
        portal_sessions::endpoints(),
        api_keys::endpoints(),
        search::endpoints(),
        attention::endpoints(),
        system::endpoints(),
        audit_log::endpoints(),
        statistics::endpoints(),
        operators::endpoints(),
        subscriptions::endpoints(),
        plan_options::endpoints(),
        provider_events::endpoints(),
        catalog::endpoints(),
        credit_prices::endpoints(),
        dead_letters::endpoints(),
        parked_purchases::endpoints(),
        organizations::endpoints(),
        member_limits::endpoints(),
        balance_alerts::endpoints(),
        webhook_endpoints::endpoints(),
        products::endpoints(),
        orders::endpoints(),
        checkouts::endpoints(),
        redemptions::endpoints(),
        test_clock::endpoints(),
        health::endpoints(),
        openapi_document::endpoints(),
    ];
    parts.into_iter().flatten().collect()
}
