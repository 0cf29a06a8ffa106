//! The Billing API: balance and history, orders, daily check-in, payment sessions, plans and their administration.
//!
//! Any credential is accepted where it has its session cookie; what its gateway would have told the services behind
//! it (`X-User-Id`, `X-User-Role`, `X-App-Key`) is ignored. Balances are whole credits, rounded down.

mod admin_checkin;
mod admin_credits;
mod checkin;
mod coupons;
mod credits;
mod envelope;
mod error;
mod orders;
mod page;
mod payment;
mod plans;
mod subscription;

use kernel::ids::UserId;

pub(crate) use envelope::Failed as BillingFailed;
pub(crate) use error::{failure, render};

use crate::Shared;
use crate::auth::Principal;
use crate::checkout::NotOrdered;
use crate::http::Call;
use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::routes::{Surface, is_under};
use envelope::Failed;
use error::BillingError;

/// The paths of the Billing API, except those where webhooks arrive.
pub(super) const SURFACE: Surface = Surface {
    name: "billing",
    about: "Balance and history, orders, daily check-in, plans, payment sessions and their administration. Answers \
            are `{\"success\": true, \"data\": …}` or `{\"success\": false, \"error\": {\"code\", \"message\"}}`.",
    owns,
    endpoints,
    render,
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

/// The user who calls.
async fn caller(api: &Shared, call: &Call) -> Result<Principal, BillingError> {
    Ok(api.auth.caller(&call.method, &call.headers, &api.origins).await?)
}

/// Who administrates: the configured key, or a user with the admin role.
async fn admin(api: &Shared, call: &Call) -> Result<Admin, BillingError> {
    if api.auth.is_admin_key(&call.headers) {
        return Ok(Admin(None));
    }
    let principal = caller(api, call).await?;
    if !principal.is_admin {
        return Err(BillingError::forbidden("This needs the admin role."));
    }
    Ok(Admin(Some(principal.user_id)))
}

/// The request's idempotency key, if it has one.
fn idempotency_key(call: &Call) -> Result<Option<&str>, BillingError> {
    call.idempotency_key().map_err(|_| BillingError::from(NotOrdered::BadKey))
}

/// Someone who may administrate; no user, if it is whoever holds the configured key.
struct Admin(Option<UserId>);

impl Admin {
    /// For the record, and for keeping idempotency keys apart.
    fn actor(&self) -> String {
        match &self.0 {
            Some(user) => format!("user:{user}"),
            None => "admin".to_owned(),
        }
    }
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
