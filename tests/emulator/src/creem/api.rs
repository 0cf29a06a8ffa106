//! The way of an API call: key, faults, execution, answer. Creem keeps no answers under idempotency keys.

use std::time::Duration;

use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::{Call, execute};
use crate::api::{NO_ANSWER_FOR, UNREADABLE};
use crate::faults::CallFault;
use crate::requests::route_of;
use crate::server::{Reply, Request};
use crate::world::{Emulator, World};

/// Answers an API call.
pub(crate) async fn answer(emulator: &Emulator, request: &Request) -> Reply {
    let route = route_of(&request.method, &request.path);
    let admitted = emulator.with(|world| {
        let key = authenticate(world.creem.api_key.as_deref(), request)?.to_owned();
        Ok((key, admit(world, request, &route)?, Duration::from_millis(world.faults.knobs.latency_ms)))
    });
    let (api_key, fault, latency) = match admitted {
        Ok(admitted) => admitted,
        Err(error) => return reply(Err(error)),
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    emulator.with(|world| {
        world.requests.of(&route).executed += 1;
        let answer = decode(request, &api_key).and_then(|call| execute(world, &call));
        if fault == CallFault::TimeoutAfterSuccess {
            return Reply::hang_up(
                world.faults.knobs.timeout_ms.map_or(NO_ANSWER_FOR, Duration::from_millis),
            );
        }
        if fault == CallFault::Unreadable {
            return Reply::json(200, UNREADABLE.to_owned());
        }
        reply(answer)
    })
}

fn authenticate<'a>(expected: Option<&str>, request: &'a Request) -> Answer<&'a str> {
    let key = request.header("x-api-key").unwrap_or_default();
    if key.is_empty() {
        return Err(ApiError::unauthorized());
    }
    let accepted = expected.map_or(key.starts_with("creem_"), |expected| key == expected);
    if accepted { Ok(key) } else { Err(ApiError::forbidden()) }
}

/// Counts a call, and refuses it if the faults say so.
fn admit(world: &mut World, request: &Request, route: &str) -> Answer<CallFault> {
    let fault = world.faults.for_call(&format!("{} {}", request.method, request.path));
    let usage = world.requests.of(route);
    usage.received += 1;
    if fault != CallFault::None {
        usage.faulted += 1;
    }
    match fault {
        CallFault::TooManyRequests => Err(ApiError::rate_limited()),
        CallFault::ServerError { .. } => Err(ApiError::server_error()),
        CallFault::None | CallFault::TimeoutAfterSuccess | CallFault::Unreadable => Ok(fault),
    }
}

fn decode<'a>(request: &'a Request, api_key: &'a str) -> Answer<Call<'a>> {
    Ok(Call {
        method: &request.method,
        segments: request.segments()[2..].to_vec(),
        query: Fields::of_query(&request.query),
        body: Fields::of_body(&request.body)?,
        api_key,
    })
}

fn reply(answer: Answer) -> Reply {
    match answer {
        Ok(body) => Reply::json(200, body.to_string()),
        Err(error) => Reply::json(error.status(), error.body().to_string()),
    }
}
