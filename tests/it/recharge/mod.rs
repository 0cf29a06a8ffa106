//! Auto-recharge: that it charges when it should, never twice, never more than its cap, and says what it does.

mod bursts;
mod cap;
mod charging;
mod custody;
mod declines;
mod faults;
mod money_back;
mod random;
mod setup;
mod surface;

use std::time::Duration;

use billing::auto_recharge::{BeginRechargeMonth, SweepRecharges};
use harness::client::Socket;
use harness::world::{User, World};
use kernel::ids::WalletId;
use ledger::levels::CheckRecharge;
use serde_json::{Value, json};
use time::{OffsetDateTime, Time};

use crate::events::publish;

/// A card that is saved, and then declined for want of funds or otherwise, whenever it is charged.
pub const FAILING_CARD: &str = "4000000000000341";
/// A card whose bank wants its holder every time.
pub const ASKING_CARD: &str = "4000002760003184";

/// Switches it on with these settings; returns the answer.
pub async fn enable(world: &World, user: &User, settings: Value) -> Value {
    world.api().post("/v1/enable_autorecharge").bearer(&user.api_key).json(settings).expect(200).await
}

/// A user with credits and a saved card: below 1000 credits, 50 dollars are charged.
pub async fn recharged(world: &World, name: &str, credits: i64, card: &str, settings: Value) -> User {
    let user = world.create_user(name).await;
    world.buy(&user, credits).await;
    let answer = enable(world, &user, settings).await;
    world.pay(answer["setupSessionId"].as_str().unwrap(), card).await;
    world.drain().await;
    user
}

pub fn plain() -> Value {
    json!({"thresholdCredits": 1_000, "amountUsd": 50})
}

/// Saves another card on a page.
pub async fn save_card(world: &World, user: &User, card: &str) {
    let answer = enable(world, user, json!({"requestSetupSession": true})).await;
    world.pay(answer["setupSessionId"].as_str().unwrap(), card).await;
    world.drain().await;
}

/// Spends, long after the last charge that was paid; returns the status of the answer.
pub async fn spend(world: &World, user: &User, credits: i64) -> u16 {
    let rested = "update auto_recharge set next_attempt_at = null where declines = 0";
    sqlx::query(rested).execute(world.pool()).await.unwrap();
    spend_at_once(world, user, credits).await
}

/// Spends; returns the status of the answer.
pub async fn spend_at_once(world: &World, user: &User, credits: i64) -> u16 {
    let request = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    request.json(json!({"credits": credits})).send().await.unwrap().status()
}

/// The charges of runs at the provider that were paid.
pub async fn charges(world: &World) -> Vec<Value> {
    let listed = world.stripe_get("payment_intents?limit=100").expect(200).await;
    let intents = listed["data"].as_array().unwrap().clone();
    let is_paid_run =
        |intent: &Value| intent["metadata"]["run_id"].is_string() && intent["status"] == "succeeded";
    intents.into_iter().filter(is_paid_run).collect()
}

/// How often the provider was asked to charge, and did.
pub async fn asked(world: &World) -> i64 {
    let shown = world.emulator().get("/_emulator/requests").expect(200).await;
    shown["requests"]["POST /v1/payment_intents"]["executed"].as_i64().unwrap_or(0)
}

/// Looks for wallets and runs that nothing has asked about, as the scheduler does.
pub async fn sweep(world: &World) {
    publish(world, &SweepRecharges {}).await;
    world.drain().await;
}

pub async fn begin_month(world: &World) {
    publish(world, &BeginRechargeMonth {}).await;
    world.drain().await;
}

pub async fn check(world: &World, user: &User) {
    let wallet_id: WalletId = user.wallet_id.parse().unwrap();
    publish(world, &CheckRecharge { wallet_id }).await;
    world.drain().await;
}

/// Lets time pass once nothing is under way.
pub async fn advance(world: &World, by: Duration) {
    world.drain().await;
    world.advance(by).await;
}

/// Moves the clock to the first minute of the next month.
pub async fn advance_to_next_month(world: &World) {
    let now = world.clock().now();
    let this = now.date().replace_day(1).unwrap();
    let next = (this + time::Duration::days(32)).replace_day(1).unwrap();
    let left = OffsetDateTime::new_utc(next, Time::MIDNIGHT) - now + time::Duration::minutes(1);
    advance(world, left.unsigned_abs()).await;
}

/// The auto-recharge status of a wallet, over the native API.
pub async fn status_of(world: &World, user: &User) -> Value {
    world.api().get("/purser/v1/wallets/me/auto-recharge").bearer(&user.api_key).expect(200).await
}

/// Receives a user's messages over the WebSocket.
pub struct Listener(Socket);

impl Listener {
    pub async fn connect(world: &World, user: &User) -> Self {
        Self(world.api().open_websocket("/ws", &user.api_key).await.unwrap())
    }

    /// The messages about auto-recharge since the last time. All have been sent once the world is
    /// drained.
    pub async fn received(&mut self) -> Vec<Value> {
        let mut received = Vec::new();
        while let Ok(message) = self.0.receive_within(Duration::from_millis(300)).await {
            if message["type"].as_str().unwrap_or_default().starts_with("auto_recharge.") {
                received.push(message);
            }
        }
        received
    }

    /// Their types, sorted: messages of the same moment come in any order.
    pub async fn types(&mut self) -> Vec<String> {
        let received = self.received().await;
        let mut types: Vec<String> = received
            .iter()
            .map(|message| message["type"].as_str().unwrap().trim_start_matches("auto_recharge.").to_owned())
            .collect();
        types.sort();
        types
    }
}

/// A user whose next spending of a credit leads to a charge of this card.
pub async fn at_threshold(world: &World, card: &str, settings: Value) -> User {
    recharged(world, "alice", 1_000, card, settings).await
}

/// Waits until so many runs have succeeded, though a worker that waits for the provider is not seen to be at work.
pub async fn wait_for_runs(world: &World, count: i64) {
    world.wait_for_rows(count, "recharge_runs where state = 'succeeded'").await;
    world.drain().await;
}
