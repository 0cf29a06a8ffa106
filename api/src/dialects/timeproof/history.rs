//! The status of a checkout, and past payments through any API.

use billing::payments::store::{items, payment_by_id, payment_by_provider_id};
use billing::payments::{Payment, history};
use identity::operations;
use sqlx::PgConnection;
use warp::http::StatusCode;

use super::types::{History, SessionBody};
use super::{asked_organization, membership};
use crate::auth::Principal;
use crate::checkout::refresh;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many payments an answer has, unless the query says otherwise, and at the most.
const SHOWN: i64 = 100;
const SHOWN_MAX: i64 = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/api/payments/session/{sessionId}",
            session,
            Description::new(Access::User, "How a checkout stands")
                .path_parameter::<String>("sessionId", "The session, or the `paymentId` while there is none.")
                .answers::<SessionBody>(StatusCode::OK, "How it stands.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/api/payments/history",
            payments,
            Description::new(Access::User, "What was bought before")
                .says("Newest first, with purchases that were made through other APIs.")
                .query::<i64>("orgId", "An organization that the caller belongs to, rather than the caller.")
                .query::<i64>("limit", "How many at the most: 1 to 500; 100 unless given.")
                .answers::<History>(StatusCode::OK, "The payments.")
                .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN]),
        ),
    ]
}

async fn session(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let found = find(&mut connection, call.path_parameter("sessionId")).await?;
    let unknown = || Problem::not_found("Session not found");
    let payment = found.ok_or_else(unknown)?;
    if !may_see(&api, &principal, &payment).await? {
        return Err(unknown());
    }
    refresh(&api, &mut connection, &payment).await?;
    let items = items(&mut connection, payment.id).await?;
    Ok(answer(StatusCode::OK, &SessionBody::new(payment, items)))
}

async fn find(connection: &mut PgConnection, id: &str) -> Result<Option<Payment>, sqlx::Error> {
    match id.parse() {
        Ok(number) => match history::id_by_number(connection, number).await? {
            Some(id) => payment_by_id(connection, id).await,
            None => Ok(None),
        },
        Err(_) => Ok(payment_by_provider_id(connection, id)
            .await?
            .filter(|payment| payment.provider_session.as_deref() == Some(id))),
    }
}

/// A payment is visible to its buyer; one for an organization, to all members.
async fn may_see(api: &SharedState, principal: &Principal, payment: &Payment) -> Result<bool, sqlx::Error> {
    if payment.user_id == principal.user_id {
        return Ok(true);
    }
    let Some(organization) = payment.organization_id else { return Ok(false) };
    Ok(operations::membership(&api.pool, &principal.user_id, organization).await?.is_some())
}

async fn payments(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let limit = match call.parameter("limit").map(str::parse) {
        None => SHOWN,
        Some(Ok(limit @ 1..=SHOWN_MAX)) => limit,
        Some(_) => {
            let message = format!("limit must be a number from 1 to {SHOWN_MAX}.");
            return Err(Problem::invalid(message));
        }
    };
    let organization = asked_organization(&call)?;
    if let Some(organization) = organization {
        membership(&api, &principal, organization).await?;
    }
    let mut connection = api.pool.acquire().await?;
    let payments = match organization {
        Some(organization) => history::of_organization(&mut connection, organization, limit).await?,
        None => history::of_user(&mut connection, &principal.user_id, limit).await?,
    };
    Ok(answer(StatusCode::OK, &History::from(payments)))
}
