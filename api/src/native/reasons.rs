//! Reasons that administrators give, for the record.

use crate::auth::Caller;
use crate::problem::Problem;

const REASON_MAX: usize = 500;

/// A reason that can be recorded.
pub(super) fn checked_reason(reason: String) -> Result<String, Problem> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX {
        return Err(
            Problem::invalid(format!("reason must have 1 to {REASON_MAX} characters")).about("reason")
        );
    }
    Ok(reason)
}

/// The reason of a caller who need not give one unless they are an operator: a program has its reasons, a person says
/// them.
pub(super) fn caller_reason(caller: &Caller, given: Option<String>) -> Result<Option<String>, Problem> {
    match given {
        None if caller.operator.is_none() => Ok(None),
        given => checked_reason(given.unwrap_or_default()).map(Some),
    }
}
