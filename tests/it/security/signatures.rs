//! Whose event it is: at every place where providers send events, only what they have signed over these very bytes, now
//! and with the secret of that place, is taken; and nothing else leaves a trace.

use harness::client::Answer;
use harness::world::World;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::refuse_to_start;
use crate::events::{signature, signature_at};

const SIGNING: &str = "revenuecat-signing-secret-of-this-test";
/// The same JSON, written in three ways: it is kept for an operator, since it cannot be read.
const SAME: [&str; 3] = [
    r#"{"object":"v2.core.event","id":"evt_1","type":"v1.customer.created"}"#,
    r#"{"object": "v2.core.event", "id": "evt_1", "type": "v1.customer.created"}"#,
    r#"{"id":"evt_1","object":"v2.core.event","type":"v1.customer.created"}"#,
];

/// Where a provider's events arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Stripe(&'static str),
    Creem,
    Revenuecat,
}

const PLACES: [Place; 4] = [
    Place::Stripe("/api/payments/webhook"),
    Place::Stripe("/payment/webhook/stripe"),
    Place::Creem,
    Place::Revenuecat,
];

type Headers = Vec<(&'static str, String)>;

fn hex_mac(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

impl Place {
    fn path(self) -> &'static str {
        match self {
            Self::Stripe(path) => path,
            Self::Creem => "/payment/webhook/creem",
            Self::Revenuecat => "/webhooks/revenuecat",
        }
    }

    /// The header that has the signature.
    fn name(self) -> &'static str {
        match self {
            Self::Stripe(_) => "stripe-signature",
            Self::Creem => "creem-signature",
            Self::Revenuecat => "x-revenuecat-webhook-signature",
        }
    }

    fn secret(self, world: &World) -> String {
        let secrets = &world.settings().secrets;
        match self {
            Self::Stripe(_) => secrets.stripe_webhook_secret.clone(),
            Self::Creem => secrets.creem_webhook_secret.clone(),
            Self::Revenuecat => SIGNING.to_owned(),
        }
    }

    /// The body, as this provider wraps it.
    fn body(self, text: &str) -> Vec<u8> {
        match self {
            Self::Stripe(_) | Self::Creem => text.into(),
            Self::Revenuecat => format!("{{\"api_version\":\"1.0\",\"event\":{text}}}").into_bytes(),
        }
    }

    fn sign(self, secret: &str, body: &[u8]) -> String {
        match self {
            Self::Stripe(_) | Self::Revenuecat => signature(secret, body),
            Self::Creem => hex_mac(secret, body),
        }
    }

    /// What else the provider sends.
    fn proof(self, world: &World) -> Headers {
        let authorization = world.settings().secrets.revenuecat_webhook_auth.clone();
        if self == Self::Revenuecat { vec![("authorization", authorization)] } else { Vec::new() }
    }
}

async fn send(world: &World, place: Place, headers: &Headers, body: &[u8]) -> Answer {
    let request = world.api().post(place.path()).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body).send().await.unwrap()
}

