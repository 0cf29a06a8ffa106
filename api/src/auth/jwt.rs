//! JSON Web Tokens of the host application: HS256 with the shared secret, or RS256, ES256 or EdDSA with one of its
//! published keys. A key is good for one algorithm, whatever a token says of itself; `exp` and `sub` are required;
//! issuer and audience compared where configured.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use kernel::clock::Timestamp;
use kernel::ids::UserId;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::key_set::{Key, KeySet, NoKey, Pace};
use crate::config::JwtConfig;

/// How many seconds the issuer's clock may be ahead, for `nbf`.
const LEEWAY_SECONDS: i64 = 30;

pub(super) struct Verifier {
    secret: Option<DecodingKey>,
    keys: Option<KeySet>,
    /// The checks for every token; the algorithm comes from the key.
    validation: Validation,
}

/// The claims of a genuine token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) user_id: UserId,
    pub(super) expires_at: Timestamp,
    /// Whether its scope says that it may spend.
    pub(super) may_spend: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JwtError {
    Expired,
    Invalid,
    /// No keys have been fetched yet.
    Unavailable,
}

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    exp: serde_json::Number,
    nbf: Option<serde_json::Number>,
    /// Words with spaces between them (RFC 8693).
    scope: Option<Value>,
}

impl Verifier {
    /// Keeps the published keys up to date, if there are any, until `shutdown`.
    pub(super) fn new(config: &JwtConfig, shutdown: CancellationToken) -> Self {
        let mut validation = Validation::default();
        let mut required = vec!["exp", "sub"];
        // Times are compared below, with the process's clock.
        validation.validate_exp = false;
        match &config.issuer {
            Some(issuer) => {
                validation.set_issuer(&[issuer]);
                required.push("iss");
            }
            None => validation.iss = None,
        }
        match &config.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        Self {
            secret: config.secret.as_ref().map(|secret| DecodingKey::from_secret(secret.expose().as_bytes())),
            keys: config.jwks_url.clone().map(|address| KeySet::start(address, Pace::default(), shutdown)),
            validation,
        }
    }

    /// The token's claims, if it is genuine, already valid and not expired.
    pub(super) async fn verify(&self, text: &str, now: Timestamp) -> Result<Token, JwtError> {
        let Key { algorithm, key } = self.key(text).await?;
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let token = decode::<Claims>(text, &key, &validation).map_err(|_| JwtError::Invalid)?;
        let claims = token.claims;
        let expires_at = moment(&claims.exp)?;
        if expires_at <= now {
            return Err(JwtError::Expired);
        }
        if let Some(not_before) = &claims.nbf
            && moment(not_before)? > now.saturating_add(time::Duration::seconds(LEEWAY_SECONDS))
        {
            return Err(JwtError::Invalid);
        }
        let may_spend = has_spend(claims.scope.as_ref());
        Ok(Token { user_id: claims.sub, expires_at, may_spend })
    }

    /// The key with which a token must be signed. Keys and addresses inside the token are ignored.
    async fn key(&self, text: &str) -> Result<Key, JwtError> {
        let header = decode_header(text).map_err(|_| JwtError::Invalid)?;
        if header.crit.is_some() {
            // The token requires an extension that is not supported (RFC 7515).
            return Err(JwtError::Invalid);
        }
        match header.alg {
            Algorithm::HS256 => {
                let secret = self.secret.clone().ok_or(JwtError::Invalid)?;
                Ok(Key { algorithm: Algorithm::HS256, key: secret })
            }
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => {
                let keys = self.keys.as_ref().ok_or(JwtError::Invalid)?;
                keys.find(header.kid.as_deref()).await.map_err(|error| match error {
                    NoKey::Unknown => JwtError::Invalid,
                    NoKey::Unavailable => JwtError::Unavailable,
                })
            }
            _ => Err(JwtError::Invalid),
        }
    }
}

/// Whether a scope, in the form of the standard or as a list, has the word `spend`.
fn has_spend(scope: Option<&Value>) -> bool {
    match scope {
        Some(Value::String(words)) => words.split(' ').any(|word| word == "spend"),
        Some(Value::Array(words)) => words.iter().any(|word| word == "spend"),
        _ => false,
    }
}

