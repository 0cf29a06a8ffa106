//! The reference of all operations: Swagger UI, which is built into this program. It needs nothing from other sites and
//! may fetch nothing from them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use utoipa_swagger_ui::Config;
use warp::http::HeaderValue;

use super::served;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::pages::endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

/// Swagger UI sets styles on its elements and has its icons in its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn endpoints() -> [Endpoint; 2] {
    [endpoint::get("/docs/reference", page), endpoint::get("/docs/reference/{file}", part)]
}

async fn page(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let file = file("index.html")?;
    // Relative to its folder, its parts are found whatever prefix a proxy adds to the path.
    let page = String::from_utf8_lossy(&file.bytes)
        .replace("<head>", "<head>\n    <base href=\"reference/\">")
        .replace("<title>Swagger UI</title>", "<title>Reference · Purser</title>");
    Ok(served(&call, page.into(), &file.content_type, POLICY))
}

async fn part(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let file = file(call.path_parameter("file"))?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(served(&call, bytes, &file.content_type, POLICY))
}

/// A file of Swagger UI; its settings are made from the configuration.
fn file(name: &str) -> Result<utoipa_swagger_ui::SwaggerFile<'static>, Problem> {
    let config = Config::from("../../openapi.json")
        // Otherwise it sends the description to another site for validation.
        .validator_url("none")
        // The search leads to single operations.
        .deep_linking(true)
        .doc_expansion("none")
        .default_models_expand_depth(-1)
        .filter(true)
        .use_base_layout();
    let found = utoipa_swagger_ui::serve(name, Arc::new(config)).map_err(Problem::internal)?;
    found.ok_or_else(|| Problem::not_found("The reference has no such file."))
}
