//! The description of the API, without dialects that are switched off, for programs and for people. The page for people
//! is Swagger UI, which is built into this program: it needs nothing from other sites and may fetch nothing from them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use utoipa_swagger_ui::Config;
use warp::http::{HeaderValue, StatusCode, header};

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, empty, json_text};
use crate::problem::Problem;
use crate::state::SharedState;

const REMEMBERED: HeaderValue = HeaderValue::from_static("max-age=300");

/// Swagger UI sets styles on its elements and has its icons in its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/openapi.json",
            description,
            Description::new(Access::Public, "The description of this API, as OpenAPI 3.1")
                .says("Without the dialects that are switched off.")
                .query::<String>("dialect", "Only one of them: `native` for this system's own API.")
                .answers_plainly(StatusCode::OK, "The description."),
        ),
        Endpoint::get(
            "/docs",
            page,
            Description::new(Access::Public, "The description of this API, for people")
                .says("Requests can be tried on it. It fetches nothing from other sites.")
                .answers_with(StatusCode::OK, "text/html", "The page."),
        ),
        Endpoint::get(
            "/docs/{file}",
            part,
            Description::new(Access::Public, "A script, a style sheet or a picture of the page")
                .path_parameter::<String>("file", "Its name.")
                .answers_plainly(StatusCode::OK, "The file.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

async fn description(api: SharedState, call: Call) -> Result<Response, Problem> {
    let text = api.openapi.of(call.parameter("dialect"));
    let text = text.ok_or_else(|| Problem::not_found("There is no such API.").about("dialect"))?;
    let mut response = json_text(StatusCode::OK, text.to_owned());
    response.headers_mut().insert(header::CACHE_CONTROL, REMEMBERED);
    Ok(response)
}

async fn page(_api: SharedState, _call: Call) -> Result<Response, Problem> {
    let file = file("index.html")?;
    // Relative to its folder, its parts are found whatever prefix a proxy adds to the path.
    let page = String::from_utf8_lossy(&file.bytes)
        .replace("<head>", "<head>\n    <base href=\"docs/\">")
        .replace("<title>Swagger UI</title>", "<title>Purser's API</title>");
    Ok(shown(page.into(), &file.content_type))
}

async fn part(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let file = file(call.path_parameter("file"))?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(shown(bytes, &file.content_type))
}

/// A file of Swagger UI; its settings are made from the configuration.
fn file(name: &str) -> Result<utoipa_swagger_ui::SwaggerFile<'static>, Problem> {
    let config = Config::from("../openapi.json")
        // Otherwise it sends the description to another site for validation.
        .validator_url("none")
        .doc_expansion("none")
        .default_models_expand_depth(-1)
        .filter(true)
        .use_base_layout();
    let found = utoipa_swagger_ui::serve(name, Arc::new(config)).map_err(Problem::internal)?;
    found.ok_or_else(|| Problem::not_found("The page has no such file."))
}

fn shown(bytes: Bytes, content_type: &str) -> Response {
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = bytes.into();
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(header::CACHE_CONTROL, REMEMBERED);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
