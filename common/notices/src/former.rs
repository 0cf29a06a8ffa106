//! Events as the streams tell them that the dialects' clients know: `/ws`, `/api/ws` and `/events`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// What those streams have never told, and their clients do not expect.
const NEW: &[&str] = &["wallet.changed", "grant.expired", "grant.expiring"];
/// The fields that were added since.
const NEW_FIELDS: &[&str] = &["orderId"];

/// An event as those streams tell it; none if they do not.
pub fn former(event_type: &str, body: &RawValue) -> Option<String> {
    if NEW.contains(&event_type) || event_type.starts_with("order.") {
        return None;
    }
    let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_str(body.get()).ok()?;
    for field in NEW_FIELDS {
        fields.remove(field);
    }
    serde_json::to_string(&fields).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::examples;
    use serde_json::{Value, json};

    #[test]
    fn the_streams_of_dialects_stay_as_they_are() {
        let mut told = BTreeMap::new();
        for event in examples() {
            let body = serde_json::value::to_raw_value(&event).unwrap();
            if let Some(text) = former(event.name(), &body) {
                told.insert(event.name(), serde_json::from_str::<Value>(&text).unwrap());
            }
        }
        let added = json!({"type": "credits.added", "credits": 2500, "balance": 2612.5, "paymentId": 42});
        assert_eq!(told["credits.added"], added);
        assert_eq!(told["payment.failed"], json!({"type": "payment.failed", "paymentId": 42}));
        let kinds: Vec<&str> = told.keys().filter_map(|name| name.split('.').next()).collect();
        assert!(kinds.iter().all(|kind| {
            ["credits", "payment", "balance", "subscription", "auto_recharge"].contains(kind)
        }), "{kinds:?}");
    }
}
