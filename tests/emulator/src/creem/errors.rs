//! Errors in Creem's JSON shape.

use serde_json::{Value, json};

use crate::clock::real_now_milliseconds;
use crate::stripe::store::random_text;

/// An error answer.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: u16,
    messages: Vec<String>,
}

/// What API functions return.
pub(crate) type Answer<T = Value> = Result<T, ApiError>;

impl ApiError {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, messages: vec![message.into()] }
    }

    /// A request that makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// A request without a key.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "API key is missing")
    }

    /// A card that the bank refuses, as the hosted page shows it; no call of the API answers this.
    pub(crate) fn declined(message: impl Into<String>) -> Self {
        Self::new(402, message)
    }

    /// A key that is wrong. Creem does not say why.
    pub(crate) fn forbidden() -> Self {
        Self { status: 403, messages: Vec::new() }
    }

    /// An id that names nothing.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, format!("{what} not found"))
    }

    /// A path and method that the emulator does not serve.
    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        Self::new(404, format!("Cannot {method} /v1/{path}"))
    }

    /// Too many requests.
    pub(crate) fn rate_limited() -> Self {
        Self::new(429, "Rate limit exceeded")
    }

    /// Trouble on the provider's side.
    pub(crate) fn server_error() -> Self {
        Self::new(500, "Internal server error")
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// What went wrong, for people.
    pub(crate) fn message(&self) -> String {
        self.messages.join(" ")
    }

    pub(crate) fn body(&self) -> Value {
        let error = match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Payment Required",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            _ => "Internal Server Error",
        };
        let mut body = json!({
            "trace_id": trace_id(), "status": self.status, "error": error, "timestamp": real_now_milliseconds(),
        });
        if !self.messages.is_empty() {
            body["message"] = json!(self.messages);
        }
        body
    }
}

/// Five groups of hexadecimal digits, as a UUID is written.
fn trace_id() -> String {
    let digits = hex::encode(random_text(16));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-")
}
