//! Tests of the rules: their edges one by one, and the cap under any sequence of runs.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use time::macros::{date, datetime};

use super::rules::*;
use super::*;
use kernel::money::Currency;

const NOW: Timestamp = datetime!(2026-11-25 12:00 UTC);

fn credits(whole: i64) -> Credits {
    Credits::from_whole(whole).unwrap()
}

fn settings() -> Settings {
    let user = UserId::try_from("alice".to_owned()).unwrap();
    let defaults = Defaults { threshold: credits(1_000), amount: Money::new(5_000, Currency::USD) };
    Settings {
        enabled: true,
        consented_at: Some(NOW),
        card: Some(Card {
            customer: "cus_1".to_owned(),
            payment_method: "pm_1".to_owned(),
            brand: "visa".to_owned(),
            last4: "4242".to_owned(),
            exp_month: 12,
            exp_year: 2026,
        }),
        ..Settings::none(WalletId::new(), user, None, false, &defaults)
    }
}

fn situation(balance: i64) -> Situation {
    Situation {
        now: NOW,
        price: CreditPrice::per_hundred(100),
        available: credits(balance),
        due_below: Some(credits(1_000)),
        is_open: false,
        spent_minor: 0,
        runs_today: 0,
        runs_per_day: 10,
        purchase_under_way: false,
    }
}

fn amount(settings: &Settings, situation: &Situation) -> Result<i64, Skip> {
    decide(settings, situation).map(|(amount, _)| amount)
}

#[test]
fn it_charges_strictly_below_the_threshold() {
    assert_eq!(amount(&settings(), &situation(999)), Ok(5_000));
    assert_eq!(amount(&settings(), &situation(1_000)), Err(Skip::ThresholdNotMet));
    assert_eq!(amount(&settings(), &situation(-5)), Ok(5_000));
    let never = Settings { threshold: Credits::ZERO, ..settings() };
    assert_eq!(amount(&never, &situation(-5)), Err(Skip::ThresholdNotMet));
}

#[test]
fn what_was_not_used_is_not_charged_for() {
    let unused = Situation { due_below: None, ..situation(1) };
    assert_eq!(amount(&settings(), &unused), Err(Skip::NothingUsed));
    assert_eq!(
        amount(&settings(), &Situation { due_below: None, ..situation(1_000) }),
        Err(Skip::ThresholdNotMet)
    );
}

/// Credits that are held cannot be spent, and a use that is refused above the threshold is a reason too.
#[test]
fn a_refused_use_is_charged_for_until_there_is_enough_for_it() {
    let refused = |balance, needed| Situation { due_below: Some(credits(needed)), ..situation(balance) };
    assert_eq!(amount(&settings(), &refused(1_500, 1_501)), Ok(5_000));
    assert_eq!(amount(&settings(), &refused(1_500, 1_500)), Err(Skip::ThresholdNotMet));
    // One that could not be made after the charge either is not charged for; a low balance is.
    assert_eq!(amount(&settings(), &refused(1_500, 6_500)), Ok(5_000));
    assert_eq!(amount(&settings(), &refused(1_500, 6_501)), Err(Skip::AmountTooSmall));
    assert_eq!(amount(&settings(), &refused(999, 1_000_000)), Ok(5_000));
}

