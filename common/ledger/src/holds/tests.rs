//! When a hold may be ended how, and what makes a request the same.
#![allow(clippy::unwrap_used)]

use super::*;
use time::macros::datetime;

const NOW: Timestamp = datetime!(2026-11-01 00:00 UTC);

fn hold(state: HoldState, captured: i64, ended_key: Option<&str>) -> Hold {
    Hold {
        id: HoldId::new(),
        wallet_id: WalletId::new(),
        user_id: UserId::try_from("ada".to_owned()).unwrap(),
        amount: Credits::from_millionths(42),
        captured: Credits::from_millionths(captured),
        state,
        entry_type: "render".to_owned(),
        description: None,
        created_at: NOW - Duration::from_mins(1),
        expires_at: NOW + Duration::from_mins(1),
        ended_key: ended_key.map(str::to_owned),
        metadata: Metadata::default(),
        placed_until: None,
        counted: None,
    }
}

fn course(hold: &Hold, ending: Ending, key: Option<&str>) -> Result<Course, String> {
    course_after(hold, ending, key, Some(42))
}

/// What to do about a hold if this much was spent for the same cause.
fn course_after(
    hold: &Hold,
    ending: Ending,
    key: Option<&str>,
    before: Option<i64>,
) -> Result<Course, String> {
    ending.course(hold, key, NOW, before.map(Credits::from_millionths)).map_err(|error| error.to_string())
}

#[test]
fn a_hold_is_captured_once_and_the_same_request_may_come_again() {
    let all = Ending::Capture(Credits::from_millionths(42));
    let captured = hold(HoldState::Captured, 42, Some("a"));
    assert_eq!(course(&captured, all, Some("a")), Ok(Course::Repeat));
    assert!(course(&captured, all, Some("b")).unwrap_err().contains("captured"));
    assert!(course(&captured, all, None).unwrap_err().contains("captured"));
    let less = Ending::Capture(Credits::from_millionths(41));
    assert!(course(&captured, less, Some("a")).unwrap_err().contains("another request"));
    assert!(course(&captured, less, Some("b")).unwrap_err().contains("captured"));
    // Captured without a key: no request is known to be the same.
    assert!(course(&hold(HoldState::Captured, 42, None), all, None).is_err());
    assert!(course(&captured, Ending::Release, Some("a")).is_err());
}

#[test]
fn a_part_is_captured_once_for_its_key_whatever_became_of_the_hold() {
    let of = Credits::from_millionths;
    let part = Ending::CapturePart(of(12));
    let active = hold(HoldState::Active, 12, None);
    assert_eq!(course_after(&active, part, Some("b"), None), Ok(Course::End));
    assert_eq!(course_after(&active, part, None, None), Ok(Course::End));
    let expired = Hold { expires_at: NOW, ..active.clone() };
    for hold in [active.clone(), expired.clone(), hold(HoldState::Released, 12, None)] {
        assert_eq!(course_after(&hold, part, Some("a"), Some(12)), Ok(Course::Repeat));
        assert!(course_after(&hold, part, Some("a"), Some(13)).unwrap_err().contains("another request"));
    }
    assert!(course_after(&expired, part, Some("b"), None).unwrap_err().contains("expired"));
    let (a, b) = (part.cause(&active, Some("a")), part.cause(&active, Some("b")));
    assert_ne!(a, b);
    assert_ne!(part.cause(&active, None), part.cause(&active, None));
    assert_ne!(a, Ending::Capture(of(12)).cause(&active, Some("a")));
}

#[test]
fn what_a_hold_is_after_each_ending() {
    let of = Credits::from_millionths;
    use HoldState::{Active, Captured, Expired, Released};
    let after = |captured: i64, ending: Ending| {
        let mut hold = hold(Active, captured, None);
        let change = ending.apply(&mut hold, Some("k")).unwrap();
        let moved = match change {
            Change::Capture { held, spend, .. } => (held.millionths(), spend.millionths()),
            Change::Release(held) => (held.millionths(), 0),
            other => panic!("{other:?}"),
        };
        (hold.state, hold.captured.millionths(), hold.ended_key.is_some(), moved)
    };
    assert_eq!(after(0, Ending::CapturePart(of(12))), (Active, 12, false, (12, 12)));
    assert_eq!(after(12, Ending::CapturePart(of(29))), (Active, 41, false, (29, 29)));
    assert_eq!(after(12, Ending::CapturePart(of(30))), (Captured, 42, true, (30, 30)));
    assert_eq!(after(12, Ending::Capture(of(5))), (Captured, 17, true, (30, 5)));
    assert_eq!(after(0, Ending::Capture(of(0))), (Released, 0, true, (42, 0)));
    assert_eq!(after(12, Ending::Capture(of(0))), (Captured, 12, true, (30, 0)));
    assert_eq!(after(12, Ending::Release), (Released, 12, true, (30, 0)));
    assert_eq!(after(12, Ending::Expire), (Expired, 12, true, (30, 0)));
    let above = Above::Debt { at_most: of(9) };
    assert_eq!(after(12, Ending::CaptureAbove(of(35), above)), (Captured, 47, true, (30, 35)));
    let mut held = hold(Active, 12, None);
    let too_much = Ending::CapturePart(of(31)).apply(&mut held, None);
    assert_eq!(too_much.unwrap_err(), Refusal::BadAmount);
}

#[test]
fn a_hold_whose_time_is_up_is_not_captured_but_can_be_given_up() {
    let mut late = hold(HoldState::Active, 0, None);
    assert_eq!(course(&late, Ending::Capture(late.amount), None), Ok(Course::End));
    assert_eq!(late.state_at(NOW), HoldState::Active);
    late.expires_at = NOW;
    assert!(course(&late, Ending::Capture(late.amount), None).unwrap_err().contains("expired"));
    assert_eq!(course(&late, Ending::Release, None), Ok(Course::End));
    assert_eq!(course(&late, Ending::Expire, None), Ok(Course::End));
    assert_eq!(late.state_at(NOW), HoldState::Expired);
    assert_eq!(
        hold(HoldState::Captured, 1, None).state_at(NOW + Duration::from_hours(1)),
        HoldState::Captured
    );
}

#[test]
fn a_key_is_for_one_hold() {
    let placed = hold(HoldState::Released, 0, None);
    let new = NewHold {
        wallet_id: placed.wallet_id,
        user_id: placed.user_id.clone(),
        amount: placed.amount,
        entry_type: placed.entry_type.clone(),
        description: None,
        key: Some("k".to_owned()),
        lasts: Duration::from_mins(2),
        metadata: Metadata::default(),
        api_key: None,
    };
    assert!(new.is(&placed));
    assert!(!NewHold { amount: Credits::from_millionths(43), ..new.clone() }.is(&placed));
    assert!(!NewHold { wallet_id: WalletId::new(), ..new.clone() }.is(&placed));
    assert!(!NewHold { entry_type: "x".to_owned(), ..new.clone() }.is(&placed));
    assert!(!NewHold { description: Some("x".to_owned()), ..new.clone() }.is(&placed));
    assert!(!NewHold { lasts: Duration::from_mins(3), ..new.clone() }.is(&placed));
    let metadata = serde_json::from_str(r#"{"job": "7"}"#).unwrap();
    assert!(!NewHold { metadata, ..new.clone() }.is(&placed));
    // An extended hold is still the one that was placed.
    let until = placed.expires_at;
    let extended = Hold { expires_at: NOW + Duration::from_hours(1), placed_until: Some(until), ..placed };
    assert!(new.is(&extended));
}
