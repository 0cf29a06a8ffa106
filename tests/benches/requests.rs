//! The requests that are sent.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::load::MakeRequest;
use crate::processes::Bench;
use crate::seed::Order;

/// Debits in one request of [`batches`].
pub const BATCH: u64 = 100;

/// Asks whether the API lives: what HTTP costs by itself.
pub fn health() -> MakeRequest {
    Box::new(|_, request| request.extend_from_slice(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"))
}

/// Genuine payments of another product on the same account: the worker handles each and credits none, so that the
/// number of orders does not limit the run.
pub fn foreign_payments(bench: &Bench) -> MakeRequest {
    let run = random_word();
    webhooks(&bench.settings.secrets.stripe_webhook_secret, move |number, body| {
        event(body, &run, number, None)
    })
}

/// Webhooks that are signed with a wrong secret: what HTTP, 2 KB of body and the signature cost without what follows.
pub fn forged() -> MakeRequest {
    webhooks("whsec_of_another_account", |number, body| event(body, "forged", number, None))
}

/// The payments of orders, one after the other.
pub fn payments(bench: &Bench, orders: Vec<Order>) -> MakeRequest {
    let run = random_word();
    webhooks(&bench.settings.secrets.stripe_webhook_secret, move |number, body| {
        let order = orders.get(usize::try_from(number).unwrap()).unwrap();
        event(body, &run, number, Some(order));
    })
}

/// Debits of one credit, each with an `Idempotency-Key`, by all users.
pub fn debits(bench: &Bench) -> MakeRequest {
    debits_with(bench.seeded.api_keys.clone())
}

/// The same by one user, whose key and wallet the API knows from the debit before.
pub fn debits_by_one(bench: &Bench) -> MakeRequest {
    debits_with(bench.seeded.api_keys.iter().take(1).cloned().collect())
}

fn debits_with(keys: Vec<String>) -> MakeRequest {
    let run = random_word();
    let body = br#"{"credits":1,"description":"api call"}"#;
    Box::new(move |number, request| {
        let key = &keys[usize::try_from(number).unwrap() * 7_919 % keys.len()];
        let head = format!(
            "POST /purser/v1/wallets/me/debits HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Idempotency-Key: {run}-{number}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
    })
}

/// Debits of one credit each, a batch in a request, sent by a server.
pub fn batches(bench: &Bench) -> MakeRequest {
    let (users, key) = (bench.seeded.users.clone(), bench.settings.secrets.admin_api_key.clone());
    let (run, mut body) = (random_word(), String::new());
    Box::new(move |number, request| {
        body.clear();
        for index in 0..BATCH {
            let number = number * BATCH + index;
            let user = &users[usize::try_from(number).unwrap() * 7_919 % users.len()];
            let start = if index == 0 { r#"{"debits":["# } else { "," };
            let key = format!("{run}-{number}");
            write!(body, r#"{start}{{"wallet":"user:{user}","credits":1,"idempotencyKey":"{key}"}}"#)
                .unwrap();
        }
        body.push_str("]}");
        let head = format!(
            "POST /purser/v1/debits/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body.as_bytes());
    })
}

/// Keeps the ids of one measurement apart from those of another.
fn random_word() -> String {
    hex::encode(rand::random::<[u8; 4]>())
}

/// Requests with signed webhooks, signed as they are sent, as Stripe's are.
fn webhooks(secret: &str, fill: impl Fn(u64, &mut String) + Send + 'static) -> MakeRequest {
    let secret = secret.to_owned();
    let mut body = String::new();
    Box::new(move |number, request| {
        body.clear();
        fill(number, &mut body);
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{now}.").as_bytes());
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let head = format!(
            "POST /api/payments/webhook HTTP/1.1\r\nHost: bench\r\nUser-Agent: Stripe/1.0\r\n\
             Content-Type: application/json; charset=utf-8\r\nStripe-Signature: t={now},v1={signature}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body.as_bytes());
    })
}

/// A `checkout.session.completed` of about 2.2 KB.
fn event(body: &mut String, run: &str, number: u64, order: Option<&Order>) {
    let (metadata, reference, session) = match order {
        Some(order) => (
            format!(r#"{{"payment_id":"{}","user_id":"{}"}}"#, order.id, order.user),
            format!("\"{}\"", order.id),
            format!("cs_test_{}", order.id.simple()),
        ),
        None => ("{}".to_owned(), "null".to_owned(), format!("cs_test_{run}{number:010}")),
    };
    let customer = order.map_or("cus_other".to_owned(), |order| format!("cus_{}", order.user));
    let written = write!(
        body,
        include_str!("checkout_session_completed.json.txt"),
        customer = customer,
        metadata = metadata,
        number = number,
        reference = reference,
        run = run,
        session = session,
    );
    written.unwrap();
}
