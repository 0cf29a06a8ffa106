//! Verifies that a webhook comes from RevenueCat: it sends a fixed `Authorization` header, and a signature if signing
//! is switched on at RevenueCat.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::stripe as signature;
use crate::stripe::SignatureError;
use kernel::clock::Timestamp;
use kernel::config::Secret;

/// The secrets shared with RevenueCat. Each configured kind must match; if neither is configured, nothing is accepted.
#[derive(Clone, Debug, Default)]
pub struct RevenueCatSecrets {
    /// The accepted `Authorization` headers: one, or several during a rotation.
    pub authorizations: Vec<Secret>,
    pub signing_secrets: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    pub authorization: Option<&'a str>,
    /// `X-RevenueCat-Webhook-Signature` or `X-RevenueCat-Signature`: `t=…,v1=…`, as Stripe signs.
    pub signature: Option<&'a str>,
}

/// Why a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No secret is configured.
    #[error("RevenueCat webhooks are not configured")]
    NotSetUp,
    #[error("the Authorization header is missing or wrong")]
    Authorization,
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Checks the headers against every configured kind of secret.
///
/// # Errors
/// [`ProofError`].
pub fn verify(
    headers: Headers<'_>,
    body: &[u8],
    secrets: &RevenueCatSecrets,
    now: Timestamp,
) -> Result<(), ProofError> {
    if secrets.authorizations.is_empty() && secrets.signing_secrets.is_empty() {
        return Err(ProofError::NotSetUp);
    }
    if !secrets.authorizations.is_empty() {
        let given = headers.authorization.ok_or(ProofError::Authorization)?;
        if !is_one_of(given, &secrets.authorizations) {
            return Err(ProofError::Authorization);
        }
    }
    if !secrets.signing_secrets.is_empty() {
        let header = headers.signature.ok_or(SignatureError::Missing)?;
        signature::verify(header, body, &secrets.signing_secrets, now)?;
    }
    Ok(())
}

/// Compares hashes, all of them and in constant time, so that the time reveals neither length nor content.
fn is_one_of(given: &str, secrets: &[Secret]) -> bool {
    let given = Sha256::digest(given);
    let matches = secrets.iter().map(|secret| Sha256::digest(secret.expose()).ct_eq(&given));
    matches.fold(Choice::from(0), |any, matches| any | matches).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);
    const BODY: &[u8] = br#"{"event":{}}"#;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text).unwrap()).collect()
    }

    fn verdict(
        secrets: &RevenueCatSecrets,
        authorization: Option<&str>,
        signature: Option<&str>,
    ) -> Result<(), ProofError> {
        verify(Headers { authorization, signature }, BODY, secrets, NOW)
    }

    #[test]
    fn the_whole_header_must_equal_one_of_the_secrets() {
        let secrets = RevenueCatSecrets {
            authorizations: secrets(&["Bearer old", "Bearer new"]),
            ..RevenueCatSecrets::default()
        };
        assert_eq!(verdict(&secrets, Some("Bearer old"), None), Ok(()));
        assert_eq!(verdict(&secrets, Some("Bearer new"), None), Ok(()));
        for wrong in ["", "Bearer", "Bearer ol", "Bearer old ", "bearer old", "old", "Bearer old,Bearer new"]
        {
            assert_eq!(verdict(&secrets, Some(wrong), None), Err(ProofError::Authorization), "{wrong:?}");
        }
        assert_eq!(verdict(&secrets, None, None), Err(ProofError::Authorization));
    }

    #[test]
    fn without_secrets_every_webhook_is_refused() {
        assert_eq!(verdict(&RevenueCatSecrets::default(), Some(""), Some("")), Err(ProofError::NotSetUp));
    }

    #[test]
    fn a_configured_signing_secret_requires_a_signature_too() {
        let both = RevenueCatSecrets {
            authorizations: secrets(&["a"]),
            signing_secrets: secrets(&["whsec_1", "whsec_2"]),
        };
        let good = signature::sign(BODY, both.signing_secrets.last().unwrap(), NOW);
        assert_eq!(verdict(&both, Some("a"), Some(&good)), Ok(()));
        assert_eq!(verdict(&both, Some("b"), Some(&good)), Err(ProofError::Authorization));
        assert_eq!(verdict(&both, Some("a"), None), Err(ProofError::Signature(SignatureError::Missing)));
        let other = signature::sign(BODY, &Secret::new("whsec_3").unwrap(), NOW);
        assert_eq!(
            verdict(&both, Some("a"), Some(&other)),
            Err(ProofError::Signature(SignatureError::NoMatch))
        );
        let old =
            signature::sign(BODY, both.signing_secrets.first().unwrap(), NOW - time::Duration::seconds(301));
        assert_eq!(
            verdict(&both, Some("a"), Some(&old)),
            Err(ProofError::Signature(SignatureError::OutOfTime))
        );
        let signed_only = RevenueCatSecrets { authorizations: Vec::new(), ..both };
        assert_eq!(verdict(&signed_only, None, Some(&good)), Ok(()));
    }
}
