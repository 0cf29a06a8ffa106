//! Each API has its own format for errors and answers in no other.

use serde_json::{Value, json};

/// The API whose format an error has. WASDI and Samsar share one.
pub fn format_of(error: &Value) -> &'static str {
    let keys: Vec<&str> = error.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let is_coded = error["error"]["code"].is_string() && error["error"]["message"].is_string();
    match keys.as_slice() {
        ["error"] if is_coded => "native",
        ["error"] if error["error"].is_string() => "timeproof",
        ["message"] if error["message"].is_string() => "samsar or wasdi",
        ["error", "success"] if is_coded && error["success"] == json!(false) => "billing",
        ["data", "errors", "isSuccess", "statusCode", "timestamp"] if error["data"].is_null() => "allmine",
        _ => "unknown",
    }
}

/// The format that errors must have at a path of an API. A provider webhook answers in the format of the API whose
/// paths surround it.
pub fn format_at<'a>(api: &'a str, path: &str) -> &'a str {
    match (api, path) {
        ("samsar" | "wasdi", _) => "samsar or wasdi",
        ("webhooks", "/api/payments/webhook") => "timeproof",
        ("webhooks", path) if path.starts_with("/payment/webhook/") => "billing",
        ("webhooks", _) => "native",
        (api, _) => api,
    }
}
