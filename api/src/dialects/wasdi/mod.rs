//! WASDI's credits API: packages of credits that are named, paid by a link, and listed.
//!
//! A package is an order for one pack. It is listed from the moment it is added, and its credits count once it is paid.
//! Any credential is accepted in place of WASDI's session token. Each path is served where WASDI's document has it and
//! where its clients look for it.

mod confirmation;
mod packages;
mod payment_url;
mod types;
mod words;

use billing::payments::Dialect;
use warp::http::StatusCode;

use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, is_under};
use words::word;

/// WASDI's paths under `/credits`, which it shares with others, and everything under `/wasdiwebserver`.
pub(super) const GROUP: ApiGroup = ApiGroup {
    name: "wasdi",
    about: "WASDI's credits API: packages of credits that are named, paid by a link, and listed; each path also under \
            `/wasdiwebserver/rest`. Dates are milliseconds since 1970, fields without a value are left out. Errors \
            are `{\"message\"}`; failures of the server have no body.",
    dialect: Some(Dialect::Wasdi),
    owns,
    endpoints,
    word,
    error: Some(named_schema::<types::Message>),
};

fn owns(path: &str) -> bool {
    let own = ["/credits/types", "/credits/totalbyuser", "/credits/listbyuser", "/credits/add"];
    own.contains(&path) || is_under(path, "/credits/stripe") || is_under(path, "/wasdiwebserver")
}

fn endpoints() -> Vec<Endpoint> {
    [packages::endpoints(), payment_url::endpoints(), confirmation::endpoints()]
        .into_iter()
        .flatten()
        .map(failing_without_words)
        .collect()
}

/// Failures of the server have no body.
fn failing_without_words(mut endpoint: Endpoint) -> Endpoint {
    for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE] {
        if !endpoint.description.operation.responses.responses.contains_key(status.as_str()) {
            endpoint.description = endpoint.description.answers_plainly(status, "The server failed.");
        }
    }
    endpoint
}

/// A path as WASDI's document has it, and as its clients use it.
macro_rules! both {
    ($path:literal) => {
        [$path, concat!("/wasdiwebserver/rest", $path)]
    };
}
use both;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_keep_their_paths() {
        for path in [
            "/credits/types",
            "/credits/add",
            "/credits/stripe/paymentUrl",
            "/credits/stripe/confirmation/",
            "/wasdiwebserver/rest/credits/types",
            "/wasdiwebserver",
        ] {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/credits",
            "/credits/balance",
            "/credits/transactions",
            "/credits/consume",
            "/credits/holds",
            "/credits/types/x",
            "/credits/stripes",
            "/wasdi",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
