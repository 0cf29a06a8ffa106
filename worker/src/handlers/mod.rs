//! What each job does, a file for each, and the dispatch over all of them. A handler calls no other handler: what two
//! of them need is in `steps`.

pub mod catalogue;

mod adjust_credits;
mod apply_checkin;
mod apply_payment_fact;
mod apply_payment_reversal;
mod apply_provider_events;
mod apply_subscription_fact;
mod begin_recharge_month;
mod change_subscription;
mod charge_recharge;
mod check_recharge;
mod claim_purchases;
mod confirm_session;
mod create_checkout;
mod credit_provider_event;
mod deliver_webhook;
mod detach_card;
mod end_subscription;
mod expire_grants;
mod expire_holds;
mod expire_payments;
mod open_portal;
mod reconcile_payments;
mod refund_payment;
mod retry_webhooks;
mod save_recharge_card;
mod send_notices;
mod sweep_recharges;
mod tell_expiring_grants;
mod update_customers;
mod verify_object;
mod verify_payment;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use kernel::deadline::within;
use messaging::consumer::{Handler, Outcome};

use crate::context::Context;
use crate::error::{JobError, JobResult};
use crate::steps::batch::{self, Contribution};
use catalogue::AnyJob;

/// How a job is done.
enum Plan<'a> {
    /// In one transaction with others of its batch.
    Together(Contribution),
    /// By itself.
    Alone(BoxFuture<'a, JobResult>),
}

/// On the heap: what a job does in all its steps is large.
fn alone<'a>(work: impl Future<Output = JobResult> + Send + 'a) -> Plan<'a> {
    Plan::Alone(Box::pin(work))
}

fn plan<'a>(context: &'a Context, job: &'a AnyJob) -> Plan<'a> {
    match job {
        AnyJob::ApplyProviderEvents(job) => Plan::Together(apply_provider_events::contribution(context, job)),
        AnyJob::ApplyPaymentFact(job) => Plan::Together(apply_payment_fact::contribution(job)),
        AnyJob::ApplySubscriptionFact(job) => Plan::Together(apply_subscription_fact::contribution(job)),
        AnyJob::ApplyPaymentReversal(job) => Plan::Together(apply_payment_reversal::contribution(job)),
        AnyJob::ApplyCheckin(job) => alone(apply_checkin::handle(context, job)),
        AnyJob::ClaimPurchases(_) => alone(claim_purchases::handle(context)),
        AnyJob::AdjustCredits(job) => alone(adjust_credits::handle(context, job)),
        AnyJob::CreditProviderEvent(job) => alone(credit_provider_event::handle(context, job)),
        AnyJob::ExpireGrants(_) => alone(expire_grants::handle(context)),
        AnyJob::TellExpiringGrants(_) => alone(tell_expiring_grants::handle(context)),
        AnyJob::ExpireHolds(_) => alone(expire_holds::handle(context)),
        AnyJob::CreateCheckout(job) => alone(create_checkout::handle(context, job)),
        AnyJob::OpenPortal(job) => alone(open_portal::handle(context, job)),
        AnyJob::EndSubscription(job) => alone(end_subscription::handle(context, job)),
        AnyJob::ChangeSubscription(job) => alone(change_subscription::handle(context, job)),
        AnyJob::RefundPayment(job) => alone(refund_payment::handle(context, job)),
        AnyJob::UpdateCustomers(job) => alone(update_customers::handle(context, job)),
        AnyJob::VerifyPayment(job) => alone(verify_payment::handle(context, job)),
        AnyJob::VerifyObject(job) => alone(verify_object::handle(context, job)),
        AnyJob::ConfirmSession(job) => alone(confirm_session::handle(context, job)),
        AnyJob::ExpirePayments(_) => alone(expire_payments::handle(context)),
        AnyJob::ReconcilePayments(job) => alone(reconcile_payments::handle(context, job)),
        AnyJob::CheckRecharge(job) => alone(check_recharge::handle(context, job)),
        AnyJob::ChargeRecharge(job) => alone(charge_recharge::handle(context, job)),
        AnyJob::SaveRechargeCard(job) => alone(save_recharge_card::handle(context, job)),
        AnyJob::DetachCard(job) => alone(detach_card::handle(context, job)),
        AnyJob::SweepRecharges(_) => alone(sweep_recharges::handle(context)),
        AnyJob::BeginRechargeMonth(_) => alone(begin_recharge_month::handle(context)),
        AnyJob::SendNotices(job) => alone(send_notices::handle(context, job)),
        AnyJob::DeliverWebhook(job) => alone(deliver_webhook::handle(context, job)),
        AnyJob::RetryWebhooks(_) => alone(retry_webhooks::handle(context)),
    }
}

/// How long a job may take, the provider's answers left out, before it is given up and comes again: then the database
/// has stopped answering.
fn limit(job: &AnyJob) -> Duration {
    match job {
        AnyJob::ReconcilePayments(_) => Duration::from_mins(10),
        _ => Duration::from_mins(1),
    }
}

impl Handler for Context {
    type Job = AnyJob;

    async fn handle(&self, jobs: Arc<[AnyJob]>) -> Vec<Outcome> {
        self.wait_for_database().await;
        let (mut places, mut batch, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (place, job) in jobs.iter().enumerate() {
            match plan(self, job) {
                Plan::Together(contribution) => {
                    places.push(place);
                    batch.push(contribution);
                }
                Plan::Alone(work) => others.push(async move {
                    let done = within(limit(job), work).await;
                    let done = done.unwrap_or_else(|given_up| Err(JobError::Database(given_up.into())));
                    (place, done.map_or_else(JobError::into_outcome, Outcome::Done))
                }),
            }
        }
        let applied = places.into_iter().zip(batch::apply(self, batch).await);
        let mut outcomes: Vec<(usize, Outcome)> = applied.chain(join_all(others).await).collect();
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        if outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Unavailable(_))) {
            self.doubt_database();
        }
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}
