//! The benchmark: how fast Purser is, as a ratio to what the same broker and database can do at most, measured in the
//! same run on the same machine. `cargo run --release --bin bench`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod books;
mod load;
mod network;
mod others;
mod processes;
mod raw;
mod report;
mod requests;
mod scenarios;
mod seed;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use harness::system::Service;

#[derive(Clone, Debug, Parser)]
#[command(about = "Measures Purser against the raw limits of its broker and database")]
struct Arguments {
    /// Payments of an end-to-end measurement
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// Payments that pile up for the backlog
    #[arg(long, default_value_t = 100_000)]
    backlog: usize,
    /// Length of a timed measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How often each is measured; the one in the middle counts
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Measure these only: raw, http, forged, accept, end-to-end, hot, consume, batch, alone, seen, backlog, idle or
    /// growth
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Wallets that growth adds, each with ten rows in the ledger
    #[arg(long, default_value_t = 1_000_000)]
    grown: usize,
    /// Worker processes
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Connections of the load generator
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measure as in a cloud: commits take 2 ms longer, and everything to and from the servers half a millisecond
    #[arg(long)]
    cloud: bool,
    /// What another system did on this machine, to compare with: accept=2000,consume=1800
    #[arg(long, value_delimiter = ',', value_parser = peer)]
    peer: Vec<(String, f64)>,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        // What needs a million wallets is measured when asked for.
        self.only.iter().any(|wanted| wanted == name) || (self.only.is_empty() && name != "growth")
    }
}

fn peer(text: &str) -> Result<(String, f64)> {
    let (name, rate) = text.split_once('=').context("say what=how many a second")?;
    Ok((name.to_owned(), rate.parse()?))
}

fn main() -> ExitCode {
    if let Some(service) = Service::from_program_name() {
        return service.main();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(run(&Arguments::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; use --release for figures that mean something");
    }
    let mut bench = processes::Bench::start(arguments.workers, arguments.cloud).await?;
    let mut report = report::Report::comparing_with(&arguments.peer);
    if arguments.wants("raw") {
        report.raw(raw::measure(&bench).await?);
    }
    bench.seed().await?;
    if arguments.wants("idle") {
        eprintln!("bench: idle …");
        report.line(others::idle(&bench).await?);
    }
    for scenario in scenarios::ALL {
        if arguments.wants(scenario.name) {
            report.scenario(scenario, scenario.run(&bench, arguments).await?);
        }
    }
    if arguments.wants("alone") {
        eprintln!("bench: alone …");
        report.line(others::alone(&bench, arguments.seconds).await?);
    }
    if arguments.wants("seen") {
        eprintln!("bench: seen …");
        let pace = report.rate("end-to-end").unwrap_or(6_000.0) / 2.0;
        report.line(others::visible(&bench, pace, arguments).await?);
    }
    if arguments.wants("backlog") {
        eprintln!("bench: backlog …");
        report.line(others::backlog(&bench, arguments).await?);
    }
    if arguments.wants("growth") {
        eprintln!("bench: growth: {} rows are being written …", 10 * arguments.grown);
        bench.grow(arguments.grown).await?;
        for scenario in scenarios::ALL.iter().filter(|scenario| scenario.touches_the_ledger()) {
            report.grown(scenario, scenario.run(&bench, arguments).await?);
        }
    }
    report.print();
    Ok(())
}
