//! Whether the process is alive, and whether it can serve.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

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
                    "`database`: a write can be committed. `schema`: it has all that this version needs. `broker`: a \
                     message was confirmed. Webhooks need the broker only. Answers within seconds.",
                )
                .answers::<Ready>(StatusCode::OK, "It can.")
                .answers::<Ready>(StatusCode::SERVICE_UNAVAILABLE, "What is `unavailable` is named."),
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
    schema: Health,
    broker: Health,
}

async fn alive(_api: SharedState, _call: Call) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &Alive { status: Health::Ok }))
}

async fn ready(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let found = api.readiness.look().await;
    let ready = found.database && found.schema && found.broker;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = Checks {
        database: Health::of(found.database),
        schema: Health::of(found.schema),
        broker: Health::of(found.broker),
    };
    Ok(answer(status, &Ready { status: Health::of(ready), checks }))
}
