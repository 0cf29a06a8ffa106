//! Tries limits on any sequence of uses and give-backs, over days and months, against a model that knows only uses.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use time::macros::datetime;
use time::{Date, Duration};

use super::*;
use crate::{Author, Cause, Change, Counted, CounterAccount, EntryNote, GrantSource, Movement, NewGrant};
use kernel::ids::{EntryId, GrantId};

const START: Timestamp = datetime!(2026-11-28 06:00 UTC);

fn of(millionths: i64) -> Credits {
    Credits::from_millionths(millionths)
}

fn key() -> Whose {
    Whose::ApiKey(ApiKeyId(uuid::Uuid::nil()))
}

fn movement(change: Change, counter_account: CounterAccount, counted: Option<Counted>) -> Movement {
    Movement {
        wallet_id: WalletId(uuid::Uuid::nil()),
        cause: Cause { kind: "test", id: "1".to_owned() },
        change,
        counter_account,
        entry_type: "test".to_owned(),
        description: None,
        note: EntryNote {
            by: Author {
                member: UserId::try_from("bob".to_owned()).ok(),
                api_key: Some(ApiKeyId(uuid::Uuid::nil())),
            },
            counted,
            ..EntryNote::default()
        },
    }
}

/// Posts a movement that the wallet allows: whether the limits do, and what counted it.
fn post(
    counting: &mut Counting,
    movement: &Movement,
    now: Timestamp,
) -> Result<Option<Counted>, ReachedLimit> {
    match counting.check(movement, now) {
        Verdict::Short { reached, .. } => Err(reached),
        Verdict::Fits => Ok(counting.count(movement, now).0),
    }
}

fn spend(counting: &mut Counting, amount: i64, now: Timestamp) -> Result<Option<Counted>, ReachedLimit> {
    post(counting, &movement(Change::Debit(of(amount)), CounterAccount::Usage, None), now)
}

fn given_back(amount: i64) -> Change {
    let unknown = NewGrant {
        id: GrantId::new(),
        source: GrantSource::Manual,
        amount: of(amount),
        priority: 0,
        expires_at: None,
        payment_id: None,
        origin_payment_id: None,
    };
    Change::GiveBack { debit: EntryId::new(), unknown: Some(unknown), parts: Vec::new() }
}

/// Limits of a key, in millionths.
fn limited(day: Option<i64>, month: Option<i64>) -> Counting {
    Counting::knowing([(key(), Tally::new(Limits { day: day.map(of), month: month.map(of) }, START))])
}

#[test]
fn a_limit_is_met_exactly_and_begins_anew_at_midnight_and_with_the_month() {
    let mut counting = limited(Some(10), Some(25));
    assert!(spend(&mut counting, 10, START).is_ok());
    let reached = spend(&mut counting, 1, START).unwrap_err().limit;
    assert_eq!((reached.per, reached.left, reached.used), (Per::Day, of(0), of(10)));
    assert_eq!(reached.resets_at, datetime!(2026-11-29 00:00 UTC));
    let night = datetime!(2026-11-28 23:59:59.999999 UTC);
    assert!(spend(&mut counting, 1, night).is_err());
    let next = datetime!(2026-11-29 00:00 UTC);
    assert!(spend(&mut counting, 11, next).is_err());
    assert!(spend(&mut counting, 10, next).is_ok());
    let third = datetime!(2026-11-30 12:00 UTC);
    let reached = spend(&mut counting, 6, third).unwrap_err().limit;
    assert_eq!((reached.per, reached.left), (Per::Month, of(5)));
    assert_eq!(reached.resets_at, datetime!(2026-12-01 00:00 UTC));
    assert!(spend(&mut counting, 5, third).is_ok());
    assert!(spend(&mut counting, 10, datetime!(2026-12-01 00:00 UTC)).is_ok());
    // A clock that is behind does not bring back what was left of a day.
    assert!(spend(&mut counting, 1, third).is_err());
}

#[test]
fn only_spending_counts() {
    let mut counting = limited(Some(10), None);
    let uncounted = [
        (Change::Debit(of(20)), CounterAccount::Manual),
        (Change::Expire(GrantId::new()), CounterAccount::Expiry),
        (Change::Reverse { grants: vec![GrantId::new()], amount: of(20) }, CounterAccount::Refund),
        // A hold and a debit that no limit counted.
        (Change::Release(of(5)), CounterAccount::Usage),
        (given_back(5), CounterAccount::Usage),
    ];
    for (change, account) in uncounted {
        assert_eq!(post(&mut counting, &movement(change, account, None), START), Ok(None));
    }
    assert_eq!(counting.tally(&key()).unwrap().day.used, of(0));
    for account in [CounterAccount::Usage, CounterAccount::Transfer] {
        let counted = post(&mut counting, &movement(Change::Debit(of(5)), account, None), START).unwrap();
        assert_eq!(counted.unwrap().by.len(), 1);
    }
    assert!(post(&mut counting, &movement(Change::Hold(of(1)), CounterAccount::Usage, None), START).is_err());
}

#[test]
fn the_member_is_asked_before_the_key_and_neither_counts_what_the_other_refuses() {
    let member = Whose::Member {
        wallet_id: WalletId(uuid::Uuid::nil()),
        user_id: "bob".to_owned().try_into().unwrap(),
    };
    let tally = |day| Tally::new(Limits::of(Per::Day, of(day)), START);
    let mut counting = Counting::knowing([(key(), tally(10)), (member.clone(), tally(20))]);
    assert_eq!(spend(&mut counting, 21, START).unwrap_err().whose, member);
    assert_eq!(spend(&mut counting, 11, START).unwrap_err().whose, key());
    assert_eq!(counting.tally(&member).unwrap().day.used, of(0));
    assert_eq!(spend(&mut counting, 10, START).unwrap().unwrap().by.len(), 2);
    assert_eq!(
        (counting.tally(&member).unwrap().day.used, counting.tally(&key()).unwrap().day.used),
        (of(10), of(10))
    );
}

