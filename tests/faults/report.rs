//! The report at the end: what was done to the system, what it did, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::audit::Findings;
use crate::journal::Entries;

/// What is told of a run.
pub struct Report<'a> {
    pub seed: u64,
    pub minutes: f64,
    pub schedule_hash: String,
    pub took: Duration,
    pub injected: BTreeMap<String, u64>,
    pub resent: u64,
    pub clients: &'a Entries,
    pub findings: &'a Findings,
}

/// The most of a list that is shown.
const SHOWN: usize = 60;

impl Report<'_> {
    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (seed, minutes) = (self.seed, self.minutes);
        writeln!(text, "Seed {seed}, {minutes} minutes planned, {} s in all.", self.took.as_secs())?;
        writeln!(text, "Schedule `{}`, books `{}`.\n", self.schedule_hash, self.findings.hash)?;
        writeln!(text, "Again: `cargo run --release --bin faults -- --minutes {minutes} --seed {seed}`\n")?;
        writeln!(text, "| fault | times |\n|---|---|")?;
        for (fault, times) in &self.injected {
            writeln!(text, "| {fault} | {times} |")?;
        }
        writeln!(text, "| all | {} |", self.injected.values().sum::<u64>())?;
        writeln!(text, "\n| request | answers |\n|---|---|")?;
        let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((what, answer), times) in &self.clients.answers {
            asked.entry(what).or_default().push(format!("{answer}: {times}"));
        }
        for (what, answers) in asked {
            writeln!(text, "| {what} | {} |", answers.join(", "))?;
        }
        writeln!(text, "\n| audited | count |\n|---|---|")?;
        for (name, count) in &self.findings.counts {
            writeln!(text, "| {name} | {count} |")?;
        }
        writeln!(text, "| events lost on their way and sent again by hand | {} |", self.resent)?;
        writeln!(text, "| **violations** | **{}** |", self.findings.violations.len())?;
        if !self.findings.violations.is_empty() {
            writeln!(text)?;
            for violation in self.findings.violations.iter().take(SHOWN) {
                writeln!(text, "- {violation}")?;
            }
        }
        Ok(())
    }
}
