//! Signatures: what was not signed with the secret is refused, however it looks, and what was is accepted.
//!
//! An input has a line for each header, `-` for one that is not there, and then the body. In a header `{signed}` stands
//! for the genuine signature of that body, so that what is made of it is nearly right.

use kernel::clock::Timestamp;
use kernel::config::Secret;
use outgoing_webhooks::standard_webhooks::signature as standard;
use signatures::creem as creem_signature;
use signatures::creem::Headers;
use signatures::revenuecat as proof;
use signatures::revenuecat::Agreed;
use signatures::stripe as stripe_signature;
use signatures::stripe::SignatureError;

use super::{assert_discreet, choice};

const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);
/// In both forms that secrets have: a text, and base64.
const OURS: &str = "whsec_b3VyIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzLg==";
const OTHER: &str = "whsec_YW5vdGhlciBvbmUgdGhhdCBpcyBubyBidXNpbmVzcy4=";

pub(super) fn stripe(bytes: &[u8]) {
    let Some(([Some(header)], body)) = parts(bytes) else { return };
    let verify =
        |header: &str, body: &[u8], secret: Secret| stripe_signature::verify(header, body, &[secret], NOW);
    let genuine = stripe_signature::sign(body, &ours(), NOW);
    let signature = after(&genuine, "v1=");
    let header = header.replace("{signed}", signature);
    match verify(&header, body, ours()) {
        Ok(()) => {
            let header = header.to_ascii_lowercase();
            assert!(header.contains(signature) && header.contains("t=1795507200"), "forged: {header}");
        }
        Err(error) => assert_discreet(&error, &[OURS, signature]),
    }
    assert_eq!(verify(&genuine, body, ours()), Ok(()));
    assert_eq!(verify(&genuine, body, other()), Err(SignatureError::NoMatch));
    assert_eq!(verify(&genuine, &altered(body), ours()), Err(SignatureError::NoMatch));
    for forged in forgeries(&genuine, bytes) {
        assert!(verify(&forged, body, ours()).is_err(), "forged: {forged}");
    }
    let old = stripe_signature::sign(body, &ours(), NOW - time::Duration::seconds(301));
    assert_eq!(verify(&old, body, ours()), Err(SignatureError::OutOfTime));
}

pub(super) fn creem(bytes: &[u8]) {
    let Some(([plain, id, timestamp, standard], body)) = parts(bytes) else { return };
    let verify = |headers: Headers<'_>, body: &[u8], secret: Secret| {
        creem_signature::verify(headers, body, &[secret], NOW)
    };
    let genuine = creem_signature::sign(body, &ours());
    let plain = plain.map(|header| header.replace("{signed}", &genuine));
    let by_standard = id.zip(timestamp).and_then(|(id, timestamp)| sign_standard(id, timestamp, body));
    let standard =
        standard.map(|header| header.replace("{signed}", by_standard.as_deref().unwrap_or_default()));
    let (plain, standard) = (plain.as_deref(), standard.as_deref());
    match verify(Headers { plain, id, timestamp, standard }, body, ours()) {
        Ok(()) => {
            let is_plain = plain.is_some_and(|header| header.to_ascii_lowercase().contains(&genuine));
            let is_standard =
                standard.zip(by_standard.as_deref()).is_some_and(|(header, by)| header.contains(by));
            assert!(is_plain || is_standard, "forged: {plain:?} {standard:?}");
        }
        Err(error) => assert_discreet(&error, &[OURS, &genuine]),
    }
    assert_eq!(verify(plain_only(&genuine), body, ours()), Ok(()));
    assert_eq!(verify(plain_only(&genuine), body, other()), Err(SignatureError::NoMatch));
    assert_eq!(verify(plain_only(&genuine), &altered(body), ours()), Err(SignatureError::NoMatch));
    for forged in forgeries(&genuine, bytes) {
        assert!(verify(plain_only(&forged), body, ours()).is_err(), "forged: {forged}");
    }
}

/// Ours are checked as Creem's are: both are Standard Webhooks.
pub(super) fn standard_webhooks(bytes: &[u8]) {
    let Some(([Some(id)], body)) = parts(bytes) else { return };
    let Ok(body) = std::str::from_utf8(body) else { return };
    let timestamp = NOW.unix_timestamp().to_string();
    let verify = |signatures: &str, body: &str, secret: Secret| {
        let headers =
            Headers { plain: None, id: Some(id), timestamp: Some(&timestamp), standard: Some(signatures) };
        creem_signature::verify(headers, body.as_bytes(), &[secret], NOW)
    };
    let sign = |secrets: &[Secret]| standard::sign(id, NOW.unix_timestamp(), body, secrets);
    let (Some(both), Some(genuine)) = (sign(&[ours(), other()]), sign(&[ours()])) else {
        panic!("the test's own secrets cannot be read");
    };
    assert_eq!((verify(&both, body, ours()), verify(&both, body, other())), (Ok(()), Ok(())));
    assert_eq!(verify(&genuine, body, ours()), Ok(()));
    assert_eq!(verify(&genuine, body, other()), Err(SignatureError::NoMatch));
    assert_eq!(verify(&genuine, &format!("{body} "), ours()), Err(SignatureError::NoMatch));
    for forged in forgeries(&genuine, bytes) {
        assert!(verify(&forged, body, ours()).is_err(), "forged: {forged}");
    }
}

