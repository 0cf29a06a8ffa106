//! What a form sends: read into a type, and only when it was sent from one of our own pages.

use maud::{Markup, html};
use serde::de::DeserializeOwned;
use uuid::Uuid;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::call::Call;
use crate::http::{Response, empty};
use crate::problem::{Problem, ProblemKind};

/// Reads the form that a POST has in its body.
///
/// # Errors
/// When it comes from another site, or is not the form that the page has.
pub(crate) fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    check_site(&call.headers)?;
    serde_urlencoded::from_bytes(&call.body).map_err(|error| Problem::invalid(error.to_string()))
}

/// A browser sends cookies along with a form of any site, but it also says which site that is: it must be ours.
///
/// # Errors
/// When it is not.
pub(crate) fn check_site(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        // Browsers say this only on safe connections. On others they name the origin.
        None => text("origin").is_some_and(|origin| {
            origin.split_once("://").is_some_and(|(_, host)| Some(host) == text("host"))
        }),
    };
    if is_own { Ok(()) } else { Err(ProblemKind::OriginNotAllowed.into()) }
}

/// Has the browser show another page, by GET: reloading that does not send the form again.
pub(crate) fn see(address: &str) -> Result<Response, Problem> {
    let mut response = empty(StatusCode::SEE_OTHER);
    let address = HeaderValue::from_str(address).map_err(Problem::internal)?;
    response.headers_mut().insert(header::LOCATION, address);
    Ok(response)
}

/// The hidden field `key`, the idempotency key of what the form asks for: sent twice, it is done once.
pub(crate) fn key() -> Markup {
    html! { input type="hidden" name="key" value=(Uuid::new_v4()); }
}

/// The lines of a field, without empty ones.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A time that a browser's field gave, such as `2026-12-31T23:59`: it names no zone, and the pages say UTC.
pub(crate) fn utc(text: &str) -> String {
    let seconds = if text.matches(':').count() < 2 { ":00" } else { "" };
    if text.ends_with('Z') { text.to_owned() } else { format!("{text}{seconds}Z") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_our_own_pages_are_read() {
        let checked = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            check_site(&headers).is_ok()
        };
        let host = ("host", "pay.example:8080");
        assert!(checked(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(checked(&[host, ("origin", "https://pay.example:8080")]));
        for foreign in [
            &[host][..],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://pay.example:8080")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "null")],
            &[host, ("origin", "https://pay.example")],
            &[host, ("origin", "https://pay.example:8080.evil.example")],
        ] {
            assert!(!checked(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn times_of_fields_are_in_utc() {
        for text in ["2026-12-31T23:59", "2026-12-31T23:59:00", "2026-12-31T23:59:00Z"] {
            assert_eq!(utc(text), "2026-12-31T23:59:00Z");
        }
    }
}
