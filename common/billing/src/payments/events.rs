//! What is told of orders.

use notices::{Amount, Event, MoneyValue, Order};

use super::{Kind, Mode, Payment, State};

/// What events say of an order.
pub fn order(payment: &Payment) -> Order {
    Order {
        order_id: payment.id,
        number: payment.number,
        reference: payment.labels.reference.clone(),
        kind: payment.kind.as_str(),
        provider: payment.provider.as_str(),
        credits: Amount(payment.credits),
        amount: MoneyValue::from(payment.due()),
    }
}

/// What is told of an order that has been paid, or has ended unpaid. Saving a card is no order to its buyer.
pub fn order_event(payment: &Payment) -> Option<Event> {
    let order = || order(payment);
    match payment.state {
        _ if payment.mode == Mode::Setup => None,
        State::Created | State::Pending => None,
        State::Failed => {
            Some(Event::OrderFailed { order: order(), failure: payment.progress.failure.clone() })
        }
        State::Expired => Some(Event::OrderExpired { order: order() }),
        State::Completed | State::Refunded | State::PartiallyRefunded | State::Disputed => {
            Some(Event::OrderPaid { order: order() })
        }
    }
}

/// What was told of an order that has ended unpaid before orders had events of their own. An automatic recharge has
/// others.
pub fn ended_event(payment: &Payment) -> Option<Event> {
    let (payment_id, order_id) = (payment.number, payment.id);
    match (payment.kind, payment.state) {
        (Kind::AutoRecharge, _) => None,
        (_, State::Expired) => Some(Event::PaymentExpired { payment_id, order_id }),
        _ => Some(Event::PaymentFailed { payment_id, order_id }),
    }
}
