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
    /// Reads what the command printed. The findings are JSON on standard output. The counts are printed only as a line
    /// of words, among log lines on standard error: see `counts`.
    ///
    /// # Errors
    /// When the comparison did not come to its end, or the output makes no sense.
    pub fn read(exit_code: i32, stdout: &str, stderr: &str) -> Result<Self> {
        ensure!(COMPLETED.contains(&exit_code), "the comparison failed with {exit_code}: {stderr}");
        let findings: Vec<Value> = stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect::<Result<_>>()?;
        let counts = stderr.lines().rev().find_map(counts);
        let [agreeing, differing, in_flight, foreign] =
            counts.with_context(|| format!("no counts in: {stderr}"))?;
        ensure!(differing == findings.len() as u64, "{differing} differ, but findings are {findings:?}");
        Ok(Self { exit_code, findings, agreeing, in_flight, foreign })
    }

    /// The kinds of the differences, in the order in which they were found.
    pub fn differences(&self) -> Vec<&str> {
        self.findings.iter().map(|finding| finding["difference"].as_str().unwrap_or("no kind")).collect()
    }
}

/// The numbers that begin the four clauses of the line of counts, in their order: agreeing, differing, in flight,
/// foreign. How the clauses are worded does not matter.
fn counts(line: &str) -> Option<[u64; 4]> {
    let numbers = line.split(", ").map(|clause| clause.split_once(' ')?.0.parse().ok());
    numbers.collect::<Option<Vec<u64>>>()?.try_into().ok()
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

    #[test]
    fn findings_and_counts_are_read() {
        let stderr = "2026-11-21 to 2026-11-22\n3 agree, 1 differ, 2 are new, 105 are of others\n\
                      2026-11-28T02:02:17.6Z ERROR lapin::channels: channel 2, 3";
        let read = Reconciliation::read(1, FINDING, stderr).unwrap();
        assert_eq!((read.agreeing, read.in_flight, read.foreign), (3, 2, 105));
        assert_eq!(read.differences(), ["paid_not_credited"]);
    }

    #[test]
    fn a_comparison_that_did_not_end_is_an_error() {
        let counts = "1 agree, 0 differ, 0 are new, 0 are of others";
        for (exit_code, stdout, stderr) in
            [(2, "", counts), (0, "", ""), (0, FINDING, counts), (0, "no JSON", counts), (0, "", "1 agree")]
        {
            assert!(
                Reconciliation::read(exit_code, stdout, stderr).is_err(),
                "{exit_code} {stdout} {stderr}"
            );
        }
    }
}
