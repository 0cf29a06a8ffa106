//! Decides which endpoint receives which message, when to retry a delivery, and when to disable an endpoint. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use time::Duration;

use super::{Message, Outcome, WebhookError};
use kernel::clock::{Timestamp, to_rfc3339};
use kernel::ids::{OrganizationId, UserId};
use notices::Event;

/// The waits between attempts that Standard Webhooks suggests: eight attempts in about 28 hours.
pub const RETRY_DELAYS: [Duration; 7] = [
    Duration::seconds(5),
    Duration::minutes(5),
    Duration::minutes(30),
    Duration::hours(2),
    Duration::hours(5),
    Duration::hours(10),
    Duration::hours(10),
];
/// A wait is longer by up to this many thousandths, so that deliveries that failed together are not retried together.
pub const JITTER_MAX_PERMILLE: i32 = 100;
/// An endpoint that has only failed for this long is disabled, if it was tried as often as one message is: where little
/// happens, or the test clock is moved, two failures may be days apart.
pub const GIVE_UP_AFTER: Duration = Duration::days(5);
const GIVE_UP_AFTER_FAILURES: i64 = 8;
/// How long a secret still signs after its replacement.
pub const ROTATION: Duration = Duration::hours(24);
/// How long the job of a delivery may take before the sweep emits another. Both may then send the message, with one id.
pub const LEASE: Duration = Duration::minutes(10);
/// The reason shown for an endpoint that an administrator disabled.
pub const BY_ADMINISTRATOR: &str = "An administrator disabled it.";

const GONE: &str = "It answered 410 Gone.";
const FAILED_FOR_DAYS: &str = "Every attempt failed for five days.";

/// The owner of a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    User(UserId),
    Organization(OrganizationId),
}

/// # Errors
/// [`WebhookError::Invalid`].
pub fn check_event_types(event_types: &[String]) -> Result<(), WebhookError> {
    if event_types.len() > Event::TYPES.len() {
        let message = format!("eventTypes must name each type once: there are {}", Event::TYPES.len());
        return Err(WebhookError::Invalid(message));
    }
    // A misspelled one would never be delivered, and nobody would know.
    let Some(unknown) = event_types.iter().find(|name| !Event::TYPES.contains(&name.as_str())) else {
        return Ok(());
    };
    let shown: String = unknown.chars().take(64).collect();
    let message = format!("eventTypes names {shown:?}, which is none of: {}", Event::TYPES.join(", "));
    Err(WebhookError::Invalid(message))
}

/// Whether an endpoint with this filter receives this type.
pub fn wants(event_types: &[String], event_type: &str) -> bool {
    event_types.is_empty() || event_types.iter().any(|wanted| wanted == event_type)
}

/// An event's fields as they are written: no number is rounded on its way.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The type of a message, and the body to send: type, time, and as data the event's fields, the wallet, its owner, and
/// the message's place among those of the wallet.
pub fn payload(message: &Message<'_>, owner: &Owner) -> (String, String) {
    let mut data: Fields = serde_json::from_str(message.body.get()).unwrap_or_default();
    let event_type = data.remove("type").and_then(|name| serde_json::from_str(name.get()).ok());
    let event_type: String = event_type.unwrap_or_else(|| "message".to_owned());
    add(&mut data, "walletId", &message.wallet_id);
    match owner {
        Owner::User(user) => add(&mut data, "userId", user),
        Owner::Organization(organization) => add(&mut data, "orgId", &organization.to_string()),
    }
    if let Some(sequence) = message.sequence {
        add(&mut data, "sequence", &sequence);
    }
    let body = envelope(&event_type, message.happened_at, &data);
    (event_type, body)
}

fn add(data: &mut Fields, name: &str, value: &impl Serialize) {
    if let Ok(value) = to_raw_value(value) {
        data.insert(name.to_owned(), value);
    }
}

pub fn test_payload(now: Timestamp) -> String {
    envelope(TEST_TYPE, now, &Fields::new())
}

pub const TEST_TYPE: &str = "endpoint.test";

fn envelope(event_type: &str, at: Timestamp, data: &Fields) -> String {
    #[derive(Serialize)]
    struct Envelope<'a> {
        #[serde(rename = "type")]
        event_type: &'a str,
        timestamp: String,
        data: &'a Fields,
    }
    // Plain data with text keys: writing it as JSON cannot fail.
    serde_json::to_string(&Envelope { event_type, timestamp: to_rfc3339(at), data }).unwrap_or_default()
}

/// When to retry a delivery that has failed this many times; none if it is given up.
pub fn next_attempt(failures: i32, now: Timestamp, jitter_permille: i32) -> Option<Timestamp> {
    let delay = RETRY_DELAYS.get(usize::try_from(failures.checked_sub(1)?).ok()?)?;
    let jitter = *delay / 1_000 * jitter_permille.clamp(0, JITTER_MAX_PERMILLE);
    now.checked_add(*delay)?.checked_add(jitter)
}

