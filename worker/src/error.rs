//! Why a job is not done, and what its caller gets when it is.

use billing::auto_recharge::RechargeError;
use billing::provider_events::ApplyError;
use kernel::database;
use messaging::PublishError;
use messaging::consumer::Outcome;
use serde::Serialize;

use crate::providers::ProviderError;

/// The reply for the caller, if the job has one. Often no caller waits for it.
pub(crate) type JobResult = Result<Option<serde_json::Value>, JobError>;

/// The job is done, and has nothing to say.
pub(crate) const DONE: JobResult = Ok(None);

/// The job is done, with a reply.
pub(crate) fn replied(reply: &impl Serialize) -> JobResult {
    Ok(serde_json::to_value(reply).ok())
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("the broker did not take a message")]
    Broker(#[from] PublishError),
    /// The domain refuses what follows from what a provider said.
    #[error("{0}")]
    Refused(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Dead(String),
}

impl JobError {
    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            Self::Database(error) if database::is_transient(&error) => {
                Outcome::Unavailable(format!("the database is away: {error}"))
            }
            Self::Database(error) => Outcome::Failed(format!("the database refuses: {error}")),
            // As a dead letter somebody sees it, once it was tried often enough.
            Self::Provider(error @ ProviderError::Unreadable(_)) => Outcome::Failed(error.to_string()),
            Self::Provider(error @ ProviderError::Unavailable(_)) => Outcome::Unavailable(error.to_string()),
            Self::Provider(
                error @ (ProviderError::Refused { .. } | ProviderError::NotFound | ProviderError::NoCustomer),
            ) => Outcome::Dead(error.to_string()),
            Self::Broker(_) => Outcome::Unavailable(self.to_string()),
            Self::Refused(reason) => Outcome::Failed(reason),
            Self::Dead(reason) => Outcome::Dead(reason),
        }
    }
}

impl From<ApplyError> for JobError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Database(error) => Self::Database(error),
            ApplyError::Ledger { .. }
            | ApplyError::AlreadyPosted(_)
            | ApplyError::Amount(_)
            | ApplyError::Order(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<RechargeError> for JobError {
    fn from(error: RechargeError) -> Self {
        match error {
            RechargeError::Database(error) => Self::Database(error),
            RechargeError::Amount(_) | RechargeError::Order(_) => Self::Refused(error.to_string()),
        }
    }
}
