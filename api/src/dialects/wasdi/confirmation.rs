//! Confirms a payment after the provider's page has sent the buyer back. Anyone may ask, so Purser's own record answers
//! where it can, and the provider is asked about the sessions of open orders only, each of them once in a second.
//! Confirming changes nothing that the provider's event would not: it only comes earlier.

use std::time::Duration;

use billing::payments::store::payment_by_provider_id;
use billing::payments::{ConfirmReply, ConfirmSession, Payment};
use kernel::deadline::uncounted;
use tokio::time::Instant;
use warp::http::{HeaderValue, StatusCode, header};

use super::both;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, empty};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

/// Between two looks at the record.
const LOOK: Duration = Duration::from_millis(25);
/// The same, while others are asking.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Longer than any session's id.
const ID_MAX: usize = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let description = Description::new(Access::Public, "Confirm a payment")
        .says(
            "Called when the provider's page has sent the buyer back. 200 when the payment is confirmed, now or \
             before; 500 when it is not, with `Retry-After` where asking again later may help.",
        )
        .path_parameter::<String>("CHECKOUT_SESSION_ID", "The provider's session.")
        .answers_plainly(StatusCode::OK, "The payment is confirmed.")
        .answers_plainly(StatusCode::INTERNAL_SERVER_ERROR, "The payment is not confirmed.")
        .refuses(&[StatusCode::UNAUTHORIZED]);
    let nothing = Description::new(Access::Public, "Confirm a payment without a session")
        .refuses(&[StatusCode::UNAUTHORIZED]);
    let path = both!("/credits/stripe/confirmation/{CHECKOUT_SESSION_ID}");
    let bare = both!("/credits/stripe/confirmation/");
    path.map(|path| Endpoint::get(path, confirmation, description.clone()))
        .into_iter()
        .chain(bare.map(|path| Endpoint::get(path, confirmation, nothing.clone())))
        .collect()
}

async fn confirmation(api: SharedState, call: Call) -> Result<Response, Problem> {
    let mut response = match confirm(&api, call.path_parameter("CHECKOUT_SESSION_ID")).await {
        Ok(()) => empty(StatusCode::OK),
        Err(error) => error.into(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn confirm(api: &SharedState, session: &str) -> Result<(), Problem> {
    if session.trim().is_empty() {
        return Err(ProblemKind::CredentialMissing.into());
    }
    if !is_session_id(session) {
        return Err(ProblemKind::Internal.into());
    }
    let deadline = Instant::now() + api.config.checkout_deadline;
    loop {
        // The page of a Payment Link belongs to no order until the provider says for which it was paid.
        let order = order_of(api, session).await?;
        if order.as_ref().is_some_and(|payment| payment.state.is_paid()) {
            return Ok(());
        }
        let is_known = order.is_some();
        if api.confirmations.take_question(session, order.map(|payment| payment.user_id)) {
            return ask(api, session, deadline).await;
        }
        // Anyone can name a page of no known order, so such a request does not wait for its turn.
        if !is_known {
            return Err(Problem::from(ProblemKind::Internal).retry_soon());
        }
        // Others ask about the same session: what they learn is soon in the record.
        if Instant::now() >= deadline {
            return Err(Problem::from(ProblemKind::Internal).retry_soon());
        }
        uncounted(tokio::time::sleep(LOOK_AGAIN)).await;
    }
}

async fn ask(api: &SharedState, session: &str, deadline: Instant) -> Result<(), Problem> {
    let job = ConfirmSession { session: session.to_owned() };
    let reply = api.inbox.call(&job, api.config.checkout_deadline).await.map_err(Problem::internal)?;
    match reply {
        ConfirmReply::Paid => wait_until_paid(api, session, deadline).await,
        ConfirmReply::NotPaid => Err(Problem::from(ProblemKind::Internal).retry_soon()),
        ConfirmReply::Unavailable { reason } => Err(Problem::internal(reason)),
    }
}

/// Waits until the worker has credited the payment, which the record shows.
async fn wait_until_paid(api: &SharedState, session: &str, deadline: Instant) -> Result<(), Problem> {
    while Instant::now() < deadline {
        if order_of(api, session).await?.is_some_and(|payment| payment.state.is_paid()) {
            return Ok(());
        }
        uncounted(tokio::time::sleep(LOOK)).await;
    }
    Err(Problem::internal("a confirmed payment was not credited in time"))
}

/// The order whose page this is.
async fn order_of(api: &SharedState, session: &str) -> Result<Option<Payment>, sqlx::Error> {
    let mut connection = api.pool.acquire().await?;
    let found = payment_by_provider_id(&mut connection, session).await?;
    Ok(found.filter(|payment| payment.provider_session.as_deref() == Some(session)))
}

/// Whether a text has the form that Stripe's session ids have.
fn is_session_id(text: &str) -> bool {
    let rest = text.strip_prefix("cs_test_").or_else(|| text.strip_prefix("cs_live_"));
    text.len() <= ID_MAX
        && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_session_ids_are_asked_about() {
        assert!(is_session_id("cs_test_a1B2") && is_session_id("cs_live_x"));
        let long = format!("cs_test_{}", "a".repeat(ID_MAX));
        for text in [
            "",
            "cs_test_",
            "cs_x",
            "cs_prod_a1",
            "pi_a1",
            "cs_test_a-1",
            "cs_test_a/../b",
            "cs_test_é",
            " cs_test_a1",
            "{CHECKOUT_SESSION_ID}",
            long.as_str(),
        ] {
            assert!(!is_session_id(text), "{text}");
        }
    }
}
