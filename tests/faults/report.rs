//! The report at the end: what was done to the system, what it did, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::audit::Findings;
use crate::journal::Entries;
use crate::system::Reversals;

/// What the report says about a run.
pub struct Report<'a> {
    pub seed: u64,
    pub reversals: Reversals,
    pub minutes: f64,
    pub surroundings: String,
    pub schedule_hash: String,
    pub took: Duration,
    pub injected: BTreeMap<String, u64>,
    pub resent: u64,
    /// Of an upgrade: the name of the program of the build before.
    pub upgrade_from: Option<String>,
    /// Of a run on a cluster: how long clients were interrupted.
    pub interruptions: Option<String>,
    /// What such a run does not show on this machine.
    pub left_out: Vec<&'static str>,
    pub clients: &'a Entries,
    pub findings: &'a Findings,
}

const CLUSTER: &str = "\
Two of each process, on three PostgreSQL under Patroni (one of them a synchronous standby; ttl 20 s) and three \
nodes of RabbitMQ (pause_minority; quorum queues), each on a host of its own; one API by way of PgBouncer. Under \
the load of the suite one thing at a time goes wrong, until the cluster is whole again. Meanwhile each API is \
asked several times a second for a debit, and to accept a provider's event, again and again until it is done: \
the longest that took is the interruption. \"(no fault)\" is what the machine does by itself. Then the books are \
audited as after the usual suite.";

const UPGRADE: &str = "\
Two of each process, of the build before, on three PostgreSQL under Patroni and three nodes of RabbitMQ; one \
API by way of PgBouncer. The schema is this build's. Under the load of the suite, and while the provider \
misbehaves, one process at a time is asked to end, and started as this build: the workers, the schedulers, the \
APIs. Then all are put back in any order, and so on. Meanwhile each API is asked several times a second for a \
debit, and to accept a provider's event, again and again until it is done: the longest that took is the \
interruption. Then the books are audited as after the usual suite.";

const ABOUT: &str = "\
One API, two workers, two schedulers, PostgreSQL, RabbitMQ and an emulator of Stripe and Creem, each a \
process, under load over every API, while a schedule made from a seed kills, freezes, cuts off and misleads \
them. A client sends a request with the same key until it is answered; sellers and banks take back what was \
paid and return a part of it, app stores sell and refund, taxes come and go, and the host application that \
receives the webhooks fails now and then. In each minute a month passes, so that subscriptions are renewed and \
credits lapse. Then all faults end, the system becomes idle, and the books are compared with what the provider \
charged and paid back, the answers that clients got and what the host application received: a violation is \
whatever differs by a credit, and any dead letter, event in quarantine, job left over, process that ended by \
itself, or difference that `worker reconcile` finds. Events that the provider lost on purpose are sent again \
by hand at the end, if no poll has found out about their payment before.

The same seed and length is the same schedule: the command replays it. What meets what within it depends on the \
machine, so the books of two runs differ.";

/// How many violations of one kind are shown.
const SHOWN: usize = 10;

impl Report<'_> {
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (seed, minutes) = (self.seed, self.minutes);
        let (about, kind) = match (&self.upgrade_from, &self.interruptions) {
            (Some(program), _) => (UPGRADE, format!("--cluster --upgrade-from {program} ")),
            (None, Some(_)) => (CLUSTER, "--cluster ".to_owned()),
            (None, None) => (ABOUT, String::new()),
        };
        writeln!(text, "# What the fault suite found\n\n{about}\n")?;
        writeln!(text, "{}\n", self.surroundings)?;
        let reversals = self.reversals;
        let command = "cargo run --release --bin faults --";
        writeln!(text, "`{command} {kind}--minutes {minutes} --seed {seed} --reversals {reversals}`\n")?;
        let (schedule, books) = (&self.schedule_hash, &self.findings.hash);
        writeln!(text, "Took {} s. Schedule `{schedule}`, books `{books}`.", self.took.as_secs())?;
        writeln!(text, "`worker reconcile` at the end: {}.\n", self.findings.reconciled)?;
        if let Some(interruptions) = &self.interruptions {
            writeln!(text, "{interruptions}")?;
        }
        for remark in &self.left_out {
            writeln!(text, "{remark}\n")?;
        }
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
        let violations = self.findings.violations.len();
        let violations = if violations == 0 { "none".to_owned() } else { violations.to_string() };
        writeln!(text, "| **violations** | **{violations}** |")?;
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for violation in &self.findings.violations {
            kinds.entry(violation.split(':').next().unwrap_or_default()).or_default().push(violation);
        }
        for (kind, violations) in kinds {
            writeln!(text, "\n{kind} ({} times):\n", violations.len())?;
            for violation in violations.iter().take(SHOWN) {
                writeln!(text, "- {violation}")?;
            }
        }
        Ok(())
    }
}
