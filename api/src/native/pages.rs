//! The two pages to which a buyer returns from paying, for installations that have none of their own. They state
//! nothing about the payment: that is for the webhook to say.

use warp::Filter;
use warp::http::header;
use warp::http::{HeaderValue, StatusCode};

use crate::http::{Response, Route, empty, first_of, named};

pub(super) fn routes() -> Route {
    first_of([success_route(), cancel_route()])
}

/// GET /payment_success
fn success_route() -> Route {
    let path = warp::path!("payment_success").and(warp::get());
    let text = "Thank you. Your credits are on their way and usually arrive within seconds.";
    path.map(move || page("Payment received", text)).map(named("/payment_success")).boxed()
}

/// GET /payment_cancel
fn cancel_route() -> Route {
    let path = warp::path!("payment_cancel").and(warp::get());
    let text = "Nothing was charged. You can close this page.";
    path.map(move || page("Payment cancelled", text)).map(named("/payment_cancel")).boxed()
}

/// A page of fixed text: nothing of the request is shown on it.
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
    // The session's id in the address is nobody else's business.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
