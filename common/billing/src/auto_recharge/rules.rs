//! When a wallet is recharged, by how much, and what a decline leads to. Pure.

use time::{Date, Duration, Month, Time};

use super::{Card, Decline, PauseReason, Settings, Skip};
use crate::catalog::prices::CreditPrice;
use kernel::clock::Timestamp;
use kernel::money::Credits;

/// Stripe charges no less than 50 US cents…
pub const CHARGE_MIN_MINOR: i64 = 50;
/// …and no more than eight digits.
pub const CHARGE_MAX_MINOR: i64 = 99_999_999;

/// The longest that a wallet waits after a charge that was paid, unless its pause is longer from the start.
const PAUSE_MAX: Duration = Duration::hours(1);

/// Users are notified that their amount is too small at most once in this time.
const TOLD_AGAIN_AFTER: Duration = Duration::DAY;

/// How long the provider surely remembers an idempotency key: Stripe forgets it after 24 hours at the earliest. Later
/// the same key may charge again, so nothing is asked under it.
pub const KEY_IS_GOOD_FOR: Duration = Duration::hours(23);

/// After this long a charge that the provider does not know was never made.
pub const LOST_AFTER: Duration = Duration::hours(24);

/// How long after each decline in a row the card is left alone; after one more the user is waited for. Card networks
/// fine those who retry more than 15 times in 30 days.
const COOL_DOWNS: [Duration; 3] = [Duration::hours(1), Duration::hours(3), Duration::hours(7)];

/// The month of a time in UTC, by its first day.
pub fn month_of(now: Timestamp) -> Date {
    let today = now.to_offset(time::UtcOffset::UTC).date();
    today.replace_day(1).unwrap_or(today)
}

/// When the month after this one begins.
pub fn resets_at(month: Date) -> Timestamp {
    let (year, next) = match month.month() {
        Month::December => (month.year().saturating_add(1), Month::January),
        other => (month.year(), other.next()),
    };
    let first = Date::from_calendar_date(year, next, 1).unwrap_or(month);
    first.with_time(Time::MIDNIGHT).assume_utc()
}

/// The parts of the cap, in percent, of which users are warned when what was charged reaches them.
const CAP_WARNINGS: [i64; 2] = [100, 80];

/// The part of the cap, in percent, that this month's charges have reached with the last one of them, if they have.
/// What was charged only grows within a month, so each part is reached once.
pub fn cap_reached(max_monthly_minor: Option<i64>, charged_before: i64, charged: i64) -> Option<i64> {
    let cap = i128::from(max_monthly_minor?);
    let reaches =
        |percent: i64, minor: i64| i128::from(minor) * 100 >= cap.saturating_mul(i128::from(percent));
    let news = |percent: &i64| !reaches(*percent, charged_before) && reaches(*percent, charged);
    CAP_WARNINGS.into_iter().find(news)
}

/// What a cap leaves; none where there is no cap.
pub fn allowance(max_monthly_minor: Option<i64>, spent_minor: i64) -> Option<i64> {
    max_monthly_minor.map(|cap| cap.saturating_sub(spent_minor).max(0))
}

/// How long a wallet waits after a charge, which is the `nth` of 24 hours, beginning with one.
pub fn pause_after(pause: std::time::Duration, nth: i64) -> Duration {
    let pause = Duration::try_from(pause).unwrap_or(PAUSE_MAX);
    let doublings = u32::try_from(nth.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let grown = 2_i32.checked_pow(doublings).and_then(|times| pause.checked_mul(times));
    grown.unwrap_or(PAUSE_MAX).min(PAUSE_MAX.max(pause))
}

/// Whether to notify the user now that the amount is too small.
pub fn tells_too_small(told_at: Option<Timestamp>, now: Timestamp) -> bool {
    told_at.is_none_or(|at| now >= at.saturating_add(TOLD_AGAIN_AFTER))
}

/// What is known of a wallet when it is decided about.
#[derive(Clone, Debug)]
pub struct Situation {
    pub now: Timestamp,
    /// What can be spent: its balance less what is held.
    pub available: Credits,
    /// A recharge is due while less than this can be spent; none: nothing was used that would be a reason for one.
    pub due_below: Option<Credits>,
    /// Whether a run is open.
    pub is_open: bool,
    /// What this month's runs that have not failed come to, in the smallest unit.
    pub spent_minor: i64,
    /// Runs of the last 24 hours…
    pub runs_today: i64,
    /// …and how many it may be.
    pub runs_per_day: i64,
    /// What credits cost.
    pub price: CreditPrice,
    /// Whether the user has paid for credits that are not here yet.
    pub purchase_under_way: bool,
}

/// How much is charged now, in the smallest unit, and to which card.
///
/// # Errors
/// Why nothing is.
pub fn decide<'a>(settings: &'a Settings, situation: &Situation) -> Result<(i64, &'a Card), Skip> {
    if !settings.enabled {
        return Err(Skip::Disabled);
    }
    let card = settings.card.as_ref().ok_or(Skip::NoCard)?;
    if settings.pause.is_some() {
        return Err(Skip::Paused);
    }
    if situation.is_open {
        return Err(Skip::InProgress);
    }
    let is_low = situation.available < settings.threshold;
    let is_due = situation.due_below.is_some_and(|level| situation.available < level);
    if !settings.threshold.is_positive() || !(is_low || is_due) {
        return Err(Skip::ThresholdNotMet);
    }
    if !is_due {
        return Err(Skip::NothingUsed);
    }
    if settings.next_attempt_at.is_some_and(|at| at > situation.now) {
        return Err(if settings.declines > 0 { Skip::CoolingDown } else { Skip::RecentlyRecharged });
    }
    if situation.purchase_under_way {
        return Err(Skip::PurchaseUnderWay);
    }
    if situation.runs_today >= situation.runs_per_day {
        return Err(Skip::DailyLimitReached);
    }
    if has_expired(card, situation.now) {
        return Err(Skip::CardExpired);
    }
    let left = allowance(settings.max_monthly_minor, situation.spent_minor);
    let amount = left.map_or(settings.amount.minor, |left| left.min(settings.amount.minor));
    if amount < CHARGE_MIN_MINOR {
        return Err(Skip::MonthlyCapReached);
    }
    // Above the threshold the card is charged only for a use that can be made then.
    let after =
        situation.price.credits_for(amount).and_then(|bought| situation.available.checked_add(bought));
    let is_enough = situation.due_below.zip(after.ok()).is_some_and(|(needed, after)| after >= needed);
    if !is_low && !is_enough {
        return Err(Skip::AmountTooSmall);
    }
    Ok((amount, card))
}

