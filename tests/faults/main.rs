//! The fault suite: the whole system under load while everything around it goes wrong, and then an audit of the books
//! against what the provider charged and the answers that clients got. `cargo run --release --bin faults`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod actors;
mod audit;
mod cluster;
mod injector;
mod journal;
mod load;
mod network;
mod provider;
mod report;
mod schedule;
mod surroundings;
mod system;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use harness::quiescence::Quiescence;
use harness::system::Service;
use serde_json::json;
use servers::hosts;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Interruptions, Prober};
use crate::injector::Injector;
use crate::load::Load;
use crate::provider::Provider;
use crate::report::Report;
use crate::schedule::Schedule;
use crate::system::{Programs, Reversals, System};

/// Whether an interruption that is too long is a violation. A debug build of everything on one machine takes seconds
/// for what is bounded by seconds.
const BOUNDS_COUNT: bool = !cfg!(debug_assertions);

/// Jobs that failed during an outage may wait in a delay of minutes.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

#[derive(Clone, Debug, Parser)]
#[command(about = "Runs the whole system under load, makes everything go wrong, and audits the books")]
struct Arguments {
    /// How long things go wrong
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// What all chance comes from: the same seed and length is the same schedule
    #[arg(long)]
    seed: Option<u64>,
    /// What becomes of credits that were spent before their money goes back; the seed decides unless given
    #[arg(long)]
    reversals: Option<Reversals>,
    /// Run on a cluster, two of each process on three databases and three brokers, whose servers are struck one at a
    /// time, and check how long clients are interrupted
    #[arg(long)]
    cluster: bool,
    /// Upgrade the processes of a cluster one at a time, instead of striking its servers: from the build that this
    /// program holds, which is another build's `faults`, to this one, and back, and again
    #[arg(long, value_name = "PROGRAM", requires = "cluster")]
    upgrade_from: Option<PathBuf>,
    /// Print the report only, without progress
    #[arg(long)]
    markdown: bool,
}

fn main() -> ExitCode {
    if let Some(service) = Service::from_program_name() {
        return service.main();
    }
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Runtime::new()
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The gate tells a run that broke off from one that found violations by this code; `diff` uses it likewise.
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Says whether all is well.
async fn run(arguments: &Arguments) -> Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let length = Duration::try_from_secs_f64(arguments.minutes * 60.0).context("not a length")?;
    let say = |text: &str| {
        if !arguments.markdown {
            eprintln!("faults: {text}");
        }
    };
    let started = Instant::now();
    let schedule = match (arguments.cluster, &arguments.upgrade_from) {
        (_, Some(_)) => Schedule::of_upgrade(seed, length),
        (true, None) => Schedule::of_cluster(seed, length, hosts::can_be_cut_off()),
        (false, None) => Schedule::of(seed, length),
    };
    say(&format!("seed {seed}, schedule {}: starting the system", schedule.hash()));
    let by_seed = if seed.is_multiple_of(2) { Reversals::Clamp } else { Reversals::Debt };
    let reversals = arguments.reversals.unwrap_or(by_seed);
    let programs = Programs { this: std::env::current_exe()?, before: arguments.upgrade_from.clone() };
    let system = System::start(programs, reversals, arguments.cluster).await?;
    let system = Arc::new(system);
    let load = Load::prepare(&system).await?;
    let interruptions = Interruptions::default();
    let prober = Prober::prepare(&system, &load, &interruptions).await?;
    let (injector, stop) = (Injector::default(), CancellationToken::new());
    say("under load, and things go wrong");
    let misfortune = async {
        let carried_out = if arguments.cluster {
            cluster::carry_out(&injector, &system, &load, &schedule, &interruptions).await
        } else {
            let faults = injector.carry_out(&system, &schedule);
            let (carried_out, passed) = tokio::join!(faults, pass(&load, &schedule));
            carried_out.and(passed)
        };
        let healed = injector::heal_all(&system).await;
        say("healed; everyone finishes");
        stop.cancel();
        carried_out.and(healed)
    };
    let (went_wrong, unfinished, ()) = tokio::join!(misfortune, load.run(seed, &stop), prober.run(&stop));
    went_wrong?;
    let resent = resend_lost_events(&system).await?;
    replay_deliveries(&system).await?;
    say("idle; auditing");
    let provider = Provider::ask(&system.emulator, &load.secrets).await?;
    let clients = load.journal.close();
    let mut findings = audit::audit(&system, &load, &provider, &clients, reversals).await?;
    findings.violations.extend(unfinished);
    if BOUNDS_COUNT {
        findings.violations.extend(interruptions.violations());
    }
    let before = arguments.upgrade_from.as_deref().and_then(Path::file_name);
    let report = Report {
        seed,
        reversals,
        minutes: arguments.minutes,
        surroundings: surroundings::described(&system).await?,
        schedule_hash: schedule.hash(),
        took: started.elapsed(),
        injected: injector.injected(),
        resent,
        upgrade_from: before.map(|name| name.to_string_lossy().into_owned()),
        interruptions: arguments.cluster.then(|| interruptions.markdown()),
        left_out: left_out(arguments),
        clients: &clients,
        findings: &findings,
    };
    println!("{}", report.markdown());
    Ok(findings.violations.is_empty())
}

