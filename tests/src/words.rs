//! Whose words an error has: each API has its own form for errors, and answers in no other.

use serde_json::{Value, json};

/// The API whose words these are, told by their form. WASDI and Samsar word errors alike.
pub fn words_of(error: &Value) -> &'static str {
    let keys: Vec<&str> = error.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let is_coded = error["error"]["code"].is_string() && error["error"]["message"].is_string();
    match keys.as_slice() {
        ["error"] if is_coded => "native",
        ["error"] if error["error"].is_string() => "timeproof",
        ["message"] if error["message"].is_string() => "samsar or wasdi",
        ["error", "success"] if is_coded && error["success"] == json!(false) => "billing",
        ["data", "errors", "isSuccess", "statusCode", "timestamp"] if error["data"].is_null() => "allmine",
        _ => "nobody",
    }
}

/// The words that errors have at a path of an API. What arrives from providers is worded as its neighbours are.
pub fn words_at<'a>(api: &'a str, path: &str) -> &'a str {
    match (api, path) {
        ("samsar" | "wasdi", _) => "samsar or wasdi",
        ("webhooks", "/api/payments/webhook") => "timeproof",
        ("webhooks", path) if path.starts_with("/payment/webhook/") => "billing",
        ("webhooks", _) => "native",
        (api, _) => api,
    }
}
