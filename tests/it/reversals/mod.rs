//! Refunds and disputes: the credits follow their money, once, whatever is told how often and in which order.

mod creem;
mod lapsed;
mod spent;
mod stripe;
mod subscriptions;

use harness::client::Socket;
use harness::world::{User, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// Buys with a card, and waits until it is credited; returns the payment at Stripe.
async fn buy_with(world: &World, user: &User, credits: i64, card: &str) -> String {
    let checkout = world.start_checkout(user, credits).await;
    world.pay(&checkout.session_id, card).await;
    world.drain().await;
    intent_of(world, &checkout.session_id).await
}

/// The payment that a session led to.
async fn intent_of(world: &World, session: &str) -> String {
    let session = world.stripe_get(&format!("checkout/sessions/{session}")).expect(200).await;
    session["payment_intent"].as_str().unwrap().to_owned()
}

/// Refunds a part of a payment, or what is left of it; returns the refund.
pub async fn refund(world: &World, intent: &str, amount: Option<i64>) -> Value {
    let amount = amount.map(|amount| format!("&amount={amount}")).unwrap_or_default();
    world.stripe_post("refunds", &format!("payment_intent={intent}{amount}")).expect(200).await
}

/// A pending refund succeeds, or a refund fails after all.
async fn settle(world: &World, refund: &Value, succeeded: bool) {
    let path = format!("/_emulator/refunds/{}/settle", refund["id"].as_str().unwrap());
    world.emulator().post(&path).json(json!({"succeeded": succeeded})).expect(200).await;
    world.drain().await;
}

/// The buyer's bank asks (`inquiry`), or takes the money back; returns the dispute.
async fn dispute(world: &World, intent: &str, amount: Option<i64>, inquiry: bool) -> Value {
    let body = json!({"payment_intent": intent, "amount": amount, "inquiry": inquiry});
    let dispute = world.emulator().post("/_emulator/disputes").json(body).expect(200).await;
    world.drain().await;
    dispute
}

async fn close(world: &World, dispute: &Value, won: bool) {
    let path = format!("/_emulator/disputes/{}/close", dispute["id"].as_str().unwrap());
    world.emulator().post(&path).json(json!({"won": won})).expect(200).await;
    world.drain().await;
}

/// Has events of a type delivered again, or at last.
async fn resend(world: &World, kind: &str) {
    let path = format!("/_emulator/events?type={kind}");
    let listed = world.emulator().get(&path).expect(200).await;
    for event in listed["events"].as_array().unwrap() {
        world.resend_event(event["id"].as_str().unwrap()).await;
    }
    world.drain().await;
}

/// The newest payment, as administrators see it.
async fn shown(world: &World) -> Value {
    let id: Uuid = sqlx::query_scalar("select id from payments order by number desc limit 1")
        .fetch_one(world.pool())
        .await
        .unwrap();
    let admin = &world.settings().secrets.admin_api_key;
    world.api().get(&format!("/purser/v1/orders/{id}")).bearer(admin).expect(200).await
}

fn usd(minor: i64) -> Value {
    json!({"minor": minor, "currency": "usd"})
}

async fn state(world: &World) -> String {
    sqlx::query_scalar("select state from payments order by number desc limit 1")
        .fetch_one(world.pool())
        .await
        .unwrap()
}

async fn consume(world: &World, user: &User, credits: i64) -> u16 {
    let key = Uuid::new_v4().to_string();
    let request =
        world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key).idempotency_key(&key);
    request.json(json!({"credits": credits})).send().await.unwrap().status()
}

/// The next message of this type.
async fn message(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = socket.receive_within(std::time::Duration::from_secs(10)).await.unwrap();
        if message["type"] == kind {
            return message;
        }
    }
}