/// What a run on a cluster does not show here.
fn left_out(arguments: &Arguments) -> Vec<&'static str> {
    let is_struck = arguments.cluster && arguments.upgrade_from.is_none();
    let bounds = "In a debug build an interruption may be longer than its bound.";
    let cut_off = "Nothing is cut off: that takes network namespaces, and the right to make them.";
    let remarks =
        [(arguments.cluster && !BOUNDS_COUNT, bounds), (is_struck && !hosts::can_be_cut_off(), cut_off)];
    remarks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, remark)| remark).collect()
}

/// Lets time pass as the schedule says.
async fn pass(load: &Load, schedule: &Schedule) -> Result<()> {
    for passage in &schedule.time {
        tokio::time::sleep(passage.after).await;
        load.pass(passage.seconds).await?;
    }
    Ok(())
}

/// Waits until nothing is under way. Events that were lost on their way are sent again, as the provider's page offers;
/// returns how many.
async fn resend_lost_events(system: &System) -> Result<u64> {
    let queues = system.queues().await?;
    let quiescence = Quiescence { pool: &system.pool, queues: &queues, emulator: &system.emulator };
    // Deliveries that wait for their next attempt need not wait for it any longer.
    system.emulator.post("/_emulator/deliveries/retry").json(json!({})).require(200).await?;
    quiescence.wait_until_idle(PATIENCE).await?;
    let mut resent = 0;
    for event in Provider::ask(&system.emulator, &system.settings.secrets).await?.events {
        if event.is_lost {
            let path = format!("/_emulator/events/{}/resend", event.id);
            system.emulator.post(&path).json(json!({})).require(200).await?;
            resent += 1;
        }
    }
    quiescence.wait_until_idle(PATIENCE).await?;
    queues.close().await;
    Ok(resent)
}

/// Replays the deliveries that the host application did not take, as an impatient administrator would.
async fn replay_deliveries(system: &System) -> Result<()> {
    let queues = system.queues().await?;
    let quiescence = Quiescence { pool: &system.pool, queues: &queues, emulator: &system.emulator };
    loop {
        let waiting = "select id::text from webhook_deliveries where state <> 'delivered'";
        let waiting: Vec<String> = sqlx::query_scalar(waiting).fetch_all(&system.pool).await?;
        if waiting.is_empty() {
            queues.close().await;
            return Ok(());
        }
        for id in waiting {
            let path = format!("/purser/v1/webhook-deliveries/{id}/replay");
            let replay = system.api.post(&path).bearer(&system.settings.secrets.admin_api_key);
            replay.json(json!({})).require(202).await?;
        }
        quiescence.wait_until_idle(PATIENCE).await?;
    }
}
