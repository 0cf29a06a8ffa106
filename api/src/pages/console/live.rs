//! Where the script of a page gets the address of a live connection.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use warp::http::StatusCode;

use super::views::Ticket;
use super::visit::Visit;
use crate::http::call::Call;
use crate::http::{Response, answer};
use crate::pages::form;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// POST /console/live
pub(super) async fn ticket(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    let wallet = json!({"wallet": call.parameter("wallet")});
    let bought: Ticket = visit.own.post(at(["live-tickets"]), &Uuid::new_v4().to_string(), &wallet).await?;
    Ok(answer(StatusCode::OK, &json!({"address": format!("/purser/v1/live?ticket={}", bought.ticket)})))
}
