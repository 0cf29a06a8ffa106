//! Reads a request's body, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use crate::problem::Failure;

/// In bytes; far above any request or webhook.
const LIMIT: usize = 1024 * 1024;
/// Bytes that are read only to be thrown away.
const DISCARD_LIMIT: usize = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn read(body: Incoming) -> Result<Bytes, Failure> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(TIMEOUT, collect(body)).await {
        Ok(read) => read,
        Err(_) => Err(Failure::Timeout),
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, Failure> {
    // A declared length is refused before any byte is kept.
    if body.size_hint().lower() > LIMIT as u64 {
        discard(&mut body).await;
        return Err(Failure::TooLarge);
    }
    match Limited::new(&mut body, LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(&mut body).await;
            Err(Failure::TooLarge)
        }
        Err(_) => Err(Failure::BadRequest),
    }
}

/// Reads what the client is still sending, within limits: closing the connection would lose the answer.
async fn discard(body: &mut Incoming) {
    let mut limited = Limited::new(body, DISCARD_LIMIT);
    while let Some(Ok(_)) = limited.frame().await {}
}
