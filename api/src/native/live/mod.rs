//! Live events of the caller's wallets, as a WebSocket and as server-sent events: the streams that the dialects'
//! clients know are here, this system's own, which tell more, in [`tickets`].

mod tickets;

use std::convert::Infallible;
use std::time::Duration;

use futures::stream::Stream;
use futures::{SinkExt, StreamExt};
use identity::operations;
use kernel::clock::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::ws::{Message, WebSocket, Ws};

use crate::auth::Principal;
use crate::http::call::{Call, call};
use crate::http::description::{Access, Description};
use crate::http::endpoint::{Endpoint, in_time};
use crate::http::{Response, Route};
use crate::problem::{ErrorCode, Failure, Problem, ProblemKind};
use crate::realtime::{Audience, End, Full, Style, Subscription};
use crate::state::SharedState;

/// Between signs of life; below the minute after which proxies give up.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// A client that does not take a message for this long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients send nothing but pings and the end of the connection.
const INCOMING_BYTES: usize = 4 * 1024;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let socket = || {
        Description::new(Access::User, "Live messages over a WebSocket")
            .says(
                "Each message is a JSON object with a `type`, such as `credits.added`, about a wallet that the caller \
                 may see. The server pings; a client that does not answer is disconnected. Nothing that the client \
                 sends is read.",
            )
            .answers_plainly(StatusCode::SWITCHING_PROTOCOLS, "The WebSocket is open.")
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN])
    };
    let mut endpoints = tickets::endpoints();
    endpoints.extend([
        Endpoint::special(Method::GET, "/ws", socket_route, socket()),
        Endpoint::special(Method::GET, "/api/ws", socket_route, socket()),
        Endpoint::get(
            "/events",
            events,
            Description::new(Access::User, "Live messages as server-sent events")
                .says(
                    "The event's name is the message's `type`, its data the JSON object that `/ws` sends. Before it \
                     ends the stream says why, in `stream.closed`.",
                )
                .answers_with(StatusCode::OK, "text/event-stream", "Events, as long as the client listens."),
        ),
    ]);
    endpoints
}

/// GET /ws, GET /api/ws
fn socket_route(api: &SharedState, here: BoxedFilter<()>) -> Route {
    let limit = api.config.connections.database_deadline;
    let open = move |ws, api, call| in_time(limit, socket(ws, api, call));
    here.and(warp::ws()).and(call(api)).then(open).boxed()
}

async fn socket(ws: Ws, api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = api.auth.listener(&call.headers, &api.origins).await?;
    let subscription = subscribe_user(&api, &principal).await?;
    Ok(upgraded(ws, None, subscription))
}

fn upgraded(ws: Ws, first: Option<String>, subscription: Subscription) -> Response {
    let ws = ws.max_message_size(INCOMING_BYTES).max_frame_size(INCOMING_BYTES);
    let upgrade = ws.on_upgrade(move |socket| push(socket, first, subscription));
    warp::reply::Reply::into_response(upgrade)
}

async fn events(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let subscription = subscribe_user(&api, &principal).await?;
    Ok(warp::reply::Reply::into_response(warp::sse::reply(as_events(None, subscription))))
}

async fn subscribe_user(api: &SharedState, principal: &Principal) -> Result<Subscription, Problem> {
    let wallets = operations::wallets_visible(&api.pool, &principal.user_id).await?;
    let audience = Audience {
        user: Some(principal.user_id.clone()),
        wallets,
        is_all: true,
        style: Style::Former,
        credential: principal.credential,
        is_recorded: principal.is_recorded,
        left: left(api, principal.expires_at),
    };
    subscribe(api, audience)
}

/// How long a credential lasts. None if it has no end.
fn left(api: &SharedState, expires_at: Option<Timestamp>) -> Option<Duration> {
    let left = expires_at.map(|at| at - api.clock.now());
    // A negative duration means that the credential has just expired.
    left.map(|left| Duration::try_from(left).unwrap_or(Duration::ZERO))
}

fn subscribe(api: &SharedState, audience: Audience) -> Result<Subscription, Problem> {
    api.hub.subscribe(audience).map_err(|full| match full {
        Full::User => {
            let message = "You have too many live connections: close one of them first.";
            Problem::new(ProblemKind::Server(Failure::TooManyRequests), message)
                .coded(ErrorCode::TooManyLiveConnections)
                .retry_soon()
        }
        Full::Process => Problem::unavailable("there are as many live connections as the process takes"),
    })
}

/// `state` is what is told first, in an event of its own.
fn as_events(
    state: Option<String>,
    subscription: Subscription,
) -> impl Stream<Item = Result<warp::sse::Event, Infallible>> + Send + Sync + 'static {
    let state = state.map(|text| Ok(warp::sse::Event::default().event(tickets::STATE).data(text)));
    let first = [Ok(warp::sse::Event::default().comment("connected"))].into_iter().chain(state);
    let first = futures::stream::iter(first.collect::<Vec<_>>());
    let notices = futures::stream::unfold(Some(subscription), async |subscription| {
        let mut subscription = subscription?;
        let event = warp::sse::Event::default();
        let event = match timeout(HEARTBEAT, subscription.next()).await {
            Ok(Ok(told)) => event.event(told.kind().to_owned()).data(told.text().to_owned()),
            Ok(Err(end)) => return Some((Ok(event.event("stream.closed").data(end.as_json())), None)),
            Err(_) => event.comment("alive"),
        };
        Some((Ok(event), Some(subscription)))
    });
    first.chain(notices)
}

/// Sends what is to come first, then the notices of the wallets until the client leaves or the subscription ends.
async fn push(socket: WebSocket, first: Option<String>, mut subscription: Subscription) {
    let (mut outgoing, mut incoming) = socket.split();
    if let Some(text) = first
        && !matches!(timeout(SEND_TIMEOUT, outgoing.send(Message::text(text))).await, Ok(Ok(())))
    {
        return;
    }
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    loop {
        let message = tokio::select! {
            notice = subscription.next() => match notice {
                Ok(told) => Message::text(told.text()),
                Err(end) => {
                    let close = Message::close_with(close_code(end), end.as_str());
                    let _closing = timeout(SEND_TIMEOUT, outgoing.send(close)).await;
                    return;
                }
            },
            message = incoming.next() => match message {
                Some(Ok(message)) if !message.is_close() => { heard = true; continue }
                _ => return,
            },
            _ = heartbeat.tick() => {
                // The last ping was not answered.
                if !heard { return }
                heard = false;
                Message::ping(Vec::new())
            }
        };
        match timeout(SEND_TIMEOUT, outgoing.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

fn close_code(end: End) -> u16 {
    match end {
        // Policy violation: the credential no longer counts.
        End::Expired | End::Revoked => 1008,
        // Try again later.
        End::TooSlow | End::WalletsChanged => 1013,
        // Going away.
        End::Stopping => 1001,
    }
}