/// Judges the status of an answer; without one, `otherwise` says why.
pub fn outcome(answered: Option<u16>, otherwise: &'static str) -> Outcome {
    let failure = match answered {
        Some(200..=299) => None,
        Some(300..=399) => Some("it answered with a redirect, which is not followed"),
        Some(_) => Some("it did not answer 2xx"),
        None => Some(otherwise),
    };
    Outcome { response_status: answered, failure }
}

/// How an endpoint has failed without a success between.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    pub since: Timestamp,
    pub times: i64,
}

/// The reason to disable the endpoint after this failure, if there is one.
pub fn give_up(outcome: &Outcome, failing: Failing, now: Timestamp) -> Option<&'static str> {
    if outcome.response_status == Some(410) {
        return Some(GONE);
    }
    let is_long = now - failing.since >= GIVE_UP_AFTER;
    (is_long && failing.times >= GIVE_UP_AFTER_FAILURES).then_some(FAILED_FOR_DAYS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kernel::ids::{MessageId, WalletId};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW: Timestamp = time::macros::datetime!(2026-11-25 08:00 UTC);

    #[test]
    fn a_message_is_tried_for_about_a_day() {
        let mut at = NOW;
        let mut attempts = 1;
        while let Some(next) = next_attempt(attempts, at, 0) {
            assert!(next > at);
            at = next;
            attempts += 1;
        }
        assert_eq!(attempts, 8);
        assert!((Duration::hours(24)..Duration::hours(30)).contains(&(at - NOW)), "{}", at - NOW);
    }

    proptest! {
        #[test]
        fn a_wait_is_longer_by_a_tenth_at_the_most(failures: i32, jitter: i32) {
            if let Some(next) = next_attempt(failures, NOW, jitter) {
                let delay = RETRY_DELAYS[usize::try_from(failures - 1).unwrap()];
                prop_assert!(next - NOW >= delay && next - NOW <= delay + delay / 10);
            }
        }
    }

    #[test]
    fn an_endpoint_is_disabled_after_days_of_failures_or_a_410() {
        let failed = outcome(Some(500), "");
        let failing = |ago: Duration, times| give_up(&failed, Failing { since: NOW - ago, times }, NOW);
        assert_eq!(failing(GIVE_UP_AFTER - Duration::seconds(1), 1_000), None);
        assert_eq!(failing(GIVE_UP_AFTER, 8), Some(FAILED_FOR_DAYS));
        assert_eq!(failing(Duration::days(365), 7), None);
        assert_eq!(give_up(&outcome(Some(410), ""), Failing { since: NOW, times: 1 }, NOW), Some(GONE));
    }

    #[test]
    fn only_2xx_is_a_success() {
        for status in [200, 201, 204, 299] {
            assert_eq!(outcome(Some(status), "").failure, None);
        }
        for status in [100, 199, 300, 302, 400, 410, 500] {
            assert!(outcome(Some(status), "").failure.is_some());
        }
        assert_eq!(outcome(None, "no answer in time").failure, Some("no answer in time"));
    }

    #[test]
    fn filters_name_types() {
        let types = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(wants(&[], "credits.added") && wants(&types(&["a", "credits.added"]), "credits.added"));
        assert!(!wants(&types(&["credits"]), "credits.added"));
        assert!(check_event_types(&types(&["credits.added", "auto_recharge.failed"])).is_ok());
        let all = types(Event::TYPES);
        assert!(check_event_types(&all).is_ok());
        for wrong in
            ["", ".", "credits.", "Credits.added", "credits.*", "credit.added", "a\n", &"a".repeat(65)]
        {
            let refused = check_event_types(&types(&["credits.added", wrong])).unwrap_err().to_string();
            assert!(refused.contains("wallet.changed, balance.low"), "{refused}");
        }
        assert!(check_event_types(&[all.as_slice(), &types(&["credits.added"])].concat()).is_err());
    }

    #[test]
    fn the_payload_says_whose_wallet_it_is() {
        let body = r#"{"type":"credits.added","credits":9007199254740.993001,"walletId":"forged"}"#;
        let body = &RawValue::from_string(body.to_owned()).unwrap();
        let wallet_id = WalletId::new();
        let message = Message { id: MessageId::new(), happened_at: NOW, wallet_id, body, sequence: Some(7) };
        let user = Owner::User("alice".to_owned().try_into().unwrap());
        let (event_type, sent) = payload(&message, &user);
        assert!(
            event_type == "credits.added" && sent.contains(r#""credits":9007199254740.993001"#),
            "{sent}"
        );
        let mut sent: Value = serde_json::from_str(&sent).unwrap();
        sent["data"].as_object_mut().unwrap().remove("credits");
        let data = json!({"walletId": wallet_id, "userId": "alice", "sequence": 7});
        let expected =
            json!({"type": "credits.added", "timestamp": "2026-11-25T08:00:00.000Z", "data": data});
        assert_eq!(sent, expected);
        let organization = Owner::Organization(OrganizationId(7));
        let sent: Value = serde_json::from_str(&payload(&message, &organization).1).unwrap();
        assert_eq!((&sent["data"]["orgId"], sent["data"].get("userId")), (&json!("7"), None));
    }
}
