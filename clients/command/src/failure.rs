//! Why a command did not do its work, with the exit code that says so and the next step.

use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Debug)]
pub enum Failure {
    /// The command line, a file or the environment is wrong: 2.
    Usage(String),
    /// The API said no: 1.
    Refused(Refusal),
    /// The API did not answer, or could not do it: 3.
    Unreachable {
        why: String,
        /// The key under which it may or may not have been done.
        idempotency_key: Option<String>,
    },
    /// The output could not be written: 1. If nobody reads it any more, nothing is wrong.
    Output(io::Error),
}

/// What the API said.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub param: Option<String>,
    pub request_id: Option<String>,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Says what is wrong, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let code = match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Output(_) | Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
        };
        // If there is nobody to tell, the code says it.
        let _untold = writeln!(io::stderr(), "purser: {}", self.text());
        ExitCode::from(code)
    }

    fn text(&self) -> String {
        match self {
            Self::Usage(text) => text.clone(),
            Self::Output(error) => format!("cannot write: {error}"),
            Self::Refused(refusal) => refusal.text(),
            Self::Unreachable { why, idempotency_key: None } => why.clone(),
            Self::Unreachable { why, idempotency_key: Some(key) } => format!(
                "{why}\nWhether it was done is not known. Run the same command with `--idempotency-key {key}`: it is \
                 done once."
            ),
        }
    }
}

impl Refusal {
    fn text(&self) -> String {
        let mut text = format!("{} ({}", self.message, self.code);
        if let Some(param) = &self.param {
            text.push_str(&format!(", {param}"));
        }
        if let Some(id) = &self.request_id {
            text.push_str(&format!(", request {id}"));
        }
        text.push(')');
        if let Some(next) = self.next_step() {
            text.push('\n');
            text.push_str(next);
        }
        text
    }

    /// What helps, where the message does not say it.
    fn next_step(&self) -> Option<&'static str> {
        match (self.status, self.code.as_str()) {
            (401, _) => Some("Check PURSER_API_KEY, and that PURSER_URL is where the key was made."),
            (_, "missing_scope" | "bound_credential") => Some(
                "`purser keys create` makes a key with the scopes that you name, for everyone's wallets.",
            ),
            (404, "wallet_not_found" | "user_not_found") => {
                Some("`purser user list` shows who is there. A wallet is named user:ID or org:ID.")
            }
            (404, "not_found") => Some("Check the id, and that PURSER_URL is the right installation."),
            (_, "idempotency_key_reused") => {
                Some("Leave --idempotency-key out, or give a new one, for something else than before.")
            }
            (_, "insufficient_credits") => {
                Some("`purser wallet show` tells what is available and what is held.")
            }
            _ => None,
        }
    }
}
