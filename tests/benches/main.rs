//! The benchmark: how fast Purser is, as a ratio to what the same broker and database can do at most, measured in the
//! same run on the same machine. `cargo run --release --bin bench`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod load;
mod processes;
mod raw;
mod report;
mod scenarios;
mod seed;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use harness::system::Service;

#[derive(Clone, Debug, Parser)]
#[command(about = "Measures Purser against the raw limits of its broker and database")]
struct Arguments {
    /// Payments of an end-to-end measurement
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// Length of a timed measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Measure these only: raw, accept, end-to-end, hot, consume
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Worker processes
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
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
    let mut bench = processes::Bench::start(arguments.workers).await?;
    let mut report = report::Report::default();
    if arguments.wants("raw") {
        report.raw(raw::measure(&bench).await?);
    }
    bench.seed().await?;
    for scenario in scenarios::ALL {
        if arguments.wants(scenario.name) {
            eprintln!("bench: {} …", scenario.name);
            let result = scenario.run(&mut bench, arguments).await?;
            report.scenario(scenario, &result);
        }
    }
    report.print();
    Ok(())
}
