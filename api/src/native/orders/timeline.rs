//! The story of an order, for those who help the buyer.

use audit::RecordedAction;
use billing::provider_events::record::RecordedEvent;
use billing::refunds::RefundRequest;
use billing::timeline::{self, Timeline};
use identity::rights::Scope;
use kernel::money::{Currency, Money};
use ledger::history::Entry;
use outgoing_webhooks::Delivery;
use outgoing_webhooks::operations::deliveries_of_order;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::no_order;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Id, Moment, MoneyValue, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const TYPES: &[&str] = &["order", "provider_event", "decision", "refund", "entry", "delivery"];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/orders/{orderId}/timeline",
        show,
        Description::new(Access::Operator(Scope::Read), "The story of an order")
            .says(
                "What was ordered, what the provider told of it, what was decided by hand, which credits moved, and \
                 what your server was told, in the order in which it happened: at most 200 of each.",
            )
            .path_parameter::<Id>("orderId", "The order's id.")
            .answers::<TimelineView>(StatusCode::OK, "The story.")
            .refuses(&[StatusCode::NOT_FOUND]),
    )]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Timeline)]
struct TimelineView {
    data: Vec<Step>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::TimelineStep)]
struct Step {
    at: Moment,
    #[serde(rename = "type")]
    #[schema(schema_with = types_schema)]
    kind: &'static str,
    /// Of the order, the event, the action, the refund, the entry or the delivery.
    id: String,
    /// What happened: the type of the event, the action, the entry or the message; of an order how it stands.
    what: String,
    /// How it stands: of an event, a refund or a delivery.
    #[schema(required)]
    state: Option<String>,
    /// Why: of an event that was not applied, and what people gave as their reason.
    #[schema(required)]
    reason: Option<String>,
    /// Who decided it, as the audit log names them.
    #[schema(required)]
    actor: Option<String>,
    /// Of an entry.
    #[schema(required)]
    credits: Option<Amount>,
    /// The balance after an entry.
    #[schema(required)]
    balance: Option<Amount>,
    /// Of an order or a refund.
    #[schema(required)]
    amount: Option<MoneyValue>,
}

fn types_schema() -> Object {
    one_of(TYPES)
}

impl Step {
    fn new(at: Moment, kind: &'static str, id: impl ToString, what: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            id: id.to_string(),
            what: what.into(),
            state: None,
            reason: None,
            actor: None,
            credits: None,
            balance: None,
            amount: None,
        }
    }
}

impl From<RecordedEvent> for Step {
    fn from(event: RecordedEvent) -> Self {
        let id = format!("{}:{}", event.provider.as_str(), event.event_id);
        Self {
            state: Some(event.state.as_str().to_owned()),
            reason: event.reason,
            ..Self::new(Moment(event.handled_at), "provider_event", id, event.event_type)
        }
    }
}

impl From<RecordedAction> for Step {
    fn from(recorded: RecordedAction) -> Self {
        let reason = recorded.action.details["reason"].as_str().map(str::to_owned);
        Self {
            reason,
            actor: Some(recorded.action.actor),
            ..Self::new(Moment(recorded.created_at), "decision", recorded.id, recorded.action.action)
        }
    }
}

impl From<Entry> for Step {
    fn from(entry: Entry) -> Self {
        Self {
            credits: Some(Amount(entry.amount)),
            balance: Some(Amount(entry.balance_after)),
            ..Self::new(Moment(entry.created_at), "entry", entry.id, entry.entry_type)
        }
    }
}

impl From<Delivery> for Step {
    fn from(delivery: Delivery) -> Self {
        Self {
            state: Some(delivery.state.as_str().to_owned()),
            ..Self::new(Moment(delivery.created_at), "delivery", delivery.id, delivery.event_type)
        }
    }
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let id = call.path_parameter("orderId").parse().map_err(|_| no_order())?;
    let mut connection = api.pool.acquire().await?;
    let told = timeline::timeline(&mut connection, id).await?.ok_or_else(no_order)?;
    let deliveries = deliveries_of_order(&mut connection, id, timeline::MOST).await?;
    let mut data = steps(told);
    data.extend(deliveries.into_iter().map(Step::from));
    // Stable: what happened at the same moment stays in the order of its cause and effect.
    data.sort_by_key(|step| step.at.0);
    Ok(answer(StatusCode::OK, &TimelineView { data }))
}

fn steps(told: Timeline) -> Vec<Step> {
    let Timeline { sale, events, decisions, entries } = told;
    let payment = &sale.payment;
    let of_order = |at, what: &str| Step {
        amount: Some(payment.due().into()),
        ..Step::new(Moment(at), "order", payment.id, what)
    };
    let mut data = vec![of_order(payment.created_at, "created")];
    data.extend(events.into_iter().map(Step::from));
    data.extend(payment.completed_at.map(|at| of_order(at, "paid")));
    data.extend(entries.into_iter().map(Step::from));
    data.extend(decisions.into_iter().map(Step::from));
    let currency = payment.due().currency;
    data.extend(sale.refunds.iter().map(|refund| of_refund(refund, currency)));
    data
}

fn of_refund(refund: &RefundRequest, currency: Currency) -> Step {
    Step {
        state: Some(refund.state.as_str().to_owned()),
        reason: Some(refund.reason.clone()),
        amount: Some(Money::new(refund.amount_minor, currency).into()),
        ..Step::new(Moment(refund.created_at), "refund", refund.id, "requested")
    }
}
