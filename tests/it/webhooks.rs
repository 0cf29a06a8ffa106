//! What the webhook route lets in.

use std::time::Duration;

use harness::client::Answer;
use harness::world::World;
use serde_json::json;

use crate::events::{deliver, event, paid_session, signature, signature_at};

const PATHS: [&str; 2] = ["/api/payments/webhook", "/payment/webhook/stripe"];

async fn send(world: &World, path: &str, header: Option<&str>, body: &[u8]) -> Answer {
    let mut request = world.api().post(path).header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("stripe-signature", header);
    }
    request.body(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_fresh_signatures_with_the_configured_secret_are_accepted() {
    let world = World::builder().without_worker().start().await;
    let secret = &world.settings().secrets.stripe_webhook_secret;
    let body = event("customer.created", &json!({"id": "cus_1", "livemode": false})).to_string().into_bytes();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let good = signature(secret, &body);
    let (stamp, ours) = good.split_once(',').unwrap();
    let other = signature("whsec_another", &body);
    let (_, theirs) = other.split_once(',').unwrap();
    let accepted = [
        good.clone(),
        format!("{stamp},{theirs},{ours}"),
        format!("{stamp},v0=00,{ours}"),
        signature_at(secret, &body, now - 290),
        signature_at(secret, &body, now + 290),
    ];
    let refused = [
        String::new(),
        other.clone(),
        "t=,v1=".to_owned(),
        stamp.to_owned(),
        ours.to_owned(),
        format!("{stamp},{}", ours.replace("v1=", "v0=")),
        format!("{stamp},{}", &ours[..ours.len() - 2]),
        format!("t={},{ours}", now + 1_000_000),
        format!("t=-{now},{ours}"),
        format!("t=99999999999999999999,{ours}"),
        signature_at(secret, &body, now - 310),
        signature_at(secret, &body, now + 310),
        signature("", &body),
        "t=1,v1=\u{e9}".to_owned(),
    ];
    for path in PATHS {
        for header in &accepted {
            assert_eq!(send(&world, path, Some(header), &body).await.status(), 200, "{header}");
        }
        for header in &refused {
            let answer = send(&world, path, Some(header), &body).await;
            assert_eq!(answer.status(), 400, "{header}: {}", answer.text());
            assert!(!answer.text().contains(secret.as_str()));
        }
        assert_eq!(send(&world, path, None, &body).await.status(), 400);
        let mut changed = body.clone();
        changed.push(b' ');
        assert_eq!(send(&world, path, Some(&good), &changed).await.status(), 400);
    }
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_non_event_is_refused_and_an_oversized_body_is_not_read() {
    let world = World::start().await;
    let secret = &world.settings().secrets.stripe_webhook_secret;
    for body in [&b""[..], b"[]", b"\"text\"", b"{\"id\":", b"\xff\xfe{}"] {
        let answer = send(&world, PATHS[0], Some(&signature(secret, body)), body).await;
        assert_eq!(answer.status(), 400, "{}", answer.text());
    }
    let large = vec![b' '; 2 * 1024 * 1024];
    assert_eq!(send(&world, PATHS[0], Some(&signature(secret, &large)), &large).await.status(), 413);
    assert_eq!(world.api().get(PATHS[0]).send().await.unwrap().status(), 405);
    world.finish().await;
}

/// Signed, well-formed JSON, but nothing that this version can read: kept for a person, alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_unreadable_event_becomes_a_dead_letter_and_its_neighbours_apply() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 500).await;
    let good = event("checkout.session.completed", &paid_session(&world, &alice, &checkout).await);
    let odd = json!({"object": "event", "id": "evt_odd", "type": "checkout.session.completed"});
    let (odd, good) = futures::join!(deliver(&world, &odd), deliver(&world, &good));
    assert_eq!((odd.status(), good.status()), (200, 200));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    world.finish().await;
}

/// A client that never finishes its request is cut off, and others are served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_delay_no_others() {
    use tokio::io::AsyncWriteExt;
    let world = World::builder().without_worker().start().await;
    let address = world.api().base().trim_start_matches("http://").to_owned();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = "POST /api/payments/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let ready = tokio::time::timeout(Duration::from_secs(5), world.api().get("/healthz").send()).await;
    assert_eq!(ready.unwrap().unwrap().status(), 200);
    world.abandon().await;
}
