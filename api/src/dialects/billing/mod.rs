//! The Billing API: balance and history, orders, daily check-in, payment sessions, plans and their administration.
//!
//! Any credential is accepted in place of its session cookie; the headers of its gateway (`X-User-Id`, `X-User-Role`,
//! `X-App-Key`) are ignored. Balances are whole credits, rounded down.

mod admin_checkin;
mod admin_credits;
mod checkin;
mod coupons;
mod credits;
mod envelope;
mod orders;
mod page;
mod payment;
mod plans;
mod subscription;
mod words;

use billing::payments::Dialect;

use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, is_under};
use crate::problem::Problem;
use crate::provider_webhooks::{self, creem, stripe};
use crate::state::AppState;
use envelope::Failed;
use words::word;

/// The paths of the Billing API, except those where webhooks arrive.
pub(super) const GROUP: ApiGroup = ApiGroup {
    name: "billing",
    about: "Balance and history, orders, daily check-in, plans, payment sessions and their administration. Answers \
            are `{\"success\": true, \"data\": …}` or `{\"success\": false, \"error\": {\"code\", \"message\"}}`.",
    dialect: Some(Dialect::Billing),
    owns,
    endpoints,
    word,
    error: named_schema::<Failed>,
};

const STRIPE_WEBHOOK: &str = "/payment/webhook/stripe";
const CREEM_WEBHOOK: &str = "/payment/webhook/creem";

/// Where Stripe and Creem send their events.
pub(super) const WEBHOOKS: ApiGroup = ApiGroup {
    name: provider_webhooks::NAME,
    about: provider_webhooks::ABOUT,
    dialect: None,
    owns: |path| [STRIPE_WEBHOOK, CREEM_WEBHOOK].contains(&path),
    endpoints: || vec![stripe::endpoint(STRIPE_WEBHOOK), creem::endpoint(CREEM_WEBHOOK)],
    word,
    error: named_schema::<Failed>,
};

const PREFIXES: [&str; 9] = [
    "/credits/balance",
    "/credits/transactions",
    "/orders",
    "/checkin",
    "/subscription",
    "/payment/create-session",
    "/admin/billing",
    "/admin/credits",
    "/admin/checkin",
];

fn owns(path: &str) -> bool {
    PREFIXES.iter().any(|prefix| is_under(path, prefix))
}

fn endpoints() -> Vec<Endpoint> {
    [
        credits::endpoints(),
        plans::endpoints(),
        coupons::endpoints(),
        payment::endpoints(),
        subscription::endpoints(),
        orders::endpoints(),
        checkin::endpoints(),
        admin_credits::endpoints(),
        admin_checkin::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Refuses an address that buyers may not be sent to.
fn check_return_url(api: &AppState, field: &str, url: &str) -> Result<(), Problem> {
    if api.return_origins.allow(url) {
        return Ok(());
    }
    Err(Problem::invalid(format!("{field} is not on an allowed site.")).coded("url_not_allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_keep_their_paths() {
        for path in
            ["/orders", "/orders/1", "/admin/credits/manual", "/subscription/plans", "/checkin/status"]
        {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/credits",
            "/credits/consume",
            "/credits/types",
            "/credits/balances",
            "/payment/webhook/stripe",
            "/payment_success",
            "/admin/users",
            "/checkins",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
