//! Events of a wallet's recharges, for the people who see the wallet.

use super::{Decline, PauseReason, Run, Settings, rules};
use crate::payments::Payment;
use kernel::clock::Timestamp;
use notices::{Amount, Event, Moment};

/// It can charge the card from now on.
pub fn enabled(settings: &Settings) -> Event {
    let card = settings.card.as_ref();
    Event::RechargeEnabled {
        card_brand: card.map(|card| card.brand.clone()),
        card_last4: card.map(|card| card.last4.clone()),
    }
}

/// The wallet was recharged.
pub fn succeeded(run: &Run, payment: &Payment) -> Event {
    Event::RechargeSucceeded {
        amount_cents: run.amount_minor,
        credits: Amount(payment.credits),
        payment_id: payment.number,
        order_id: payment.id,
    }
}

/// What was charged this month has reached a part of the cap.
pub fn cap_warning(settings: &Settings, run: &Run, percent: i64, charged_minor: i64) -> Event {
    Event::RechargeCapWarning {
        percent,
        charged_cents: charged_minor,
        max_monthly_cents: settings.max_monthly_minor,
        resets_at: Moment(rules::resets_at(run.month)),
    }
}

/// The card was declined, the first time in a row.
pub fn failed(run: &Run, decline: &Decline, next_attempt_at: Timestamp) -> Event {
    Event::RechargeFailed {
        amount_cents: run.amount_minor,
        reason: reason(decline).to_owned(),
        next_attempt_at: Moment(next_attempt_at),
    }
}

/// Nothing is charged until the user has done something.
pub fn paused(why: PauseReason) -> Event {
    Event::RechargePaused { reason: why.as_str() }
}

/// The bank wants the card's holder, who can pay on this page.
pub fn action_required(run: &Run, url: &str) -> Event {
    Event::RechargeActionRequired { amount_cents: run.amount_minor, url: url.to_owned() }
}

/// The cap leaves nothing to charge until the month is over.
pub fn capped(settings: &Settings, now: Timestamp) -> Event {
    Event::RechargeSkipped {
        reason: "monthly_cap_reached",
        max_monthly_cents: settings.max_monthly_minor,
        resets_at: Moment(rules::resets_at(rules::month_of(now))),
    }
}

/// As often as a wallet is charged in a day, it was.
pub fn limited(until: Timestamp) -> Event {
    Event::RechargeSkipped {
        reason: "daily_limit_reached",
        max_monthly_cents: None,
        resets_at: Moment(until),
    }
}

/// What is charged each time is too small for what is used: after it there is less than the threshold, or than what was
/// asked for.
pub fn amount_too_small(settings: &Settings) -> Event {
    Event::RechargeAmountTooSmall {
        amount_cents: settings.amount.minor,
        threshold_credits: Amount(settings.threshold),
    }
}

/// It goes on.
pub fn resumed(why: PauseReason) -> Event {
    Event::RechargeResumed { reason: why.as_str() }
}

/// The reason of a decline in a word.
pub fn reason(decline: &Decline) -> &str {
    decline.decline_code.as_deref().or(decline.code.as_deref()).unwrap_or("declined")
}
