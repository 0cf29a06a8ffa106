//! The card that is charged: saved on the provider's page, and kept in step with what the provider says of it later.

use sqlx::PgConnection;

use super::announcements;
use super::pausing::write;
use super::{Card, CardPage, PauseReason, Remedy, custody, rules, store};
use crate::payments::Payment;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use ledger::levels::CheckRecharge;
use notices::tell;

/// Records the card that was given on the page of an order for saving one, unless a newer page has been completed, or
/// who gave it may not buy for the wallet any more. A new card begins without declines, and lifts the pauses that are
/// the owner's to lift. It charges only if the user still wants that.
///
/// # Errors
/// Database errors only.
pub async fn saved(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &Payment,
    card: Card,
    given_at: Timestamp,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let locked = store::settings_lock(connection, order.wallet_id).await?;
    let Some(mut settings) = locked else { return Ok(Vec::new()) };
    let page = CardPage { given_at, order: order.id };
    let is_known = settings.card.as_ref().is_some_and(|own| own.payment_method == card.payment_method);
    if is_known || settings.card_page.is_some_and(|newest| newest >= page) {
        return Ok(Vec::new());
    }
    if !custody::may_buy(connection, &order.user_id, order.organization_id).await? {
        return Ok(vec![custody::detach(connection, now, card).await?]);
    }
    settings.card = Some(card);
    settings.card_owner = Some(order.user_id.clone());
    settings.card_page = Some(page);
    if settings.declines > 0 {
        settings.declines = 0;
        settings.next_attempt_at = None;
    }
    if settings
        .pause
        .is_some_and(|pause| pause.reason.remedy() <= Remedy::NewCard && pause.reason != PauseReason::ByOwner)
    {
        settings.pause = None;
    }
    write(connection, now, &settings, true).await?;
    if !settings.enabled {
        return Ok(Vec::new());
    }
    let notice = tell(connection, now, order.wallet_id, announcements::enabled(&settings)).await?;
    let job = CheckRecharge { wallet_id: order.wallet_id };
    Ok(vec![notice, outbox::insert(connection, now, &job).await?])
}

/// The session of the page on which the holder of the last card is to pay, if there is one. With a new card it is not
/// needed any more.
///
/// # Errors
/// Database errors only.
pub async fn page_of_last(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<String>, sqlx::Error> {
    store::page_of_run(connection, wallet).await
}

/// Whose card this is, if a wallet is recharged from it: the wallet and the customer at the provider.
///
/// # Errors
/// Database errors only.
pub async fn owner(
    connection: &mut PgConnection,
    payment_method: &str,
) -> Result<Option<(WalletId, String)>, sqlx::Error> {
    store::wallet_of_card(connection, payment_method).await
}

/// Takes over what the provider says of a wallet's card: its details, or that it is gone. A card that is good again
/// after it had expired lifts that pause.
///
/// # Errors
/// Database errors only.
pub async fn seen(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    payment_method: &str,
    found: Option<Card>,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let locked = store::settings_lock(connection, wallet).await?;
    let own = |card: &Card| card.payment_method == payment_method;
    let Some(mut settings) = locked.filter(|settings| settings.card.as_ref().is_some_and(own)) else {
        return Ok(Vec::new());
    };
    let Some(card) = found else {
        return custody::let_go_of_card(connection, now, &mut settings, PauseReason::CardRemoved).await;
    };
    let is_good = !rules::has_expired(&card, now);
    if is_good && settings.pause.is_some_and(|pause| pause.reason == PauseReason::CardExpired) {
        settings.pause = None;
    }
    settings.card = Some(card);
    write(connection, now, &settings, false).await?;
    Ok(Vec::new())
}
