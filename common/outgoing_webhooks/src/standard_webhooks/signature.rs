//! Secrets and signatures of the symmetric scheme: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use kernel::config::Secret;

/// The key follows in base64.
const PREFIX: &str = "whsec_";

/// A random secret of 32 bytes: the specification asks for 24 to 64.
pub fn new_secret() -> Secret {
    Secret::random(PREFIX)
}

/// The header `webhook-signature`: one signature for each secret, so that a receiver needs to know only one of them.
/// None when a secret is malformed.
pub fn sign(id: &str, unix_seconds: i64, body: &str, secrets: &[Secret]) -> Option<String> {
    let content = format!("{id}.{unix_seconds}.{body}");
    let signatures: Option<Vec<String>> = secrets
        .iter()
        .map(|secret| {
            let key = BASE64_STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
            mac.update(content.as_bytes());
            Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
        })
        .collect();
    signatures.filter(|signatures| !signatures.is_empty()).map(|signatures| signatures.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    /// The example comes from the specification's own libraries.
    #[test]
    fn the_example_of_the_specification() {
        let key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#, &[key]);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn each_secret_signs_and_one_that_is_none_signs_nothing() {
        let (one, two) = (new_secret(), new_secret());
        assert_ne!(one.expose(), two.expose());
        let alone = |secret: &Secret| sign("id", 1, "{}", std::slice::from_ref(secret)).unwrap();
        let both = sign("id", 1, "{}", &[one.clone(), two.clone()]).unwrap();
        assert_eq!(both, format!("{} {}", alone(&one), alone(&two)));
        assert_eq!(sign("id", 1, "{}", &[]), None);
        assert_eq!(sign("id", 1, "{}", &[one, secret("whsec_~")]), None);
    }
}
