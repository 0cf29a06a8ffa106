//! Dead letters: jobs that nobody could do, kept until an operator has them done again or gives them up.
//!
//! They arrive from the broker (see [`collector`](crate::collector)), are settled once,
//! and what was done with each is in the record of administration.

pub mod operations;
pub mod rules;
mod store;

use kernel::clock::Timestamp;
use kernel::ids::DeadLetterId;
use kernel::text_enum;

text_enum! {
    /// What became of a dead letter.
    LetterState {
        /// Nothing yet.
        Waiting => "waiting",
        /// It went back to the queue that it was for.
        Replayed => "replayed",
        /// An operator gave it up.
        Discarded => "discarded",
    }
}

/// A dead letter to be kept.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The message's id.
    pub id: DeadLetterId,
    /// Who was to do it.
    pub role: String,
    /// Why nobody could.
    pub reason: String,
    /// How often it was tried and failed; outages do not count.
    pub attempts: u32,
    /// When it was given up.
    pub died_at: Timestamp,
    /// The message, whatever it is.
    pub body: Vec<u8>,
}

/// A dead letter as kept.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Which.
    pub id: DeadLetterId,
    /// Who was to do it: a [`Role`](jobs::Role), unless the message came from another version.
    pub role: String,
    /// The job's name on the wire; none if the message is no job.
    pub kind: Option<String>,
    /// Why nobody could do it.
    pub reason: String,
    /// How often it was tried and failed.
    pub attempts: i64,
    /// When it was given up.
    pub died_at: Timestamp,
    /// What became of it.
    pub state: LetterState,
    /// When that was decided.
    pub settled_at: Option<Timestamp>,
}

/// Which dead letters are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// In this state.
    pub state: LetterState,
    /// For this role.
    pub role: Option<String>,
    /// At the most.
    pub limit: i64,
}

/// How many letters of one role wait for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who was to do them.
    pub role: String,
    /// Why nobody could.
    pub reason: String,
    /// How many.
    pub count: i64,
}

/// Why a dead letter cannot be settled.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none of this id.
    #[error("there is no such dead letter")]
    NotFound,
    /// Somebody was first.
    #[error("it was {} before", .0.as_str())]
    Settled(LetterState),
    /// It is not text, so it never was a job.
    #[error("it is not text, so no worker can ever read it: it can be discarded only")]
    NotText,
    /// It is for a role that this version does not have.
    #[error("this version has no role {0:?} that could do it")]
    NoRole(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
