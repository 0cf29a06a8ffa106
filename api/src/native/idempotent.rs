//! Does a POST once, however often it is sent with the same `Idempotency-Key`.

use std::future::Future;

use identity::idempotency::{Caller, Claim, Claimed, Fingerprint, operations};
use kernel::crash::{self, Step};
use kernel::deadline;
use serde::Serialize;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::{Response, answer, replayed};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

pub(super) type Answer<Body> = (StatusCode, Body);

/// Whether the answer may be stored.
pub(super) enum Keep<Body> {
    Answer,
    /// An answer that says that the work goes on is not: the request is sent again with the same key to see its end.
    Ended(fn(&Body) -> bool),
    /// The answer shows a secret: stores only that it was given.
    Nothing,
}

/// Does the work, once for each key of the caller. What was refused was not done, and is not stored: the same key may
/// be used again. The work goes on when the caller hangs up.
pub(super) async fn once<Work, Body>(
    api: &SharedState,
    call: &Call,
    scope: String,
    keep: Keep<Body>,
    work: Work,
) -> Result<Response, Problem>
where
    Work: Future<Output = Result<Answer<Body>, Problem>> + Send + 'static,
    Body: Serialize + Send + Sync + 'static,
{
    let Some(key) = call.idempotency_key()? else {
        return work.await.map(|(status, body)| answer(status, &body));
    };
    let fingerprint = Fingerprint::of(call.method.as_str(), call.path.as_str(), &call.body);
    match operations::claim(&api.pool, api.clock.now(), Caller(scope), key, fingerprint).await? {
        Claim::First(claimed) => {
            let api = SharedState::clone(api);
            let limit = api.config.connections.database_deadline;
            let work = audit::origin::within(audit::origin::address(), work);
            // When the deadline ends the work, its outcome is open: the key stays claimed for a while.
            deadline::spawn(limit, async move { finish(&api, &claimed, keep, work.await).await })
                .await
                .map_err(Problem::internal)?
                .map_err(Problem::unavailable)?
        }
        Claim::Done { status, body: Some(body) } => {
            let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
            Ok(replayed(true, answer(status, &body)))
        }
        Claim::Done { body: None, .. } => {
            let message = "This request was done before. Its answer showed a secret, which is shown only once: \
                           make another one with another key, and withdraw the first if it was lost.";
            Err(Problem::conflict(ErrorCode::SecretAlreadyShown, message))
        }
        Claim::InProgress => Err(ProblemKind::IdempotencyKeyInUse.into()),
        Claim::OtherRequest => Err(ProblemKind::IdempotencyKeyReused.into()),
    }
}

async fn finish<Body: Serialize>(
    api: &SharedState,
    claimed: &Claimed,
    keep: Keep<Body>,
    outcome: Result<Answer<Body>, Problem>,
) -> Result<Response, Problem> {
    let recorded = match &outcome {
        Ok((_, body)) if matches!(keep, Keep::Ended(has_ended) if !has_ended(body)) => {
            operations::abandon(&api.pool, claimed).await.map_err(Into::into)
        }
        Ok((status, body)) => {
            let kept = (!matches!(keep, Keep::Nothing)).then_some(body);
            record(api, claimed, *status, kept).await
        }
        Err(_) => operations::abandon(&api.pool, claimed).await.map_err(Into::into),
    };
    crash::point(Step::Settled, "answer");
    if let Err(error) = recorded {
        // The work is done, so the caller gets the answer. Without its record a repetition within a minute is refused.
        tracing::warn!(%error, "the answer to an idempotent request was not recorded");
    }
    outcome.map(|(status, body)| answer(status, &body))
}

async fn record(
    api: &SharedState,
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
