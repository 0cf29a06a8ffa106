//! TimeProof's payments API: packs, checkout and its status, history and balances, also of organizations.
//!
//! Any credential is accepted in place of TimeProof's session cookie. Balances are whole credits, rounded down. Beyond
//! TimeProof: a payment page that takes long is answered with 202 and an address to poll, an `Idempotency-Key` makes a
//! repeated checkout the same order, and `orgId` selects an organization.

mod checkout;
mod history;
mod packs;
mod types;
mod words;

use billing::payments::Dialect;
use identity::{Membership, operations};
use kernel::ids::OrganizationId;

use crate::auth::Principal;
use crate::http::call::Call;
use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, is_under};
use crate::problem::Problem;
use crate::provider_webhooks::{self, stripe};
use crate::state::SharedState;
use words::{ErrorBody, WebhookErrorBody, word, word_for_provider};

/// Everything under `/api/payments` and `/api/account`; the webhook there is in a group of its own.
pub(super) const GROUP: ApiGroup = ApiGroup {
    name: "timeproof",
    about: "TimeProof's payments API: packs, checkout, how a checkout stands, history and balances, for users and for \
            organizations. Amounts are in cents, balances are whole credits, rounded down. Errors are `{\"error\"}`. \
            Beyond TimeProof: a payment page that takes long is answered with 202 and an address to poll.",
    dialect: Some(Dialect::Timeproof),
    owns: |path| is_under(path, "/api/payments") || is_under(path, "/api/account"),
    endpoints,
    word,
    error: Some(named_schema::<ErrorBody>),
};

const STRIPE_WEBHOOK: &str = "/api/payments/webhook";

/// Where Stripe sends its events.
pub(super) const WEBHOOK: ApiGroup = ApiGroup {
    name: provider_webhooks::NAME,
    about: provider_webhooks::ABOUT,
    dialect: None,
    owns: |path| path == STRIPE_WEBHOOK,
    endpoints: || vec![stripe::endpoint(STRIPE_WEBHOOK)],
    word: word_for_provider,
    error: Some(named_schema::<WebhookErrorBody>),
};

fn endpoints() -> Vec<Endpoint> {
    [checkout::endpoints(), history::endpoints(), packs::endpoints()].into_iter().flatten().collect()
}

/// The organization that the query names, if it names one.
fn asked_organization(call: &Call) -> Result<Option<OrganizationId>, Problem> {
    let Some(text) = call.parameter("orgId").filter(|text| !text.is_empty()) else { return Ok(None) };
    let id = text.parse().map_err(|_| Problem::invalid("orgId must be a number."))?;
    Ok(Some(OrganizationId(id)))
}

/// The caller's membership in an organization. One that does not exist is treated as one without the caller.
async fn membership(
    api: &SharedState,
    principal: &Principal,
    organization: OrganizationId,
) -> Result<Membership, Problem> {
    let found = operations::membership(&api.pool, &principal.user_id, organization).await?;
    found.ok_or_else(|| Problem::forbidden("You are not a member of this organization."))
}
