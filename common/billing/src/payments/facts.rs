//! Facts about orders that no provider has to report.

use super::{Fact, Payment, Stage};

/// The fact that an order's time is up, for an order that never reached its provider.
pub fn expired_unopened(payment: &Payment) -> Fact {
    Fact {
        provider: payment.provider,
        livemode: payment.livemode,
        stage: Stage::Expired,
        installation: None,
        payment_id: Some(payment.id),
        user_id: None,
        session: None,
        provider_payment: None,
        customer: None,
        mode: None,
        money: None,
        discount_minor: None,
        session_status: Some("expired".to_owned()),
        payment_status: None,
        payment_intent_status: None,
        receipt_url: None,
        failure: None,
    }
}

/// The fact that an order is given: nobody is charged for it.
pub fn given(payment: &Payment) -> Fact {
    Fact {
        stage: Stage::Paid,
        mode: Some(payment.mode),
        money: Some(payment.amount),
        session_status: None,
        payment_status: Some("no_payment_required".to_owned()),
        ..expired_unopened(payment)
    }
}
