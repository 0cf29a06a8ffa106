//! Reading a request's body, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::Failure;

/// Far above any request or webhook.
const LIMIT: usize = 1024 * 1024;
/// For the whole body.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Reads the whole body.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Failure> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // A declared length is refused before anything is read.
    if body.size_hint().lower() > LIMIT as u64 {
        return Err(Failure::TooLarge);
    }
    match tokio::time::timeout(TIMEOUT, Limited::new(body, LIMIT).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Ok(Err(_)) => Err(Failure::BadRequest),
        Err(_) => Err(Failure::Timeout),
    }
}
