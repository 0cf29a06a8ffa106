//! Doing a POST once, however often it is sent with the same `Idempotency-Key`.

use std::future::Future;

use identity::idempotency::{Caller, Claim, Claimed, Fingerprint, operations};
use kernel::crash;
use kernel::crash::Step;
use serde::Serialize;
use warp::http::StatusCode;

use super::ApiError;
use crate::Shared;
use crate::http::{Call, Response, answer};

/// What a handler answers.
pub(super) type Answer<Body> = (StatusCode, Body);

/// Whether the answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Yes.
    Answer,
    /// No: it shows a secret. That it was given is kept.
    Nothing,
}

/// The request's idempotency key, if it has one.
pub(super) fn key(call: &Call) -> Result<Option<&str>, ApiError> {
    call.idempotency_key()
        .map_err(|error| ApiError::bad_request("invalid_idempotency_key", error.to_string()))
}

/// Does the work, once for each key of the caller. Refusals are answers too and are kept; failures that may pass are
/// not, so that the request can be sent again. The work goes on when the caller hangs up.
pub(super) async fn once<Work, Body>(
    api: &Shared,
    call: &Call,
    scope: String,
    keep: Keep,
    work: Work,
) -> Result<Response, ApiError>
where
    Work: Future<Output = Result<Answer<Body>, ApiError>> + Send + 'static,
    Body: Serialize + Send + Sync + 'static,
{
    let Some(key) = key(call)? else { return work.await.map(|(status, body)| answer(status, &body)) };
    let fingerprint = Fingerprint::of(call.method.as_str(), call.path.as_str(), &call.body);
    match operations::claim(&api.pool, api.clock.now(), Caller(scope), key, fingerprint).await? {
        Claim::First(claimed) => {
            let api = Shared::clone(api);
            tokio::spawn(async move { settle(&api, &claimed, keep, work.await).await })
                .await
                .map_err(ApiError::internal)?
        }
        Claim::Done { status, body: Some(body) } => {
            let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
            let mut response = answer(status, &body);
            response
                .headers_mut()
                .insert("idempotent-replayed", warp::http::HeaderValue::from_static("true"));
            Ok(response)
        }
        Claim::Done { body: None, .. } => {
            let message = "This request was done before. Its answer showed a secret, which is shown only once: \
                           make another one with another key, and withdraw the first if it was lost.";
            Err(ApiError::conflict("secret_already_shown", message))
        }
        Claim::InProgress => Err(in_use()),
        Claim::OtherRequest => Err(reused()),
    }
}

/// The first request with the key has not been answered yet.
pub(super) fn in_use() -> ApiError {
    let message = "A request with this Idempotency-Key is being worked on.";
    ApiError::conflict("idempotency_key_in_use", message)
}

/// The key was used for another request.
pub(super) fn reused() -> ApiError {
    let message = "This Idempotency-Key was used for another request.";
    ApiError::conflict("idempotency_key_reused", message)
}

async fn settle(
    api: &Shared,
    claimed: &Claimed,
    keep: Keep,
    outcome: Result<Answer<impl Serialize>, ApiError>,
) -> Result<Response, ApiError> {
    let recorded = match &outcome {
        Ok((status, body)) => record(api, claimed, *status, (keep == Keep::Answer).then_some(body)).await,
        Err(error) => {
            let (status, body) = error.shown();
            record(api, claimed, status, Some(&body)).await
        }
    };
    crash::point(Step::Settled, "answer");
    if let Err(error) = recorded {
        // It is done: the caller is told so. Without its record a repetition within a minute is refused.
        tracing::warn!(%error, "the answer to an idempotent request was not recorded");
    }
    outcome.map(|(status, body)| answer(status, &body))
}

async fn record(
    api: &Shared,
    claimed: &Claimed,
    status: StatusCode,
    body: Option<&impl Serialize>,
) -> anyhow::Result<()> {
    if status.is_server_error() {
        operations::abandon(&api.pool, claimed).await?;
    } else {
        let kept = body.map(serde_json::to_value).transpose()?;
        operations::finish(&api.pool, claimed, status.as_u16(), kept.as_ref()).await?;
    }
    Ok(())
}
