//! From a reserved run to its end: what is asked of the provider, and what each of its answers does to the run.
//!
//! Each step is a transaction of its own, and none is open while the provider is asked. A step that comes again, or
//! late, finds the run where it is and changes nothing.

use sqlx::PgConnection;

use super::announcements;
use super::pausing::pause;
use super::rules::{self, Aftermath, Class};
use super::{Decline, PauseReason, Run, RunState, Settings, store};
use crate::payments::ordering::order_fail;
use crate::payments::store::payments_lock;
use crate::payments::{Payment, State};
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, RechargeRunId};
use kernel::metrics::{NONE, catalogue};
use notices::tell;

/// What is to be done about a run.
#[derive(Clone, Debug)]
pub enum Next {
    /// Charge, under the run's key.
    Charge(Box<Payment>, Run),
    /// Look the charge up; if the provider does not know it, charge under the run's key.
    LookUpOrCharge(Box<Payment>, Run),
    /// Look the charge up only: the key may be forgotten.
    LookUp(Run),
    /// Open a page for the card's holder and say where it is.
    Page(Run),
    /// Nothing: it is over.
    Nothing,
}

/// Takes the next step of a run, and notes that the provider is asked from now on. A run that was not asked about yet
/// is given up if the user has changed their mind, or the cap, since it was reserved.
///
/// # Errors
/// Database errors only.
pub async fn begin(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
) -> Result<Next, sqlx::Error> {
    let Some((payment, mut settings, mut run)) = lock(connection, id).await? else {
        return Ok(Next::Nothing);
    };
    if !payment.state.is_open() {
        return Ok(Next::Nothing);
    }
    match (run.state, run.asked_at) {
        (RunState::Succeeded | RunState::Failed, _) => Ok(Next::Nothing),
        (RunState::RequiresAction, _) => Ok(Next::Page(run)),
        (RunState::Reserved | RunState::Charging | RunState::Unknown, None) => {
            if let Some(reason) = given_up(connection, now, &settings, &run).await? {
                // Nothing was charged that the next would have to wait after.
                settings.next_attempt_at = None;
                store::settings_write(connection, now, &settings).await?;
                end(connection, now, &mut run, reason).await?;
                return Ok(Next::Nothing);
            }
            run.state = RunState::Charging;
            run.asked_at = Some(now);
            store::run_write(connection, now, &run).await?;
            Ok(Next::Charge(Box::new(payment), run))
        }
        (RunState::Reserved | RunState::Charging | RunState::Unknown, Some(asked_at)) => {
            // Somebody has asked before and did not come back with an answer.
            run.state = RunState::Unknown;
            store::run_write(connection, now, &run).await?;
            let is_remembered = now < asked_at.saturating_add(rules::KEY_IS_GOOD_FOR);
            Ok(if is_remembered { Next::LookUpOrCharge(Box::new(payment), run) } else { Next::LookUp(run) })
        }
    }
}

/// Why a run that was only reserved is not charged after all.
async fn given_up(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
    run: &Run,
) -> Result<Option<&'static str>, sqlx::Error> {
    if !settings.enabled {
        return Ok(Some("switched_off"));
    }
    if settings.pause.is_some() {
        return Ok(Some("paused"));
    }
    if settings.card.as_ref().is_none_or(|card| card.payment_method != run.payment_method) {
        return Ok(Some("card_replaced"));
    }
    let totals = store::totals(connection, run.wallet_id, run.month, now).await?;
    // Its own amount is among what is spent.
    let exceeds = settings.max_monthly_minor.is_some_and(|cap| totals.spent_minor > cap);
    Ok(exceeds.then_some("cap_lowered"))
}

/// The provider gave no answer: the run keeps its reservation and is asked about again, never under another key.
///
/// # Errors
/// Database errors only.
pub async fn unknown(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
) -> Result<(), sqlx::Error> {
    let Some(mut run) = store::run_lock(connection, id).await? else { return Ok(()) };
    if run.state == RunState::Charging {
        run.state = RunState::Unknown;
        store::run_write(connection, now, &run).await?;
    }
    Ok(())
}