/// Whether a card's last month is over.
pub fn has_expired(card: &Card, now: Timestamp) -> bool {
    let now = now.to_offset(time::UtcOffset::UTC);
    (card.exp_year, card.exp_month) < (i64::from(now.year()), i64::from(u8::from(now.month())))
}

/// What can be done about a decline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same card may be good later.
    Later,
    /// This card will not be: another is needed.
    NewCard,
    /// Its holder has to say yes to the bank.
    Authenticate,
}

/// The declines after which a card is never charged again, even if the provider advises to retry.
/// See <https://docs.stripe.com/declines/codes>.
const FINAL: [&str; 21] = [
    "card_not_supported",
    "currency_not_supported",
    "expired_card",
    "fraudulent",
    "incorrect_cvc",
    "incorrect_number",
    "invalid_account",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "lost_card",
    "merchant_blacklist",
    "new_account_information_available",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "stolen_card",
    "stop_payment_order",
];

/// The declines that only want the holder.
const AUTHENTICATION: [&str; 3] =
    ["authentication_required", "authentication_not_handled", "payment_intent_authentication_failure"];

/// Mastercard's and Visa's advice never to try again, and that the holder has cancelled.
const NETWORK_SAYS_NO: [&str; 2] = ["03", "21"];

/// Sorts a decline. What is not known may be good later: the cool-down and the pause bound how often that is tried.
pub fn classify(decline: &Decline) -> Class {
    let is =
        |field: &Option<String>, words: &[&str]| field.as_deref().is_some_and(|word| words.contains(&word));
    if is(&decline.decline_code, &FINAL)
        || is(&decline.code, &FINAL)
        || is(&decline.advice_code, &["do_not_try_again", "confirm_card_data"])
        || is(&decline.network_advice_code, &NETWORK_SAYS_NO)
    {
        return Class::NewCard;
    }
    if is(&decline.code, &AUTHENTICATION) || is(&decline.decline_code, &AUTHENTICATION) {
        return Class::Authenticate;
    }
    Class::Later
}

/// What a declined card means for the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// Not before this.
    CoolDown(Timestamp),
    /// Not until the user has done something.
    Pause(PauseReason),
}

/// What follows a decline, which is the `declines`-th in a row.
pub fn after_decline(class: Class, declines: i32, now: Timestamp) -> Aftermath {
    let nth = usize::try_from(declines.saturating_sub(1)).unwrap_or(0);
    match (class, COOL_DOWNS.get(nth)) {
        (Class::NewCard, _) => Aftermath::Pause(PauseReason::CardRefused),
        (Class::Authenticate, _) => Aftermath::Pause(PauseReason::NotAuthenticated),
        (Class::Later, Some(wait)) => Aftermath::CoolDown(now.saturating_add(*wait)),
        (Class::Later, None) => Aftermath::Pause(PauseReason::Declined),
    }
}

#[cfg(test)]
mod tests {
    use super::cap_reached;
    use proptest::prelude::*;

    #[test]
    fn each_part_of_the_cap_is_reached_once() {
        assert_eq!(cap_reached(None, 0, 1_000_000), None);
        assert_eq!(cap_reached(Some(10_000), 0, 7_999), None);
        assert_eq!(cap_reached(Some(10_000), 7_999, 8_000), Some(80));
        assert_eq!(cap_reached(Some(10_000), 8_000, 9_999), None);
        assert_eq!(cap_reached(Some(10_000), 9_999, 10_000), Some(100));
        assert_eq!(cap_reached(Some(10_000), 10_000, 10_000), None);
        // Both at once: the one that says more.
        assert_eq!(cap_reached(Some(10_000), 5_000, 10_000), Some(100));
    }

    proptest! {
        #[test]
        fn however_a_month_is_charged_there_is_one_warning_of_each_part_at_most(
            charges in prop::collection::vec(1..5_000_i64, 1..20), cap in 1..20_000_i64,
        ) {
            let mut charged = 0;
            let mut warnings = Vec::new();
            for charge in charges {
                warnings.extend(cap_reached(Some(cap), charged, charged + charge));
                charged += charge;
            }
            prop_assert!(matches!(warnings.as_slice(), [] | [80] | [100] | [80, 100]), "{warnings:?}");
            prop_assert_eq!(warnings.contains(&100), charged >= cap);
        }
    }
}
