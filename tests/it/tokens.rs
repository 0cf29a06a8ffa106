//! Tokens of the host application: which are believed, over the keys that it publishes.

use std::collections::HashMap;

use harness::client::Answer;
use harness::world::World;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Whom the host application's keys sign for, by the keys' ids. Made for these tests, and used nowhere else.
fn keys() -> HashMap<&'static str, (Algorithm, EncodingKey)> {
    HashMap::from([
        ("rsa", (Algorithm::RS256, EncodingKey::from_rsa_der(include_bytes!("keys/rsa.der")))),
        ("ec", (Algorithm::ES256, EncodingKey::from_ec_der(include_bytes!("keys/ec.der")))),
        ("ed", (Algorithm::EdDSA, EncodingKey::from_ed_der(include_bytes!("keys/ed.der")))),
    ])
}

fn published() -> String {
    let public = |(id, (algorithm, key)): (&str, (Algorithm, EncodingKey))| {
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        jwk.common.key_id = Some(id.to_owned());
        jwk
    };
    serde_json::to_string(&JwkSet { keys: keys().into_iter().map(public).collect() }).unwrap()
}

/// A server that answers every request the same; its address.
async fn serve(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/.well-known/jwks.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _length = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            let _gone = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
}

/// Claims of alice that are good for an hour.
fn claims(world: &World) -> Value {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    let expires = time::OffsetDateTime::now_utc().unix_timestamp() + 3_600;
    json!({"sub": "alice", "exp": expires, "iss": issuer, "aud": audience})
}

fn signed(id: &str, claims: &Value) -> String {
    let (algorithm, key) = keys().remove(id).unwrap();
    let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, &key).unwrap()
}

async fn ask(world: &World, token: &str) -> Answer {
    world.api().get("/api/v1/users/me/transactions").bearer(token).send().await.unwrap()
}

/// Tokens that are signed well, but claim what is wrong.
fn with_wrong_claims(good: &Value) -> Vec<(&'static str, String)> {
    let without = |field: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(field);
        claims
    };
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    vec![
        ("no expiry", signed("rsa", &without("exp"))),
        ("expired", signed("rsa", &with("exp", json!(1_700_000_000)))),
        ("no issuer", signed("ec", &without("iss"))),
        ("another issuer", signed("ec", &with("iss", json!("somebody")))),
        ("another audience", signed("ed", &with("aud", json!("somebody")))),
        ("no subject", signed("ed", &without("sub"))),
        ("an unknown user", signed("ed", &with("sub", json!("bob")))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_accepted_with_its_own_algorithm_only() {
    let address = serve("200 OK", published()).await;
    let world = World::builder().without_worker().without_scheduler().jwks(&address).start().await;
    world.create_user("alice").await;
    let good = claims(&world);
    for id in ["rsa", "ec", "ed"] {
        let answer = ask(&world, &signed(id, &good)).await;
        assert_eq!(answer.status(), 200, "{id}: {answer}");
    }
    let secret = world.settings().secrets.jwt_hs256_secret.clone();
    let shared = EncodingKey::from_secret(secret.as_bytes());
    let with_secret = encode(&Header::default(), &good, &shared).unwrap();
    assert_eq!(ask(&world, &with_secret).await.status(), 200);

    let mut forged = with_wrong_claims(&good);
    let (_, ed) = keys().remove("ed").unwrap();
    let (_, rsa) = keys().remove("rsa").unwrap();
    let other = EncodingKey::from_rsa_der(include_bytes!("keys/other_rsa.der"));
    let mut forge = |why, header: Header, key: &EncodingKey| {
        forged.push((why, encode(&header, &good, key).unwrap()));
    };
    let named = |algorithm, id: &str| Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
    forge("the key of another", named(Algorithm::RS256, "rsa"), &other);
    forge("another algorithm of the key", named(Algorithm::RS512, "rsa"), &rsa);
    forge("the algorithm of another key", named(Algorithm::EdDSA, "rsa"), &ed);
    forge("no key named", Header::new(Algorithm::RS256), &rsa);
    for id in ["", "../../dev/null", "' or 1=1 --", "RSA", "\u{0}", &"x".repeat(4_000)] {
        forge("a key that is not published", named(Algorithm::RS256, id), &rsa);
    }
    // What is published is no secret: not the text, nor the modulus, nor nothing.
    let set: Value = serde_json::from_str(&published()).unwrap();
    let modulus = set["keys"].as_array().unwrap().iter().find_map(|key| key["n"].as_str()).unwrap();
    for public in [published().as_bytes(), modulus.as_bytes(), include_bytes!("keys/ec.der"), b""] {
        forge("a published secret", named(Algorithm::HS256, "rsa"), &EncodingKey::from_secret(public));
    }
    let mut own = named(Algorithm::RS256, "own");
    own.jwk = Some(Jwk::from_encoding_key(&other, Algorithm::RS256).unwrap());
    forge("a key of its own", own, &other);
    let mut elsewhere = named(Algorithm::RS256, "elsewhere");
    elsewhere.jku = Some(address.clone());
    forge("keys of its own", elsewhere, &other);
    let mut critical = named(Algorithm::RS256, "rsa");
    critical.crit = Some(vec!["b64".to_owned()]);
    forge("something to be understood", critical, &rsa);
    let good_token = signed("rsa", &good);
    let (content, signature) = good_token.rsplit_once('.').unwrap();
    let payload = content.split_once('.').unwrap().1;
    // {"alg":"none","kid":"rsa"}
    let none = "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0";
    forged.push(("no signature", format!("{content}.")));
    forged.push(("half a signature", format!("{content}.{}", signature.get(..100).unwrap())));
    forged.push(("no algorithm", format!("{none}.{payload}.")));
    forged.push(("no algorithm, but a signature", format!("{none}.{payload}.{signature}")));
    for (why, token) in forged {
        let answer = ask(&world, &token).await;
        assert_eq!(answer.status(), 401, "{why}: {answer}");
        assert_eq!(answer.json().unwrap()["errors"], json!(["Authentication required"]), "{why}");
    }
    world.abandon().await;
}

/// Without keys a token cannot be told from a forgery: the caller is asked to come again, in each API's words, and
/// other credentials are as good as ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_key_set_delays_its_own_tokens_only() {
    let address = serve("503 Service Unavailable", String::new()).await;
    let world = World::builder().without_worker().without_scheduler().jwks(&address).start().await;
    let alice = world.create_user("alice").await;
    let token = signed("rsa", &claims(&world));
    let answer = ask(&world, &token).await;
    assert_eq!((answer.status(), answer.header("retry-after")), (503, Some("1")), "{answer}");
    assert_eq!(world.api().get("/v1/credits").bearer(&token).send().await.unwrap().status(), 503);
    assert_eq!(ask(&world, &alice.api_key).await.status(), 200);
    world.abandon().await;
}
