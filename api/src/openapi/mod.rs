//! The description of the whole API, as OpenAPI 3.1: assembled from the endpoints of all groups, with the errors that
//! the server can answer at each.

mod webhooks;

use std::collections::BTreeSet;

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Paths};
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, ResponseBuilder,
    ServerBuilder,
};
use warp::http::{Method, StatusCode};

use crate::descriptions::Descriptions;
use crate::enabled_dialects::Dialects;
use crate::groups::{self, groups};
use crate::http::description::{Access, Description, Schemas};
use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, ErrorSchema};

const ABOUT: &str = "Prepaid credits: paid once, credited once. Purser's own API is `native`; the others speak the \
                     APIs of existing credit systems over the same ledger.";

/// Errors that any endpoint can answer.
const ALWAYS: [StatusCode; 6] = [
    // A path or query that cannot be read.
    StatusCode::BAD_REQUEST,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The descriptions that are served with these dialects.
///
/// # Errors
/// When a description is no JSON, which would be a fault of this program.
pub(crate) fn descriptions(dialects: &Dialects) -> serde_json::Result<Descriptions> {
    let text = |only| serde_json::to_string(&document(dialects, only));
    let names = documented().map(|(group, _)| group.name).collect::<BTreeSet<_>>();
    let alone = names.into_iter().map(|name| text(Some(name)).map(|text| (name, text)));
    Ok(Descriptions { all: text(None)?, alone: alone.collect::<Result<_, _>>()? })
}

/// The groups for programs, each with the schema of its errors.
fn documented() -> impl Iterator<Item = (&'static ApiGroup, ErrorSchema)> {
    groups().filter_map(|group| group.error.map(|error| (group, error)))
}

/// The description of the API with these dialects, or of one of its APIs alone.
pub fn document(dialects: &Dialects, only: Option<&str>) -> OpenApi {
    let mut paths = Paths::new();
    let mut schemas = Schemas::new();
    let mut tags: Vec<Tag> = Vec::new();
    for (group, error) in documented().filter(|(group, _)| only.is_none_or(|only| group.name == only)) {
        let endpoints = groups::endpoints(group, dialects);
        if endpoints.is_empty() {
            continue;
        }
        if tags.iter().all(|tag| tag.name != group.name) {
            tags.push(TagBuilder::new().name(group.name).description(Some(group.about)).build());
        }
        let error = error(&mut schemas);
        for endpoint in endpoints {
            if let Some(method) = method_of(&endpoint) {
                let operation = operation(group, &endpoint, &error);
                paths.add_path_operation(endpoint.path, vec![method], operation);
            }
            schemas.extend(endpoint.description.schemas);
        }
    }
    let told = webhooks::webhooks(&mut schemas);
    // Purser's own API comes first.
    tags.sort_by_key(|tag| tag.name != "native");
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(
        "An API key, a session token, or a JWT of your own. The admin API takes the configured key, or the \
         credential of a user with the admin role.",
    ));
    let token = ApiKeyValue::with_description("x-session-token", "A session token.");
    let cookie = ApiKeyValue::with_description(
        "purser_session",
        "A session token. Requests that change something must come from a page of an allowed site.",
    );
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(bearer.build()))
        .security_scheme("sessionToken", SecurityScheme::ApiKey(ApiKey::Header(token)))
        .security_scheme("sessionCookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let licence = LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build();
    let info = InfoBuilder::new()
        .title("Purser")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(licence));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server")).build()]))
        .paths(paths)
        .webhooks(Some(told))
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

