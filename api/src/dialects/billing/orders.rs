//! The caller's orders, through any API.

use billing::payments::orders::{self, Order};
use billing::payments::{Kind, State};
use kernel::ids::PaymentId;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{List, Moment, Success, success};
use super::page::{Page, paged};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/orders",
            list,
            paged(Description::new(Access::User, "The caller's orders, newest first"))
                .answers::<Success<List<OrderView>>>(StatusCode::OK, "The orders.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
        Endpoint::get(
            "/orders/{orderId}",
            one,
            Description::new(Access::User, "One of the caller's orders")
                .path_parameter::<String>("orderId", "The order's `id`.")
                .answers::<Success<OrderView>>(StatusCode::OK, "The order.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

/// A purchase, paid or not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::Order)]
struct OrderView {
    #[schema(value_type = uuid::Uuid)]
    id: PaymentId,
    /// For people.
    order_no: String,
    /// Who takes the money: `stripe`, `creem`, `revenuecat`, or `manual` for what is given.
    channel: &'static str,
    /// `credits`, `subscription` or `auto_recharge`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The plan, for a period of one.
    plan_id: Option<String>,
    /// The pack, if it is one of the catalog.
    pack_id: Option<String>,
    /// In the currency's smallest unit.
    amount: i64,
    /// Three letters, lower case.
    currency: String,
    /// `pending`, `paid`, `failed`, `expired`, `refunded`, `partially_refunded` or `disputed`.
    status: &'static str,
    /// Whole credits, rounded down.
    credits: i64,
    /// Where the buyer pays, while that is possible.
    checkout_url: Option<String>,
    created_at: Moment,
    paid_at: Option<Moment>,
}

impl From<Order> for OrderView {
    fn from(found: Order) -> Self {
        Self {
            id: found.id,
            order_no: found.number.to_string(),
            channel: found.provider.as_str(),
            kind: kind(found.kind),
            plan_id: found.plan_id,
            pack_id: found.pack_id,
            amount: found.amount_minor,
            currency: found.currency,
            status: status(found.state),
            credits: found.credits.floor_whole(),
            checkout_url: found.checkout_url,
            created_at: Moment(found.created_at),
            paid_at: found.completed_at.map(Moment),
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::OneTime => "credits",
        Kind::Subscription => "subscription",
        Kind::AutoRecharge => "auto_recharge",
    }
}

fn status(state: State) -> &'static str {
    match state {
        State::Created | State::Pending => "pending",
        State::Completed => "paid",
        State::Failed | State::Expired | State::Refunded | State::PartiallyRefunded | State::Disputed => {
            state.as_str()
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let page = Page::of(&call)?;
    let mut connection = api.pool.acquire().await?;
    let found = orders::of_user(&mut connection, &principal.user_id, page.limit, page.offset).await?;
    let orders: Vec<OrderView> = found.into_iter().map(OrderView::from).collect();
    Ok(success(StatusCode::OK, List(orders)))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let unknown = || Problem::not_found("There is no such order.");
    let id: PaymentId = call.path_parameter("orderId").parse().map_err(|_| unknown())?;
    let mut connection = api.pool.acquire().await?;
    let found = orders::one_of_user(&mut connection, &principal.user_id, id).await?;
    Ok(success(StatusCode::OK, OrderView::from(found.ok_or_else(unknown)?)))
}
