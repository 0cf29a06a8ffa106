//! The documentation: the files of `docs/` and what belongs to them, as pages that need no script, a search, and the
//! reference of all operations.

mod contents;
mod layout;
mod markdown;
mod operations;
mod reference;
mod search;
mod site;

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use warp::http::{HeaderValue, StatusCode, header};

use super::endpoint;
use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, is_under};
use crate::http::{Response, empty};
use crate::problem::Problem;
use crate::state::SharedState;
use site::SITE;

pub(crate) static GROUP: ApiGroup = ApiGroup {
    name: "documentation",
    about: "The documentation, for people.",
    dialect: None,
    owns: |path| is_under(path, "/docs"),
    endpoints,
    word,
    error: None,
};

const HTML: &str = "text/html; charset=utf-8";

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

fn endpoints() -> Vec<Endpoint> {
    let [reference, part] = reference::endpoints();
    vec![
        endpoint::get("/docs", |_, call| async move { one(&call, "") }),
        endpoint::get("/docs/search", found),
        reference,
        part,
        endpoint::get("/docs/{page}", |_, call| async move { one(&call, call.path_parameter("page")) }),
    ]
}

fn one(call: &Call, name: &str) -> Result<Response, Problem> {
    let page = SITE.page(name).ok_or_else(|| Problem::not_found("There is no such page."))?;
    Ok(served(call, page, HTML, POLICY))
}

async fn found(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let page = search::page(&SITE, call.parameter("q").unwrap_or_default());
    Ok(served(&call, page.into(), HTML, POLICY))
}

/// Something that changes only with the program, unless the caller has it already.
fn served(call: &Call, bytes: Bytes, content_type: &str, policy: HeaderValue) -> Response {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = call.header("if-none-match").unwrap_or_default();
    let is_known =
        known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag);
    let mut response = empty(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let values = [(header::ETAG, tag.as_str()), (header::CONTENT_TYPE, content_type)];
    headers.extend(
        values.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?))),
    );
    if !is_known {
        *response.body_mut() = bytes.into();
    }
    response
}

/// A problem as a page that leads back.
fn word(problem: &Problem) -> Response {
    let mut response = empty(problem.status());
    *response.body_mut() = site::problem(&problem.message).into();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
