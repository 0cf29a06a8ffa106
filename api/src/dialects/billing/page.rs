//! The page of a list that a query asks for: `?limit=20&offset=0`.

use crate::http::call::Call;
use crate::http::description::Description;
use crate::problem::Problem;

const LIMIT: i64 = 20;
const LIMIT_MAX: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) limit: i64,
    pub(super) offset: i64,
}

impl Page {
    pub(super) fn of(call: &Call) -> Result<Self, Problem> {
        let limit = number(call.parameter("limit"), LIMIT).filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit = limit
            .ok_or_else(|| Problem::invalid(format!("limit must be a whole number from 1 to {LIMIT_MAX}")))?;
        let offset = number(call.parameter("offset"), 0)
            .ok_or_else(|| Problem::invalid("offset must be a whole number, not below 0"))?;
        Ok(Self { limit, offset })
    }
}

pub(super) fn paged(description: Description) -> Description {
    description
        .query::<i64>("limit", "How many: 1 to 100, 20 unless given.")
        .query::<i64>("offset", "After how many others: 0 unless given.")
}

fn number(given: Option<&str>, otherwise: i64) -> Option<i64> {
    let Some(text) = given else { return Some(otherwise) };
    // Digits only: no sign, no spaces.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_numbers() {
        assert_eq!((number(None, 20), number(Some("007"), 20)), (Some(20), Some(7)));
        for text in ["", "-1", "+1", " 1", "1.0", "1e2", "x", "99999999999999999999", "٣"] {
            assert_eq!(number(Some(text), 20), None, "{text}");
        }
    }
}
