//! Writing settings that a transaction has locked, and having them wait for the user.

use kernel::clock::Timestamp;
use kernel::ids::OutboxId;
use kernel::metrics::catalogue;
use sqlx::PgConnection;

use super::announcements;
use super::{Pause, PauseReason, Settings, store, wallet_store};
use notices::tell;

/// Pauses settings that this transaction has locked, and notifies the user. The first reason stays, unless the new
/// one is graver.
pub(super) async fn pause(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
    reason: PauseReason,
) -> Result<Option<OutboxId>, sqlx::Error> {
    if settings.pause.is_some_and(|pause| pause.reason.remedy() >= reason.remedy()) {
        return Ok(None);
    }
    settings.pause = Some(Pause { at: now, reason });
    store::settings_write(connection, now, settings).await?;
    catalogue::RECHARGES_PAUSED.increment([reason.as_str()]);
    tell(connection, now, settings.wallet_id, announcements::paused(reason)).await.map(Some)
}

/// Writes settings that this transaction has locked, and the level at which the ledger notices a fall. `asked_for` is
/// whether the owner asks for credits now, as by switching recharging on: then a balance that is low already is a
/// reason.
pub(super) async fn write(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
    asked_for: bool,
) -> Result<(), sqlx::Error> {
    store::settings_write(connection, now, settings).await?;
    let watched = settings.is_active() && settings.threshold.is_positive();
    let level = watched.then_some(settings.threshold);
    wallet_store::wallet_watch(connection, settings.wallet_id, level, asked_for).await
}
