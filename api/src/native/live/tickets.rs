//! Tickets for live connections, and the streams that they open: the state of the wallets first, then every change.

use std::collections::HashMap;

use identity::credentials::CredentialHash;
use identity::live_tickets::{self, Listener};
use identity::operations;
use identity::rights::{Reach, Scope};
use kernel::ids::{UserId, WalletId};
use ledger::states::{State, states};
use notices::Amount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::ws::Ws;

use super::super::idempotent::{Keep, once};
use super::super::wallets::addressed;
use super::{as_events, left, subscribe, upgraded};
use crate::auth::Caller;
use crate::http::call::{Call, call};
use crate::http::description::{Access, Description};
use crate::http::endpoint::{Endpoint, in_time};
use crate::http::json::read_object_or_default;
use crate::http::values::Moment;
use crate::http::{Response, Route};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::realtime::{Audience, Style, Subscription};
use crate::state::SharedState;

/// The type of the message that comes first.
pub(super) const STATE: &str = "wallet.state";

const SAYS: &str = "The first message is `wallet.state`: each wallet with `balance`, `available`, `held`, `debt` and \
                    `sequence`, the number of its last event. Then comes every event about them, as webhooks send \
                    them (see `webhooks`), with `type`, `walletId`, `timestamp` and the event's fields in one object. \
                    An event's `sequence` is one more than that of the event before it of the same wallet. Events may \
                    come twice or out of order: one that is not above what you know is old. If a number is missing, \
                    events were lost, as they are while the message broker is away: connect again, and the state is \
                    told anew. Ignore types and fields that you do not know.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/purser/v1/live-tickets",
            issue,
            Description::new(Access::Allowed(Scope::Read), "Get a ticket for one live connection")
                .says(
                    "Good for one connection within a minute, for addresses, in which no credential may stand. \
                     The connection ends with the credential that the ticket was made with. Without `wallet` it tells \
                     of all wallets that the caller may see; a server that acts for everyone names one.",
                )
                .idempotency_key()
                .may_take::<TicketInput>()
                .answers::<TicketView>(StatusCode::CREATED, "The ticket. It is shown in this answer only.")
                .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::special(
            Method::GET,
            "/purser/v1/live",
            socket_route,
            ticketed("Events of wallets over a WebSocket")
                .says(SAYS)
                .answers_plainly(StatusCode::SWITCHING_PROTOCOLS, "The WebSocket is open."),
        ),
        Endpoint::get(
            "/purser/v1/events",
            events,
            ticketed("Events of wallets as server-sent events")
                .says(&format!("{SAYS} The name of a server-sent event is the message's `type`."))
                .answers_with(StatusCode::OK, "text/event-stream", "Events, as long as the client listens."),
        ),
    ]
}

fn ticketed(summary: &str) -> Description {
    Description::new(Access::Public, summary)
        .required_query::<String>("ticket", "A ticket of `POST /purser/v1/live-tickets`.")
        .refuses(&[StatusCode::UNAUTHORIZED])
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewLiveTicket, example = json!({"wallet": "user:alice"}))]
struct TicketInput {
    /// The wallet to listen to: `me`, `user:ID`, `org:ID` or its id.
    wallet: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::LiveTicket)]
struct TicketView {
    ticket: String,
    expires_at: Moment,
}

