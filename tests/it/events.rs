//! Webhooks made by hand and signed as the provider signs them, for what the emulator would never send.

use harness::client::Answer;
use harness::world::{Checkout, User, World};
use hmac::{Hmac, KeyInit, Mac};
use jobs::EncodedJob;
use messaging::Publisher;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The version of the provider's API whose events are taken at their word.
pub const API_VERSION: &str = worker::providers::stripe::API_VERSION;

/// The header for a body, signed now.
pub fn signature(secret: &str, body: &[u8]) -> String {
    signature_at(secret, body, time::OffsetDateTime::now_utc().unix_timestamp())
}

/// The header for a body, signed at a time.
pub fn signature_at(secret: &str, body: &[u8], at: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// An event around an object.
pub fn event(kind: &str, object: &Value) -> Value {
    json!({
        "id": format!("evt_{}", Uuid::new_v4().simple()), "object": "event", "api_version": API_VERSION,
        "created": time::OffsetDateTime::now_utc().unix_timestamp(), "livemode": object["livemode"],
        "pending_webhooks": 1, "type": kind, "data": {"object": object},
    })
}

/// Delivers an event, signed.
pub async fn deliver(world: &World, event: &Value) -> Answer {
    let body = event.to_string().into_bytes();
    let header = signature(&world.settings().secrets.stripe_webhook_secret, &body);
    let request = world.api().post("/api/payments/webhook").header("stripe-signature", &header);
    request.header("content-type", "application/json").body(body).send().await.unwrap()
}

/// Puts messages into the queue of webhooks as a foreign program would: as they are, without a header or an id.
pub async fn publish_raw<Body: AsRef<[u8]>>(world: &World, bodies: impl IntoIterator<Item = Body>) {
    let addresses = &world.settings().addresses;
    let connection = lapin::Connection::connect(&addresses.amqp_url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}.apply", addresses.amqp_prefix);
    for body in bodies {
        let (name, options) = (queue.as_str().into(), Default::default());
        channel.basic_publish("".into(), name, options, body.as_ref(), Default::default()).await.unwrap();
    }
    connection.close(200, "".into()).await.unwrap();
}

/// Publishes a job, as the scheduler would.
pub async fn publish(world: &World, job: impl Into<EncodedJob>) {
    let connections = world.settings().connections(1).unwrap();
    let shutdown = CancellationToken::new();
    let publisher = Publisher::start(&connections, shutdown.clone());
    publisher.wait_until_connected().await;
    publisher.publish(job).await.unwrap();
    shutdown.cancel();
}

/// The mark that this installation gives its orders at the providers.
pub async fn installation(world: &World) -> Uuid {
    sqlx::query_scalar("select id from installation_mark").fetch_one(world.pool()).await.unwrap()
}

/// The session of a checkout as the provider would show it once it is paid.
pub async fn paid_session(world: &World, user: &User, checkout: &Checkout) -> Value {
    let (payment, customer, amount): (Uuid, Option<String>, i64) = sqlx::query_as(
        "select id, provider_customer, amount_minor from payments where provider_session = $1",
    )
    .bind(&checkout.session_id)
    .fetch_one(world.pool())
    .await
    .unwrap();
    let mark = installation(world).await;
    json!({
        "id": checkout.session_id, "object": "checkout.session", "livemode": false, "mode": "payment",
        "status": "complete", "payment_status": "paid", "amount_total": amount, "currency": "usd",
        "client_reference_id": payment, "customer": customer,
        "payment_intent": format!("pi_{}", payment.simple()),
        "metadata": {"payment_id": payment, "user_id": user.id, "purser_installation": mark},
    })
}

/// The payment behind a paid session.
pub fn intent_of(session: &Value) -> Value {
    json!({
        "id": session["payment_intent"], "object": "payment_intent", "livemode": false, "status": "succeeded",
        "amount": session["amount_total"], "amount_received": session["amount_total"],
        "currency": session["currency"], "customer": session["customer"], "metadata": session["metadata"],
    })
}
