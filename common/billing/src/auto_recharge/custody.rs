//! Whose card it is, and who stops and resumes recharging: a card belongs to who saved it, and is let go when they
//! may not buy for the wallet any more. A pause is lifted by those whose [`Remedy`] it is, and by an administrator
//! always.

use serde_json::json;
use sqlx::PgConnection;
use time::Duration;

use super::announcements;
use super::pausing::{pause, write};
use super::{Card, DetachCard, Pause, PauseReason, Remedy, Settings, store};
use audit::AdminAction;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, OutboxId, UserId, WalletId};
use ledger::levels::CheckRecharge;
use notices::tell;

/// Who has paused for declines tries the card again after this long at the earliest.
const DECLINED_AGAIN_AFTER: Duration = Duration::DAY;

/// Who stops or resumes recharging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// The wallet's owner, or who may buy for it.
    Owner,
    /// An administrator, named as in [`AdminAction::actor`].
    Admin {
        actor: &'a str,
        /// In the administrator's words, for the audit log.
        reason: &'a str,
    },
}

/// Why recharging is not resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The wallet was never to be recharged.
    #[error("this wallet is not recharged")]
    NoSettings,
    /// That is not the owner's to decide, or takes another card.
    #[error("it is paused ({}): {}", .0.as_str(), remedy(*.0))]
    NotYours(PauseReason),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

fn remedy(reason: PauseReason) -> &'static str {
    match reason.remedy() {
        Remedy::Admin => "an administrator has to resume it",
        Remedy::Owner | Remedy::OwnerLater | Remedy::NewCard => "save another card to continue",
    }
}

/// Whether a user may buy for a wallet: for the own one always.
pub(super) async fn may_buy(
    connection: &mut PgConnection,
    user: &UserId,
    organization: Option<OrganizationId>,
) -> Result<bool, sqlx::Error> {
    let Some(organization) = organization else { return Ok(true) };
    let membership = identity::operations::membership_now(connection, user, organization).await?;
    Ok(membership.is_some_and(|membership| identity::rules::may_buy(membership.role)))
}

/// Whether the saved card belongs to a user who may still buy for the wallet.
pub(super) async fn may_be_charged(
    connection: &mut PgConnection,
    settings: &Settings,
) -> Result<bool, sqlx::Error> {
    match &settings.card_owner {
        Some(owner) if settings.card.is_some() => may_buy(connection, owner, settings.organization_id).await,
        _ => Ok(true),
    }
}

/// Lets go of the cards of a user: of those that an organization charges, or of all. Who takes a user out of an
/// organization, or the right to buy for it, does this in the same transaction; who blocks or erases a user, for all.
/// Returns the jobs written.
///
/// # Errors
/// Database errors only.
pub async fn let_go(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
    organization: Option<OrganizationId>,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::new();
    for mut settings in store::settings_lock_of_card_owner(connection, user, organization).await? {
        written.extend(let_go_of_card(connection, now, &mut settings, PauseReason::CardOwnerLeft).await?);
    }
    Ok(written)
}

/// Forgets the card of settings that this transaction has locked, and pauses. A run that is reserved is given up. A
/// card that is still the customer's at the provider is taken from them.
pub(super) async fn let_go_of_card(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
    reason: PauseReason,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let card = settings.card.take().filter(|_| reason != PauseReason::CardRemoved);
    settings.card_owner = None;
    let mut written: Vec<OutboxId> = pause(connection, now, settings, reason).await?.into_iter().collect();
    write(connection, now, settings, false).await?;
    if let Some(card) = card {
        written.push(detach(connection, now, card).await?);
    }
    Ok(written)
}

/// Has the provider take a card from its customer that nothing is charged from any more.
pub(super) async fn detach(
    connection: &mut PgConnection,
    now: Timestamp,
    card: Card,
) -> Result<OutboxId, sqlx::Error> {
    let Card { customer, payment_method, .. } = card;
    outbox::insert(connection, now, &DetachCard { customer, payment_method }).await
}

/// Removes the card at its owner's wish, here and at the provider, and switches recharging off. An earlier page does
/// not bring it back. Returns the job that was written, if there was a card.
///
/// # Errors
/// Database errors only.
pub async fn remove_card(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Option<OutboxId>, sqlx::Error> {
    let Some(mut settings) = store::settings_lock(connection, wallet).await? else { return Ok(None) };
    let card = settings.card.take();
    settings.enabled = false;
    settings.card_owner = None;
    write(connection, now, &settings, false).await?;
    match card {
        Some(card) => detach(connection, now, card).await.map(Some),
        None => Ok(None),
    }
}

/// Stops recharging a wallet until it is resumed; nothing if it was never to be recharged.
///
/// # Errors
/// Database errors only.
pub async fn stop(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    by: By<'_>,
) -> Result<Option<Settings>, sqlx::Error> {
    let Some(mut settings) = store::settings_lock(connection, wallet).await? else { return Ok(None) };
    let reason = match by {
        By::Owner => PauseReason::ByOwner,
        By::Admin { .. } => PauseReason::ByAdmin,
    };
    pause(connection, now, &mut settings, reason).await?;
    note(connection, now, wallet, by, "auto_recharge.pause", reason).await?;
    Ok(Some(settings))
}

/// Resumes recharging a wallet that waits; one that does not stays as it is.
///
/// # Errors
/// [`ResumeError`].
pub async fn resume(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    by: By<'_>,
) -> Result<Settings, ResumeError> {
    let locked = store::settings_lock(connection, wallet).await?;
    let mut settings = locked.ok_or(ResumeError::NoSettings)?;
    let Some(Pause { at, reason }) = settings.pause else { return Ok(settings) };
    match (by, reason.remedy()) {
        (By::Admin { .. }, _) => {
            settings.declines = 0;
            settings.next_attempt_at = None;
        }
        (By::Owner, Remedy::Owner) => {}
        // One more decline pauses again.
        (By::Owner, Remedy::OwnerLater) => {
            settings.next_attempt_at = Some(at.saturating_add(DECLINED_AGAIN_AFTER).max(now));
        }
        (By::Owner, Remedy::NewCard | Remedy::Admin) => return Err(ResumeError::NotYours(reason)),
    }
    settings.pause = None;
    write(connection, now, &settings, false).await?;
    note(connection, now, wallet, by, "auto_recharge.resume", reason).await?;
    tell(connection, now, wallet, announcements::resumed(reason)).await?;
    if settings.is_active() {
        outbox::insert(connection, now, &CheckRecharge { wallet_id: wallet }).await?;
    }
    Ok(settings)
}

async fn note(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    by: By<'_>,
    action: &str,
    pause: PauseReason,
) -> Result<(), sqlx::Error> {
    let By::Admin { actor, reason } = by else { return Ok(()) };
    let action = AdminAction {
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: wallet.to_string(),
        details: json!({ "pause": pause.as_str(), "reason": reason }),
    };
    audit::record(connection, now, &action).await
}

/// What wallets ask for, for administrators: those that wait alone if so wanted, the lowest ids above `after` first.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    only_paused: bool,
    after: WalletId,
    limit: i64,
) -> Result<Vec<Settings>, sqlx::Error> {
    store::settings_list(connection, only_paused, after, limit).await
}
