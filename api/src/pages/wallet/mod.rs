//! `/wallet`: where customers see a wallet, buy, and set up recharging, in the host application's name. A link that the
//! host application asks for opens it (`native/portal_sessions.rs`).

mod buying;
mod history;
mod limits;
mod members;
mod orders;
mod overview;
mod plan_change;
mod recharging;
mod returning;
mod subscriptions;
mod texts;
mod usage;
mod views;
mod visit;

use serde_json::json;
use uuid::Uuid;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::pages::endpoint::{get, post};
use crate::pages::form;
use crate::pages::own_api::at;
use crate::problem::Problem;
use views::Ticket;
use visit::{Visit, visited};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        get("/wallet", visited(overview::show)),
        get("/wallet/open/{link}", visit::open),
        get("/wallet/colours.css", visit::colours),
        post("/wallet/live", visited(ticket)),
        get("/wallet/buy", visited(buying::show)),
        post("/wallet/buy", visited(buying::buy)),
        post("/wallet/redeem", visited(buying::redeem)),
        get("/wallet/orders", visited(orders::list)),
        get("/wallet/orders/{orderId}", visited(orders::show)),
        get("/wallet/return/{reference}", visited(orders::returned)),
        get("/wallet/recharge", visited(recharging::show)),
        post("/wallet/recharge", visited(recharging::change)),
        post("/wallet/recharge/off", visited(recharging::switch_off)),
        post("/wallet/recharge/resume", visited(recharging::resume)),
        post("/wallet/card", visited(recharging::save_card)),
        get("/wallet/card/{checkoutId}", visited(recharging::saving)),
        post("/wallet/card/remove", visited(recharging::remove_card)),
        get("/payment_success", returning::success),
        get("/payment_cancel", returning::cancel),
        post("/wallet/subscription/end", visited(recharging::end_plan)),
        get("/wallet/plan/{subscriptionId}", visited(plan_change::show)),
        post("/wallet/plan", visited(plan_change::change)),
        post("/wallet/alerts", visited(recharging::alert)),
        get("/wallet/history", visited(history::show)),
        get("/wallet/history.csv", visited(history::table)),
        get("/wallet/members", visited(members::show)),
        post("/wallet/members", visited(members::put)),
        post("/wallet/members/remove", visited(members::remove)),
        post("/wallet/members/limit", visited(members::put_limit)),
        post("/wallet/members/limit/remove", visited(members::remove_limit)),
    ]
}

/// POST /wallet/live: where the page's script finds live events, once.
async fn ticket(visit: Visit, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    let wallet = json!({ "wallet": visit.session.wallet_id });
    let Ticket { ticket } =
        visit.own.post(at(["live-tickets"]), &Uuid::new_v4().to_string(), &wallet).await?;
    Ok(answer(StatusCode::OK, &json!({ "address": format!("/purser/v1/live?ticket={ticket}") })))
}
