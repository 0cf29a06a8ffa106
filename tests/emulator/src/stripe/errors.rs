//! Errors in Stripe's JSON shape, with the types, codes and statuses that its SDKs tell apart.

use serde_json::{Map, Value, json};

/// An error answer. Boxed, since it travels through every function here.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Details>);

#[derive(Debug)]
struct Details {
    status: u16,
    fields: Map<String, Value>,
}

/// What API functions return.
pub(crate) type Answer<T = Value> = Result<T, ApiError>;

impl ApiError {
    fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        let mut fields = Map::new();
        fields.insert("type".into(), kind.into());
        fields.insert("message".into(), message.into().into());
        Self(Box::new(Details { status, fields }))
    }

    /// A request that makes no sense: 400 `invalid_request_error`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    /// A refused card: 402 `card_error`.
    pub(crate) fn card(code: &str, message: &str) -> Self {
        Self::new(402, "card_error", message).code(code)
    }

    /// A required parameter that was not sent.
    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    /// An id that names nothing: 404 `resource_missing`.
    pub(crate) fn no_such(what: &str, id: &str) -> Self {
        Self::new(404, "invalid_request_error", format!("No such {what}: '{id}'"))
            .code("resource_missing")
            .param("id")
    }

    /// A path and method that the emulator does not serve.
    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(404, "invalid_request_error", message)
    }

    /// A missing or wrong secret key.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "invalid_request_error", message)
    }

    /// A key that was used before with other parameters.
    pub(crate) fn idempotency_mismatch(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used \
             with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", message)
    }

    /// A key whose first request is still being executed.
    pub(crate) fn idempotency_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means \
             you submitted twice, and the other request is still going through): {key}."
        );
        Self::new(409, "idempotency_error", message).code("idempotency_key_in_use")
    }

    /// Too many requests.
    pub(crate) fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. Learn more about rate limits in the documentation.";
        Self::new(429, "invalid_request_error", message).code("rate_limit")
    }

    /// Trouble on the provider's side.
    pub(crate) fn server_error() -> Self {
        let message = "An unknown error occurred while processing this request.";
        Self::new(500, "api_error", message)
    }

    pub(crate) fn code(self, code: &str) -> Self {
        self.with("code", code)
    }

    pub(crate) fn param(self, param: &str) -> Self {
        self.with("param", param)
    }

    /// Adds a field, such as `decline_code` or the embedded `payment_intent`.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn message(&self) -> &str {
        self.0.fields.get("message").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Value {
        let mut fields = self.0.fields.clone();
        if let Some(code) = fields.get("code").and_then(Value::as_str) {
            let url = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"));
            fields.insert("doc_url".into(), url.into());
        }
        json!({ "error": fields })
    }

    /// The error without what only the answer to an API call carries, as objects remember it.
    pub(crate) fn remembered(&self) -> Value {
        Value::Object(self.0.fields.clone())
    }
}
