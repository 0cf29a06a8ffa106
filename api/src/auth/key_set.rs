//! The public keys with which the host application signs tokens, as it publishes them (RFC 7517). They are fetched in
//! the background: regularly, and when a token names an unknown key. While their address cannot be reached, known keys
//! stay. Each key is good for one algorithm, whatever a token says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use kernel::https::HttpsClient;
use kernel::metrics::{NONE, catalogue};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// The age at which keys are fetched again.
    refresh: Duration,
    /// As `refresh`, after a failed attempt.
    retry: Duration,
    /// The least time between two attempts, whatever tokens name.
    pause: Duration,
    /// How long a token with an unknown key waits for the attempt that it starts.
    patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            refresh: Duration::from_mins(10),
            retry: Duration::from_secs(30),
            pause: Duration::from_secs(10),
            patience: Duration::from_secs(2),
        }
    }
}

const DEADLINE: Duration = Duration::from_secs(5);
/// Far above any real set.
const SET_BYTES: usize = 256 * 1024;
const KEYS_MAX: usize = 100;
/// Shorter RSA keys can be broken (RFC 7518).
const MODULUS_BYTES_MIN: usize = 256;

#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The host application has no such key.
    Unknown,
    /// No keys could be fetched so far.
    Unavailable,
}

pub(super) struct KeySet {
    pace: Pace,
    state: watch::Receiver<State>,
    refresh_requested: Arc<Notify>,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<Keys>>,
    /// When they were last requested, successfully or not.
    attempted_at: Option<Instant>,
}

/// Keys by id; one key may have no id.
type Keys = HashMap<Option<String>, Key>;

impl KeySet {
    /// Keeps the keys at an address up to date until `shutdown`.
    pub(super) fn start(address: Url, pace: Pace, shutdown: CancellationToken) -> Self {
        let (sender, state) = watch::channel(State::default());
        let refresh_requested = Arc::new(Notify::new());
        let refreshing = keep_up_to_date(address, pace, sender, Arc::clone(&refresh_requested));
        tokio::spawn(async move { shutdown.run_until_cancelled(refreshing).await });
        Self { pace, state, refresh_requested }
    }

    /// The key of this id or, for a token that names none, the only key. An unknown key is requested, unless that was
    /// just done; the caller waits for it, but not for long.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Key, NoKey> {
        let mut state = self.state.clone();
        let current = state.borrow_and_update().clone();
        if let Some(key) = current.keys.as_ref().and_then(|keys| pick(keys, id)) {
            return Ok(key);
        }
        // The first attempt is under way from the start.
        let is_due = current.attempted_at.is_none_or(|at| at.elapsed() >= self.pace.pause);
        if is_due {
            if current.attempted_at.is_some() {
                self.refresh_requested.notify_one();
            }
            let _in_time = tokio::time::timeout(self.pace.patience, state.changed()).await;
        }
        let keys = state.borrow().keys.clone().ok_or(NoKey::Unavailable)?;
        pick(&keys, id).ok_or(NoKey::Unknown)
    }
}

fn pick(keys: &Keys, id: Option<&str>) -> Option<Key> {
    match id {
        Some(id) => keys.get(&Some(id.to_owned())).cloned(),
        None if keys.len() == 1 => keys.values().next().cloned(),
        None => None,
    }
}