#[test]
fn each_reason_not_to_charge_is_told_apart() {
    let low = || situation(1);
    let pause = Some(Pause { at: NOW, reason: PauseReason::Declined });
    for (settings, situation, skip) in [
        (Settings { enabled: false, ..settings() }, low(), Skip::Disabled),
        (Settings { card: None, ..settings() }, low(), Skip::NoCard),
        (Settings { pause, ..settings() }, low(), Skip::Paused),
        (settings(), Situation { is_open: true, ..low() }, Skip::InProgress),
        (
            Settings { next_attempt_at: Some(NOW + time::Duration::SECOND), ..settings() },
            low(),
            Skip::RecentlyRecharged,
        ),
        (
            Settings { next_attempt_at: Some(NOW + time::Duration::SECOND), declines: 1, ..settings() },
            low(),
            Skip::CoolingDown,
        ),
        (settings(), Situation { purchase_under_way: true, ..low() }, Skip::PurchaseUnderWay),
        (settings(), Situation { runs_today: 10, ..low() }, Skip::DailyLimitReached),
        (settings(), Situation { now: datetime!(2027-01-01 0:00 UTC), ..low() }, Skip::CardExpired),
        (
            Settings { max_monthly_minor: Some(5_000), ..settings() },
            Situation { spent_minor: 4_951, ..low() },
            Skip::MonthlyCapReached,
        ),
    ] {
        assert_eq!(amount(&settings, &situation), Err(skip));
    }
    let due = Settings { next_attempt_at: Some(NOW), ..settings() };
    assert_eq!(amount(&due, &low()), Ok(5_000));
}

#[test]
fn the_last_charge_of_a_month_is_what_the_cap_leaves() {
    let capped = Settings { max_monthly_minor: Some(20_000), ..settings() };
    for (spent_minor, charged) in [(0, Ok(5_000)), (18_000, Ok(2_000)), (19_950, Ok(50))] {
        assert_eq!(amount(&capped, &Situation { spent_minor, ..situation(1) }), charged);
    }
    // Also where the cap was lowered below what is spent.
    for spent_minor in [19_951, 20_000, 25_000, i64::MAX] {
        let reached = Situation { spent_minor, ..situation(1) };
        assert_eq!(amount(&capped, &reached), Err(Skip::MonthlyCapReached));
    }
}

#[test]
fn months_begin_at_midnight_in_utc() {
    assert_eq!(month_of(datetime!(2026-11-30 23:59:59.999999 UTC)), date!(2026 - 11 - 01));
    assert_eq!(month_of(datetime!(2026-12-01 0:00 UTC)), date!(2026 - 12 - 01));
    // A time that is written for another zone is the same time.
    assert_eq!(month_of(datetime!(2026-12-01 0:30 +1)), date!(2026 - 11 - 01));
    assert_eq!(resets_at(date!(2026 - 11 - 01)), datetime!(2026-12-01 0:00 UTC));
    assert_eq!(resets_at(date!(2026 - 12 - 01)), datetime!(2027-01-01 0:00 UTC));
}

#[test]
fn declines_are_sorted_by_what_can_be_done_about_them() {
    let decline = |code: &str, decline_code: &str, advice: &str, network: &str| {
        let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        classify(&Decline {
            code: word(code),
            decline_code: word(decline_code),
            advice_code: word(advice),
            network_advice_code: word(network),
        })
    };
    assert_eq!(decline("card_declined", "insufficient_funds", "try_again_later", ""), Class::Later);
    assert_eq!(decline("card_declined", "a_new_word", "", ""), Class::Later);
    assert_eq!(decline("processing_error", "", "", ""), Class::Later);
    for code in ["lost_card", "stolen_card", "fraudulent", "pickup_card", "expired_card"] {
        assert_eq!(decline("card_declined", code, "", ""), Class::NewCard, "{code}");
    }
    assert_eq!(decline("expired_card", "", "", ""), Class::NewCard);
    assert_eq!(decline("card_declined", "generic_decline", "do_not_try_again", ""), Class::NewCard);
    assert_eq!(decline("card_declined", "generic_decline", "confirm_card_data", ""), Class::NewCard);
    assert_eq!(decline("card_declined", "do_not_honor", "", "03"), Class::NewCard);
    assert_eq!(decline("card_declined", "do_not_honor", "", "02"), Class::Later);
    assert_eq!(decline("authentication_required", "", "", ""), Class::Authenticate);
    assert_eq!(decline("card_declined", "authentication_required", "", ""), Class::Authenticate);
}