pub(super) fn revenuecat(bytes: &[u8]) {
    let Some(([authorization, signature], body)) = parts(bytes) else { return };
    let agreed = Agreed { authorizations: vec![ours()], signing_secrets: vec![other()] };
    let genuine = stripe_signature::sign(body, &other(), NOW);
    let signature = signature.map(|header| header.replace("{signed}", after(&genuine, "v1=")));
    let authorization = authorization.map(|header| header.replace("{agreed}", OURS));
    let verify = |authorization: Option<&str>, signature: Option<&str>, body: &[u8], agreed: &Agreed| {
        proof::verify(proof::Headers { authorization, signature }, body, agreed, NOW)
    };
    let (authorization, signature) = (authorization.as_deref(), signature.as_deref());
    match verify(authorization, signature, body, &agreed) {
        Ok(()) => {
            assert_eq!(authorization, Some(OURS));
            assert!(
                signature
                    .is_some_and(|header| { header.to_ascii_lowercase().contains(after(&genuine, "v1=")) })
            );
        }
        Err(error) => assert_discreet(&error, &[OURS, OTHER, after(&genuine, "v1=")]),
    }
    assert_eq!(verify(Some(OURS), Some(&genuine), body, &agreed), Ok(()));
    assert!(verify(Some(OURS), Some(&genuine), &altered(body), &agreed).is_err());
    assert!(verify(Some(OURS), None, body, &agreed).is_err());
    assert!(verify(authorization, Some(&genuine), body, &Agreed::default()).is_err());
    for forged in forgeries(OURS, bytes) {
        assert!(verify(Some(&forged), Some(&genuine), body, &agreed).is_err(), "forged: {forged}");
    }
    for forged in forgeries(&genuine, bytes) {
        assert!(verify(Some(OURS), Some(&forged), body, &agreed).is_err(), "forged: {forged}");
    }
}

fn plain_only(signature: &str) -> Headers<'_> {
    Headers { plain: Some(signature), ..Headers::default() }
}

fn ours() -> Secret {
    secret(OURS)
}

fn other() -> Secret {
    secret(OTHER)
}

fn secret(text: &str) -> Secret {
    let Some(secret) = Secret::new(text) else { panic!("{text:?} is no secret") };
    secret
}

/// The lines of the headers, and the body.
fn parts<const N: usize>(bytes: &[u8]) -> Option<([Option<&str>; N], &[u8])> {
    let mut rest = bytes;
    let mut headers = [None; N];
    for header in &mut headers {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, after) = rest.split_at(end);
        let line = std::str::from_utf8(line).ok()?;
        *header = (line != "-").then_some(line);
        rest = after.get(1..)?;
    }
    Some((headers, rest))
}

/// The signature in base64 that Standard Webhooks has for a timestamp that is as it should be.
fn sign_standard(id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let seconds: i64 = timestamp.parse().ok()?;
    let signed = standard::sign(id, seconds, std::str::from_utf8(body).ok()?, &[ours()])?;
    Some(after(&signed, "v1,").to_owned())
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// Another body.
fn altered(body: &[u8]) -> Vec<u8> {
    let mut altered = body.to_vec();
    let at = choice(body).checked_rem(body.len()).unwrap_or_default();
    match altered.get_mut(at) {
        Some(byte) => *byte ^= 1,
        None => altered.push(0),
    }
    altered
}

/// Of something genuine: its beginning, and itself with another letter somewhere.
fn forgeries(genuine: &str, bytes: &[u8]) -> [String; 3] {
    let at = choice(bytes) % genuine.len();
    let letters = ["0", "9", "a", "f"];
    let replaced = genuine.get(at..=at).unwrap_or_default();
    let different = letters.iter().find(|letter| !replaced.eq_ignore_ascii_case(letter)).unwrap_or(&"");
    let (start, end) = (genuine.get(..at).unwrap_or_default(), genuine.get(at + 1..).unwrap_or_default());
    // A byte less, and a part: each is compared as a whole, or not at all.
    let short = genuine.get(..genuine.len().saturating_sub(2)).unwrap_or_default();
    [start.to_owned(), short.to_owned(), format!("{start}{different}{end}")]
}
