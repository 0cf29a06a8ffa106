//! Holds captured in parts, above what is held, and of nothing; extended, and listed.

use std::time::Duration;

use futures::future::join_all;
use harness::world::{User, World};
use kernel::ids::{EntryId, HoldId, UserId};
use kernel::money::Credits;
use ledger::holds::{self, Above, Ending, Hold, HoldError, HoldState, NewHold};
use ledger::{Posted, Refusal};
use serde_json::json;

use super::{attached, debit_of, give, posted, wallet_of, whole};
use crate::events::publish;

fn new(user: &User, credits: i64, key: &str) -> NewHold {
    NewHold {
        wallet_id: wallet_of(user),
        user_id: UserId::try_from(user.id.clone()).unwrap(),
        amount: whole(credits),
        entry_type: "render".to_owned(),
        description: Some("A video".to_owned()),
        key: Some(key.to_owned()),
        lasts: Duration::from_hours(1),
        metadata: attached(&json!({"job": key})),
        api_key: None,
    }
}

pub(super) async fn place(world: &World, user: &User, credits: i64, key: &str) -> Hold {
    let mut transaction = world.pool().begin().await.unwrap();
    let new = new(user, credits, key);
    let placed = holds::place(&mut transaction, world.clock().now(), &new).await.unwrap();
    transaction.commit().await.unwrap();
    placed.hold
}

pub(super) async fn capture(
    world: &World,
    hold: HoldId,
    ending: Ending,
    key: Option<&str>,
) -> Result<(Hold, Option<EntryId>, Credits), HoldError> {
    let mut transaction = world.pool().begin().await?;
    let hold = holds::lock(&mut transaction, hold).await?.unwrap();
    let ended = holds::end(&mut transaction, world.clock().now(), hold, ending, key).await?;
    transaction.commit().await?;
    Ok(ended)
}

