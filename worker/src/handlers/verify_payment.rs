//! Asks the provider about an order of which no event has come. The answer goes to the role *apply*, as every fact
//! does.

use billing::payments::facts::expired_unopened;
use billing::payments::{Kind, Mode, Payment, Provider, VerifyPayment};

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::orders::order;
use crate::steps::{creem_objects, facts, stripe_objects};

pub(super) async fn handle(context: &Context, job: &VerifyPayment) -> JobResult {
    let payment = order(context, job.payment_id).await?;
    if !payment.state.is_open() {
        return DONE;
    }
    let is_overdue = payment.expires_at <= context.clock.now();
    let stated = match (payment.provider_session.as_deref(), payment.provider) {
        // It is not paid on a page: its run finds out what became of the charge.
        (None, _) if is_charge(&payment) => Vec::new(),
        // Its page is not open yet.
        (None, _) if is_overdue => vec![facts::payment(expired_unopened(&payment))],
        (None, _) => Vec::new(),
        (Some(session), Provider::Stripe) => {
            stripe_objects::order_facts(context, &payment, session, is_overdue).await?
        }
        (Some(checkout), Provider::Creem) => {
            creem_objects::order_facts(context, checkout, &payment, is_overdue).await?
        }
        (Some(_), Provider::Revenuecat | Provider::Manual) => Vec::new(),
    };
    facts::publish(context, stated).await?;
    DONE
}

/// Whether it is for charging a saved card.
fn is_charge(payment: &Payment) -> bool {
    payment.kind == Kind::AutoRecharge && payment.mode == Mode::Payment
}
