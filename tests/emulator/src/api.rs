//! The way of an API call: key, faults, idempotency, execution, answer.

use std::time::Duration;

use serde_json::Value;

use crate::faults::CallFault;
use crate::requests::route_of;
use crate::server::{Reply, Request};
use crate::stripe::errors::ApiError;
use crate::stripe::idempotency::Stored;
use crate::stripe::parameters::Params;
use crate::stripe::store::random_text;
use crate::stripe::{self, Call, Origin};
use crate::world::{Emulator, World};

/// Longer than clients wait for an answer.
pub(crate) const NO_ANSWER_FOR: Duration = Duration::from_secs(31);

/// What something between the provider and its client may answer.
pub(crate) const UNREADABLE: &str = "{\"maintenance\":true}";

/// What to do with a call before it is executed.
enum Admission {
    Execute { fault: CallFault, latency: Duration },
    Answer(Reply),
}

pub(crate) async fn answer(emulator: &Emulator, request: &Request) -> Reply {
    let request_id = format!("req_{}", random_text(14));
    if let Err(error) = authenticate(emulator.secret_key.as_deref(), request) {
        return failure(&error, &request_id);
    }
    let route = route_of(&request.method, &request.path);
    let admission = emulator.with(|world| {
        world.requests.of(&route).received += 1;
        admit(world, request, &request_id, &route)
    });
    let (fault, latency) = match admission {
        Admission::Answer(reply) => return reply,
        Admission::Execute { fault, latency } => (fault, latency),
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    emulator.with(|world| {
        let stored = if fault == (CallFault::ServerError { stored: true }) {
            as_stored(&Err(ApiError::server_error()), &request_id)
        } else {
            world.requests.of(&route).executed += 1;
            as_stored(&execute(world, request, &request_id), &request_id)
        };
        if let Some(key) = idempotency_key(request) {
            world.stripe.keys.finish(key, stored.clone());
        }
        if fault == CallFault::TimeoutAfterSuccess {
            let wait = world.faults.knobs.timeout_ms.map_or(NO_ANSWER_FOR, Duration::from_millis);
            return Reply::hang_up(wait);
        }
        if fault == CallFault::Unreadable {
            return Reply::json(200, UNREADABLE.to_owned());
        }
        reply(&stored, &request_id, request)
    })
}

fn authenticate(secret_key: Option<&str>, request: &Request) -> Result<(), ApiError> {
    let header = request.header("authorization").unwrap_or_default();
    let key = match header.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => user_of(encoded.trim()),
        _ => String::new(),
    };
    if key.is_empty() {
        return Err(ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        ));
    }
    let accepted = match secret_key {
        Some(expected) => key == *expected,
        None => key.starts_with("sk_test_") || key.starts_with("rk_test_"),
    };
    if accepted {
        return Ok(());
    }
    let shown: String = key.chars().take(8).collect();
    Err(ApiError::unauthorized(format!("Invalid API Key provided: {shown}****")))
}

/// The user name of HTTP basic authentication, which is where `curl -u sk_test_…:` puts the key.
fn user_of(encoded: &str) -> String {
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    decoded.split_once(':').map(|(user, _)| user.to_owned()).unwrap_or(decoded)
}

fn idempotency_key(request: &Request) -> Option<&str> {
    request.header("idempotency-key").filter(|_| request.method == "POST")
}

fn admit(world: &mut World, request: &Request, request_id: &str, route: &str) -> Admission {
    // Faults come first: a call that is refused or lost on its way never reaches the stored answers.
    let fault = world.faults.for_call(&format!("{} {}", request.method, request.path));
    if fault != CallFault::None {
        world.requests.of(route).faulted += 1;
    }
    match fault {
        CallFault::TooManyRequests => {
            return Admission::Answer(failure(&ApiError::rate_limited(), request_id));
        }
        CallFault::ServerError { stored: false } => {
            return Admission::Answer(failure(&ApiError::server_error(), request_id));
        }
        CallFault::None
        | CallFault::ServerError { stored: true }
        | CallFault::TimeoutAfterSuccess
        | CallFault::Unreadable => {}
    }
    if let Some(key) = idempotency_key(request) {
        // What counts are the parameters, not the order in which a client happened to write them.
        let mut parameters: Vec<&str> = request.body.split('&').collect();
        parameters.sort_unstable();
        let (path, query) = (&request.path, &request.query);
        let fingerprint = format!("{} {path}?{query}\n{}", request.method, parameters.join("&"));
        let now = world.clock.now();
        match world.stripe.keys.start(key, &fingerprint, now) {
            Err(error) => return Admission::Answer(failure(&error, request_id)),
            Ok(Some(stored)) => {
                world.requests.of(route).replayed += 1;
                let replayed = reply(&stored, request_id, request)
                    .header("idempotent-replayed", "true".to_owned())
                    .header("original-request", stored.request_id.clone());
                return Admission::Answer(replayed);
            }
            Ok(None) => {}
        }
    }
    Admission::Execute { fault, latency: Duration::from_millis(world.faults.knobs.latency_ms) }
}

fn execute(world: &mut World, request: &Request, request_id: &str) -> Result<Value, ApiError> {
    let encoded = if request.query.is_empty() || request.body.is_empty() {
        format!("{}{}", request.query, request.body)
    } else {
        format!("{}&{}", request.query, request.body)
    };
    let params = Params::decode(&encoded)?;
    let segments = request.segments();
    let call = Call { method: &request.method, segments: segments[1..].to_vec(), params };
    world.stripe.origin = Origin {
        request_id: Some(request_id.to_owned()),
        idempotency_key: request.header("idempotency-key").map(str::to_owned),
        api_version: request.header("stripe-version").map(str::to_owned),
    };
    let account = request.header("stripe-account").map(str::to_owned);
    if account.as_ref().is_some_and(|account| !account.starts_with("acct_")) {
        let message = "The provided key does not have access to this account, or it does not exist.";
        return Err(ApiError::invalid(message).code("account_invalid"));
    }
    world.stripe.store.account = account;
    let answer = stripe::execute(world, &call);
    world.stripe.store.account = None;
    world.stripe.origin = Origin::default();
    answer
}

fn as_stored(answer: &Result<Value, ApiError>, request_id: &str) -> Stored {
    let (status, mut body) = match answer {
        Ok(object) => (200, object.clone()),
        Err(error) => (error.status(), error.body()),
    };
    if status != 200 {
        body["error"]["request_log_url"] = log_url(request_id);
    }
    Stored { status, body: body.to_string(), request_id: request_id.to_owned() }
}

fn log_url(request_id: &str) -> Value {
    format!("https://dashboard.stripe.com/test/logs/{request_id}").into()
}

fn failure(error: &ApiError, request_id: &str) -> Reply {
    let mut body = error.body();
    body["error"]["request_log_url"] = log_url(request_id);
    let reply = Reply::json(error.status(), body.to_string()).header("request-id", request_id.to_owned());
    match error.status() {
        429 => reply.header("stripe-should-retry", "true".to_owned()),
        _ => reply,
    }
}

fn reply(stored: &Stored, request_id: &str, request: &Request) -> Reply {
    let version = request.header("stripe-version").unwrap_or(crate::DEFAULT_API_VERSION);
    let reply = Reply::json(stored.status, stored.body.clone())
        .header("request-id", request_id.to_owned())
        .header("stripe-version", version.to_owned());
    match idempotency_key(request) {
        Some(key) => reply.header("idempotency-key", key.to_owned()),
        None => reply,
    }
}
