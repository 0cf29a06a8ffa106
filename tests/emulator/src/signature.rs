//! Signs webhook bodies the way the emulated providers do.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `Stripe-Signature` for `body` at `timestamp` (Unix seconds).
pub(crate) fn stripe_signature(secret: &str, timestamp: i64, body: &str) -> String {
    let digest = hmac_sha256(secret.as_bytes(), format!("{timestamp}.{body}").as_bytes());
    format!("t={timestamp},v1={}", hex::encode(digest))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_openssl_computes() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        let header = stripe_signature("whsec_test", 1_700_000_000, "{}");
        let expected = "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(header, expected);
    }
}
