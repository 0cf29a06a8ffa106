//! How Allmine wraps every answer.

use kernel::clock::Timestamp;
use serde::Serialize;
use time::macros::format_description;
use warp::http::StatusCode;

use crate::http::{Response, answer};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<T> {
    is_success: bool,
    status_code: u16,
    data: T,
    errors: [&'static str; 0],
    timestamp: String,
}

pub(super) fn success<T: Serialize>(now: Timestamp, status: StatusCode, data: T) -> Response {
    let (status_code, timestamp) = (status.as_u16(), moment(now));
    answer(status, &Success { is_success: true, status_code, data, errors: [], timestamp })
}

/// Declares the schema of an envelope with the given data.
macro_rules! enveloped {
    ($(#[doc = $doc:literal])+ $name:ident as $schema:path, $data:ty) => {
        $(#[doc = $doc])+
        #[derive(ToSchema)]
        #[schema(as = $schema)]
        #[allow(dead_code, non_snake_case, reason = "it describes what the envelope writes")]
        struct $name {
            /// True.
            isSuccess: bool,
            /// That of the answer.
            statusCode: u16,
            data: $data,
            /// None.
            errors: Vec<String>,
            #[schema(format = DateTime)]
            timestamp: String,
        }
    };
}

pub(super) use enveloped;

/// A time with milliseconds, as JavaScript writes it.
pub(super) fn moment(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}
