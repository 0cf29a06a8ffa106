//! What `worker reconcile --json` reports.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The exit codes of a comparison that came to its end: nothing is left for a person to do, or something is.
const COMPLETED: [i32; 2] = [0, 1];

/// A comparison of the books with the providers that came to its end.
#[derive(Clone, Debug)]
pub struct Reconciliation {
    pub exit_code: i32,
    /// The differences, one JSON object each.
    pub findings: Vec<Value>,
    pub agreeing: u64,
    /// Payments so new that their events may be on the way.
    pub in_flight: u64,
    /// Payments for orders of other systems.
    pub foreign: u64,
}

impl Reconciliation {
    /// Reads what the command printed: a difference a line, and at last the counts.
    ///
    /// # Errors
    /// When the comparison did not come to its end, or the output makes no sense.
    pub fn read(exit_code: i32, stdout: &str, stderr: &str) -> Result<Self> {
        ensure!(COMPLETED.contains(&exit_code), "the comparison failed with {exit_code}: {stderr}");
        let mut findings: Vec<Value> = stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect::<Result<_>>()?;
        let last = findings.pop().with_context(|| format!("no counts in: {stdout}"))?;
        let count = |name: &str| {
            last["counts"][name].as_u64().with_context(|| format!("no count of {name} in: {last}"))
        };
        ensure!(count("differing")? == findings.len() as u64, "{last} does not count {findings:?}");
        let (agreeing, in_flight, foreign) = (count("agreeing")?, count("inFlight")?, count("foreign")?);
        Ok(Self { exit_code, findings, agreeing, in_flight, foreign })
    }

    /// The kinds of the differences, in the order in which they were found.
    pub fn differences(&self) -> Vec<&str> {
        self.findings.iter().map(|finding| finding["difference"].as_str().unwrap_or("no kind")).collect()
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (agreeing, differing) = (self.agreeing, self.findings.len());
        write!(formatter, "{agreeing} agree, {differing} differ, ")?;
        write!(formatter, "{} are in flight, {} belong to other systems", self.in_flight, self.foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"difference":"paid_not_credited"}"#;

    const COUNTS: &str = r#"{"counts":{"agreeing":3,"differing":1,"inFlight":2,"foreign":105}}"#;

    #[test]
    fn findings_and_counts_are_read() {
        let read = Reconciliation::read(1, &format!("{FINDING}\n{COUNTS}\n"), "").unwrap();
        assert_eq!((read.agreeing, read.in_flight, read.foreign), (3, 2, 105));
        assert_eq!(read.differences(), ["paid_not_credited"]);
    }

    #[test]
    fn a_comparison_that_did_not_end_is_an_error() {
        let both = format!("{FINDING}\n{COUNTS}");
        for (exit_code, stdout) in [(2, both.as_str()), (0, ""), (0, FINDING), (0, COUNTS), (0, "no JSON")] {
            assert!(Reconciliation::read(exit_code, stdout, "").is_err(), "{exit_code} {stdout}");
        }
    }
}
