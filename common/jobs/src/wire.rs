//! A job as it travels.

use kernel::redaction::is_plain;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Job, Role};

/// A job ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedJob {
    pub kind: &'static str,
    pub role: Role,
    /// The JSON of its envelope.
    pub body: String,
}

impl<J: Job> From<&J> for EncodedJob {
    fn from(job: &J) -> Self {
        let envelope = Outgoing { kind: J::KIND, payload: job };
        // Jobs are plain data with text keys: writing them as JSON cannot fail.
        let body = serde_json::to_string(&envelope).unwrap_or_default();
        Self { kind: J::KIND, role: J::ROLE, body }
    }
}

#[derive(Serialize)]
struct Outgoing<'a, J> {
    kind: &'static str,
    payload: &'a J,
}

/// A job that has arrived: its kind, and a payload that is not read yet.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    pub kind: &'a str,
    #[serde(borrow, default = "no_payload")]
    payload: &'a RawValue,
}

fn no_payload<'a>() -> &'a RawValue {
    RawValue::NULL
}

impl<'a> Envelope<'a> {
    /// # Errors
    /// When the text is not the JSON of an envelope.
    pub fn read(bytes: &'a [u8]) -> Result<Self, UnreadableJob> {
        serde_json::from_slice(bytes).map_err(UnreadableJob::Text)
    }

    /// The payload, as the job that the kind names.
    ///
    /// # Errors
    /// When the payload does not fit.
    pub fn payload<J: Job>(&self) -> Result<J, UnreadableJob> {
        serde_json::from_str(self.payload.get()).map_err(UnreadableJob::Text)
    }
}

/// A message that is no job of this version.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableJob {
    /// Not the expected JSON. Its text is not repeated: bodies stay out of logs.
    #[error("unreadable at line {}, column {}", .0.line(), .0.column())]
    Text(serde_json::Error),
    /// A kind that this version does not know.
    #[error("unknown kind {0:?}")]
    Kind(String),
    /// The kind is not a name at all, so it is not repeated either.
    #[error("no name of a kind")]
    NoName,
}

impl UnreadableJob {
    /// The error for a kind outside the set.
    pub fn unknown(kind: &str) -> Self {
        if is_plain(kind) { Self::Kind(kind.to_owned()) } else { Self::NoName }
    }
}