/// What is signed, but not as it has to be: why, and all headers of the signature.
fn forgeries(world: &World, place: Place, body: &[u8]) -> Vec<(&'static str, Headers)> {
    let (name, secret) = (place.name(), place.secret(world));
    let good = place.sign(&secret, body);
    let mut forged: Vec<(&'static str, Headers)> = Vec::new();
    let mut one = |why, value: String| forged.push((why, vec![(name, value)]));
    one("nothing", String::new());
    one("another's secret", place.sign("whsec_another", body));
    one("no secret", place.sign("", body));
    for other in PLACES.iter().filter(|other| other.name() != name) {
        one("the secret of another provider", place.sign(&other.secret(world), body));
    }
    one("the secret itself", secret.clone());
    one("another body", place.sign(&secret, b"{}"));
    one("the same JSON in other bytes", place.sign(&secret, &place.body(SAME[1])));
    one("its fields in another order", place.sign(&secret, &place.body(SAME[2])));
    one("a byte more", place.sign(&secret, &[body, b"\n"].concat()));
    one("cut off", good[..good.len() - 2].to_owned());
    one("half", good[..good.len() - 32].to_owned());
    one("longer", format!("{good}00"));
    one(
        "a digit changed",
        format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' }),
    );
    one("zeros", if place == Place::Creem { "0".repeat(64) } else { format!("t=0,v1={}", "0".repeat(64)) });
    if place != Place::Creem {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let (stamp, mac) = good.split_once(',').unwrap();
        one("of yesterday", signature_at(&secret, body, now - 86_400));
        one("of tomorrow", signature_at(&secret, body, now + 86_400));
        one("of six minutes ago", signature_at(&secret, body, now - 360));
        one("of another second", format!("t={},{mac}", now - 1));
        one("of no time", mac.to_owned());
        one("a test scheme only", good.replace("v1=", "v0="));
        one("an unknown scheme", good.replace("v1=", "v2="));
        one("two times", format!("t={},{good}", now + 86_400));
        one("without the time", format!("{stamp},v1={}", hex_mac(&secret, body)));
        // Two headers are not one: what one lacks the other does not give.
        forged.push(("half in each of two headers", vec![(name, stamp.to_owned()), (name, mac.to_owned())]));
    }
    let wrong = place.sign("whsec_another", body);
    forged.push(("a wrong one before the right one, in two headers", vec![(name, wrong), (name, good)]));
    forged.push(("nothing at all", Vec::new()));
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_provider_events_are_accepted_and_others_leave_no_trace() {
    let mut world = World::builder().revenuecat_signs(&[SIGNING]).start().await;
    world.allow_dead_letters();
    for place in PLACES {
        let (body, secret, proof) = (place.body(SAME[0]), place.secret(&world), place.proof(&world));
        for (why, mut headers) in forgeries(&world, place, &body) {
            headers.extend(proof.clone());
            let answer = send(&world, place, &headers, &body).await;
            assert!([400, 401].contains(&answer.status()), "{place:?}, {why}: {answer}");
            let shown = answer.text();
            assert!(!shown.contains(&secret) && !shown.contains("evt_1"), "{place:?}, {why}: {answer}");
        }
        // A good signature over other bytes is none over these.
        let good = place.sign(&secret, &body);
        for other in [
            place.body(SAME[1]),
            place.body(SAME[2]),
            [&body[..], b" "].concat(),
            body[1..].to_vec(),
            Vec::new(),
        ] {
            let mut headers = vec![(place.name(), good.clone())];
            headers.extend(proof.clone());
            let answer = send(&world, place, &headers, &other).await;
            assert!([400, 401].contains(&answer.status()), "{place:?}: {answer}");
        }
    }
    // The other half of RevenueCat's proof.
    let body = Place::Revenuecat.body(SAME[0]);
    let signed = (Place::Revenuecat.name(), Place::Revenuecat.sign(SIGNING, &body));
    let right = world.settings().secrets.revenuecat_webhook_auth.clone();
    for wrong in
        ["", "Bearer", SIGNING, &right[..right.len() - 1], &format!("{right}0"), &format!("Bearer {right}")]
    {
        let headers = vec![signed.clone(), ("authorization", wrong.to_owned())];
        assert_eq!(send(&world, Place::Revenuecat, &headers, &body).await.status(), 401, "{wrong}");
    }
    assert_eq!(send(&world, Place::Revenuecat, &vec![signed], &body).await.status(), 401);
    world.drain().await;
    for table in ["provider_events", "dead_letters", "payments", "outbox", "store_purchases"] {
        assert_eq!(world.count(table).await, 0, "{table}: what was refused has left a trace");
    }

    // As it should be, it is taken at each place; of several signatures in a header one has to be right.
    for place in PLACES {
        let (body, secret) = (place.body(SAME[0]), place.secret(&world));
        let good = place.sign(&secret, &body);
        let mixed = match place {
            Place::Creem => good,
            Place::Stripe(_) | Place::Revenuecat => {
                good.replace(",v1=", &format!(",v1={},v0=x,v1=", "0".repeat(64)))
            }
        };
        let mut headers = place.proof(&world);
        headers.push((place.name(), mixed));
        assert_eq!(send(&world, place, &headers, &body).await.status(), 200, "{place:?}");
    }
    world.drain().await;
    let traces = world.count("provider_events").await + world.count("dead_letters").await;
    assert!(traces >= 3, "what is taken leaves no trace either");
    world.finish().await;
}

/// A secret that is empty would be known to everybody.
#[test]
fn a_process_with_an_empty_secret_refuses_to_start() {
    for name in [
        "ADMIN_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "CREEM_WEBHOOK_SECRET",
        "REVENUECAT_WEBHOOK_AUTH",
        "REVENUECAT_SIGNING_SECRET",
        "JWT_HS256_SECRET",
        "STRIPE_SECRET_KEY",
        "CREEM_API_KEY",
    ] {
        let lists = name.contains("WEBHOOK") || name.contains("SIGNING");
        let blank = ["", " ", "\t"].into_iter().chain([",", "whsec_1,", " , "].into_iter().filter(|_| lists));
        for value in blank {
            let output = refuse_to_start(&[(name, value)]);
            assert!(output.contains(name), "{name}={value:?}: {output}");
        }
    }
}

/// Without a secret of Creem's nothing of Creem's is believed, whatever it is signed with.
#[test]
fn signatures_are_refused_without_a_configured_secret() {
    use signatures::creem::{Headers, verify};
    let now = time::OffsetDateTime::now_utc();
    let body = json!({"id": "evt_1"}).to_string();
    let signed = hex_mac("", body.as_bytes());
    let headers = Headers { plain: Some(&signed), ..Headers::default() };
    assert!(verify(headers, body.as_bytes(), &[], now).is_err());
}
