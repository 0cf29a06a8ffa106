//! The description of the API for programs, without dialects that are switched off.

use warp::http::{HeaderValue, StatusCode, header};

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, json_text};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/openapi.json",
        description,
        Description::new(Access::Public, "The description of this API, as OpenAPI 3.1")
            .says("Without the dialects that are switched off.")
            .query::<String>("dialect", "Only one of them: `native` for this system's own API.")
            .answers_plainly(StatusCode::OK, "The description."),
    )]
}

async fn description(api: SharedState, call: Call) -> Result<Response, Problem> {
    let text = api.openapi.of(call.parameter("dialect"));
    let text = text.ok_or_else(|| Problem::not_found("There is no such API.").about("dialect"))?;
    let mut response = json_text(StatusCode::OK, text.to_owned());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    Ok(response)
}
