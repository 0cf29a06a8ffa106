//! Signs webhook bodies the way the emulated providers do.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The value of `Stripe-Signature` for `body` at `timestamp` (Unix seconds).
pub(crate) fn stripe_signature(secret: &str, timestamp: i64, body: &str) -> String {
    let digest = hmac_sha256(secret.as_bytes(), format!("{timestamp}.{body}").as_bytes());
    format!("t={timestamp},v1={}", hex::encode(digest))
}

/// The value of `creem-signature` for `body`: no timestamp, so every attempt has the same one.
pub(crate) fn creem_signature(secret: &str, body: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), body.as_bytes()))
}

/// What Creem signs the address with that a buyer returns to: the parameters in their order and the API key.
pub(crate) fn creem_redirect_signature(parameters: &[(&str, String)], api_key: &str) -> String {
    let mut signed: String = parameters.iter().map(|(name, value)| format!("{name}={value}|")).collect();
    signed.push_str("salt=");
    signed.push_str(api_key);
    hex::encode(Sha256::digest(signed.as_bytes()))
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

    #[test]
    fn creems_signatures_are_the_ones_openssl_computes() {
        // printf '{}' | openssl dgst -sha256 -hmac secret
        let expected = "77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13";
        assert_eq!(creem_signature("secret", "{}"), expected);
        // printf 'checkout_id=ch_1|product_id=prod_1|salt=creem_key' | sha256sum
        let expected = "907ac609a7764a6843457b43b180cf6d9fe537d77d4cc49ffb18ebe73705583d";
        let parameters = [("checkout_id", "ch_1".to_owned()), ("product_id", "prod_1".to_owned())];
        assert_eq!(creem_redirect_signature(&parameters, "creem_key"), expected);
    }
}