async fn held(world: &World, user: &User) -> i64 {
    let held = sqlx::query_scalar::<_, i64>("select held from wallets where id = $1::text::uuid");
    Credits::from_millionths(held.bind(&user.wallet_id).fetch_one(world.pool()).await.unwrap()).floor_whole()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_captured_part_by_part_each_once_for_its_key() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    give(&world, &alice, "gift", 100, None).await;
    let hold = place(&world, &alice, 60, "render-7").await.id;
    let part = |credits: i64| Ending::CapturePart(whole(credits));
    let answers = join_all((0..6).map(|_| capture(&world, hold, part(20), Some("a")))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|(hold, entry, balance)| {
        (hold.captured, *entry, *balance) == (whole(20), answers[0].1, whole(80))
    }));
    assert_eq!(held(&world, &alice).await, 40);
    assert!(matches!(capture(&world, hold, part(21), Some("a")).await, Err(HoldError::Reused)));
    let more = capture(&world, hold, part(41), Some("b")).await;
    assert!(matches!(more, Err(HoldError::Refused(Refusal::BadAmount))), "{more:?}");
    let nothing = capture(&world, hold, part(0), Some("b")).await;
    assert!(matches!(nothing, Err(HoldError::Refused(Refusal::BadAmount))), "{nothing:?}");
    let (second, _, balance) = capture(&world, hold, part(15), None).await.unwrap();
    assert_eq!((second.state, second.captured, balance), (HoldState::Active, whole(35), whole(65)));
    assert_eq!((held(&world, &alice).await, second.left()), (25, whole(25)));
    assert!(matches!(posted(&world, debit_of(&alice, "more", 41)).await, Posted::Refused(_)));

    let (last, entry, balance) = capture(&world, hold, Ending::Capture(whole(5)), Some("z")).await.unwrap();
    assert_eq!((last.state, last.captured, balance), (HoldState::Captured, whole(40), whole(60)));
    assert_eq!(held(&world, &alice).await, 0);
    let again = capture(&world, hold, Ending::Capture(whole(5)), Some("z")).await.unwrap();
    assert_eq!((again.0.captured, again.1), (whole(40), entry));
    assert!(matches!(
        capture(&world, hold, Ending::Capture(whole(6)), Some("z")).await,
        Err(HoldError::Reused)
    ));
    // A part whose answer was lost is answered still, and no new one is captured.
    assert_eq!(capture(&world, hold, part(20), Some("a")).await.unwrap().1, answers[0].1);
    let ended = capture(&world, hold, part(1), Some("c")).await;
    assert!(matches!(ended, Err(HoldError::Ended(HoldState::Captured))), "{ended:?}");
    let said = "ledger_entries where source_kind = 'capture' and member_id = 'alice'
                and metadata = '{\"job\": \"render-7\"}' and description = 'A video'";
    assert_eq!(world.count(said).await, 3);

    // A part that is all that is left ends the hold.
    let whole_in_parts = place(&world, &alice, 30, "whole").await.id;
    capture(&world, whole_in_parts, part(10), Some("a")).await.unwrap();
    let (ended, ..) = capture(&world, whole_in_parts, part(20), Some("b")).await.unwrap();
    assert_eq!((ended.state, ended.captured), (HoldState::Captured, whole(30)));
    assert!(capture(&world, whole_in_parts, part(20), Some("b")).await.is_ok());
    assert_eq!((held(&world, &alice).await, world.balance(&alice.wallet_id).await), (0, 30));

    // What is left is free again when it is given up, or when its time is up.
    for (key, expires) in [("given up", false), ("forgotten", true)] {
        let hold = place(&world, &alice, 10, key).await.id;
        capture(&world, hold, part(3), None).await.unwrap();
        if expires {
            world.advance(Duration::from_hours(2)).await;
            publish(&world, &holds::ExpireHolds {}).await;
            world.drain().await;
            assert_eq!(world.count("holds where state = 'expired' and captured = 3000000").await, 1);
        } else {
            let (released, ..) = capture(&world, hold, Ending::Release, None).await.unwrap();
            assert_eq!((released.state, released.captured), (HoldState::Released, whole(3)));
        }
        assert_eq!(held(&world, &alice).await, 0);
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 24);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_of_nothing_gives_up_and_one_above_goes_by_the_policy() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    give(&world, &alice, "gift", 100, None).await;
    let hold = place(&world, &alice, 60, "nothing").await.id;
    for _ in 0..2 {
        let (ended, entry, balance) =
            capture(&world, hold, Ending::Capture(whole(0)), Some("k")).await.unwrap();
        assert_eq!((ended.state, ended.captured, entry), (HoldState::Released, whole(0), None));
        assert_eq!((balance, held(&world, &alice).await), (whole(100), 0));
    }
    let hold = place(&world, &alice, 60, "above").await.id;
    let refused = capture(&world, hold, Ending::Capture(whole(61)), None).await;
    assert!(matches!(refused, Err(HoldError::Refused(Refusal::BadAmount))), "{refused:?}");
    let refused = capture(&world, hold, Ending::CaptureAbove(whole(61), Above::Refuse), None).await;
    assert!(matches!(refused, Err(HoldError::Refused(Refusal::BadAmount))), "{refused:?}");
    let above = |credits: i64| Ending::CaptureAbove(whole(credits), Above::Debt { at_most: whole(10) });
    let refused = capture(&world, hold, above(111), Some("k")).await;
    let Err(HoldError::Refused(Refusal::Insufficient { available, needed })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((available, needed), (whole(100), whole(111)));
    assert_eq!((held(&world, &alice).await, world.balance(&alice.wallet_id).await), (60, 100));
    let (ended, entry, balance) = capture(&world, hold, above(110), Some("k")).await.unwrap();
    assert_eq!((ended.state, ended.captured, balance), (HoldState::Captured, whole(110), whole(-10)));
    assert_eq!(capture(&world, hold, above(110), Some("k")).await.unwrap().1, entry);
    assert_eq!(world.count("wallets where debt = 10000000 and held = 0").await, 1);
    give(&world, &alice, "pays it", 25, None).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 15);

    // What is available is taken before anything is owed.
    let hold = place(&world, &alice, 5, "covered").await.id;
    let (.., balance) = capture(&world, hold, above(15), None).await.unwrap();
    assert_eq!((balance, world.count("wallets where debt > 0").await), (whole(0), 0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_extended_and_its_key_still_knows_it() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    give(&world, &alice, "gift", 100, None).await;
    let hold = place(&world, &alice, 60, "render-7").await;
    let extend = async |hours: i64| {
        let mut transaction = world.pool().begin().await.unwrap();
        let locked = holds::lock(&mut transaction, hold.id).await.unwrap().unwrap();
        let until = hold.expires_at + time::Duration::hours(hours);
        let extended = holds::extend(&mut transaction, world.clock().now(), locked, until).await;
        transaction.commit().await.unwrap();
        extended
    };
    assert_eq!(extend(-1).await.unwrap().expires_at, hold.expires_at, "no hold becomes shorter");
    for hours in [2, 3, 2] {
        extend(hours).await.unwrap();
    }
    let again = place(&world, &alice, 60, "render-7").await;
    let expected = hold.expires_at + time::Duration::hours(3);
    assert_eq!((again.id, again.expires_at), (hold.id, expected));
    let mut transaction = world.pool().begin().await.unwrap();
    let other = NewHold { metadata: attached(&json!({})), ..new(&alice, 60, "render-7") };
    let other = holds::place(&mut transaction, world.clock().now(), &other).await;
    assert!(matches!(other, Err(HoldError::Reused)), "{other:?}");
    transaction.rollback().await.unwrap();

    world.advance(Duration::from_hours(3)).await;
    publish(&world, &holds::ExpireHolds {}).await;
    world.drain().await;
    assert_eq!(held(&world, &alice).await, 60);
    world.advance(Duration::from_hours(1)).await;
    assert!(matches!(extend(9).await, Err(HoldError::Ended(HoldState::Expired))));
    publish(&world, &holds::ExpireHolds {}).await;
    world.drain().await;
    assert_eq!(held(&world, &alice).await, 0);
    assert!(matches!(extend(9).await, Err(HoldError::Ended(HoldState::Expired))));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_listed_by_state_a_page_at_a_time() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    give(&world, &alice, "a", 100, None).await;
    give(&world, &bob, "b", 100, None).await;
    place(&world, &bob, 1, "other").await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let hold = place(&world, &alice, 1, &format!("{number}")).await;
        match number % 3 {
            0 => {}
            1 => drop(capture(&world, hold.id, Ending::Capture(whole(1)), None).await.unwrap()),
            _ => drop(capture(&world, hold.id, Ending::Release, None).await.unwrap()),
        }
        ids.push((hold.id, number % 3));
    }
    ids.reverse();
    let mut connection = world.pool().acquire().await.unwrap();
    for (state, rest) in [
        (None, None),
        (Some(HoldState::Active), Some(0)),
        (Some(HoldState::Captured), Some(1)),
        (Some(HoldState::Released), Some(2)),
        (Some(HoldState::Expired), Some(3)),
    ] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = holds::list(&mut connection, wallet_of(&alice), state, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|hold| hold.id));
        }
        let expected = ids.iter().filter(|(_, of)| rest.is_none_or(|rest| *of == rest)).map(|(id, _)| *id);
        assert_eq!(seen, expected.collect::<Vec<_>>(), "{state:?}");
    }
    drop(connection);
    world.finish().await;
}