#[test]
fn charges_wait_a_minute_then_longer_up_to_an_hour() {
    let minutes =
        |least: u64, nth| pause_after(std::time::Duration::from_secs(60 * least), nth).whole_minutes();
    assert_eq!([1, 2, 3, 6, 7, 8, i64::MAX].map(|nth| minutes(1, nth)), [1, 2, 4, 32, 60, 60, 60]);
    // A pause that is longer from the start stays as long.
    assert_eq!([1, 5].map(|nth| minutes(90, nth)), [90, 90]);
    assert_eq!(minutes(1, 0), 1);
    assert!(tells_too_small(None, NOW) && tells_too_small(Some(NOW - time::Duration::DAY), NOW));
    assert!(!tells_too_small(Some(NOW - time::Duration::HOUR), NOW));
}

/// Who lifts which pause: after a disputed charge only another card does, never a word from the same one's owner.
#[test]
fn a_pause_names_who_lifts_it_and_a_graver_one_prevails() {
    use PauseReason::*;
    for name in PauseReason::NAMES {
        let reason: PauseReason = serde_json::from_value(serde_json::json!(name)).unwrap();
        let remedy = match reason {
            MoneyTakenBack | NotAuthenticated | ByOwner => Remedy::Owner,
            Declined => Remedy::OwnerLater,
            ByAdmin => Remedy::Admin,
            _ => Remedy::NewCard,
        };
        assert_eq!(reason.remedy(), remedy, "{reason:?}");
    }
    assert!(Disputed.remedy() > MoneyTakenBack.remedy() && ByAdmin.remedy() > Disputed.remedy());
}

#[test]
fn the_newest_page_is_the_one_completed_last() {
    let page = |seconds, order| CardPage { given_at: NOW + time::Duration::seconds(seconds), order };
    let (first, second) = (PaymentId::new(), PaymentId::new());
    assert!(page(1, first) > page(0, second), "completed later, though ordered before");
    assert!(page(0, first) < page(0, second), "of one second the later order");
}

#[test]
fn waits_grow_and_end_in_a_pause() {
    let after = |declines| after_decline(Class::Later, declines, NOW);
    let wait = |hours| Aftermath::CoolDown(NOW + time::Duration::hours(hours));
    assert_eq!([after(1), after(2), after(3)], [wait(1), wait(3), wait(7)]);
    for declines in [4, 5, i32::MAX] {
        assert_eq!(after(declines), Aftermath::Pause(PauseReason::Declined));
    }
    assert_eq!(after_decline(Class::NewCard, 1, NOW), Aftermath::Pause(PauseReason::CardRefused));
}

/// What happens to a wallet in a random month.
#[derive(Clone, Debug)]
enum Step {
    /// It is looked at while this low.
    Check(i64),
    /// The open run ends so.
    Succeed,
    Fail,
    /// The cap is another one.
    Cap(Option<i64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (-500_i64..1_500).prop_map(Step::Check),
        2 => Just(Step::Succeed),
        1 => Just(Step::Fail),
        1 => proptest::option::of(50_i64..30_000).prop_map(Step::Cap),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// What is charged or reserved is never more than the cap allowed when it was decided, and one run is open at most.
    #[test]
    fn no_sequence_exceeds_the_cap(steps in steps(), charge in 50_i64..20_000) {
        let mut settings = Settings { amount: Money::new(charge, Currency::USD), ..settings() };
        let (mut spent, mut open) = (0_i64, None::<i64>);
        for step in steps {
            match step {
                Step::Check(balance) => {
                    let now = Situation { spent_minor: spent, is_open: open.is_some(), ..situation(balance) };
                    if let Ok(amount) = amount(&settings, &now) {
                        prop_assert!(open.is_none() && balance < 1_000);
                        prop_assert!((CHARGE_MIN_MINOR..=charge).contains(&amount));
                        spent += amount;
                        prop_assert!(settings.max_monthly_minor.is_none_or(|cap| spent <= cap));
                        open = Some(amount);
                    }
                }
                Step::Succeed => open = None,
                Step::Fail => spent -= open.take().unwrap_or(0),
                Step::Cap(cap) => settings.max_monthly_minor = cap,
            }
        }
    }
}
