//! Events of providers: what is read of one is what it says, to the last unit, or it is asked about, or refused.

use std::collections::BTreeSet;

use billing::app_stores::StoreNews;
use billing::provider_events::{Content, Incoming, PaymentNews};
use billing::subscriptions::News;
use kernel::clock::Timestamp;
use kernel::money::Money;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::providers::{creem, revenuecat, stripe};

use super::assert_discreet;

/// What Stripe calls what was, or is to be, paid.
const AMOUNTS_OF_STRIPE: [&str; 4] = ["amount", "amount_paid", "amount_received", "amount_total"];

const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

pub(super) fn stripe(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    for trust in [true, false] {
        match stripe::event::read(body, NOW, trust) {
            Ok(incoming) => check(&incoming, body, trust, &AMOUNTS_OF_STRIPE),
            Err(error) => assert_discreet(&error, &[]),
        }
    }
}

pub(super) fn creem(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    for trust in [true, false] {
        match creem::event::read(body, NOW, trust) {
            Ok(incoming) => check(&incoming, body, trust, &[]),
            Err(error) => assert_discreet(&error, &[]),
        }
    }
}

pub(super) fn revenuecat(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    let environments = ["PRODUCTION".to_owned()];
    match revenuecat::event::read(body, NOW, &environments) {
        Ok(incoming) => {
            check(&incoming, body, true, &[]);
            // Of nowhere, nothing is bought.
            let elsewhere = revenuecat::event::read(body, NOW, &[]).map(|incoming| incoming.content);
            if let Ok(Content::Store(fact)) = elsewhere {
                assert!(matches!(fact.news, StoreNews::SamePerson | StoreNews::MovedFrom(_)), "{fact:?}");
            }
        }
        Err(error) => assert_discreet(&error, &[]),
    }
}

/// What is read of an event whose amounts, where they are taken as they are, are under these names.
fn check(incoming: &Incoming, body: &str, trust: bool, amounts: &[&str]) {
    let Some(event) = &incoming.event else { panic!("the event is not recorded") };
    assert_eq!(event.body, body);
    let is_said = |text: &str| serde_json::to_string(text).is_ok() && body.len() >= text.len();
    assert!(is_said(&event.id) && is_said(&event.kind), "{event:?}");
    let is_asked_about = matches!(
        incoming.content,
        Content::Payment(PaymentNews::NeedsVerification | PaymentNews::Ignored(_))
    );
    assert!(trust || is_asked_about, "taken at its word: {:?}", incoming.content);
    match &incoming.content {
        Content::Payment(PaymentNews::Fact(fact)) => {
            assert_survives(&**fact);
            assert_said(fact.money, body, amounts);
        }
        Content::Subscription(fact) => {
            assert_survives(&**fact);
            if let News::Paid(paid) = &fact.news {
                assert_said(Some(paid.money), body, amounts);
            }
        }
        Content::Reversal(fact) => assert_survives(&**fact),
        Content::Store(fact) => {
            let names: BTreeSet<&String> = fact.buyers.iter().collect();
            assert_eq!(names.len(), fact.buyers.len(), "one name twice");
            assert!(names.iter().all(|name| !name.is_empty() && !name.contains('\0')), "{names:?}");
        }
        Content::Payment(PaymentNews::NeedsVerification | PaymentNews::Ignored(_)) => {}
    }
}

/// What travels on, in a job, arrives as it was.
fn assert_survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(fact: &T) {
    let text = serde_json::to_string(fact).unwrap_or_else(|error| panic!("{fact:?}: {error}"));
    let again = serde_json::from_str::<T>(&text);
    assert!(again.as_ref().is_ok_and(|again| again == fact), "{fact:?} became {again:?}");
}

/// An amount is one of the whole numbers under these names, as it was written.
fn assert_said(money: Option<Money>, body: &str, names: &[&str]) {
    let Some(money) = money.filter(|_| !names.is_empty()) else { return };
    let Ok(event) = serde_json::from_str::<Value>(body) else { return };
    assert!(says(&event, money.minor, names), "{money} is nowhere in the event");
}

fn says(value: &Value, minor: i64, names: &[&str]) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            (names.contains(&name.as_str()) && value.as_i64() == Some(minor)) || says(value, minor, names)
        }),
        Value::Array(items) => items.iter().any(|item| says(item, minor, names)),
        _ => false,
    }
}
