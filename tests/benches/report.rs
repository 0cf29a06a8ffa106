//! The tables at the end, as Markdown.

use std::collections::BTreeMap;

use crate::raw::Raw;
use crate::scenarios::{Measured, Scenario};

#[derive(Default)]
pub struct Report {
    raw: Option<Raw>,
    peers: BTreeMap<String, f64>,
    measured: Vec<(&'static Scenario, Measured)>,
    grown: Vec<(&'static Scenario, Measured)>,
    lines: Vec<String>,
}

impl Report {
    /// Will compare with these figures of others, by scenario.
    pub fn comparing_with(peers: &[(String, f64)]) -> Self {
        Self { peers: peers.iter().cloned().collect(), ..Self::default() }
    }

    pub fn raw(&mut self, raw: Raw) {
        self.raw = Some(raw);
    }

    pub fn scenario(&mut self, scenario: &'static Scenario, measured: Measured) {
        self.measured.push((scenario, measured));
    }

    /// Notes a measurement of an installation that has grown.
    pub fn grown(&mut self, scenario: &'static Scenario, measured: Measured) {
        self.grown.push((scenario, measured));
    }

    /// Notes a line for people.
    pub fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// The rate of a measurement of this run.
    pub fn rate(&self, name: &str) -> Option<f64> {
        self.measured.iter().find(|(scenario, _)| scenario.name == name).map(|(_, measured)| measured.rate)
    }

    pub fn print(&self) {
        if let Some(raw) = self.raw {
            println!("\n| raw limit | a second |\n|---|---|");
            println!("| publish: 2.3 KB, confirmed by a quorum queue, 256 in flight | {:.0} |", raw.publish);
            println!(
                "| ledger: rows over 1,000 accounts, 100 a statement, 4 connections | {:.0} |",
                raw.ledger
            );
            println!("| ledger_hot: the same, one account | {:.0} |", raw.ledger_hot);
            println!("| debit: one statement each, 1,000 accounts, 32 connections | {:.0} |", raw.debit);
        }
        if !self.measured.is_empty() {
            println!(
                "\n| measurement | a second | p50 / p99 ms | of the raw limit | of the peer | commits each |\n\
                 |---|---|---|---|---|---|"
            );
            for (scenario, measured) in &self.measured {
                self.print_rate(scenario, measured);
            }
            print_cpu(&self.measured);
        }
        if !self.grown.is_empty() {
            println!("\n| with a grown ledger | a second | of the fresh one |\n|---|---|---|");
            for (scenario, measured) in &self.grown {
                let ratio =
                    self.rate(scenario.name).map_or("-".to_owned(), |fresh| times(measured.rate / fresh));
                println!("| {} | {:.0} | {ratio} |", scenario.name, measured.rate);
            }
            print_cpu(&self.grown);
        }
        println!();
        for line in &self.lines {
            println!("{line}");
        }
    }

    fn print_rate(&self, scenario: &Scenario, measured: &Measured) {
        let limit = self
            .raw
            .as_ref()
            .and_then(|raw| scenario.limit(raw))
            .map_or("-".to_owned(), |(name, limit)| format!("{:.2} of {name}", measured.rate / limit));
        let peer = self.peers.get(scenario.name).map_or("-".to_owned(), |peer| times(measured.rate / peer));
        println!(
            "| {}: {} | {:.0} | {:.1} / {:.1} | {limit} | {peer} | {:.2} |",
            scenario.name,
            scenario.what,
            measured.rate,
            measured.load.quantile(0.5),
            measured.load.quantile(0.99),
            measured.commits,
        );
    }
}

/// Where the time goes.
fn print_cpu(measured: &[(&'static Scenario, Measured)]) {
    const ROLES: [&str; 5] = ["api", "worker", "postgres", "rabbitmq", "generator"];
    println!("\n| µs of CPU each | {} | cores in use |\n|---|---|---|---|---|---|---|", ROLES.join(" | "));
    for (scenario, measured) in measured {
        let each = ROLES.map(|role| format!("{:.0}", measured.cpu.get(role).unwrap_or(&0.0)));
        println!("| {} | {} | {:.2} |", scenario.name, each.join(" | "), measured.cores);
    }
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2}x")
}
