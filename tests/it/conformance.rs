//! The API against its description, by an independent tool: Schemathesis makes requests of every kind that the
//! description allows, and of many that it does not, and reads every answer by it. The books must balance after all
//! of that.

use std::path::Path;
use std::process::Command;

use harness::world::World;
use serde_json::Value;
use servers::{node, python};

const PROGRAM: &str = "schemathesis==4.32.5";
/// The same requests at every run.
const SEED: &str = "1";
/// Of the random ones, for each operation; those for the limits of each value come on top.
const EXAMPLES: &str = "10";

const LINTER: &str = "@redocly/cli@2.77.0";
/// As they are named in its findings.
const WEBSOCKETS: [&str; 3] = ["~1purser~1v1~1live/get", "~1ws/get", "~1api~1ws/get"];

/// Who may administrate is a user as well: one credential opens every operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_matches_the_description() {
    let world = World::start().await;
    let admin = world.create_admin("root").await;
    let address = format!("{}/openapi.json", world.api().base());
    let credential = format!("Authorization: Bearer {}", admin.api_key);
    let run = move || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut schemathesis = Command::new(python::installed(&[PROGRAM], folder)?.join("schemathesis"));
        schemathesis
            .current_dir(folder)
            .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/it/schemathesis.toml")])
            .args(["run", &address, "--header", &credential, "--seed", SEED, "--max-examples", EXAMPLES]);
        python::run(&mut schemathesis)
    };
    let printed = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    eprintln!("{printed}");
    world.finish().await;
}

/// Redocly's recommended rules find nothing in the description of Purser's own API but what cannot be otherwise: a
/// WebSocket is answered with 101.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_free_of_lint() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let address = format!("{}/openapi.json?dialect=native", world.api().base());
    let run = move || {
        let programs = node::installed(LINTER, Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        let mut redocly = Command::new(programs.join(".bin/redocly"));
        redocly
            .args([
                "lint",
                &address,
                "--extends",
                "recommended",
                "--format",
                "json",
                "--max-problems",
                "1000",
            ])
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        // It says what it found, and fails or not.
        anyhow::Ok(redocly.output()?)
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let problems = found["problems"].as_array().unwrap().iter();
    let unexpected: Vec<String> = problems
        .map(|problem| {
            format!("{}: {} at {}", problem["ruleId"], problem["message"], problem["location"][0]["pointer"])
        })
        .filter(|problem| {
            !(problem.contains("operation-2xx-response") && WEBSOCKETS.iter().any(|at| problem.contains(at)))
        })
        .collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    world.finish().await;
}
