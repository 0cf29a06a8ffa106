//! What attackers try, each rule of the defence in its own words, against the running system.

mod browsers;
mod idor;
mod secrets;
mod signatures;
mod tokens;
mod wire;

use std::time::Duration;

use harness::system::Service;
use nix::sys::signal::Signal;
use servers::process;
use uuid::Uuid;

const DEV: &str = env!("CARGO_BIN_EXE_dev");
/// For a process that cannot start to say so.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a process prints that is given variables which cannot be used.
fn refuse_to_start(given: &[(&str, &str)]) -> String {
    let of_worker = ["STRIPE_SECRET_KEY", "STRIPE_API_BASE", "CREEM_API_KEY", "CREEM_API_BASE"];
    let is_of_worker = given.iter().any(|(name, _)| of_worker.contains(name));
    let service = if is_of_worker { Service::Worker } else { Service::Api };
    let complete = [
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("AMQP_URL", "amqp://nobody@127.0.0.1:1/none"),
        ("API_ADDR", "127.0.0.1:0"),
        ("ADMIN_API_KEY", "admin_0123456789"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_0"),
        ("STRIPE_SECRET_KEY", "sk_test_0"),
        ("CREEM_API_KEY", "creem_test_0"),
    ];
    let variables = complete.into_iter().chain(given.iter().copied());
    let mut command = service.command(DEV.as_ref(), variables);
    let log = harness::directory().join(format!("refuses-{}.log", Uuid::new_v4()));
    let mut child = process::spawn(command.env("RUST_LOG", "debug"), &log).unwrap();
    let has_ended = process::wait_until_ended(&mut child, PATIENCE);
    process::stop(&mut child, Signal::SIGKILL, PATIENCE);
    let output = std::fs::read_to_string(&log).unwrap();
    assert!(has_ended, "it starts with {given:?}: {output}");
    output
}
