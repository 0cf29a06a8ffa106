//! Events as live streams tell them: this system's own, and those that the dialects' clients know, `/ws`, `/api/ws` and
//! `/events`.

use std::collections::BTreeMap;

use kernel::clock::to_rfc3339;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::Notice;

/// What those streams have never told, and their clients do not expect.
const NEW: &[&str] = &["wallet.changed", "grant.expired", "grant.expiring", "limit.reached"];
/// The fields that were added since.
const NEW_FIELDS: &[&str] = &["orderId"];

/// An event's fields as they are written.
type Fields = BTreeMap<String, Box<RawValue>>;

/// An event as the own streams tell it: its fields, and whose it is, when it happened, and its number.
pub fn own(notice: &Notice) -> Option<String> {
    let mut fields: Fields = serde_json::from_str(notice.body.get()).ok()?;
    add(&mut fields, "walletId", &notice.wallet_id)?;
    if let Some(sequence) = notice.sequence {
        add(&mut fields, "sequence", &sequence)?;
    }
    if let Some(stamp) = notice.stamp {
        add(&mut fields, "timestamp", &to_rfc3339(stamp.happened_at))?;
    }
    serde_json::to_string(&fields).ok()
}

fn add(fields: &mut Fields, name: &str, value: &impl Serialize) -> Option<()> {
    fields.insert(name.to_owned(), to_raw_value(value).ok()?);
    Some(())
}

/// An event as the dialects' streams tell it; none if they do not.
pub fn former(notice: &Notice) -> Option<String> {
    let event_type = notice.event_type();
    if NEW.contains(&event_type.as_str()) || event_type.starts_with("order.") {
        return None;
    }
    let mut fields: Fields = serde_json::from_str(notice.body.get()).ok()?;
    for field in NEW_FIELDS {
        fields.remove(*field);
    }
    serde_json::to_string(&fields).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Notice, examples};
    use kernel::ids::WalletId;
    use serde_json::{Value, json};

    const NOW: kernel::clock::Timestamp = time::macros::datetime!(2026-11-25 08:00 UTC);

    #[test]
    fn the_own_streams_say_whose_and_when_and_which() {
        let wallet = WalletId::new();
        for event in examples() {
            let notice = Notice::new(NOW, wallet, Some(12), &event);
            let told: Value = serde_json::from_str(&own(&notice).unwrap()).unwrap();
            let expected =
                (&json!(event.name()), &json!(wallet), &json!(12), &json!("2026-11-25T08:00:00.000Z"));
            assert_eq!((&told["type"], &told["walletId"], &told["sequence"], &told["timestamp"]), expected);
        }
    }

    #[test]
    fn the_streams_of_dialects_stay_as_they_are() {
        let mut told = BTreeMap::new();
        for event in examples() {
            let notice = Notice::new(NOW, WalletId::new(), Some(12), &event);
            if let Some(text) = former(&notice) {
                told.insert(event.name(), serde_json::from_str::<Value>(&text).unwrap());
            }
        }
        let added = json!({"type": "credits.added", "credits": 2500, "balance": 2612.5, "paymentId": 42});
        assert_eq!(told["credits.added"], added);
        assert_eq!(told["payment.failed"], json!({"type": "payment.failed", "paymentId": 42}));
        let kinds: Vec<&str> = told.keys().filter_map(|name| name.split('.').next()).collect();
        assert!(
            kinds.iter().all(|kind| {
                ["credits", "payment", "balance", "subscription", "auto_recharge"].contains(kind)
            }),
            "{kinds:?}"
        );
    }
}
