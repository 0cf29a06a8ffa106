//! Charges the card of a recharge that is decided. Killed at any step, it goes on from where the run is: it asks for
//! the same charge under the same key, or looks it up. What the provider says about a charge is applied as every fact
//! is.

use billing::auto_recharge::charging::Next;
use billing::auto_recharge::rules::{Class, classify};
use billing::auto_recharge::{ChargeRecharge, Decline, PauseReason, Run, announcements, charging};
use billing::payments::{ApplyPaymentFact, CheckoutReply, Payment};
use identity::operations::user;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::OutboxId;
use notices::tell;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::providers::ProviderError;
use crate::providers::stripe::off_session::Charged;
use crate::steps::checkout_page;

pub(super) async fn handle(context: &Context, job: &ChargeRecharge) -> JobResult {
    let before = OutboxId::new();
    let done = take_step(context, job).await;
    context.publish_notices_since(before);
    done
}

async fn take_step(context: &Context, job: &ChargeRecharge) -> JobResult {
    let mut transaction = context.pool.begin().await?;
    let next = charging::begin(&mut transaction, context.clock.now(), job.run_id).await?;
    transaction.commit().await?;
    crash::point(Step::Committed, "recharge");
    // No transaction is open while the provider is asked.
    match next {
        Next::Nothing => {}
        Next::Page(run) => open_page(context, &run).await?,
        Next::Charge(payment, run) => Box::pin(charge(context, &payment, &run)).await?,
        Next::LookUpOrCharge(payment, run) => match look_up(context, &run).await? {
            Some(charged) => record(context, &run, charged).await?,
            None => Box::pin(charge(context, &payment, &run)).await?,
        },
        Next::LookUp(run) => match look_up(context, &run).await? {
            Some(charged) => record(context, &run, charged).await?,
            None => lost(context, &run).await?,
        },
    }
    DONE
}

async fn charge(context: &Context, payment: &Payment, run: &Run) -> Result<(), JobError> {
    let mark = context.installation().await?;
    let buyer = user(&mut *context.pool.acquire().await?, &payment.user_id).await?;
    let email = buyer.and_then(|buyer| buyer.email);
    let charged = context.ask(|| context.stripe.charge(payment, run, mark, email.as_deref())).await;
    crash::point(Step::Asked, "recharge");
    match charged {
        Ok(charged) => record(context, run, charged).await,
        Err(error @ (ProviderError::Unavailable(_) | ProviderError::Unreadable(_))) => {
            let mut connection = context.pool.acquire().await?;
            charging::unknown(&mut connection, context.clock.now(), run.id).await?;
            Err(error.into())
        }
        Err(ProviderError::NotFound | ProviderError::NoCustomer) => {
            record(context, run, Charged::NoCard).await
        }
        Err(ProviderError::Refused { status, message }) => {
            tracing::error!(run = %run.id, status, message, "the provider refuses a recharge");
            refuse(context, run, PauseReason::ChargeRefused, &message).await
        }
    }
}

async fn look_up(context: &Context, run: &Run) -> Result<Option<Charged>, JobError> {
    let found = match context.ask(|| context.stripe.find_charge(run)).await {
        // Without its customer there are no charges to look through.
        Err(ProviderError::NoCustomer | ProviderError::NotFound | ProviderError::Refused { .. }) => None,
        found => found?,
    };
    // One that is neither paid nor declined nor over is asked for again under its key, which settles it.
    Ok(found.and_then(|intent| match (intent.decline(), intent.status.as_str()) {
        (Some(decline), _) => Some(Charged::Declined(decline)),
        (None, "succeeded" | "canceled" | "processing") => Some(Charged::Answered(Box::new(intent))),
        (None, _) => None,
    }))
}

async fn record(context: &Context, run: &Run, charged: Charged) -> Result<(), JobError> {
    match charged {
        Charged::Answered(intent) => {
            context.publisher.publish(&ApplyPaymentFact { fact: Box::new(intent.fact()) }).await?;
            crash::point(Step::Published, "recharge");
            Ok(())
        }
        Charged::Declined(decline) => Box::pin(record_decline(context, run, &decline)).await,
        Charged::NoCard => {
            refuse(context, run, PauseReason::CardRemoved, "the card no longer belongs to the customer").await
        }
    }
}

async fn record_decline(context: &Context, run: &Run, decline: &Decline) -> Result<(), JobError> {
    let reason = announcements::reason(decline);
    tracing::info!(run = %run.id, reason, "the card of a recharge was declined");
    let mut transaction = context.pool.begin().await?;
    let written = charging::declined(&mut transaction, context.clock.now(), run.id, decline).await?;
    crash::point(Step::Written, "decline");
    transaction.commit().await?;
    crash::point(Step::Committed, "decline");
    context.publish_soon(written);
    if classify(decline) == Class::Authenticate {
        Box::pin(open_page(context, run)).await?;
    }
    Ok(())
}

async fn refuse(context: &Context, run: &Run, why: PauseReason, words: &str) -> Result<(), JobError> {
    let mut transaction = context.pool.begin().await?;
    let written = charging::refused(&mut transaction, context.clock.now(), run.id, why, words).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    Ok(())
}

async fn lost(context: &Context, run: &Run) -> Result<(), JobError> {
    tracing::warn!(run = %run.id, "the provider does not know the charge of a recharge");
    let mut transaction = context.pool.begin().await?;
    charging::lost(&mut transaction, context.clock.now(), run.id).await?;
    transaction.commit().await?;
    Ok(())
}

/// Opens the page on which the card's holder can pay the same order, and announces it.
async fn open_page(context: &Context, run: &Run) -> Result<(), JobError> {
    match checkout_page::open(context, run.payment_id).await? {
        CheckoutReply::Opened { url, .. } => {
            let event = announcements::action_required(run, &url);
            let now = context.clock.now();
            let mut transaction = context.pool.begin().await?;
            let told = tell(&mut transaction, now, run.wallet_id, event).await?;
            transaction.commit().await?;
            context.publish_soon(vec![told]);
        }
        CheckoutReply::Refused { .. } => {
            let mut transaction = context.pool.begin().await?;
            let written = charging::page_refused(&mut transaction, context.clock.now(), run.id).await?;
            transaction.commit().await?;
            context.publish_soon(written);
        }
    }
    Ok(())
}