async fn issue(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let input: TicketInput = read_object_or_default(&call)?;
    let listener = listener(&api, &caller, input.wallet.as_deref()).await?;
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let (ticket, expires_at) =
                live_tickets::issue(&api.pool, api.clock.now(), &listener).await.map_err(Problem::from)?;
            Ok((StatusCode::CREATED, TicketView { ticket: ticket.text, expires_at: Moment(expires_at) }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn listener(api: &SharedState, caller: &Caller, wallet: Option<&str>) -> Result<Listener, Problem> {
    let of = |user: Option<&UserId>, wallet: Option<WalletId>| Listener {
        user: user.cloned(),
        wallet,
        credential: caller.credential,
        is_recorded: caller.is_recorded,
        credential_expires_at: caller.expires_at,
    };
    if let Some(name) = wallet {
        let wallet = addressed(api, caller, name, Scope::Read).await?;
        return Ok(of(caller.user().or(wallet.user_id.as_ref()), Some(wallet.id)));
    }
    match &caller.reach {
        Reach::User { id, .. } => Ok(of(Some(id), caller.only_wallet())),
        Reach::Organization { wallet_id, .. } => Ok(of(None, Some(*wallet_id))),
        Reach::Everyone => {
            let message =
                "This credential is good for everyone's wallets: say in `wallet` which one to listen to.";
            Err(Problem::invalid(message))
        }
    }
}

/// GET /purser/v1/live
fn socket_route(api: &SharedState, here: BoxedFilter<()>) -> Route {
    let limit = api.config.connections.database_deadline;
    let open = move |ws, api, call| in_time(limit, socket(ws, api, call));
    here.and(warp::ws()).and(call(api)).then(open).boxed()
}

async fn socket(ws: Ws, api: SharedState, call: Call) -> Result<Response, Problem> {
    let (state, subscription) = begin(&api, &call).await?;
    Ok(upgraded(ws, Some(state), subscription))
}

async fn events(api: SharedState, call: Call) -> Result<Response, Problem> {
    let (state, subscription) = begin(&api, &call).await?;
    Ok(warp::reply::Reply::into_response(warp::sse::reply(as_events(Some(state), subscription))))
}

/// Takes the call's ticket; returns the state of the wallets, and what comes after it.
async fn begin(api: &SharedState, call: &Call) -> Result<(String, Subscription), Problem> {
    let ticket = call.parameter("ticket").ok_or(ProblemKind::CredentialMissing)?;
    let now = api.clock.now();
    let listener = live_tickets::redeem(&api.pool, now, CredentialHash::of(ticket)).await?;
    let listener = listener.ok_or_else(used_up)?;
    let wallets = match (listener.wallet, &listener.user) {
        (Some(wallet), _) => vec![wallet],
        (None, Some(user)) => operations::wallets_visible(&api.pool, user).await?,
        (None, None) => Vec::new(),
    };
    let audience = Audience {
        user: listener.user,
        wallets: wallets.clone(),
        is_all: listener.wallet.is_none(),
        style: Style::Own,
        credential: listener.credential,
        is_recorded: listener.is_recorded,
        left: left(api, listener.credential_expires_at),
    };
    // First the subscription: what happens before the state is read is in the state, what happens after it comes.
    let mut subscription = subscribe(api, audience)?;
    let states = states(&mut *api.pool.acquire().await?, now, &wallets).await?;
    let known = states.iter().map(|state| (state.wallet_id, state.last_notice));
    subscription.begin_after(known.collect::<HashMap<WalletId, i64>>());
    Ok((state_text(&states)?, subscription))
}

fn used_up() -> Problem {
    let message = "This ticket was used, or its minute is over: get another one.";
    Problem::new(ProblemKind::CredentialInvalid, message).coded(ErrorCode::TicketInvalid)
}

#[derive(Serialize)]
struct StateMessage {
    r#type: &'static str,
    wallets: Vec<WalletState>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WalletState {
    wallet_id: WalletId,
    balance: Amount,
    available: Amount,
    held: Amount,
    debt: Amount,
    sequence: i64,
}

fn state_text(states: &[State]) -> Result<String, Problem> {
    let wallets = states.iter().map(|state| WalletState {
        wallet_id: state.wallet_id,
        balance: Amount(state.balance),
        available: Amount(state.available()),
        held: Amount(state.held),
        debt: Amount(state.debt),
        sequence: state.last_notice,
    });
    let message = StateMessage { r#type: STATE, wallets: wallets.collect() };
    serde_json::to_string(&message).map_err(Problem::internal)
}
