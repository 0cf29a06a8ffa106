//! Where buyers come back to from a payment page, for orders that name no address of their own: what truly happened.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use warp::http::StatusCode;

use super::texts::{filled, texts};
use super::views::CheckoutResult;
use super::visit::{Place, has_wallet, locale_of, plain};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::own_api::{OwnApi, at};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

/// GET /payment_success: says that something is paid only once the provider has said so. What the address says is not
/// shown, and proves nothing.
pub(super) async fn success(api: SharedState, call: Call) -> Result<Response, Problem> {
    let locale = locale_of(None, &call.headers);
    let texts = texts(locale);
    let result = match call.parameter("session_id") {
        Some(session) => result(&api, session).await?,
        None => None,
    };
    let (title, text, is_open) = match &result {
        Some(result) => match (result.status.as_str(), result.mode.as_str()) {
            ("completed", "setup") => (&texts.order_saved, texts.order_saved_text.clone(), false),
            ("completed", _) => {
                let credits = locale.credits(result.credits);
                (&texts.order_paid, filled(&texts.order_paid_text, &[("credits", &credits)]), false)
            }
            ("open", _) => (&texts.waiting, texts.waiting_text.clone(), true),
            _ => (&texts.order_failed, texts.order_failed_text.clone(), false),
        },
        None if call.parameter("saved") == Some("card") => {
            (&texts.order_saved, texts.order_saved_text.clone(), false)
        }
        None => (&texts.unknown_result, texts.unknown_result_text.clone(), false),
    };
    // Of a session that there is: nothing else of the address is shown.
    let again = call.parameter("session_id").filter(|_| is_open).map(|session| {
        format!("/payment_success?session_id={}", utf8_percent_encode(session, NON_ALPHANUMERIC))
    });
    let body = html! {
        div.stack #result hx-get=[again] hx-select="#result" hx-swap="outerMorph"
            hx-trigger=[is_open.then_some("every 2s")] aria-live="polite" {
            h1 { (title) }
            p { (text) }
            @if is_open { span.spinner aria-hidden="true" {} } @else { (onward(&call, &texts.to_wallet, &texts.close)) }
        }
    };
    plain(&api, locale, StatusCode::OK, title, body)
}

/// GET /payment_cancel
pub(super) async fn cancel(api: SharedState, call: Call) -> Result<Response, Problem> {
    let locale = locale_of(None, &call.headers);
    let texts = texts(locale);
    let body = html! {
        h1 { (texts.canceled) }
        p { (texts.canceled_text) }
        (onward(&call, &texts.to_wallet, &texts.close))
    };
    plain(&api, locale, StatusCode::OK, &texts.canceled, body)
}

async fn result(api: &SharedState, session: &str) -> Result<Option<CheckoutResult>, Problem> {
    match OwnApi::without_credential(api).get(at(["checkout-results", session])).await {
        Ok(result) => Ok(Some(result)),
        Err(problem) if problem.kind == ProblemKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn onward(call: &Call, to_wallet: &str, close: &str) -> Markup {
    html! {
        @if has_wallet(&call.headers) {
            a.button href=(Place::Overview.address()) { (to_wallet) }
        } @else {
            p.muted { (close) }
        }
    }
}
