//! Dead letters: jobs that failed for good, kept until an operator replays or discards them.
//!
//! The [`collector`](crate::collector) takes them from the broker. Each is settled once, and the audit log records how.

pub mod operations;
pub mod rules;
mod store;

use kernel::clock::Timestamp;
use kernel::ids::DeadLetterId;
use kernel::text_enum;

text_enum! {
    /// What an operator did with a dead letter.
    LetterState {
        Waiting => "waiting",
        /// Sent back to its role's queue.
        Replayed => "replayed",
        Discarded => "discarded",
    }
}

/// A dead letter to be stored.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The id of the message.
    pub id: DeadLetterId,
    pub role: String,
    pub reason: String,
    /// Failed attempts; outages do not count.
    pub attempts: u32,
    pub died_at: Timestamp,
    /// The message as received, which need not be a job.
    pub body: Vec<u8>,
}

/// A dead letter as stored.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    /// A [`Role`](jobs::Role), unless the message came from another version.
    pub role: String,
    /// The job's kind on the wire; none if the message is not a job.
    pub kind: Option<String>,
    pub reason: String,
    pub attempts: i64,
    pub died_at: Timestamp,
    pub state: LetterState,
    pub settled_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Filter {
    pub state: LetterState,
    pub role: Option<String>,
    /// Only those that died before this one; none for the newest.
    pub before: Option<(Timestamp, DeadLetterId)>,
    pub limit: i64,
}

/// How many dead letters of one role wait for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub role: String,
    pub reason: String,
    pub count: i64,
}

/// Why a dead letter cannot be settled.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("there is no such dead letter")]
    NotFound,
    /// It was settled before.
    #[error("it was {} before", .0.as_str())]
    Settled(LetterState),
    /// The message is not text, so it never was a job.
    #[error("the message is not text, so no worker can read it: it can be discarded only")]
    NotText,
    /// This version does not have the message's role.
    #[error("this version has no role {0:?} to replay it to")]
    NoRole(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
