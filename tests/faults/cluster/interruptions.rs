//! How long clients waited for what they asked for, by the fault that made them wait, and how long they may.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use servers::patroni::TTL;
use tokio::time::Instant;

use crate::schedule::{Fault, Machine};

/// A primary that is gone keeps its office for Patroni's `ttl`; so long its successor may take to begin.
const FAILOVER: Duration = TTL.saturating_add(Duration::from_secs(5));
const SWITCHOVER: Duration = Duration::from_secs(6);
/// A broker that is frozen or cut off is noticed by two publishes that it does not confirm, each within five seconds.
const SILENT_BROKER: Duration = Duration::from_secs(15);
/// A client with some patience sees nothing of it. On a busy machine an answer takes this long without any fault.
const UNSEEN: Duration = Duration::from_secs(3);

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Probe {
    /// A debit, which needs the database.
    Debit,
    /// The acceptance of a provider's event, which needs the broker.
    Event,
}

/// The processes of the API, by their number, and what they are asked for: a column of the table.
const COLUMNS: [(usize, Probe); 4] =
    [(0, Probe::Debit), (1, Probe::Debit), (0, Probe::Event), (1, Probe::Event)];

struct Wait {
    api: usize,
    probe: Probe,
    from: Instant,
    until: Instant,
}

struct Window {
    fault: Fault,
    from: Instant,
    until: Instant,
}

/// The interruptions of a run.
#[derive(Default)]
pub struct Interruptions {
    waits: Mutex<Vec<Wait>>,
    windows: Mutex<Vec<Window>>,
}

/// What one kind of fault led to.
#[derive(Default)]
struct Row {
    times: u64,
    longest: BTreeMap<(usize, Probe), Duration>,
    too_long: Vec<String>,
    bounds: BTreeMap<(usize, Probe), Duration>,
}

impl Interruptions {
    /// Something was asked for until it was done.
    pub fn record(&self, api: usize, probe: Probe, from: Instant, until: Instant) {
        lock(&self.waits).push(Wait { api, probe, from, until });
    }

    /// A fault, from when it was made until the cluster was whole again.
    pub fn close_window(&self, fault: Fault, from: Instant, until: Instant) {
        lock(&self.windows).push(Window { fault, from, until });
    }

    /// Interruptions that were longer than they may be.
    pub fn violations(&self) -> Vec<String> {
        self.rows().into_values().flat_map(|row| row.too_long).collect()
    }

    /// The table of the report.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let head = "fault | times | API 1: debits | API 2 (PgBouncer): debits | API 1: events | API 2: events | \
                    bound of debits | of events";
        let _never_fails = writeln!(text, "| {head} |\n|---|---|---|---|---|---|---|---|");
        for (fault, row) in self.rows() {
            let seconds = |of: Option<&Duration>| {
                of.map_or_else(|| "–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
            };
            let longest = COLUMNS.map(|column| seconds(row.longest.get(&column)));
            // Where a process of the API is struck itself, the bound is that of the others.
            let bound = |probe| [0, 1].iter().find_map(|api| row.bounds.get(&(*api, probe)));
            let bounds = [Probe::Debit, Probe::Event].map(|probe| seconds(bound(probe)));
            let (longest, bounds) = (longest.join(" | "), bounds.join(" | "));
            let _never_fails = writeln!(text, "| {fault} | {} | {longest} | {bounds} |", row.times);
        }
        text
    }

    fn rows(&self) -> BTreeMap<String, Row> {
        let (waits, windows) = (lock(&self.waits), lock(&self.windows));
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for window in windows.iter() {
            let row = rows.entry(name(window.fault)).or_default();
            row.times += 1;
            for (api, probe) in COLUMNS {
                row.bounds.extend(bound(window.fault, api, probe).map(|bound| ((api, probe), bound)));
            }
        }
        for wait in waits.iter() {
            // The first, if there are two: what lasts into the next one was not caused by that.
            let window = windows.iter().find(|window| wait.from < window.until && wait.until > window.from);
            let (row, bound) = match window {
                Some(window) => (name(window.fault), bound(window.fault, wait.api, wait.probe)),
                None => ("(no fault)".to_owned(), None),
            };
            let (row, took) = (rows.entry(row.clone()).or_default(), wait.until - wait.from);
            let longest = row.longest.entry((wait.api, wait.probe)).or_default();
            *longest = took.max(*longest);
            if let (Some(window), Some(bound)) = (window, bound)
                && took > bound
            {
                let (what, api, took) = (wait.probe, wait.api + 1, took.as_secs_f64());
                row.too_long.push(format!(
                    "interrupted for too long: {}: {what:?} at API {api} took {took:.1} s of {:.1} s",
                    window.fault,
                    bound.as_secs_f64()
                ));
            }
        }
        rows
    }
}

/// The processes of the API are told apart, as the table does.
fn name(fault: Fault) -> String {
    match fault {
        Fault::Kill(Machine::Api(number))
        | Fault::Freeze(Machine::Api(number))
        | Fault::Replace(Machine::Api(number), _) => {
            format!("{fault} ({})", number + 1)
        }
        _ => fault.to_string(),
    }
}

/// How long a process of the API may take to do something after a fault; none if that is struck itself.
fn bound(fault: Fault, api: usize, probe: Probe) -> Option<Duration> {
    match fault {
        Fault::Kill(machine)
        | Fault::Freeze(machine)
        | Fault::CutOff(machine)
        | Fault::Replace(machine, _) => match (machine, probe) {
            (Machine::Api(number), _) if number == api => None,
            (Machine::Member(_), Probe::Debit) => Some(FAILOVER),
            (Machine::Node(_), Probe::Event) if !matches!(fault, Fault::Kill(_)) => Some(SILENT_BROKER),
            _ => Some(UNSEEN),
        },
        Fault::SwitchOver if probe == Probe::Debit => Some(SWITCHOVER),
        // Without a majority there is no broker.
        Fault::LoseMajority(_) if probe == Probe::Event => None,
        Fault::SwitchOver
        | Fault::LoseMajority(_)
        | Fault::Cut(_)
        | Fault::Silence(_)
        | Fault::Provider(_) => Some(UNSEEN),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_counts_for_the_fault_that_caused_it_and_not_for_what_was_struck_itself() {
        let interruptions = Interruptions::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        interruptions.close_window(Fault::SwitchOver, at(10), at(20));
        interruptions.close_window(Fault::Kill(Machine::Api(0)), at(21), at(30));
        interruptions.record(0, Probe::Debit, at(11), at(17));
        interruptions.record(0, Probe::Debit, at(22), at(29));
        interruptions.record(0, Probe::Debit, at(40), at(60));
        assert_eq!(
            interruptions.violations(),
            Vec::<String>::new(),
            "as long as it may be, struck, or by no fault"
        );
        // It began with the first, and lasts into the second.
        interruptions.record(1, Probe::Debit, at(19), at(26));
        interruptions.record(1, Probe::Event, at(25), at(29));
        let violations = interruptions.violations();
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(
            violations.iter().any(|text| text.contains("kill -9 api: Event at API 2 took 4.0 s of 3.0 s"))
        );
        assert!(
            violations
                .iter()
                .any(|text| text.contains("switch over") && text.contains("took 7.0 s of 6.0 s"))
        );
        let table = interruptions.markdown();
        assert!(table.contains("| (no fault) | 0 | 20.0 s | – |"), "{table}");
        assert!(table.contains("| kill -9 api (1) | 1 | 7.0 s | – | – | 4.0 s | 3.0 s | 3.0 s |"), "{table}");
    }
}
