//! Notices about wallets for the users who can see them and for the host application, and the live messages that reach
//! every API instance.
//!
//! The ledger and billing tell an [`Event`] in the transaction in which it happens ([`tell`]); the worker delivers it
//! to webhook endpoints and to every API instance, which pushes it to open connections. Each notice has the next number
//! of its wallet: without gaps, and in the order in which the transactions committed. So a receiver knows what it has
//! seen, what is older than that, and what is missing.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

mod event;
mod examples;
mod live;
mod streams;
mod telling;
mod values;

pub use event::{Event, Order, Reason};
pub use examples::examples;
pub use live::Live;
pub use streams::{former, own};
pub use telling::{tell, tell_all, write};
pub use values::{Amount, Moment, MoneyValue};

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{MessageId, WalletId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Something that happened to a wallet, for the users who can see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub wallet_id: WalletId,
    /// An [`Event`] as JSON. It stays the text that it is, so that a process passes on what a newer one tells, and no
    /// number on its way is rounded.
    pub body: Box<RawValue>,
    /// Its place among the wallet's notices, from 1. None in messages of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// None in messages of older versions.
    #[serde(flatten)]
    pub stamp: Option<Stamp>,
}

impl Notice {
    /// Stamps an event with a new id and `now`.
    pub fn new(now: Timestamp, wallet_id: WalletId, sequence: Option<i64>, event: &Event) -> Self {
        // Events are plain data with text keys: writing them as JSON cannot fail.
        let body = serde_json::value::to_raw_value(event).unwrap_or_else(|_| RawValue::NULL.to_owned());
        let stamp = Stamp { message_id: MessageId::new(), happened_at: now };
        Self { wallet_id, body, sequence, stamp: Some(stamp) }
    }

    /// The event's type.
    pub fn event_type(&self) -> String {
        #[derive(Deserialize)]
        struct Typed {
            #[serde(rename = "type")]
            name: String,
        }
        serde_json::from_str(self.body.get()).map_or_else(|_| "message".to_owned(), |Typed { name }| name)
    }
}

/// Identifies a notice, however often its job is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub message_id: MessageId,
    #[serde(with = "time::serde::rfc3339")]
    pub happened_at: Timestamp,
}

/// Sends notices to users and to the host application's webhook endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendNotices {
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}
job!(SendNotices: "notify.send" on Notify, 8 attempts);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kernel::money::Credits;
    use std::collections::BTreeSet;

    #[test]
    fn a_notice_survives_the_wire_to_the_last_digit() {
        let exact = Amount(Credits::from_millionths(9_007_199_254_740_993_001));
        let event = Event::BalanceLow { balance: exact, level: exact };
        let now = time::macros::datetime!(2026-11-25 08:00 UTC);
        let notice = Notice::new(now, WalletId::new(), Some(7), &event);
        let body = r#"{"type":"balance.low","balance":9007199254740.993001,"level":9007199254740.993001}"#;
        assert_eq!((notice.body.get(), notice.event_type().as_str()), (body, "balance.low"));

        let text = serde_json::to_string(&SendNotices { notices: vec![notice.clone()] }).unwrap();
        let read: SendNotices = serde_json::from_str(&text).unwrap();
        let read = &read.notices[0];
        assert_eq!((read.body.get(), read.sequence, read.stamp), (body, Some(7), notice.stamp));
        let text = serde_json::to_string(&Live::Notices { notices: vec![notice] }).unwrap();
        let Ok(Live::Notices { notices }) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!((notices[0].body.get(), notices[0].sequence), (body, Some(7)));
    }

    #[test]
    fn every_type_has_an_example_which_has_its_type() {
        let examples = examples();
        let named: BTreeSet<&str> = examples.iter().map(Event::name).collect();
        assert_eq!(named, Event::TYPES.iter().copied().collect());
        assert_eq!(examples.len(), Event::TYPES.len());
        for event in &examples {
            let now = time::macros::datetime!(2026-11-25 08:00 UTC);
            assert_eq!(Notice::new(now, WalletId::new(), None, event).event_type(), event.name());
        }
    }
}
