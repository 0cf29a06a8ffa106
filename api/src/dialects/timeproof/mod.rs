//! TimeProof's payments API: packs, checkout, how a checkout stands, history and balances, also of organizations.
//!
//! Any credential is accepted where TimeProof has its session cookie. Balances are whole credits, rounded down.
//! Beyond TimeProof: a payment page that takes long is answered with 202 and an address to poll, an
//! `Idempotency-Key` makes a repeated checkout the same order, and `orgId` asks for what is an organization's.

mod checkout;
mod error;
mod history;
mod packs;
mod types;

use identity::{Membership, operations};
use kernel::ids::OrganizationId;

use crate::Shared;
use crate::auth::Principal;
use crate::http::Call;
use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::routes::{Surface, is_under};
use error::TimeproofError;

/// Everything under `/api/payments` and `/api/account`; the webhook there has a surface of its own.
pub(super) const SURFACE: Surface = Surface {
    name: "timeproof",
    about: "TimeProof's payments API: packs, checkout, how a checkout stands, history and balances, for users and for \
            organizations. Amounts are in cents, balances are whole credits, rounded down. Errors are `{\"error\"}`. \
            Beyond TimeProof: a payment page that takes long is answered with 202 and an address to poll.",
    owns: |path| is_under(path, "/api/payments") || is_under(path, "/api/account"),
    endpoints,
    render: error::render,
    error: named_schema::<error::ErrorBody>,
};

fn endpoints() -> Vec<Endpoint> {
    [checkout::endpoints(), history::endpoints(), packs::endpoints()].into_iter().flatten().collect()
}

/// The user who calls.
async fn caller(api: &Shared, call: &Call) -> Result<Principal, TimeproofError> {
    Ok(api.auth.caller(&call.method, &call.headers, &api.origins).await?)
}

/// The organization that the query names, if it names one.
fn asked_organization(call: &Call) -> Result<Option<OrganizationId>, TimeproofError> {
    let Some(text) = call.parameter("orgId").filter(|text| !text.is_empty()) else { return Ok(None) };
    let id = text.parse().map_err(|_| TimeproofError::bad_request("orgId must be a number."))?;
    Ok(Some(OrganizationId(id)))
}

/// The caller's place in an organization. One that does not exist is as one that the caller is not in.
async fn membership(
    api: &Shared,
    principal: &Principal,
    organization: OrganizationId,
) -> Result<Membership, TimeproofError> {
    let found = operations::membership(&api.pool, &principal.user_id, organization).await?;
    found.ok_or_else(|| TimeproofError::forbidden("You are not a member of this organization."))
}
