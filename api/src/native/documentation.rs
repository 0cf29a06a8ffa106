//! The description of the API, as far as it is switched on.

use warp::http::{HeaderValue, StatusCode, header};

use super::ApiError;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Call, Response, answer};
use crate::{Shared, openapi};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/openapi.json",
        description,
        Description::new(Access::Public, "The description of this API, as OpenAPI 3.1")
            .says("Without the dialects that are switched off.")
            .answers_plainly(StatusCode::OK, "The description."),
    )]
}

async fn description(api: Shared, _call: Call) -> Result<Response, ApiError> {
    let mut response = answer(StatusCode::OK, &openapi::document(&api.config.dialects));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    Ok(response)
}
