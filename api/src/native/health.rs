//! Whether the process is alive, and whether it can serve.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// The limit of each check.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/healthz",
            alive,
            Description::new(Access::Public, "Whether the process is alive")
                .answers::<Alive>(StatusCode::OK, "It is."),
        ),
        Endpoint::get(
            "/readyz",
            ready,
            Description::new(Access::Public, "Whether the process can serve")
                .says(
                    "Asks the database, which must have the schema of this version, and the broker. Webhooks need the \
                     broker only.",
                )
                .answers::<Ready>(StatusCode::OK, "It can.")
                .answers::<Ready>(StatusCode::SERVICE_UNAVAILABLE, "One of them does not answer."),
        ),
    ]
}

/// How something is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = native::Health)]
enum Health {
    Ok,
    Unavailable,
}

impl Health {
    fn of(fine: bool) -> Self {
        if fine { Self::Ok } else { Self::Unavailable }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Alive)]
struct Alive {
    status: Health,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Ready)]
struct Ready {
    status: Health,
    checks: Checks,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Checks)]
struct Checks {
    database: Health,
    broker: Health,
}

async fn alive(_api: SharedState, _call: Call) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &Alive { status: Health::Ok }))
}

async fn ready(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let (database, broker) = futures::join!(
        tokio::time::timeout(PATIENCE, kernel::database::is_migrated(&api.pool)),
        tokio::time::timeout(PATIENCE, api.publisher.probe()),
    );
    let (database, broker) = (matches!(database, Ok(Ok(true))), matches!(broker, Ok(Ok(()))));
    let ready = database && broker;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = Checks { database: Health::of(database), broker: Health::of(broker) };
    Ok(answer(status, &Ready { status: Health::of(ready), checks }))
}
