//! Whether the process is alive, and whether it can serve.

use std::time::Duration;

use serde_json::json;
use warp::Filter;
use warp::http::StatusCode;

use crate::Shared;
use crate::http::{Call, Response, Route, answer, call, first_of, named};

/// For each check.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn routes(api: &Shared) -> Route {
    first_of([alive_route(), ready_route(api)])
}

/// GET /healthz
fn alive_route() -> Route {
    let path = warp::path!("healthz").and(warp::get());
    path.map(|| answer(StatusCode::OK, &json!({ "status": "ok" }))).map(named("/healthz")).boxed()
}

/// GET /readyz
fn ready_route(api: &Shared) -> Route {
    let path = warp::path!("readyz").and(warp::get()).and(call(api));
    path.then(ready).map(named("/readyz")).boxed()
}

async fn ready(api: Shared, _call: Call) -> Response {
    let (database, broker) = futures::join!(
        tokio::time::timeout(PATIENCE, common::database::ping(&api.pool)),
        tokio::time::timeout(PATIENCE, api.publisher.probe()),
    );
    let (database, broker) = (matches!(database, Ok(Ok(()))), matches!(broker, Ok(Ok(()))));
    let say = |fine: bool| if fine { "ok" } else { "unavailable" };
    let ready = database && broker;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": say(ready),
        "checks": { "database": say(database), "broker": say(broker) },
    });
    answer(status, &body)
}
