//! The encoding of jobs on the wire.

use kernel::redaction::is_plain;
use kernel::traces::TraceParent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Job, Role};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedJob {
    pub kind: &'static str,
    pub role: Role,
    /// The JSON of its envelope.
    pub body: String,
}

impl<J: Job> From<&J> for EncodedJob {
    fn from(job: &J) -> Self {
        Self::caused_by(job, TraceParent::current().as_slice())
    }
}

impl EncodedJob {
    /// A job that several requests caused together.
    pub fn caused_by<J: Job>(job: &J, trace: &[TraceParent]) -> Self {
        let envelope = Outgoing { kind: J::KIND, payload: job, trace };
        // Jobs are plain data with text keys: writing them as JSON cannot fail.
        let body = serde_json::to_string(&envelope).unwrap_or_default();
        Self { kind: J::KIND, role: J::ROLE, body }
    }
}

#[derive(Serialize)]
struct Outgoing<'a, J> {
    kind: &'static str,
    payload: &'a J,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    trace: &'a [TraceParent],
}

/// A received job: its kind, and a payload that is not decoded yet.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    pub kind: &'a str,
    #[serde(borrow, default = "no_payload")]
    payload: &'a RawValue,
    /// Where in which traces it was caused; nothing unless that is traced.
    #[serde(default)]
    pub trace: Vec<TraceParent>,
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

    /// Decodes the payload as the job that the kind names.
    ///
    /// # Errors
    /// When the payload does not fit.
    pub fn payload<J: Job>(&self) -> Result<J, UnreadableJob> {
        serde_json::from_str(self.payload.get()).map_err(UnreadableJob::Text)
    }
}

/// A message that is not a job of this version.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableJob {
    /// Not the expected JSON. The error does not repeat the text, to keep bodies out of logs.
    #[error("unreadable at line {}, column {}", .0.line(), .0.column())]
    Text(serde_json::Error),
    #[error("unknown kind {0:?}")]
    Kind(String),
    /// The kind does not look like a name, so the error does not repeat it either.
    #[error("the kind is not a valid name")]
    NoName,
}

impl UnreadableJob {
    /// The error for a kind outside the set.
    pub fn unknown(kind: &str) -> Self {
        if is_plain(kind) { Self::Kind(kind.to_owned()) } else { Self::NoName }
    }
}
