//! `purser import`: the users of another system, from a file, in as many requests as it takes.
//!
//! First the whole file is checked, here and by the API, which writes nothing meanwhile; if anything is wrong, all of
//! it is said and nothing is written. Then what is to be done is done in batches, each in one transaction. The API
//! gives a user an opening balance once for each name of an import, so after a crash the same command goes on where it
//! stopped.

mod file;
mod report;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use hyper::Method;
use serde::Deserialize;

use crate::client::{Client, Sent};
use crate::commands::read;
use crate::failure::Failure;
use crate::operation::path;
use file::Row;
use report::Report;

/// The most users in a request, and the most bytes of them: half of what the API reads.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 512 * 1024;

#[derive(Args, Debug)]
#[command(
    after_help = "The first line names the columns, in any order: userId, and any of email, name, credits, \
    expiresAt, stripeCustomerId, kind (paid or promotional).\n\n\
    Run it again with the same file and name, and nobody gets credits twice. What differs from what is there is \
    reported and not applied. Exit code 1: something is wrong, or differs."
)]
pub struct Import {
    /// A CSV file; - reads the standard input
    file: String,
    /// Names the import: a user gets one opening balance for each name [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Only check, and say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Also give users who are there already what they lack
    #[arg(long)]
    complete_existing: bool,
}

impl Import {
    fn name(&self) -> Result<String, Failure> {
        let stem = Path::new(&self.file).file_stem().and_then(|stem| stem.to_str());
        let name = self.name.as_deref().or(stem.filter(|_| self.file != "-")).unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if (1..=64).contains(&name.len()) && name.bytes().all(is_plain) {
            return Ok(name.to_owned());
        }
        Err(Failure::usage("give the import a name of letters, digits, _, . and -: --name NAME"))
    }
}

/// What the API says about a user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    outcome: String,
    #[serde(default)]
    differences: Vec<Difference>,
    error: Option<Error>,
}

#[derive(Debug, Deserialize)]
pub struct Difference {
    field: String,
    given: String,
    found: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Error {
    message: String,
    param: Option<String>,
}

pub async fn run(client: &Client, wanted: &Import, as_json: bool) -> Result<ExitCode, Failure> {
    let name = wanted.name()?;
    let rows = file::rows(&read(&wanted.file)?)?;
    let mut report = Report::new(&name, wanted.dry_run);
    let checked = send_all(client, wanted, &name, true, &rows).await?;
    let is_refused = checked.iter().any(|(_, outcome)| outcome.outcome == "refused");
    let mut work = Vec::new();
    for (row, outcome) in checked {
        match outcome.outcome.as_str() {
            "created" | "completed" if !wanted.dry_run && !is_refused => work.push(row.clone()),
            _ => report.add(&row, outcome),
        }
    }
    if is_refused {
        report.print(as_json)?;
        return Err(Failure::usage("Nothing was written. Correct the file and run the command again."));
    }
    let done = send_all(client, wanted, &name, false, &work).await.inspect_err(|_| {
        // If there is nobody to tell, the exit code says it.
        let _untold =
            writeln!(io::stderr(), "Users before that are imported. Run the same command again to go on.");
    })?;
    for (row, outcome) in done {
        report.add(&row, outcome);
    }
    report.print(as_json)?;
    Ok(if report.is_as_wanted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends rows batch by batch; says what became of each.
async fn send_all(
    client: &Client,
    wanted: &Import,
    name: &str,
    dry_run: bool,
    rows: &[Row],
) -> Result<Vec<(Row, Outcome)>, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<Outcome>,
    }
    let mut outcomes = Vec::with_capacity(rows.len());
    let (mut left, path) = (rows, path(["imports"]));
    let progress = Progress { doing: if dry_run { "checked" } else { "imported" }, all: rows.len() };
    while !left.is_empty() {
        let (batch, rest) = left.split_at(batch_length(left));
        let users: Vec<&str> = batch.iter().map(|row| row.json.as_str()).collect();
        let complete = wanted.complete_existing;
        let body = format!(
            r#"{{"name":"{name}","dryRun":{dry_run},"completeExisting":{complete},"users":[{}]}}"#,
            users.join(",")
        );
        let sent = Sent { method: Method::POST, path: &path, body: Some(&body), idempotency_key: None };
        let answer = client.send(&sent).await?;
        let answer: Option<Answer> = serde_json::from_slice(&answer).ok();
        let data = answer.map(|answer| answer.data).filter(|data| data.len() == batch.len());
        let data = data.ok_or_else(|| Failure::Unreachable {
            why: "The answer is not what an import answers. Is PURSER_URL right?".to_owned(),
            idempotency_key: None,
        })?;
        outcomes.extend(batch.iter().cloned().zip(data));
        progress.show(outcomes.len());
        left = rest;
    }
    Ok(outcomes)
}

/// How many of the rows make the next batch; at least one.
fn batch_length(rows: &[Row]) -> usize {
    let mut bytes = 0_usize;
    let fitting = rows.iter().take(BATCH_ROWS).take_while(|row| {
        bytes = bytes.saturating_add(row.json.len()).saturating_add(1);
        bytes <= BATCH_BYTES
    });
    fitting.count().max(1)
}

/// Shows on a terminal how far it is.
struct Progress {
    doing: &'static str,
    all: usize,
}

impl Progress {
    fn show(&self, done: usize) {
        let mut terminal = io::stderr();
        if terminal.is_terminal() {
            let end = if done == self.all { "\n" } else { "" };
            // It is only for who looks.
            let _unseen = write!(terminal, "\r{done} of {} {}{end}", self.all, self.doing);
        }
    }
}