async fn keep_up_to_date(
    address: Url,
    pace: Pace,
    sender: watch::Sender<State>,
    refresh_requested: Arc<Notify>,
) {
    let client = HttpsClient::new(DEADLINE, SET_BYTES);
    loop {
        let fetched = match client.get(address.as_str()).await {
            Ok(text) => read(&text).ok_or("not a set of keys"),
            Err(reason) => Err(reason),
        };
        let age = if fetched.is_ok() { pace.refresh } else { pace.retry };
        if let Err(reason) = &fetched {
            catalogue::JWKS_FAILURES.increment(NONE);
            tracing::warn!(reason, "the keys at JWT_JWKS_URL cannot be fetched; known keys stay");
        }
        sender.send_modify(|state| {
            state.attempted_at = Some(Instant::now());
            if let Ok(keys) = fetched {
                state.keys = Some(Arc::new(keys));
            }
        });
        tokio::time::sleep(pace.pause).await;
        let _requested_before =
            tokio::time::timeout(age.saturating_sub(pace.pause), refresh_requested.notified()).await;
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The usable keys of a set; others are ignored. Of two keys with one id the first counts.
fn read(text: &[u8]) -> Option<Keys> {
    let set: Set = serde_json::from_slice(text).ok()?;
    let mut keys = Keys::new();
    for value in set.keys.into_iter().take(KEYS_MAX) {
        let Ok(jwk) = serde_json::from_value::<Jwk>(value) else { continue };
        if let Some(key) = usable(&jwk) {
            keys.entry(jwk.common.key_id).or_insert(key);
        }
    }
    Some(keys)
}

/// The key, if it is public, meant for verifying, and of a supported kind.
fn usable(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            (length >= MODULUS_BYTES_MIN).then_some((Algorithm::RS256, KeyAlgorithm::RS256))?
        }
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        // Shared secrets among them: a published secret is none.
        _ => return None,
    };
    let is_for_algorithm = common.key_algorithm.is_none_or(|algorithm| algorithm == named);
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (is_for_signatures && is_for_algorithm).then_some(Key { algorithm, key })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_util::sync::DropGuard;

    use super::*;

    fn rsa(bytes: usize) -> Value {
        json!({"kty": "RSA", "kid": "r", "n": URL_SAFE_NO_PAD.encode(vec![0xc1; bytes]), "e": "AQAB"})
    }

    fn ed() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": URL_SAFE_NO_PAD.encode([7; 32])})
    }

    fn algorithms(keys: &Value) -> Vec<Algorithm> {
        let keys = read(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        keys.values().map(|key| key.algorithm).collect()
    }

    fn with(mut key: Value, field: &str, value: Value) -> Value {
        key[field] = value;
        key
    }

    #[test]
    fn each_kind_of_key_has_its_algorithm() {
        assert_eq!(algorithms(&json!([rsa(256)])), [Algorithm::RS256]);
        assert_eq!(algorithms(&json!([ed()])), [Algorithm::EdDSA]);
        let named = with(with(rsa(256), "alg", json!("RS256")), "use", json!("sig"));
        assert_eq!(algorithms(&json!([named])), [Algorithm::RS256]);
    }

    #[test]
    fn unusable_keys_are_left_out() {
        let point = URL_SAFE_NO_PAD.encode([7; 48]);
        let padded = URL_SAFE_NO_PAD.encode([vec![0; 128], vec![0xc1; 128]].concat());
        let unusable = json!([
            rsa(255),
            with(rsa(256), "n", json!(padded)),
            with(rsa(256), "n", json!("")),
            with(rsa(256), "alg", json!("RS512")),
            with(rsa(256), "alg", json!("HS256")),
            with(rsa(256), "use", json!("enc")),
            with(ed(), "key_ops", json!(["sign"])),
            with(ed(), "crv", json!("X25519")),
            {"kty": "EC", "crv": "P-384", "x": point, "y": point},
            {"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32])},
            {"kty": "PQ", "x": 1},
            7,
        ]);
        assert_eq!(algorithms(&unusable), []);
        for text in ["", "{}", "[]", r#"{"keys": {}}"#, "<html>"] {
            assert!(read(text.as_bytes()).is_none(), "{text}");
        }
    }

    /// Publishes the set text to everyone who connects, or answers 503 without one. Counts requests.
    struct Publisher {
        address: Url,
        keys: Arc<Mutex<Option<Value>>>,
        requests: Arc<AtomicUsize>,
    }

    impl Publisher {
        async fn start(keys: Option<Value>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}/jwks.json", listener.local_addr().unwrap()).parse().unwrap();
            let publisher = Self { address, keys: Arc::new(Mutex::new(keys)), requests: Arc::default() };
            let (keys, requests) = (Arc::clone(&publisher.keys), Arc::clone(&publisher.requests));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = [0; 4_096];
                    let _length = stream.read(&mut request).await;
                    requests.fetch_add(1, Ordering::SeqCst);
                    let answer = match keys.lock().unwrap().as_ref() {
                        Some(keys) => {
                            let body = json!({ "keys": keys }).to_string();
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                        }
                        None => "HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    };
                    let _gone = stream.write_all(answer.as_bytes()).await;
                }
            });
            publisher
        }

        fn publish(&self, keys: Option<Value>) {
            *self.keys.lock().unwrap() = keys;
        }

        fn key_set(&self, pause: Duration) -> (KeySet, DropGuard) {
            let hour = Duration::from_hours(1);
            let pace = Pace { refresh: hour, retry: hour, pause, patience: Duration::from_secs(30) };
            let shutdown = CancellationToken::new();
            (KeySet::start(self.address.clone(), pace, shutdown.clone()), shutdown.drop_guard())
        }
    }

    async fn algorithm(keys: &KeySet, id: &str) -> Result<Algorithm, NoKey> {
        keys.find(Some(id)).await.map(|key| key.algorithm)
    }

    #[tokio::test]
    async fn a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_is_forgotten() {
        let publisher = Publisher::start(Some(json!([ed()]))).await;
        let (keys, _guard) = publisher.key_set(Duration::ZERO);
        assert_eq!(algorithm(&keys, "e").await, Ok(Algorithm::EdDSA));
        publisher.publish(Some(json!([rsa(256)])));
        assert_eq!(algorithm(&keys, "r").await, Ok(Algorithm::RS256));
        assert_eq!(algorithm(&keys, "e").await, Err(NoKey::Unknown));
    }

    #[tokio::test]
    async fn keys_that_are_known_outlive_their_address() {
        let publisher = Publisher::start(None).await;
        let (keys, _guard) = publisher.key_set(Duration::ZERO);
        assert_eq!(algorithm(&keys, "e").await, Err(NoKey::Unavailable));
        publisher.publish(Some(json!([ed()])));
        assert_eq!(algorithm(&keys, "e").await, Ok(Algorithm::EdDSA));
        publisher.publish(None);
        assert_eq!(algorithm(&keys, "r").await, Err(NoKey::Unknown));
        assert_eq!(algorithm(&keys, "e").await, Ok(Algorithm::EdDSA));
    }

    #[tokio::test]
    async fn made_up_keys_are_not_asked_for_again_and_again() {
        let publisher = Publisher::start(Some(json!([ed()]))).await;
        let (keys, _guard) = publisher.key_set(Duration::from_hours(1));
        assert_eq!(algorithm(&keys, "e").await, Ok(Algorithm::EdDSA));
        for number in 0..1_000 {
            assert_eq!(algorithm(&keys, &number.to_string()).await, Err(NoKey::Unknown));
        }
        assert_eq!(publisher.requests.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_token_that_names_no_key_has_the_only_one() {
        let one = read(json!({"keys": [ed()]}).to_string().as_bytes()).unwrap();
        let two = read(json!({"keys": [ed(), rsa(256)]}).to_string().as_bytes()).unwrap();
        assert!(pick(&one, None).is_some() && pick(&two, None).is_none());
        assert!(pick(&two, Some("r")).is_some() && pick(&two, Some("")).is_none());
    }
}
