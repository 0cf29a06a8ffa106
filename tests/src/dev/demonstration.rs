//! One purchase along the real path, shown step by step: a user asks for credits, pays on the emulator's
//! page, is notified over the WebSocket, and spends some of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::seed::{self, text};
use super::system::System;
use super::timeline::Timeline;
use crate::client::{Client, Request, Socket};
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

    let title = format!("The user {user} buys {CREDITS_BOUGHT} credits (paths are below /purser/v1)");
    let mut timeline = Timeline::start(&title, progress);
    let mut socket = listen(client, api_key).await?;
    timeline.step("POST /live-tickets, GET /live: the user's page listens");

    let page = place_order(client, api_key).await.context("cannot place an order")?;
    timeline.step("POST /orders: a checkout page, made by a worker");

    let session = page.rsplit('/').next().unwrap_or_default();
    let paid = emulator.post(&format!("/_emulator/checkout/{session}/pay")).json(json!({"card": CARD}));
    paid.require(200).await.context("the emulator refuses the card")?;
    timeline.step("the customer has paid on the page");

    let message = wait_for_credits(&mut socket).await?;
    timeline.step(&format!("WebSocket: {message}"));

    let after = balance(client, api_key).await?;
    ensure!(after == before + CREDITS_BOUGHT, "the balance was {before} and is {after}");
    timeline.step(&format!("GET /wallets/me: {after}"));

    let left = spend(client, api_key).await?;
    ensure!(left == after - CREDITS_SPENT, "{CREDITS_SPENT} credits were spent of {after}, {left} are left");
    timeline.step(&format!("POST /wallets/me/debits {CREDITS_SPENT}: {left} are left"));
    progress.print("");
    Ok(Demonstration { socket })
}

/// Places another order for the developer to pay, and prints every change of the balance. Returns only with an error.
pub async fn invite(system: &System, demonstration: Demonstration, progress: &Progress) -> Result<()> {
    let mut socket = demonstration.socket;
    let credentials = system.credentials()?;
    let page = place_order(system.client(), &credentials.api_key).await?;
    progress.print("Your turn: open this page and pay with the card 4242 4242 4242 4242");
    progress.print(&format!("  {page}"));
    progress.print("Look around:");
    for (what, address) in links(system).await? {
        progress.print(&format!("  {what:<16}  {address}"));
    }
    if let Some(file) = system.environment_file() {
        progress.print("From a shell:");
        progress.print(&format!("  set -a; . {}; set +a", file.path().display()));
        progress.print(&format!("  cargo purser wallet show user:{}", credentials.user));
        progress
            .print("  cargo purser operators sign-in-link $DEMO_OPERATOR_ID    # into the console once more");
        progress.print("  curl -H \"Authorization: Bearer $DEMO_API_KEY\" $PURSER_URL/purser/v1/wallets/me");
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

/// Where people look around.
async fn links(system: &System) -> Result<[(String, String); 4]> {
    let (settings, credentials) = (system.settings(), system.credentials()?);
    let console = seed::sign_in_link(system.client(), settings, &credentials.operator).await?;
    Ok([
        ("Documentation".to_owned(), format!("{}/docs", settings.api_url())),
        ("Console (once)".to_owned(), console),
        (format!("{}'s wallet", credentials.user), system.wallet_page()?.to_owned()),
        ("Start page".to_owned(), format!("{}/", settings.api_url())),
    ])
}

/// Listens to the user's wallets.
async fn listen(client: &Client, api_key: &str) -> Result<Socket> {
    let ticket = post(client, api_key, "/purser/v1/live-tickets").require(201).await?;
    let path = format!("/purser/v1/live?ticket={}", text(&ticket, "ticket")?);
    let mut socket = client.open_websocket(&path, api_key).await?;
    let state = socket.receive_within(PATIENCE).await?;
    ensure!(state["type"] == "wallet.state", "the first message is {state}");
    Ok(socket)
}

/// Orders credits; returns the address of the payment page.
async fn place_order(client: &Client, api_key: &str) -> Result<String> {
    let request = post(client, api_key, "/purser/v1/orders");
    let answer = request.json(json!({"wallet": "me", "credits": CREDITS_BOUGHT})).send().await?;
    ensure!([201, 202].contains(&answer.status()), "{answer}");
    let mut order = answer.json()?;
    if order["checkoutUrl"].is_null() {
        // The worker took longer than the API waits: the order has the page once it is made.
        let path = format!("/purser/v1/orders/{}", text(&order, "orderId")?);
        order = eventually_every(POLL_INTERVAL, "the checkout page is open", PATIENCE, async || {
            let order = client.get(&path).bearer(api_key).require(200).await?;
            ensure!(order["checkoutUrl"].is_string(), "{order}");
            Ok(order)
        })
        .await?;
    }
    text(&order, "checkoutUrl")
}

async fn wait_for_credits(socket: &mut Socket) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let patience = deadline.saturating_duration_since(Instant::now());
        let message =
            socket.receive_within(patience).await.context("paid, but no message about the credits")?;
        if message["type"] == "wallet.changed" && message["reason"] == "grant" {
            return Ok(message);
        }
    }
}

async fn balance(client: &Client, api_key: &str) -> Result<i64> {
    let answer = client.get("/purser/v1/wallets/me").bearer(api_key).require(200).await?;
    whole_number(&answer, "balance")
}

async fn spend(client: &Client, api_key: &str) -> Result<i64> {
    let request = post(client, api_key, "/purser/v1/wallets/me/debits");
    let body = json!({"credits": CREDITS_SPENT, "description": "The demonstration"});
    let answer = request.json(body).require(200).await?;
    whole_number(&answer, "balance")
}

fn post(client: &Client, api_key: &str, path: &str) -> Request {
    client.post(path).bearer(api_key).idempotency_key(&uuid::Uuid::new_v4().to_string())
}

fn whole_number(answer: &Value, field: &str) -> Result<i64> {
    let value = answer.get(field).and_then(Value::as_i64);
    value.with_context(|| format!("no whole number `{field}` in {answer}"))
}