/// A `NumericDate`: seconds since 1970; a fraction is cut off.
fn moment(number: &serde_json::Number) -> Result<Timestamp, JwtError> {
    let text = number.to_string();
    let whole = text.split('.').next().unwrap_or_default();
    let seconds: i64 = whole.parse().map_err(|_| JwtError::Invalid)?;
    Timestamp::from_unix_timestamp(seconds).map_err(|_| JwtError::Invalid)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::FutureExt as _;
    use jsonwebtoken::{EncodingKey, Header};
    use kernel::config::Secret;
    use serde_json::json;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn verifier(issuer: Option<&str>, audience: Option<&str>) -> Verifier {
        let config = JwtConfig {
            secret: Secret::new(SECRET),
            jwks_url: None,
            issuer: issuer.map(str::to_owned),
            audience: audience.map(str::to_owned),
            registers_users: false,
        };
        Verifier::new(&config, CancellationToken::new())
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_timestamp(1_800_000_000).unwrap()
    }

    fn token(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    /// Without published keys verification never waits.
    fn verify(verifier: &Verifier, text: &str) -> Result<Token, JwtError> {
        verifier.verify(text, now()).now_or_never().unwrap()
    }

    fn verdict(verifier: &Verifier, claims: &Value) -> Result<String, JwtError> {
        let text = token(Algorithm::HS256, SECRET, claims);
        verify(verifier, &text).map(|token| token.user_id.to_string())
    }

    #[test]
    fn a_genuine_token_names_its_user_until_it_expires() {
        let verifier = verifier(None, None);
        let ada = Ok("ada".to_owned());
        assert_eq!(verdict(&verifier, &json!({"sub": "ada", "exp": 1_800_000_001})), ada);
        assert_eq!(verdict(&verifier, &json!({"sub": "ada", "exp": 1_800_000_001.5, "aud": "x"})), ada);
        let late = verdict(&verifier, &json!({"sub": "ada", "exp": 1_800_000_000}));
        assert_eq!(late, Err(JwtError::Expired));
    }

    #[test]
    fn incomplete_or_early_tokens_are_refused() {
        let verifier = verifier(None, None);
        for claims in [
            json!({"sub": "ada"}),
            json!({"exp": 1_800_000_001}),
            json!({"sub": "", "exp": 1_800_000_001}),
            json!({"sub": 7, "exp": 1_800_000_001}),
            json!({"sub": "ada", "exp": "1800000001"}),
            json!({"sub": "ada", "exp": 1e300}),
            json!({"sub": "ada", "exp": 1_800_000_100, "nbf": 1_800_000_031}),
        ] {
            assert_eq!(verdict(&verifier, &claims), Err(JwtError::Invalid), "{claims}");
        }
    }

    #[test]
    fn issuer_and_audience_count_where_configured() {
        let verifier = verifier(Some("app"), Some("purser"));
        let with = |issuer: Value, audience: Value| {
            let mut claims = json!({"sub": "ada", "exp": 1_800_000_001, "iss": issuer, "aud": audience});
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            verdict(&verifier, &claims).is_ok()
        };
        assert!(with(json!("app"), json!("purser")) && with(json!("app"), json!(["other", "purser"])));
        assert!(!with(json!("other"), json!("purser")) && !with(json!("app"), json!("other")));
        assert!(!with(Value::Null, json!("purser")) && !with(json!("app"), Value::Null));
    }

    #[test]
    fn only_our_algorithm_and_secret_count() {
        use base64::Engine as _;
        let verifier = verifier(None, None);
        let claims = json!({"sub": "ada", "exp": 1_800_000_001});
        let mut forged = vec![
            token(Algorithm::HS256, "another secret of thirty-two or so", &claims),
            token(Algorithm::HS512, SECRET, &claims),
        ];
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        for algorithm in ["none", "None", "RS256"] {
            let header = encode(&format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
            forged.push(format!("{header}.{}.", encode(&claims.to_string())));
            forged.push(format!("{header}.{}.{}", encode(&claims.to_string()), encode("x")));
        }
        for text in forged {
            assert_eq!(verify(&verifier, &text), Err(JwtError::Invalid), "{text}");
        }
    }
}
