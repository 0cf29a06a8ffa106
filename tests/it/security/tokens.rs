//! Forged tokens: whatever a token says of itself, it is believed for its signature alone, and what it claims is taken
//! as it is meant or not at all. Tokens over published keys are in `tokens.rs` one folder up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::client::Answer;
use harness::world::World;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

const PATH: &str = "/v1/credits";

/// A token of any two texts, signed with HMAC-SHA256 over them as they are.
fn forge(header: &str, claims: &str, secret: &[u8]) -> String {
    let content = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(content.as_bytes());
    format!("{content}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// Claims of alice that are good for an hour.
fn claims(world: &World) -> Value {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    json!({"sub": "alice", "exp": now() + 3_600, "iss": issuer, "aud": audience})
}

fn with(claims: &Value, field: &str, value: Value) -> String {
    let mut claims = claims.clone();
    claims[field] = value;
    claims.to_string()
}

async fn ask(world: &World, token: &str) -> Answer {
    world.api().get(PATH).bearer(token).send().await.unwrap()
}

/// An address that counts who comes to it.
async fn lure() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&visits);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, visits)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_or_claim_replaces_a_tokens_signature() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let (address, visits) = lure().await;
    let secret = world.settings().secrets.jwt_hs256_secret.clone();
    let secret = secret.as_bytes();
    let good = claims(&world).to_string();
    let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert_eq!(ask(&world, &forge(plain, &good, secret)).await.status(), 200);

    // Signed with the right secret, but not by the algorithm that is agreed on.
    let mut headers: Vec<Value> =
        ["none", "None", "NONE", "nOnE", "hs256", "HS256 ", " HS256", "HS\u{0}256", ""]
            .map(|name| json!({"alg": name}))
            .to_vec();
    headers.extend(["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"].map(|name| json!({"alg": name})));
    headers.extend([
        json!({}),
        json!({"alg": null}),
        json!({"alg": ["HS256"]}),
        json!({"alg": {"HS256": 1}}),
    ]);
    headers.push(json!({"alg": "HS256", "crit": ["exp"]}));
    headers.push(json!({"alg": "HS256", "crit": []}));
    for header in headers {
        let header = header.to_string();
        let signed = forge(&header, &good, secret);
        let (content, _) = signed.rsplit_once('.').unwrap();
        for token in [signed.clone(), format!("{content}."), format!("{content}.AA"), content.to_owned()] {
            let answer = ask(&world, &token).await;
            assert_eq!(answer.status(), 401, "{header}: {answer}");
        }
    }
    // Twice the same field: which of them counts must not depend on who reads it.
    let twice = forge(r#"{"alg":"none","alg":"HS256"}"#, &good, secret);
    assert_eq!(ask(&world, &twice).await.status(), 401);

    // Signed with a key that it brings along, or says where to find.
    let own = b"a secret of the attacker's, long enough";
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(own), "alg": "HS256"});
    let mut brought = vec![json!({"jwk": jwk}), json!({"jku": address}), json!({"x5u": address})];
    brought.push(json!({"x5c": [URL_SAFE_NO_PAD.encode(own)], "x5t": "AAAA"}));
    for kid in [
        "/dev/null",
        "../../../../dev/null",
        "..\\..\\..\\windows\\win.ini",
        "x' union select 'a secret of the attacker''s, long enough' --",
        "| /bin/true",
        "\u{0}",
        address.as_str(),
        "file:///dev/null",
    ] {
        brought.push(json!({"kid": kid}));
    }
    for mut header in brought {
        header["alg"] = json!("HS256");
        for key in [own.as_slice(), b"", b"\0", b"null", b"undefined"] {
            let answer = ask(&world, &forge(&header.to_string(), &good, key)).await;
            assert_eq!(answer.status(), 401, "{header}: {answer}");
        }
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0, "a token has had the API fetch something");
    world.abandon().await;
}