/// The description of everything, switched on or not, as it is committed: indented JSON.
pub fn text() -> String {
    let mut text = document(&Dialects::all(), None).to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn operation(group: &ApiGroup, endpoint: &Endpoint, error: &RefOr<Schema>) -> Operation {
    let mut operation = endpoint.description.operation.clone();
    operation.tags = Some(vec![group.name.to_owned()]);
    operation.operation_id = Some(operation_id(endpoint));
    if let Some(role) = endpoint.description.role {
        operation.extensions = Some(ExtensionsBuilder::new().add("x-operator-role", role.as_str()).build());
    }
    for status in refusals(&endpoint.method, &endpoint.description) {
        let content = ContentBuilder::new().schema(Some(error.clone())).build();
        let says = status.canonical_reason().unwrap_or("Refused");
        let response = ResponseBuilder::new().description(says).content("application/json", content).build();
        // An endpoint may describe such an answer itself.
        operation.responses.responses.entry(status.as_str().to_owned()).or_insert(RefOr::T(response));
    }
    operation
}

/// All errors that an endpoint can answer: its own, and those that follow from how it is called.
fn refusals(method: &Method, description: &Description) -> Vec<StatusCode> {
    let mut refusals = description.refusals.clone();
    refusals.extend(ALWAYS);
    // Provider events are read as JSON, whatever their content type.
    if description.operation.request_body.is_some() && description.access != Access::Provider {
        refusals.push(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    // The cookie may come from a foreign page.
    if description.access.is_protected() && !method.is_safe() {
        refusals.push(StatusCode::FORBIDDEN);
    }
    refusals
}

/// What a client would call a method for it: `captureHold`, `listEntries`. Of dialects, method and path in one word.
pub(crate) fn operation_id(endpoint: &Endpoint) -> String {
    let method = endpoint.method.as_str().to_ascii_lowercase();
    match endpoint.path.strip_prefix(OWN) {
        Some(path) => method_name(&method, path),
        None => {
            let words = endpoint.path.split('/').filter(|segment| !segment.is_empty());
            let by = |segment: &str| if segment.starts_with('{') { "By" } else { "" };
            words.fold(method, |id, segment| id + by(segment) + &camel(segment))
        }
    }
}

/// Where this system's own API is.
const OWN: &str = "/purser/v1/";

fn method_name(method: &str, path: &str) -> String {
    // That of a wallet has the name otherwise.
    if path == "auto-recharge" {
        return "listAutoRecharges".to_owned();
    }
    let segments: Vec<&str> = path.split('/').collect();
    let is_noun = |segment: &&&str| !segment.starts_with('{');
    let mut nouns = segments.iter().filter(is_noun).rev();
    let (last, parent) =
        (nouns.next().copied().unwrap_or_default(), nouns.next().copied().unwrap_or_default());
    let is_one = segments.last().is_some_and(|segment| segment.starts_with('{'));
    let is_many = !is_one && singular(last) != last;
    // A wallet is where almost everything is: it goes without saying. So does the catalog.
    let owner = match parent {
        "wallets" | "catalog" | "test" | "" => String::new(),
        parent => camel(&singular(parent)),
    };
    let one = camel(&singular(last));
    match (method, is_one, is_many) {
        ("get", true, _) => format!("get{owner}{one}"),
        ("get", false, true) => format!("list{owner}{}", camel(last)),
        ("get", false, false) => format!("get{owner}{}", camel(last)),
        ("put", ..) => format!("put{owner}{}", if is_many { camel(last) } else { one }),
        ("delete", true, _) => format!("delete{owner}{one}"),
        ("delete", ..) => format!("delete{owner}{}", camel(last)),
        (_, _, true) => format!("create{owner}{one}"),
        // A verb: what is done to the thing that the path names.
        _ => {
            let verb = camel(last);
            let mut letters = verb.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            first.into_iter().chain(letters).collect::<String>() + &owner
        }
    }
}

/// A segment of a path as a word with a capital: `api-keys` is `ApiKeys`.
fn camel(segment: &str) -> String {
    let mut word = String::new();
    for part in segment.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let mut letters = part.chars();
        word.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        word.extend(letters);
    }
    word
}

/// One of what a plural names; other words are as they were.
fn singular(word: &str) -> String {
    if word == "statistics" {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    word.strip_suffix('s').filter(|one| !one.ends_with('s')).unwrap_or(word).to_owned()
}

/// None for a method without a place in OpenAPI.
fn method_of(endpoint: &Endpoint) -> Option<HttpMethod> {
    match endpoint.method {
        Method::GET => Some(HttpMethod::Get),
        Method::POST => Some(HttpMethod::Post),
        Method::PUT => Some(HttpMethod::Put),
        Method::PATCH => Some(HttpMethod::Patch),
        Method::DELETE => Some(HttpMethod::Delete),
        Method::HEAD => Some(HttpMethod::Head),
        Method::OPTIONS => Some(HttpMethod::Options),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use utoipa::openapi::path::ParameterIn;

    use super::*;

    fn endpoints() -> Vec<Endpoint> {
        documented().flat_map(|(group, _)| (group.endpoints)()).collect()
    }

    #[test]
    fn every_endpoint_says_what_it_is_for_and_what_it_answers() {
        let mut ids = BTreeSet::new();
        for endpoint in endpoints() {
            let name = format!("{} {}", endpoint.method, endpoint.path);
            let operation = &endpoint.description.operation;
            assert!(operation.summary.as_ref().is_some_and(|text| text.len() > 8), "{name}: no summary");
            // WASDI documents what a confirmation without a session answers: an error, and nothing else.
            let good = endpoint.path.ends_with("/confirmation/")
                || operation.responses.responses.keys().any(|status| !status.starts_with(['4', '5']));
            assert!(good, "{name}: no answer but errors");
            assert!(ids.insert(operation_id(&endpoint)), "{name}: its operationId is taken");
            assert!(method_of(&endpoint).is_some(), "{name}: a method without a place in OpenAPI");
        }
        for id in
            ["captureHold", "createDebit", "listEntries", "getWallet", "putOrganizationMember", "blockUser"]
        {
            assert!(ids.contains(id), "{id}: {ids:?}");
        }
    }

    #[test]
    fn parameters_of_paths_are_described_as_they_are_named() {
        for endpoint in endpoints() {
            let in_path: Vec<&str> = endpoint
                .path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            let parameters = endpoint.description.operation.parameters.iter().flatten();
            let described: Vec<&str> = parameters
                .filter_map(|parameter| match parameter {
                    RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => {
                        Some(parameter.name.as_str())
                    }
                    RefOr::T(_) | RefOr::Ref(_) => None,
                })
                .collect();
            assert_eq!(in_path, described, "{}", endpoint.path);
        }
    }

    #[test]
    fn no_two_schemas_share_a_name_and_none_is_missing() {
        let mut by_name = BTreeMap::new();
        let mut all = Schemas::new();
        for (group, error) in documented() {
            let _reference = error(&mut all);
            all.extend((group.endpoints)().into_iter().flat_map(|endpoint| endpoint.description.schemas));
        }
        let _told = webhooks::webhooks(&mut all);
        for (name, schema) in all {
            let text = serde_json::to_string(&schema).unwrap();
            let before = by_name.entry(name.clone()).or_insert_with(|| text.clone());
            assert_eq!(*before, text, "two schemas are called {name}");
        }
        let text = text();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(by_name.contains_key(name), "{name} is referred to, but not there");
        }
    }
}
