//! Lists page by page: `?limit=&cursor=`, of constant cost at any depth, since a page begins behind the last one's end.

use std::str::FromStr;

use crate::http::call::Call;
use crate::http::description::Description;
use crate::problem::Problem;
use warp::http::StatusCode;

/// Adds the parameters of a list.
pub(super) fn paged(description: Description, most: i64) -> Description {
    description
        .query::<i64>("limit", &format!("How many, between 1 and {most}; 50 unless given."))
        .query::<String>("cursor", "The `nextCursor` of the page before.")
        .refuses(&[StatusCode::BAD_REQUEST])
}

/// Where a page begins, and how long it is.
#[derive(Clone, Debug)]
pub(super) struct Cursor<Id> {
    pub(super) after: Option<Id>,
    limit: i64,
}

impl<Id> Cursor<Id> {
    pub(super) fn read(call: &Call, most: i64) -> Result<Self, Problem>
    where
        Id: FromStr,
    {
        let unknown = |_| Problem::invalid("cursor is none that was answered");
        Self::read_by(call, most, |text| text.parse().map_err(unknown))
    }

    /// As [`Self::read`], for positions that have a form of their own.
    pub(super) fn read_by(
        call: &Call,
        most: i64,
        position: impl FnOnce(&str) -> Result<Id, Problem>,
    ) -> Result<Self, Problem> {
        let limit = call.limit(most)?;
        Ok(Self { after: call.parameter("cursor").map(position).transpose()?, limit })
    }

    /// One more than the page has, to know whether there is another.
    pub(super) fn asked(&self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// The page, and where the next one begins.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, id: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(id).filter(|_| has_more);
        (found, next)
    }
}
