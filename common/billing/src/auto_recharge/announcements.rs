//! Notices about a wallet's recharges for the people who see the wallet.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{Decline, PauseReason, Run, Settings, rules};
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use kernel::money::Credits;
use notices::{Notice, SendNotices};

/// It can charge the card from now on.
pub fn enabled(settings: &Settings) -> Value {
    let card = settings.card.as_ref();
    json!({"type": "auto_recharge.enabled", "cardBrand": card.map(|card| &card.brand),
           "cardLast4": card.map(|card| &card.last4)})
}

/// The wallet was recharged.
pub fn succeeded(run: &Run, credits: Credits, payment: i64) -> Value {
    json!({"type": "auto_recharge.succeeded", "amountCents": run.amount_minor, "credits": credits.to_json(),
           "paymentId": payment})
}

/// What was charged this month has reached a part of the cap.
pub fn cap_warning(settings: &Settings, run: &Run, percent: i64, charged_minor: i64) -> Value {
    json!({"type": "auto_recharge.cap_warning", "percent": percent, "chargedCents": charged_minor,
           "maxMonthlyCents": settings.max_monthly_minor, "resetsAt": text(rules::resets_at(run.month))})
}

/// The card was declined, the first time in a row.
pub fn failed(run: &Run, decline: &Decline, next_attempt_at: Timestamp) -> Value {
    json!({"type": "auto_recharge.failed", "amountCents": run.amount_minor, "reason": reason(decline),
           "nextAttemptAt": text(next_attempt_at)})
}

/// Nothing is charged until the user has done something.
pub fn paused(why: PauseReason) -> Value {
    json!({"type": "auto_recharge.paused", "reason": why.as_str()})
}

/// The bank wants the card's holder, who can pay on this page.
pub fn action_required(run: &Run, url: &str) -> Value {
    json!({"type": "auto_recharge.action_required", "amountCents": run.amount_minor, "url": url})
}

/// The cap leaves nothing to charge until the month is over.
pub fn capped(settings: &Settings, now: Timestamp) -> Value {
    json!({"type": "auto_recharge.skipped", "reason": "monthly_cap_reached",
           "maxMonthlyCents": settings.max_monthly_minor,
           "resetsAt": text(rules::resets_at(rules::month_of(now)))})
}

/// As often as a wallet is charged in a day, it was.
pub fn limited(until: Timestamp) -> Value {
    json!({"type": "auto_recharge.skipped", "reason": "daily_limit_reached", "resetsAt": text(until)})
}

/// What is charged each time is too small for what is used: after it there is less than the threshold, or than what was
/// asked for.
pub fn amount_too_small(settings: &Settings) -> Value {
    json!({"type": "auto_recharge.amount_too_small", "amountCents": settings.amount.minor,
           "thresholdCredits": settings.threshold.to_json()})
}

/// It goes on.
pub fn resumed(why: PauseReason) -> Value {
    json!({"type": "auto_recharge.resumed", "reason": why.as_str()})
}

/// The reason of a decline in a word.
pub fn reason(decline: &Decline) -> &str {
    decline.decline_code.as_deref().or(decline.code.as_deref()).unwrap_or("declined")
}

/// Notifies the people who see a wallet, once the caller's transaction commits.
pub(super) async fn notify(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet_id: WalletId,
    body: Value,
) -> Result<OutboxId, sqlx::Error> {
    let job = SendNotices { notices: vec![Notice::new(now, wallet_id, body)] };
    outbox::insert(connection, now, &job).await
}

fn text(at: Timestamp) -> Option<String> {
    at.format(&time::format_description::well_known::Rfc3339).ok()
}
