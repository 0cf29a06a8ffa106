//! Orders: what is bought for a wallet, and how it stands.

mod goods;
mod input;
mod placing;
mod refunding;
mod timeline;
pub(super) mod views;

use billing::payments::{Payment, REFERENCE_MAX, RequestMark, State};
use billing::sales::{Filter, Sale, operations};
use identity::idempotency::Fingerprint;
use identity::rights::{OwnedWallet, Scope};
use kernel::ids::{PaymentId, RequestId, UserId};
use warp::http::{HeaderValue, StatusCode, header};

use super::pages_of::{Cursor, paged};
use super::wallets::{addressed, check_reach};
use crate::auth::Caller;
use crate::checkout::refresh;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Id;
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;
pub(super) use views::OrderView;
use views::{Orders, STATUSES, states_of};

const LIMIT_MAX: i64 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::get(
            "/purser/v1/orders",
            list,
            paged(Description::new(Access::Allowed(Scope::Read), "Orders, the newest first"), LIMIT_MAX)
                .says(
                    "Those for which all holds that is given. Unless a wallet is named they are everybody's, or \
                     those of the one wallet that the credential is for.",
                )
                .query::<String>("wallet", "`user:ID`, `org:ID`, a wallet's id, or `me`.")
                .query::<String>("status", "As an order shows it.")
                .query::<String>("reference", "The host application's own id.")
                .answers::<Orders>(StatusCode::OK, "A page of orders.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/purser/v1/orders/{orderId}",
            one,
            Description::new(Access::Allowed(Scope::Read), "An order, with its refunds and disputes")
                .says("While it is open, asking has the provider asked too, every few seconds at most.")
                .path_parameter::<Id>("orderId", "The order's id.")
                .answers::<OrderView>(StatusCode::OK, "The order.")
                .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
        ),
    ];
    endpoints.extend(placing::endpoints());
    endpoints.extend(refunding::endpoints());
    endpoints.extend(timeline::endpoints());
    endpoints
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = match (call.parameter("wallet"), caller.own_wallet()) {
        (Some(name), _) => Some(addressed(&api, &caller, name, Scope::Read).await?.id),
        (None, own) => own,
    };
    let states = match call.parameter("status") {
        Some(status) => states_of(status)
            .ok_or_else(|| Problem::invalid(format!("status must be one of {}", STATUSES.join(", "))))?,
        None => Vec::new(),
    };
    let reference = call.parameter("reference").map(checked_reference).transpose()?;
    let page = Cursor::<i64>::read(&call, LIMIT_MAX)?;
    let filter = Filter { wallet, states, reference };
    let mut connection = api.pool.acquire().await?;
    let found = operations::page(&mut connection, &filter, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |sale| sale.payment.number.to_string());
    let data = found.into_iter().map(OrderView::from).collect();
    Ok(answer(StatusCode::OK, &Orders { data, next_cursor }))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let sale = sale_for(&api, &caller, &call, Scope::Read).await?;
    refresh(&api, &mut *api.pool.acquire().await?, &sale.payment).await?;
    Ok(answer(StatusCode::OK, &OrderView::from(sale)))
}

/// The order that a path names, if the caller may do with its wallet what the scope is for. One that the caller does
/// not reach is as if it were not there.
async fn sale_for(api: &SharedState, caller: &Caller, call: &Call, scope: Scope) -> Result<Sale, Problem> {
    let id: PaymentId = call.path_parameter("orderId").parse().map_err(|_| no_order())?;
    let found = operations::sale(&mut *api.pool.acquire().await?, id).await?;
    let sale = found.ok_or_else(no_order)?;
    check_reach(api, caller, sale.payment.wallet_id, scope, no_order).await?;
    Ok(sale)
}

fn no_order() -> Problem {
    Problem::not_found("There is no such order.")
}

/// The order as it is stored now.
pub(super) async fn shown(api: &SharedState, id: PaymentId) -> Result<OrderView, Problem> {
    let sale = operations::sale(&mut *api.pool.acquire().await?, id).await?;
    sale.map(OrderView::from).ok_or_else(|| Problem::internal("a recorded order is gone"))
}

/// An answer about an order, with its address.
pub(super) fn located(status: StatusCode, order: &OrderView) -> Response {
    let mut response = answer(status, order);
    if let Ok(location) = HeaderValue::from_str(&format!("/purser/v1/orders/{}", order.order_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The mark of a request with an idempotency key, by which it is done once for ever. `what` tells kinds of requests
/// apart.
pub(super) fn mark(call: &Call, caller: &Caller, what: &str) -> Result<Option<RequestMark>, Problem> {
    let Some(key) = call.idempotency_key()? else { return Ok(None) };
    let fingerprint = Fingerprint::of(call.method.as_str(), call.path.as_str(), &call.body);
    let id = RequestId::of(what, &caller.key_space(), key);
    Ok(Some(RequestMark { id, fingerprint: fingerprint.bytes().to_vec() }))
}

/// Who buys for a wallet: its user; for an organization the member who calls, else its first owner.
pub(super) async fn buyer(
    api: &SharedState,
    caller: &Caller,
    wallet: &OwnedWallet,
) -> Result<UserId, Problem> {
    if let Some(user) = wallet.user_id.as_ref().or(caller.user()) {
        return Ok(user.clone());
    }
    let organization =
        wallet.organization_id.ok_or_else(|| Problem::internal("a wallet without an owner"))?;
    let members = identity::operations::members(&api.pool, organization).await?;
    let owner = members.into_iter().find(|member| member.role == identity::Role::Owner);
    owner.map(|owner| owner.user_id).ok_or_else(|| {
        let message = "The organization has no owner who could be the buyer: give it one first.";
        Problem::conflict(ErrorCode::NoOwner, message)
    })
}

fn checked_reference(text: &str) -> Result<String, Problem> {
    let fits = (1..=REFERENCE_MAX).contains(&text.chars().count()) && !text.contains('\0');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Problem::invalid(format!("reference must have 1 to {REFERENCE_MAX} characters")))
    }
}

/// Whether an order with a coupon at Creem is asked for again: it is the same in all that the host application said.
fn is_same(page: &Payment, order: &billing::payments::NewOrder) -> bool {
    page.state == State::Pending && page.wallet_id == order.wallet_id && page.labels == order.labels
}
