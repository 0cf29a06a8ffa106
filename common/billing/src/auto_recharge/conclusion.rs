//! What follows when an order of auto-recharge is paid or has ended unpaid, in the transaction in which it does.

use sqlx::PgConnection;
use time::Duration;

use super::announcements;
use super::operations::tell_too_small;
use super::pausing::pause;
use super::{PauseReason, Run, RunState, Settings, rules, store, wallet_store};
use crate::auto_recharge::SaveRechargeCard;
use crate::payments::{Kind, Mode, Payment};
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, PaymentId, WalletId};
use ledger::levels::CheckRecharge;
use ledger::operations::lock;
use notices::tell;

/// Ends the runs of these orders, which have just been paid or have ended unpaid and are locked; of an order for saving
/// a card, has the card recorded. The credits of a paid one are granted by the caller. Locks the settings of wallets,
/// then the wallets: what is told of several is told in any order. Returns the jobs written.
///
/// # Errors
/// Database errors only.
pub async fn conclude_runs(
    connection: &mut PgConnection,
    now: Timestamp,
    payments: &[&Payment],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let own = || payments.iter().copied().filter(|payment| payment.kind == Kind::AutoRecharge);
    let mut written = Vec::new();
    for payment in own().filter(|payment| payment.mode == Mode::Setup && payment.state.is_paid()) {
        let job = SaveRechargeCard { payment_id: payment.id };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    let charges: Vec<&Payment> = own().filter(|payment| payment.mode == Mode::Payment).collect();
    // Their money is known to have gone back, which pauses below: settings are locked before wallets.
    let reversed: Vec<&Payment> = payments.iter().copied().filter(|payment| payment.has_reversals).collect();
    let wallets: Vec<WalletId> = charges.iter().chain(&reversed).map(|payment| payment.wallet_id).collect();
    let mut settings = match wallets.is_empty() {
        true => Vec::new(),
        false => store::settings_lock_all(connection, &wallets).await?,
    };
    lock(connection, &payments.iter().map(|payment| payment.wallet_id).collect()).await?;
    if charges.is_empty() {
        return Ok(written);
    }
    let ids: Vec<PaymentId> = charges.iter().map(|payment| payment.id).collect();
    for mut run in store::runs_lock(connection, &ids).await? {
        let payment = charges.iter().find(|payment| payment.id == run.payment_id);
        let own = settings.iter_mut().find(|settings| settings.wallet_id == run.wallet_id);
        let (Some(payment), Some(settings)) = (payment, own) else { continue };
        let was = run.state;
        if payment.state.is_paid() && was != RunState::Succeeded {
            run.state = RunState::Succeeded;
            run.failure = None;
            store::run_write(connection, now, &run).await?;
            forgive(connection, now, settings, &run).await?;
            let event = announcements::succeeded(&run, payment);
            written.push(tell(connection, now, run.wallet_id, event).await?);
            written.extend(warn(connection, now, settings, &run).await?);
        } else if !payment.state.is_paid() && !matches!(was, RunState::Succeeded | RunState::Failed) {
            run.state = RunState::Failed;
            run.failure = Some(payment.state.as_str().to_owned());
            store::run_write(connection, now, &run).await?;
            // Nothing was charged that the next would have to wait after.
            settings.next_attempt_at = None;
            store::settings_write(connection, now, settings).await?;
            if was == RunState::RequiresAction {
                written.extend(not_authenticated(connection, now, settings, &run).await?);
            }
        }
    }
    Ok(written)
}

/// The holder of a card did not say yes to its bank: the user is waited for. A card that was saved since is charged.
async fn not_authenticated(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
    run: &Run,
) -> Result<Option<OutboxId>, sqlx::Error> {
    if settings.card.as_ref().is_some_and(|card| card.payment_method == run.payment_method) {
        return pause(connection, now, settings, PauseReason::NotAuthenticated).await;
    }
    let job = CheckRecharge { wallet_id: run.wallet_id };
    outbox::insert(connection, now, &job).await.map(Some)
}

/// Has the user warned if this run, which has succeeded, brings the month's charges near the cap.
async fn warn(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
    run: &Run,
) -> Result<Option<OutboxId>, sqlx::Error> {
    let charged = store::charged(connection, run.wallet_id, run.month).await?;
    let before = charged.saturating_sub(run.amount_minor);
    let Some(percent) = rules::cap_reached(settings.max_monthly_minor, before, charged) else {
        return Ok(None);
    };
    let event = announcements::cap_warning(settings, run, percent, charged);
    tell(connection, now, run.wallet_id, event).await.map(Some)
}

/// A card that was charged has no declines in a row, and is left alone for as long as was decided with the charge.
async fn forgive(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
    run: &Run,
) -> Result<(), sqlx::Error> {
    settings.declines = 0;
    if let Some(until) = settings.next_attempt_at {
        let pause = (until - run.reserved_at).max(Duration::ZERO);
        settings.next_attempt_at = Some(until.max(now.saturating_add(pause)));
    }
    store::settings_write(connection, now, settings).await
}

/// What follows once the credits of these recharges are there: what was used until then is charged for, and who has
/// less than the threshold all the same is notified that the amount is too small. The next use may charge again.
///
/// # Errors
/// Database errors only.
pub async fn credits_came(
    connection: &mut PgConnection,
    now: Timestamp,
    payments: &[&Payment],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let is_recharge =
        |payment: &&&Payment| payment.kind == Kind::AutoRecharge && payment.mode == Mode::Payment;
    let recharges = payments.iter().filter(is_recharge);
    let wallets: Vec<WalletId> = recharges.map(|payment| payment.wallet_id).collect();
    if wallets.is_empty() {
        return Ok(Vec::new());
    }
    let low = wallet_store::wallets_recharged(connection, &wallets).await?;
    let mut written = Vec::new();
    for mut settings in store::settings_lock_all(connection, &low).await? {
        written.extend(tell_too_small(connection, now, &mut settings).await?);
    }
    Ok(written)
}
