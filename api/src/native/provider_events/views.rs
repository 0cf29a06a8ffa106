//! How provider events are shown.

use billing::payments::{Mode, Payment, Provider, State};
use billing::provider_events::Statement;
use billing::provider_events::record::RecordedEvent;
use billing::quarantine::{Contradicted, EventKey, EventState};
use billing::subscriptions::News;
use kernel::ids::{PaymentId, UserId, WalletId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::http::values::{Amount, Moment, MoneyValue, one_of};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ProviderEventsPage)]
pub(super) struct EventsPage {
    pub data: Vec<EventView>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::HandledProviderEvent)]
pub(super) struct EventView {
    /// Such as `stripe:evt_1`.
    id: String,
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    /// Its id at the provider.
    event_id: String,
    #[serde(rename = "type")]
    event_type: String,
    /// The object at the provider that it is about.
    #[schema(required)]
    object_id: Option<String>,
    /// The order that it is about.
    #[schema(value_type = Option<Uuid>, required)]
    order_id: Option<PaymentId>,
    /// What became of it: `open` ones wait for an operator.
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// Why, such as how it contradicts its order.
    #[schema(required)]
    reason: Option<String>,
    received_at: Moment,
    handled_at: Moment,
    /// When an operator credited its order or dismissed it.
    #[schema(required)]
    settled_at: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::ProviderEventDetail)]
pub(super) struct EventDetail {
    #[serde(flatten)]
    event: EventView,
    /// The event as it came; null where it was not kept, because nobody has to look at it.
    #[schema(required)]
    text: Option<String>,
    /// What it says.
    #[schema(required)]
    said: Option<SaidView>,
    /// What was expected: the order that it is about, as it is now.
    #[schema(required)]
    order: Option<OrderView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ProviderEventSaid)]
pub(super) struct SaidView {
    /// Whether it says that money has arrived.
    is_paid: bool,
    #[schema(required)]
    amount: Option<MoneyValue>,
    livemode: bool,
    /// The order that it names.
    #[schema(value_type = Option<Uuid>, required)]
    order_id: Option<PaymentId>,
    /// The buyer that it names.
    #[schema(required)]
    user_id: Option<String>,
    /// The page.
    #[schema(required)]
    session: Option<String>,
    /// The payment at the provider.
    #[schema(required)]
    provider_payment: Option<String>,
    /// The subscription at the provider.
    #[schema(required)]
    subscription: Option<String>,
    /// The provider's customer.
    #[schema(required)]
    customer: Option<String>,
    /// What the page was for.
    #[schema(schema_with = mode_schema)]
    mode: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ContradictedOrder)]
pub(super) struct OrderView {
    #[schema(value_type = Uuid)]
    order_id: PaymentId,
    #[schema(schema_with = order_state_schema)]
    state: &'static str,
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    amount: MoneyValue,
    credits: Amount,
    livemode: bool,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// The page that was opened for it.
    #[schema(required)]
    session: Option<String>,
    /// The payment at the provider.
    #[schema(required)]
    provider_payment: Option<String>,
    /// The provider's customer.
    #[schema(required)]
    customer: Option<String>,
    /// What the page is for.
    #[schema(schema_with = mode_schema)]
    mode: Option<&'static str>,
    summary: String,
    created_at: Moment,
    /// When it was paid.
    #[schema(required)]
    completed_at: Option<Moment>,
}

fn provider_schema() -> Object {
    one_of(Provider::NAMES)
}

fn state_schema() -> Object {
    one_of(EventState::NAMES)
}

fn order_state_schema() -> Object {
    one_of(State::NAMES)
}

fn mode_schema() -> Object {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    let text = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let names = Mode::NAMES.iter().map(|name| Some(*name)).chain([None]);
    text.enum_values(Some(names)).build()
}

pub(super) fn key(event: &RecordedEvent) -> EventKey {
    EventKey { provider: event.provider, event_id: event.event_id.clone() }
}

impl From<RecordedEvent> for EventView {
    fn from(event: RecordedEvent) -> Self {
        Self {
            id: key(&event).to_string(),
            provider: event.provider.as_str(),
            event_id: event.event_id,
            event_type: event.event_type,
            object_id: event.object_id,
            order_id: event.payment_id,
            state: event.state.as_str(),
            reason: event.reason,
            received_at: Moment(event.received_at),
            handled_at: Moment(event.handled_at),
            settled_at: event.settled_at.map(Moment),
        }
    }
}

impl From<Contradicted> for EventDetail {
    fn from(found: Contradicted) -> Self {
        Self {
            event: found.event.into(),
            text: found.body,
            said: found.statement.map(SaidView::from),
            order: found.order.map(OrderView::from),
        }
    }
}

impl From<Statement> for SaidView {
    fn from(said: Statement) -> Self {
        let (is_paid, amount) = (said.paid().is_some(), said.amount().map(MoneyValue::from));
        match said {
            Statement::Payment(fact) => Self {
                is_paid,
                amount,
                livemode: fact.livemode,
                order_id: fact.payment_id,
                user_id: fact.user_id,
                session: fact.session,
                provider_payment: fact.provider_payment,
                subscription: None,
                customer: fact.customer,
                mode: fact.mode.map(Mode::as_str),
            },
            Statement::Subscription(fact) => Self {
                is_paid,
                amount,
                livemode: fact.livemode,
                order_id: fact.payment_id,
                user_id: fact.user_id,
                session: None,
                provider_payment: match fact.news {
                    News::Paid(paid) => Some(paid.payment),
                    News::PaymentFailed | News::Standing(_) => None,
                },
                subscription: Some(fact.subscription),
                customer: fact.customer,
                mode: Some(Mode::Subscription.as_str()),
            },
            Statement::Reversal(fact) => Self {
                is_paid,
                amount,
                livemode: fact.livemode,
                order_id: fact.payment_id,
                user_id: None,
                session: None,
                provider_payment: fact.provider_payments.into_iter().next(),
                subscription: None,
                customer: None,
                mode: None,
            },
        }
    }
}

impl From<Payment> for OrderView {
    fn from(order: Payment) -> Self {
        Self {
            order_id: order.id,
            state: order.state.as_str(),
            provider: order.provider.as_str(),
            amount: order.amount.into(),
            credits: Amount(order.credits),
            livemode: order.livemode,
            user_id: order.user_id,
            wallet_id: order.wallet_id,
            session: order.provider_session,
            provider_payment: order.provider_payment,
            customer: order.provider_customer,
            mode: Some(order.mode.as_str()),
            summary: order.summary,
            created_at: Moment(order.created_at),
            completed_at: order.completed_at.map(Moment),
        }
    }
}
