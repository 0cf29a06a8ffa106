//! Verifies that a webhook comes from Stripe, by the HMAC of its raw bytes. Stripe's SDK verifies and parses in one
//! step, so it would refuse authentic events that it cannot parse; Purser must keep these.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use kernel::clock::Timestamp;
use kernel::config::Secret;

/// How far a signature's time may be from `now`, in either direction, in seconds.
const TOLERANCE_SECONDS: u64 = 300;
/// A genuine header has one signature, or two during the rotation of a secret; more would only cost time.
const SIGNATURES_MAX: usize = 16;

/// Why a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature header is missing")]
    Missing,
    /// The header has no time or no `v1` signature, or cannot be read.
    #[error("the signature header cannot be read")]
    Malformed,
    /// The signature's time is more than five minutes from `now`.
    #[error("the signature is too old, or from the future")]
    OutOfTime,
    /// No signature was made with any of the secrets.
    #[error("no signature matches")]
    NoMatch,
}

/// Checks that one of the `v1` signatures of the header was made over these bytes with one of the secrets, within
/// five minutes of `now`. Other schemes (`v0`) are ignored.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(header: &str, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<(), SignatureError> {
    let mut time = None;
    let mut signatures: Vec<[u8; 32]> = Vec::new();
    for part in header.split(',') {
        let (scheme, value) = part.trim().split_once('=').ok_or(SignatureError::Malformed)?;
        match scheme {
            "t" if time.is_none() => time = Some(value),
            "t" => return Err(SignatureError::Malformed),
            "v1" if signatures.len() < SIGNATURES_MAX => {
                let mut bytes = [0; 32];
                // A malformed signature matches nothing, but another may match.
                if hex::decode_to_slice(value, &mut bytes).is_ok() {
                    signatures.push(bytes);
                }
            }
            _ => {}
        }
    }
    let text = time.ok_or(SignatureError::Malformed)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SignatureError::Malformed);
    }
    let seconds: i64 = text.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let matches = secrets.iter().any(|secret| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
        mac.update(text.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Compares in constant time.
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if !matches {
        return Err(SignatureError::NoMatch);
    }
    if now.unix_timestamp().abs_diff(seconds) > TOLERANCE_SECONDS {
        return Err(SignatureError::OutOfTime);
    }
    Ok(())
}

/// The `Stripe-Signature` that Stripe would send with this body at this time.
pub fn sign(body: &[u8], secret: &Secret, at: Timestamp) -> String {
    let time = at.unix_timestamp();
    let signature = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map(|mut mac| {
            mac.update(format!("{time}.").as_bytes());
            mac.update(body);
            hex::encode(mac.finalize().into_bytes())
        })
        .unwrap_or_default();
    format!("t={time},v1={signature}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::Duration;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_timestamp(1_800_000_000).unwrap()
    }

    #[test]
    fn a_known_signature_is_accepted() {
        // Computed with `openssl dgst -sha256 -hmac whsec_test` over `1800000000.{"id":"evt_1"}`.
        let header = format!("t=1800000000,v1={KNOWN}");
        assert_eq!(verify(&header, BODY, &[secret("whsec_test")], now()), Ok(()));
    }
    const KNOWN: &str = "45705be2a45ab5acdd1395cc695e9e7073125385ec24194921c401dff44176f8";

    #[test]
    fn any_signature_and_any_secret_may_match() {
        let (old, new) = (secret("whsec_old"), secret("whsec_new"));
        let by_new = sign(BODY, &new, now());
        let both = by_new.replace(",v1=", &format!(",v1={},v0=abc,v1=", "0".repeat(64)));
        assert_eq!(verify(&by_new, BODY, &[old.clone(), new.clone()], now()), Ok(()));
        assert_eq!(verify(&both, BODY, &[old.clone(), new], now()), Ok(()));
        assert_eq!(verify(&by_new, BODY, &[old], now()), Err(SignatureError::NoMatch));
        assert_eq!(verify(&by_new, BODY, &[], now()), Err(SignatureError::NoMatch));
    }

    #[test]
    fn the_time_is_bounded_on_both_sides() {
        let secret = secret("whsec_test");
        for (offset, expected) in [
            (-300, Ok(())),
            (300, Ok(())),
            (-301, Err(SignatureError::OutOfTime)),
            (301, Err(SignatureError::OutOfTime)),
        ] {
            let header = sign(BODY, &secret, now() + Duration::seconds(offset));
            assert_eq!(verify(&header, BODY, std::slice::from_ref(&secret), now()), expected, "{offset}");
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let secret = secret("whsec_test");
        let header = sign(BODY, &secret, now());
        let other = br#"{"id":"evt_2"}"#;
        assert_eq!(verify(&header, other, &[secret], now()), Err(SignatureError::NoMatch));
    }

    #[test]
    fn hostile_headers_are_refused() {
        let secret = secret("whsec_test");
        let good = sign(BODY, &secret, now());
        let signature = good.split_once("v1=").unwrap().1.to_owned();
        for header in [
            String::new(),
            "=".to_owned(),
            ",,,".to_owned(),
            "t=1800000000".to_owned(),
            format!("v1={signature}"),
            format!("t=,v1={signature}"),
            format!("t=-1800000000,v1={signature}"),
            format!("t=+1800000000,v1={signature}"),
            format!("t=99999999999999999999,v1={signature}"),
            format!("t=1800000000,t=1800000000,v1={signature}"),
            format!("t=1800000000,v0={signature}"),
            "t=1800000000,v1=".to_owned(),
            format!("t=1800000000,v1={signature}00"),
            format!("t=1800000000,v1={}", signature.get(..62).unwrap()),
            "t=1800000000,v1=zz".to_owned(),
        ] {
            let answer = verify(&header, BODY, std::slice::from_ref(&secret), now());
            assert_eq!(answer, Err(SignatureError::Malformed), "{header:?}");
        }
        let many = format!("t=1800000000{},v1={signature}", format!(",v1={}", "0".repeat(64)).repeat(10_000));
        assert_eq!(verify(&many, BODY, &[secret], now()), Err(SignatureError::NoMatch));
    }
}
