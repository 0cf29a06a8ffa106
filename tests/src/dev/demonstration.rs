//! One purchase along the real path, shown step by step: a user asks for credits, pays on the emulator's
//! page, is notified over the WebSocket, and spends some of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::seed::text;
use super::system::System;
use super::timeline::Timeline;
use crate::client::{Client, Socket};
use crate::eventually::eventually_every;
use servers::progress::Progress;

const CREDITS_BOUGHT: i64 = 2_500;
const CREDITS_SPENT: i64 = 100;
const CARD: &str = "4242424242424242";
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What stays open after the demonstration.
pub struct Demonstration {
    socket: Socket,
}

/// Makes the purchase. An error says which step failed and how.
pub async fn run(system: &System, progress: &Progress) -> Result<Demonstration> {
    let credentials = system.credentials()?;
    let (user, api_key) = (&credentials.user, &credentials.api_key);
    let client = system.client();
    let emulator = Client::new(system.settings().emulator_url())?;
    let before = balance(client, api_key).await?;

    let title = format!("The user {user} buys {CREDITS_BOUGHT} credits");
    let mut timeline = Timeline::start(&title, progress);
    let mut socket = client.open_websocket("/ws", api_key).await?;
    timeline.step("GET /ws: the user's page listens");

    let checkout = start_checkout(client, api_key).await.context("cannot start a checkout")?;
    timeline.step("POST /v1/credits/recharge: a checkout page, made by a worker");

    let path = format!("/_emulator/checkout/{}/pay", checkout.session);
    let paid = emulator.post(&path).json(json!({"card": CARD})).require(200).await;
    paid.context("the emulator refuses the card")?;
    timeline.step("the customer has paid on the page");

    let message = wait_for_credits(&mut socket).await?;
    timeline.step(&format!("WebSocket: {message}"));

    let after = balance(client, api_key).await?;
    ensure!(after == before + CREDITS_BOUGHT, "the balance was {before} and is {after}");
    timeline.step(&format!("GET /v1/credits: {after}"));

    let left = spend(client, api_key).await?;
    ensure!(left == after - CREDITS_SPENT, "{CREDITS_SPENT} credits were spent of {after}, {left} are left");
    timeline.step(&format!("POST /purser/v1/wallets/me/debits {CREDITS_SPENT}: {left} are left"));
    progress.print("");
    Ok(Demonstration { socket })
}

/// Opens another checkout for the developer to pay, and prints every change of the balance. Returns only with an error.
pub async fn invite(system: &System, demonstration: Demonstration, progress: &Progress) -> Result<()> {
    let mut socket = demonstration.socket;
    let credentials = system.credentials()?;
    let checkout = start_checkout(system.client(), &credentials.api_key).await?;
    progress.print("Your turn: open this page and pay with the card 4242 4242 4242 4242");
    progress.print(&format!("  {}", checkout.page));
    if let Some(file) = system.environment_file() {
        progress.print("To use the API from a shell:");
        progress.print(&format!("  set -a; . {}", file.path().display()));
        progress.print("  curl -H \"Authorization: Bearer $DEMO_API_KEY\" $API_URL/v1/credits");
    }
    progress.print("Ctrl-C stops everything.");
    progress.print("");
    loop {
        let message = socket.receive().await.context("the API no longer reports the balance")?;
        match message.get("balance") {
            Some(balance) => {
                progress.say(format!("{}'s balance: {balance} credits  {message}", credentials.user))
            }
            None => progress.say(message.to_string()),
        }
    }
}

struct Checkout {
    session: String,
    page: String,
}

async fn start_checkout(client: &Client, api_key: &str) -> Result<Checkout> {
    let key = uuid::Uuid::new_v4().to_string();
    let request = client.post("/v1/credits/recharge").bearer(api_key).idempotency_key(&key);
    let answer = request.json(json!({"credits": CREDITS_BOUGHT})).send().await?;
    let mut body = answer.json()?;
    if answer.status() == 202 {
        // The worker took longer than the API waits: what it made is to be asked for.
        let location = answer.header("location").context("202 without a Location")?.to_owned();
        body = poll_checkout(client, api_key, &location).await?;
    } else {
        ensure!(answer.status() == 200, "{answer}");
    }
    Ok(Checkout { session: text(&body, "checkoutSessionId")?, page: text(&body, "url")? })
}

async fn poll_checkout(client: &Client, api_key: &str, location: &str) -> Result<Value> {
    eventually_every(POLL_INTERVAL, "the checkout page is open", PATIENCE, async || {
        let answer = client.get(location).bearer(api_key).send().await?;
        let body = answer.json()?;
        ensure!(answer.status() == 200 && body.get("url").is_some_and(Value::is_string), "{answer}");
        Ok(body)
    })
    .await
}

async fn wait_for_credits(socket: &mut Socket) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let patience = deadline.saturating_duration_since(Instant::now());
        let message =
            socket.receive_within(patience).await.context("paid, but no message about the credits")?;
        if message.get("type").and_then(Value::as_str) == Some("credits.added") {
            return Ok(message);
        }
    }
}

async fn balance(client: &Client, api_key: &str) -> Result<i64> {
    let answer = client.get("/v1/credits").bearer(api_key).require(200).await?;
    whole_number(&answer, "remainingCredits")
}

async fn spend(client: &Client, api_key: &str) -> Result<i64> {
    let key = uuid::Uuid::new_v4().to_string();
    let request = client.post("/purser/v1/wallets/me/debits").bearer(api_key).idempotency_key(&key);
    let body = json!({"credits": CREDITS_SPENT, "description": "The demonstration"});
    let answer = request.json(body).require(200).await?;
    whole_number(&answer, "balance")
}

fn whole_number(answer: &Value, field: &str) -> Result<i64> {
    let value = answer.get(field).and_then(Value::as_i64);
    value.with_context(|| format!("no whole number `{field}` in {answer}"))
}