/// The card was declined: the run has failed, and the next has to wait; or the card's holder has to act.
///
/// # Errors
/// Database errors only.
pub async fn declined(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
    decline: &Decline,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let Some((_, mut settings, mut run)) = lock_asked(connection, id).await? else { return Ok(Vec::new()) };
    let class = rules::classify(decline);
    if class == Class::Authenticate {
        run.state = RunState::RequiresAction;
        run.failure = Some(announcements::reason(decline).to_owned());
        store::run_write(connection, now, &run).await?;
        return Ok(Vec::new());
    }
    end(connection, now, &mut run, announcements::reason(decline)).await?;
    // A card that was replaced meanwhile says nothing of the one that is there now.
    if settings.card.as_ref().is_none_or(|card| card.payment_method != run.payment_method) {
        return Ok(Vec::new());
    }
    settings.declines = settings.declines.saturating_add(1);
    settings.next_attempt_at = None;
    catalogue::RECHARGES_DECLINED.increment(NONE);
    match rules::after_decline(class, settings.declines, now) {
        Aftermath::CoolDown(until) => {
            settings.next_attempt_at = Some(until);
            store::settings_write(connection, now, &settings).await?;
            if settings.declines > 1 {
                return Ok(Vec::new());
            }
            let event = announcements::failed(&run, decline, until);
            Ok(vec![tell(connection, now, run.wallet_id, event).await?])
        }
        Aftermath::Pause(reason) => {
            Ok(pause(connection, now, &mut settings, reason).await?.into_iter().collect())
        }
    }
}

/// The provider refuses the charge for another reason than the card's bank: trying again would be refused again.
///
/// # Errors
/// Database errors only.
pub async fn refused(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
    why: PauseReason,
    words: &str,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let Some((_, mut settings, mut run)) = lock_asked(connection, id).await? else { return Ok(Vec::new()) };
    end(connection, now, &mut run, words).await?;
    if settings.card.as_ref().is_none_or(|card| card.payment_method != run.payment_method) {
        return Ok(Vec::new());
    }
    Ok(pause(connection, now, &mut settings, why).await?.into_iter().collect())
}

/// The provider does not know the charge, long after it was asked for: it was never made, and its amount is free again.
///
/// # Errors
/// Database errors only.
pub async fn lost(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
) -> Result<(), sqlx::Error> {
    let Some((_, _, mut run)) = lock_asked(connection, id).await? else { return Ok(()) };
    if run.asked_at.is_some_and(|asked_at| now >= asked_at.saturating_add(rules::LOST_AFTER)) {
        end(connection, now, &mut run, "never_charged").await?;
    }
    Ok(())
}

/// The provider refuses to open a page for the card's holder, or the order cannot be paid any more: the run has failed.
///
/// # Errors
/// Database errors only.
pub async fn page_refused(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RechargeRunId,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let Some((_, mut settings, mut run)) = lock(connection, id).await? else { return Ok(Vec::new()) };
    if run.state != RunState::RequiresAction {
        return Ok(Vec::new());
    }
    end(connection, now, &mut run, "no_page").await?;
    Ok(pause(connection, now, &mut settings, PauseReason::NotAuthenticated).await?.into_iter().collect())
}

/// A run with what it hangs on, locked in the order of all.
async fn lock(
    connection: &mut PgConnection,
    id: RechargeRunId,
) -> Result<Option<(Payment, Settings, Run)>, sqlx::Error> {
    let Some(run) = store::run(connection, id).await? else { return Ok(None) };
    let payment = payments_lock(connection, &[run.payment_id]).await?.pop();
    let settings = store::settings_lock(connection, run.wallet_id).await?;
    let run = store::run_lock(connection, id).await?;
    Ok(payment.zip(settings).zip(run).map(|((payment, settings), run)| (payment, settings, run)))
}

/// The same for a run that waits for the provider's answer; none if it has got one.
async fn lock_asked(
    connection: &mut PgConnection,
    id: RechargeRunId,
) -> Result<Option<(Payment, Settings, Run)>, sqlx::Error> {
    let locked = lock(connection, id).await?;
    Ok(locked.filter(|(payment, _, run)| {
        matches!(payment.state, State::Created | State::Pending)
            && matches!(run.state, RunState::Charging | RunState::Unknown)
    }))
}

/// Ends a run and its order unpaid.
async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    run: &mut Run,
    reason: &str,
) -> Result<(), sqlx::Error> {
    run.state = RunState::Failed;
    run.failure = Some(reason.to_owned());
    store::run_write(connection, now, run).await?;
    order_fail(connection, now, run.payment_id, reason).await?;
    Ok(())
}
