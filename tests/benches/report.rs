//! The table at the end.

use crate::raw::Raw;
use crate::scenarios::{Measured, Scenario};

/// Collects the lines.
#[derive(Default)]
pub struct Report {
    raw: Option<Raw>,
    lines: Vec<String>,
}

impl Report {
    /// Notes the raw limits.
    pub fn raw(&mut self, raw: Raw) {
        self.raw = Some(raw);
    }

    /// Notes a measurement.
    pub fn scenario(&mut self, scenario: &Scenario, measured: &Measured) {
        let limit = self.raw.map(|raw| match scenario.limit() {
            "publish" => raw.publish,
            "ledger" => raw.ledger,
            "ledger_hot" => raw.ledger_hot,
            _ => raw.debit,
        });
        let ratio = limit
            .map_or("-".to_owned(), |limit| format!("{:.2} of {}", measured.rate / limit, scenario.limit()));
        let (peer, goal) = scenario.peer;
        let cores: Vec<String> =
            measured.cores.iter().map(|(role, cores)| format!("{role} {cores:.2}")).collect();
        self.lines.push(format!(
            "| {} | {:.0} | {:.1} / {:.1} | {ratio} | {:.1}x (goal {goal}x) | {:.2} | {} |",
            scenario.name,
            measured.rate,
            measured.load.quantile(0.5),
            measured.load.quantile(0.99),
            measured.rate / peer,
            measured.commits,
            cores.join(", "),
        ));
    }

    /// Prints it as Markdown.
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
        println!(
            "\n| measurement | a second | p50 / p99 ms | of raw limit | of the Node service | commits each | \
             cores in use |"
        );
        println!("|---|---|---|---|---|---|---|");
        for line in &self.lines {
            println!("{line}");
        }
        println!(
            "\nThe Node service's figures (Express, amqplib, pg) were taken on two cores: accept 2,050, end to end \
             1,870, hot 1,030, consume 1,850 a second."
        );
    }
}
