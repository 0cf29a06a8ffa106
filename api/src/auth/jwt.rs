//! JSON Web Tokens of the host application: HS256 and nothing else, whatever the token says of itself; `exp` and
//! `sub` required; issuer and audience compared where configured.

use common::clock::Timestamp;
use common::ids::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::config::JwtConfig;

/// How far the issuer's clock may be ahead of ours, in seconds, for `nbf`.
const LEEWAY_SECONDS: i64 = 30;

/// Verifies tokens.
pub(super) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

/// What a genuine token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) user_id: UserId,
    pub(super) expires_at: Timestamp,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JwtError {
    Expired,
    Invalid,
}

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    exp: serde_json::Number,
    nbf: Option<serde_json::Number>,
}

impl Verifier {
    pub(super) fn new(config: &JwtConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        let mut required = vec!["exp", "sub"];
        // Times are compared below, with our clock.
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
        Self { key: DecodingKey::from_secret(config.secret.expose().as_bytes()), validation }
    }

    /// What the token says, if it is genuine and its time has come and not passed.
    pub(super) fn verify(&self, text: &str, now: Timestamp) -> Result<Token, JwtError> {
        let token = jsonwebtoken::decode::<Claims>(text, &self.key, &self.validation)
            .map_err(|_| JwtError::Invalid)?;
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
        Ok(Token { user_id: claims.sub, expires_at })
    }
}

/// A `NumericDate`: seconds since 1970, perhaps with a fraction, which is cut off.
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
    use common::config::Secret;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn verifier(issuer: Option<&str>, audience: Option<&str>) -> Verifier {
        Verifier::new(&JwtConfig {
            secret: Secret::new(SECRET).unwrap(),
            issuer: issuer.map(str::to_owned),
            audience: audience.map(str::to_owned),
        })
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_timestamp(1_800_000_000).unwrap()
    }

    fn token(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn verdict(verifier: &Verifier, claims: &Value) -> Result<String, JwtError> {
        let text = token(Algorithm::HS256, SECRET, claims);
        verifier.verify(&text, now()).map(|token| token.user_id.to_string())
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
            assert_eq!(verifier.verify(&text, now()), Err(JwtError::Invalid), "{text}");
        }
    }
}