#[test]
fn a_changed_limit_goes_on_with_what_was_counted() {
    let mut tally = Tally::new(Limits::of(Per::Day, of(10)), START);
    tally.count(of(8), START);
    let next = START + Duration::DAY;
    tally.count(of(6), next);
    tally.set(Limits::of(Per::Month, of(20)), next);
    let status = tally.clone().status(next);
    assert_eq!((status[0].per, status[0].used, status[0].left), (Per::Month, of(14), of(6)));
    tally.set(Limits::of(Per::Month, of(5)), next);
    assert_eq!(tally.clone().status(next)[0].left, of(0));
    tally.set(Limits::default(), next);
    assert!(tally.clone().status(next).is_empty() && tally.short(of(100), next).is_none());
    tally.set(Limits::of(Per::Day, of(10)), next);
    assert_eq!(tally.status(next)[0].used, of(6));
}

#[test]
fn it_is_told_once_in_a_period_and_again_of_another_limit() {
    let mut tally = Tally::new(Limits::of(Per::Day, of(10)), START);
    tally.count(of(9), START);
    assert!(tally.newly_used_up().is_empty());
    assert!(tally.tell(Per::Day) && !tally.tell(Per::Day));
    tally.count(of(1), START);
    assert!(tally.newly_used_up().is_empty(), "it was told when it refused");
    tally.set(Limits::of(Per::Day, of(11)), START);
    tally.count(of(1), START);
    assert_eq!((tally.newly_used_up().len(), tally.newly_used_up().len()), (1, 0));
    tally.count(of(11), START + Duration::DAY);
    assert_eq!(tally.newly_used_up().len(), 1);
}

/// Something that was counted and may be corrected.
struct Use {
    counted: Option<Counted>,
    /// What of it is spent or held.
    rest: i64,
    is_hold: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Debit(i64),
    Hold(i64),
    /// Of one of the uses: captures a part of a hold, and so much above it; gives back a part of a debit.
    Correct {
        which: usize,
        part: i64,
        above: i64,
    },
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..60_i64).prop_map(Step::Debit),
        (1..60_i64).prop_map(Step::Hold),
        (any::<usize>(), 0..60_i64, 0..20_i64).prop_map(|(which, part, above)| Step::Correct {
            which,
            part,
            above
        }),
        (1..40_i64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever is spent, held, captured, given up and given back: no period counts more than its limit, and none less
    /// than what was spent in it and has not come back.
    #[test]
    fn no_period_exceeds_its_limit(
        day in prop::option::of(0..120_i64),
        month in prop::option::of(0..300_i64),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let (mut counting, mut now, mut uses) = (limited(day, month), START, Vec::<Use>::new());
        // What was spent in the present periods, with its day, less what came back of it.
        let mut spent: Vec<(Date, i64)> = Vec::new();
        for step in steps {
            let sum = |from: Date| -> i64 {
                spent.iter().filter(|(on, _)| *on >= from).map(|(_, amount)| amount).sum()
            };
            let (today, this_month) = (now.date(), now.date().replace_day(1).unwrap());
            let fits = |more: i64| {
                day.is_none_or(|day| sum(today) + more <= day) && month.is_none_or(|month| sum(this_month) + more <=
                    month)
            };
            match step {
                Step::Debit(amount) | Step::Hold(amount) => {
                    let is_hold = matches!(step, Step::Hold(_));
                    let change = if is_hold { Change::Hold(of(amount)) } else { Change::Debit(of(amount)) };
                    let posted = post(&mut counting, &movement(change, CounterAccount::Usage, None), now);
                    prop_assert_eq!(posted.is_ok(), fits(amount));
                    if let Ok(counted) = posted {
                        uses.push(Use { counted, rest: amount, is_hold });
                        spent.push((today, amount));
                    }
                }
                Step::Wait(hours) => now += Duration::hours(hours),
                Step::Correct { which, part, above } => {
                    let count = uses.len().max(1);
                    let Some(used) = uses.get_mut(which % count) else { continue };
                    let part = part.min(used.rest);
                    let (change, more) = if used.is_hold {
                        let more = above - part;
                        (Change::Capture { held: of(used.rest), spend: of(used.rest + more),
                            above: crate::Above::Refuse }, more)
                    } else {
                        (given_back(part), -part)
                    };
                    let posted = post(&mut counting, &movement(change, CounterAccount::Usage, used.counted.clone()),
                        now);
                    prop_assert_eq!(posted.is_ok(), more <= 0 || fits(more));
                    if posted.is_err() {
                        continue;
                    }
                    let on = used.counted.as_ref().unwrap().on;
                    used.rest = if used.is_hold { 0 } else { used.rest - part };
                    spent.push((if more > 0 { today } else { on }, more));
                    used.is_hold = false;
                }
            }
            let tally = counting.tally(&key()).unwrap();
            let mut shown = tally.clone();
            shown.set(tally.limits, now);
            let sum = |from: Date| -> i64 {
                spent.iter().filter(|(on, _)| *on >= from).map(|(_, amount)| amount).sum()
            };
            prop_assert_eq!(shown.day.used.millionths(), sum(now.date()));
            prop_assert_eq!(shown.month.used.millionths(), sum(now.date().replace_day(1).unwrap()));
            prop_assert!(day.is_none_or(|day| shown.day.used <= of(day)));
            prop_assert!(month.is_none_or(|month| shown.month.used <= of(month)));
        }
    }
}
