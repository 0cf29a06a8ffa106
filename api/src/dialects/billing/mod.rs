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
use crate::problem::{ErrorCode, Problem};
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
    error: Some(named_schema::<Failed>),
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
    error: Some(named_schema::<Failed>),
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

/// What others have below the first segments of this API's paths.
const NEIGHBOURS: &[&str] = &[
    "/credits/add",
    "/credits/consume",
    "/credits/holds",
    "/credits/listbyuser",
    "/credits/stripe",
    "/credits/totalbyuser",
    "/credits/types",
    "/payment/webhook",
];

/// An unknown path below a first segment of this API's is worded as its others are.
fn owns(path: &str) -> bool {
    let is_ours = |prefix: &&str| is_under(path, prefix);
    let is_below = path.starts_with("/credits/") || path.starts_with("/payment/");
    PREFIXES.iter().any(is_ours) || (is_below && !NEIGHBOURS.iter().any(is_ours))
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
    Err(Problem::invalid(format!("{field} is not on an allowed site.")).coded(ErrorCode::UrlNotAllowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_keep_their_paths() {
        for path in [
            "/orders",
            "/orders/1",
            "/admin/credits/manual",
            "/subscription/plans",
            "/payment/nope",
            "/credits/nope",
        ] {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/credits",
            "/credits/consume",
            "/credits/types",
            "/credits/stripe/paymentUrl",
            "/credits/holds/1/capture",
            "/payment/webhook/stripe",
            "/payment_success",
            "/admin/users",
            "/checkins",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
