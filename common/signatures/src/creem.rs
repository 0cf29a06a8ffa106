//! Verifies that a webhook comes from Creem, by one of two schemes: Standard Webhooks if its three headers are present,
//! else `creem-signature`, the HMAC of the raw body in hex. The latter has no time and permits replays, which are
//! harmless: applying an event again changes nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::stripe::SignatureError;
use kernel::clock::Timestamp;
use kernel::config::Secret;

/// How far a signature's time may be from `now`, in either direction, in seconds.
const TOLERANCE_SECONDS: u64 = 300;
/// A genuine header has one signature, or two during the rotation of a secret.
const SIGNATURES_MAX: usize = 16;

#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `creem-signature`, or `x-creem-signature`.
    pub plain: Option<&'a str>,
    pub id: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub standard: Option<&'a str>,
}

/// Checks that the body was signed with one of the secrets.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(
    headers: Headers<'_>,
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<(), SignatureError> {
    if let (Some(id), Some(timestamp), Some(signatures)) = (headers.id, headers.timestamp, headers.standard) {
        return verify_standard(id, timestamp, signatures, body, secrets, now);
    }
    let header = headers.plain.ok_or(SignatureError::Missing)?.trim();
    let mut signature = [0; 32];
    hex::decode_to_slice(header.strip_prefix("sha256=").unwrap_or(header), &mut signature)
        .map_err(|_| SignatureError::Malformed)?;
    let matches = secrets.iter().any(|secret| {
        let Some(mac) = mac(secret.expose().as_bytes(), &[body]) else { return false };
        mac.verify_slice(&signature).is_ok()
    });
    if matches { Ok(()) } else { Err(SignatureError::NoMatch) }
}

fn verify_standard(
    id: &str,
    timestamp: &str,
    header: &str,
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Malformed)?;
    let signatures: Vec<Vec<u8>> = header
        .split(' ')
        .filter_map(|entry| entry.strip_prefix("v1,"))
        .take(SIGNATURES_MAX)
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .collect();
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let matches = secrets.iter().any(|secret| {
        let text = secret.expose();
        let key = BASE64_STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let Some(mac) = key.ok().filter(|key| !key.is_empty()).and_then(|key| mac(&key, &parts)) else {
            return false;
        };
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

/// The `creem-signature` that Creem would send with this body.
pub fn sign(body: &[u8], secret: &Secret) -> String {
    mac(secret.expose().as_bytes(), &[body])
        .map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::Duration;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned()).unwrap()
    }

    fn plain(header: &str) -> Headers<'_> {
        Headers { plain: Some(header), ..Headers::default() }
    }

    #[test]
    fn the_plain_scheme() {
        let (ours, other) = (secret("creem_secret"), secret("another"));
        let signature = sign(BODY, &ours);
        let both = [other.clone(), ours.clone()];
        assert_eq!(verify(plain(&signature), BODY, &both, NOW), Ok(()));
        assert_eq!(verify(plain(&format!("sha256={signature}")), BODY, &both, NOW), Ok(()));
        assert_eq!(verify(plain(&signature), b"{}", &both, NOW), Err(SignatureError::NoMatch));
        assert_eq!(verify(plain(&signature), BODY, &[other], NOW), Err(SignatureError::NoMatch));
        assert_eq!(verify(plain(""), BODY, &both, NOW), Err(SignatureError::Malformed));
        assert_eq!(verify(plain(&signature[..62]), BODY, &both, NOW), Err(SignatureError::Malformed));
        assert_eq!(verify(Headers::default(), BODY, &both, NOW), Err(SignatureError::Missing));
    }

    #[test]
    fn the_standard_scheme_goes_first_and_has_a_time() {
        let key = secret("whsec_c2VjcmV0LWtleS1vZi10aGUtdGVzdA==");
        let at = NOW.unix_timestamp().to_string();
        let raw = mac(b"secret-key-of-the-test", &[b"msg_1.", at.as_bytes(), b".", BODY]).unwrap();
        let header = format!("v1,AAAA v1,{}", BASE64_STANDARD.encode(raw.finalize().into_bytes()));
        let headers =
            Headers { plain: Some("00"), id: Some("msg_1"), timestamp: Some(&at), standard: Some(&header) };
        let keys = [key];
        assert_eq!(verify(headers, BODY, &keys, NOW), Ok(()));
        let late = NOW + Duration::seconds(301);
        assert_eq!(verify(headers, BODY, &keys, late), Err(SignatureError::OutOfTime));
        let other = Headers { id: Some("msg_2"), ..headers };
        assert_eq!(verify(other, BODY, &keys, NOW), Err(SignatureError::NoMatch));
        let unsigned = Headers { standard: Some("v2,AAAA"), ..headers };
        assert_eq!(verify(unsigned, BODY, &keys, NOW), Err(SignatureError::Malformed));
    }
}
