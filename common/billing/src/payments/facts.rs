//! Facts about orders that no provider has to report.

use super::{Fact, Payment, Progress, Stage};

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
        progress: Progress { session_status: Some("expired".to_owned()), ..Progress::default() },
    }
}

/// The fact that an order is given away: no charge is made for it.
pub fn given(payment: &Payment) -> Fact {
    Fact {
        stage: Stage::Paid,
        mode: Some(payment.mode),
        money: Some(payment.amount),
        progress: Progress { payment_status: Some("no_payment_required".to_owned()), ..Progress::default() },
        ..expired_unopened(payment)
    }
}
