//! `cargo dev`, run as a developer runs it: a stranger's first five minutes, and everything that may end
//! them.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use harness::browser::{Page, Screen};
use harness::client::Client;
use nix::sys::signal::Signal;
use serde_json::json;
use servers::process::signal_process;

use crate::checkout::{Checkout, port};

/// Every name that scripts may rely on.
const VARIABLES: [&str; 26] = [
    "API_URL",
    "PURSER_URL",
    "PURSER_API_KEY",
    "STRIPE_EMULATOR_URL",
    "DATABASE_URL",
    "AMQP_URL",
    "ADMIN_API_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "CREEM_API_KEY",
    "CREEM_WEBHOOK_SECRET",
    "REVENUECAT_WEBHOOK_AUTH",
    "JWT_HS256_SECRET",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "DEMO_USER_ID",
    "DEMO_API_KEY",
    "DEMO_SESSION_TOKEN",
    "DEMO_JWT",
    "DEMO_OPERATOR_ID",
    "API_PID",
    "WORKER_PID",
    "SCHEDULER_PID",
    "EMULATOR_PID",
    "POSTGRES_PID",
    "RABBITMQ_PID",
];

#[test]
fn cargo_dev_once_shows_a_purchase_and_leaves_nothing_behind() {
    // The separator that `cargo dev -- --once` brings along.
    let mut checkout = Checkout::run("purser-once", 0o755, &["--", "--once", "--ports", "auto"]);
    let status = checkout.wait();
    let output = checkout.output();
    assert!(status.success(), "{output}");
    for step in ["GET /live", "POST /orders", "wallet.changed", "GET /wallets/me: 2500", "2400 are left"] {
        assert!(output.contains(step), "no {step:?} in:\n{output}");
    }
    checkout.require_nothing_left(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_dev_takes_purchases_by_hand_until_it_is_interrupted() {
    let mut checkout = Checkout::run("purser-stays", 0o755, &["--ports", "auto"]);
    let page = checkout.wait_for("/c/pay/");
    checkout.wait_for("Ctrl-C");
    let file = checkout.path.join("target/dev/env");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for name in VARIABLES {
        let script = format!("set -eu; . {}; printf %s \"${name}\"", file.display());
        let output = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), unquoted(&checkout.value(name)), "{name}");
        assert!(!output.stdout.is_empty(), "{name} is empty");
    }
    let api = Client::new(checkout.value("API_URL")).unwrap();
    for credential in ["DEMO_API_KEY", "DEMO_SESSION_TOKEN", "DEMO_JWT"] {
        api.get("/v1/credits").bearer(&checkout.value(credential)).expect(200).await;
    }
    every_printed_link_opens_its_page(&checkout).await;
    let session = page.rsplit('/').next().unwrap();
    let emulator = Client::new(checkout.value("STRIPE_EMULATOR_URL")).unwrap();
    let pay = emulator.post(&format!("/_emulator/checkout/{session}/pay"));
    pay.json(json!({"card": "4242424242424242"})).expect(200).await;
    checkout.wait_for("balance: 4900");

    let servers = ["API_URL", "STRIPE_EMULATOR_URL", "DATABASE_URL", "AMQP_URL"];
    let ports = servers.map(|key| port(&unquoted(&checkout.value(key))));
    let status = checkout.end(Signal::SIGINT);
    assert!(status.success(), "{}", checkout.output());
    checkout.require_nothing_left(&ports);
}

/// As a person follows them, in the order in which they are printed; the link into the console works once.
async fn every_printed_link_opens_its_page(checkout: &Checkout) {
    let output = checkout.output();
    let link = |name: &str| {
        let found = output.lines().find_map(|line| line.trim().strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name} in:\n{output}")).trim().to_owned()
    };
    let (api, wallet, console) = (checkout.value("API_URL"), link("demo's wallet"), link("Console (once)"));
    let page = Page::open(&api, Screen::DESK).await.may_visit(&wallet);
    page.goto(&link("Documentation")).await;
    page.sees("Quick start").await;
    page.goto(&console).await;
    page.click("main button").await;
    page.wait_for("location.pathname === '/console'").await;
    page.sees("What needs a person").await;
    // A link to a wallet page opens it once, but what is printed makes another each time.
    for _ in 0..2 {
        page.goto(&wallet).await;
        page.wait_for("location.pathname === '/wallet'").await;
        page.sees("2,400").await;
    }
    for (address, path) in [("/docs", "/docs"), ("/console", "/console"), (wallet.as_str(), "/wallet")] {
        page.goto(&link("Start page")).await;
        page.click(&format!("main a[href='{address}']")).await;
        page.wait_for(&format!("location.pathname === '{path}'")).await;
    }
    page.finish().await;
    let second = Page::open(&api, Screen::DESK).await;
    second.goto(&console).await;
    second.click("main button").await;
    second.sees("You are not signed in").await;
    second.finish().await;
}

#[test]
fn a_dead_worker_is_reported_and_stops_everything() {
    let mut checkout = Checkout::run("purser-dies", 0o755, &["--ports", "auto"]);
    checkout.wait_for("Ctrl-C");
    signal_process(checkout.value("WORKER_PID").parse().unwrap(), Signal::SIGKILL);
    let status = checkout.wait();
    assert_eq!(status.code(), Some(1));
    let output = checkout.output();
    assert!(output.contains("worker ended (signal: 9"), "{output}");
    assert!(output.contains("worker starts"), "not the end of its log: {output}");
    checkout.require_nothing_left(&[]);
}

#[test]
fn nothing_outlives_a_killed_cargo_dev() {
    let mut checkout = Checkout::run("purser-killed", 0o755, &["--ports", "auto"]);
    checkout.wait_for("Ctrl-C");
    let servers = ["API_URL", "STRIPE_EMULATOR_URL", "DATABASE_URL", "AMQP_URL"];
    let ports = servers.map(|key| port(&unquoted(&checkout.value(key))));
    checkout.end(Signal::SIGKILL);
    checkout.require_nothing_left(&ports);
}

#[test]
fn a_busy_port_is_reported_with_its_remedy() {
    // Whether this succeeds or another program has the port: it is busy.
    let _busy = std::net::TcpListener::bind("127.0.0.1:8080");
    let mut checkout = Checkout::run("purser-busy", 0o755, &[]);
    assert_eq!(checkout.wait().code(), Some(1));
    let output = checkout.output();
    assert!(output.contains("port 8080") && output.contains("--ports auto"), "{output}");
}

fn unquoted(value: &str) -> String {
    value.trim_matches('\'').to_owned()
}