/// Claims that are each wrong in one way.
fn malformed(good: &Value, long: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let texts = [
        "",
        " ",
        "alice ",
        " alice",
        "ALICE",
        "alice\u{0}",
        "alice\n",
        "al\u{200b}ice",
        "alice'--",
        "*",
        "%",
        long,
    ];
    wrong.extend(texts.map(|text| with(good, "sub", json!(text))));
    wrong.extend(
        [json!(null), json!(7), json!(["alice"]), json!({"$ne": ""}), json!(true)]
            .map(|sub| with(good, "sub", sub)),
    );
    let times = [
        json!(now() - 1),
        json!(0),
        json!(-1),
        json!("4000000000"),
        json!(null),
        json!([4_000_000_000_u64]),
        json!(true),
    ];
    wrong.extend(times.map(|time| with(good, "exp", time)));
    wrong.extend([json!(1e300), json!(u64::MAX), json!(i64::MIN)].map(|time| with(good, "exp", time)));
    wrong.extend([json!(now() + 3_000), json!("0"), json!(1e300)].map(|time| with(good, "nbf", time)));
    for field in ["iss", "aud"] {
        for value in
            [json!("somebody"), json!(""), json!(null), json!([]), json!(["somebody"]), json!({}), json!(1)]
        {
            wrong.push(with(good, field, value));
        }
        for text in
            [good[field].as_str().unwrap().to_uppercase(), format!("{} ", good[field].as_str().unwrap())]
        {
            wrong.push(with(good, field, json!(text)));
        }
    }
    wrong.push(good.to_string().replacen('{', r#"{"sub":"bob","#, 1));
    wrong.push(good.to_string().replacen('{', r#"{"exp":1,"#, 1));
    wrong.extend(["", "null", "[]", "\"alice\"", "{", "{}", "\u{feff}{}"].map(str::to_owned));
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_claims_are_refused_not_interpreted() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let secret = world.settings().secrets.jwt_hs256_secret.clone();
    let good = claims(&world);
    let header = r#"{"alg":"HS256"}"#;
    let token = |claims: &str| forge(header, claims, secret.as_bytes());
    assert_eq!(ask(&world, &token(&good.to_string())).await.status(), 200);
    let early = with(&good, "nbf", json!(now() - 10));
    assert_eq!(ask(&world, &token(&early)).await.status(), 200);

    let long = "a".repeat(10_000);
    for claims in malformed(&good, &long) {
        let answer = ask(&world, &token(&claims)).await;
        let shown: String = claims.chars().take(300).collect();
        assert_eq!(answer.status(), 401, "{shown}: {answer}");
        assert!(!answer.text().contains(&long), "a refusal repeats what it refuses");
    }
    // Too large to be looked at, or looked at and refused: never a failure of the server's.
    for length in [10_000, 50_000, 200_000] {
        let padded = with(&good, "padding", json!("x".repeat(length)));
        let Ok(answer) =
            world.api().get(PATH).bearer(&forge(header, &padded, b"not the secret")).send().await
        else {
            continue;
        };
        assert!([400, 401, 431].contains(&answer.status()), "{length}: {}", answer.status());
    }
    assert_eq!(ask(&world, &token(&good.to_string())).await.status(), 200);
    world.abandon().await;
}

/// Who calls is told by one credential: of several the header's, and of several such headers none.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_several_credentials_has_one_caller_or_none() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let session = world.create_session(&bob).await;
    let admin = format!("Bearer {}", world.settings().secrets.admin_api_key);
    let secret = world.settings().secrets.jwt_hs256_secret.clone();
    let hers = forge(r#"{"alg":"HS256"}"#, &claims(&world).to_string(), secret.as_bytes());
    let his = format!("purser_session={session}");

    // A token in the header and a session in the cookie: the order is the token's owner's.
    let order = world.api().post("/credits/add").bearer(&hers).header("cookie", &his);
    order.json(json!({"type": "Fifty", "buySuccess": false})).expect(200).await;
    assert_eq!(world.count("payments where user_id = 'alice'").await, 1);
    // A bad token is not made good by a good cookie.
    let bad = world.api().get(PATH).bearer(&hers[..hers.len() - 4]).header("cookie", &his);
    assert_eq!(bad.send().await.unwrap().status(), 401);

    let (alice, bob) = (format!("Bearer {}", alice.api_key), format!("Bearer {}", bob.api_key));
    for (first, second) in [(&alice, &bob), (&alice, &alice), (&bob, &admin), (&admin, &bob)] {
        for path in [PATH, "/purser/v1/catalog/packs"] {
            let twice = world.api().get(path).header("authorization", first).header("authorization", second);
            let answer = twice.header("cookie", &his).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{answer}");
        }
    }
    world.abandon().await;
}
