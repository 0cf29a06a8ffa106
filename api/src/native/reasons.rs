//! Reasons that administrators give, for the record.

use crate::problem::Problem;

const REASON_MAX: usize = 500;

/// A reason that can be recorded.
pub(super) fn checked_reason(reason: String) -> Result<String, Problem> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX {
        return Err(Problem::invalid(format!("reason must have 1 to {REASON_MAX} characters")));
    }
    Ok(reason)
}
