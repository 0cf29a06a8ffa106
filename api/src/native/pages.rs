//! The two pages to which a buyer returns from paying, for installations that have none of their own. They state
//! nothing about the payment: only the provider's webhook does.

use warp::http::{HeaderValue, StatusCode, header};

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let described = |summary: &str| {
        Description::new(Access::Public, summary)
            .says("For installations that have no page of their own. It states nothing about the payment.")
            .answers_with(StatusCode::OK, "text/html; charset=utf-8", "The page.")
    };
    vec![
        Endpoint::get("/payment_success", success, described("Where buyers return to after paying")),
        Endpoint::get("/payment_cancel", cancel, described("Where buyers return to without paying")),
    ]
}

async fn success(_api: SharedState, _call: Call) -> Result<Response, Problem> {
    let text = "Thank you. Your credits are on their way and usually arrive within seconds.";
    Ok(page("Payment received", text))
}

async fn cancel(_api: SharedState, _call: Call) -> Result<Response, Problem> {
    Ok(page("Payment cancelled", "Nothing was charged. You can close this page."))
}

/// A page of fixed text: it shows nothing of the request.
fn page(title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <body style=\"font:18px/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem\">\
         <h1 style=\"font-size:1.4rem\">{title}</h1><p>{text}</p></body></html>"
    );
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = html.into();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The address holds the session's id, which other sites must not learn.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
