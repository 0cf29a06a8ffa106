//! Giving credits and voiding grants: once, on record, and never what a hold needs.

use std::time::Duration;

use futures::future::join_all;
use harness::world::World;
use kernel::ids::{GrantId, UserId, WalletId};
use ledger::grants::{GiveError, Given, NewCredits, VoidError, give, lapsing, list, void};
use ledger::history::{SourceOf, entry};
use ledger::holds::{self, Ending, NewHold};
use ledger::{Author, EntryNote, GrantSource, Posted, Refusal};
use serde_json::json;

use super::{attached, cause, debit, debit_of, grant, left, new_credits, posted, wallet_of, whole};

async fn given(world: &World, new: &NewCredits) -> Result<Given, GiveError> {
    give(world.pool(), world.clock().now(), new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_given_once_for_their_cause_and_on_record() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mut new = new_credits(&world, &alice, "k", 100, Some(1));
    new.note = EntryNote {
        metadata: attached(&json!({"ticket": "7"})),
        by: Author { member: Some(UserId::try_from("alice".to_owned()).unwrap()), api_key: None },
        ..EntryNote::default()
    };
    // Each request makes a new id; the cause tells that they are one.
    let requests: Vec<NewCredits> =
        (0..12).map(|_| NewCredits { id: GrantId::new(), ..new.clone() }).collect();
    let answers = join_all(requests.iter().map(|new| given(&world, new))).await;
    let answers: Vec<Given> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|given| !given.is_repeated).count(), 1);
    assert!(answers.iter().all(|given| given.grant == answers[0].grant && given.balance == whole(100)));
    let view = &answers[0].grant;
    assert_eq!((view.credits, view.remaining, view.source), (whole(100), whole(100), GrantSource::Manual));
    assert_eq!((view.expires_at, view.priority, &view.metadata), (new.expires_at, 50, &new.note.metadata));
    let said = entry(&mut world.pool().acquire().await.unwrap(), answers[0].entry_id).await.unwrap().unwrap();
    assert_eq!((said.source, said.amount), (SourceOf::Grant(view.id), whole(100)));
    assert_eq!((said.metadata, said.member_id), (new.note.metadata.clone(), new.note.by.member.clone()));
    let on_record = "admin_actions where actor = 'user:root' and action = 'credits.give'
                     and details ->> 'reason' = 'They waited'";
    assert_eq!(world.count(on_record).await, 1);

    for other in [
        NewCredits { credits: whole(101), ..new.clone() },
        NewCredits { entry_type: "other".to_owned(), ..new.clone() },
        NewCredits { source: GrantSource::Coupon, ..new.clone() },
        NewCredits { note: EntryNote::default(), ..new.clone() },
        NewCredits { wallet_id: wallet_of(&world.create_user("bob").await), ..new.clone() },
    ] {
        assert!(matches!(given(&world, &other).await, Err(GiveError::Reused)), "{other:?}");
    }
    let another = |name: &str| NewCredits { cause: cause("grant", name), ..new.clone() };
    let nobody = NewCredits { wallet_id: WalletId::new(), ..another("nobody") };
    assert!(matches!(given(&world, &nobody).await, Err(GiveError::Refused(Refusal::NoWallet))));
    let nothing = NewCredits { credits: whole(0), ..another("nothing") };
    assert!(matches!(given(&world, &nothing).await, Err(GiveError::Refused(Refusal::BadAmount))));
    let late = NewCredits { id: GrantId::new(), expires_at: Some(world.clock().now()), ..another("late") };
    assert!(matches!(given(&world, &late).await, Err(GiveError::Lapsed)));
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    // A request that comes again when the credits have lapsed is answered as before.
    world.advance(Duration::from_hours(2)).await;
    assert!(given(&world, &new).await.unwrap().is_repeated);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voided_grant_is_gone_but_for_what_a_hold_needs() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let first = super::give(&world, &alice, "first", 30, None).await;
    let second = super::give(&world, &alice, "second", 100, None).await;
    let untouched = super::give(&world, &alice, "third", 10, None).await;
    let mut transaction = world.pool().begin().await.unwrap();
    let new = NewHold {
        wallet_id: wallet_of(&alice),
        user_id: UserId::try_from("alice".to_owned()).unwrap(),
        amount: whole(50),
        entry_type: "render".to_owned(),
        description: None,
        key: None,
        lasts: Duration::from_hours(1),
        metadata: attached(&json!({})),
        api_key: None,
    };
    let hold = holds::place(&mut transaction, world.clock().now(), &new).await.unwrap().hold;
    transaction.commit().await.unwrap();

    let voiding = |id: GrantId| {
        let (pool, now) = (world.pool(), world.clock().now());
        async move { void(pool, now, id, "Fraud", "admin", EntryNote::default()).await }
    };
    let answers = join_all((0..6).map(|_| voiding(second))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|voided| !voided.is_repeated).count(), 1);
    for voided in &answers {
        assert_eq!((voided.credits, voided.balance), (whole(80), whole(60)));
        assert_eq!((voided.entry_id, &voided.grant), (answers[0].entry_id, &answers[0].grant));
    }
    assert_eq!((left(&world, first).await, left(&world, second).await), (30, 20));
    assert_eq!(grant(&world, second).await.voided_at, grant(&world, second).await.expires_at);
    assert_eq!(world.count("admin_actions where action = 'credits.void'").await, 1);
    assert_eq!(
        world.count("ledger_entries where entry_type = 'void' and counter_account = 'manual'").await,
        1
    );
    // What is not held can be spent, and no more.
    assert!(matches!(posted(&world, debit_of(&alice, "more", 11)).await, Posted::Refused(_)));
    debit(&world, &alice, "rest", 10).await;
    assert_eq!((left(&world, first).await, left(&world, untouched).await), (20, 10));

    let mut transaction = world.pool().begin().await.unwrap();
    let hold = holds::lock(&mut transaction, hold.id).await.unwrap().unwrap();
    let now = world.clock().now();
    let ended = holds::end(&mut transaction, now, hold, Ending::Capture(whole(15)), None).await.unwrap();
    transaction.commit().await.unwrap();
    // The voided credits burned first, and the other five of them lapsed with the hold.
    assert_eq!(ended.2, whole(30));
    assert_eq!((left(&world, first).await, left(&world, second).await), (20, 0));

    // Of one that is spent nothing is taken.
    debit(&world, &alice, "spent", 20).await;
    let spent = voiding(first).await.unwrap();
    assert_eq!((spent.entry_id, spent.credits, spent.balance), (None, whole(0), whole(10)));
    assert!(voiding(first).await.unwrap().is_repeated);
    assert!(matches!(voiding(GrantId::new()).await, Err(VoidError::NotFound)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_listed_a_page_at_a_time_and_what_lapses_by_moment() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    super::give(&world, &bob, "other", 1, Some(1)).await;
    let mut ids = Vec::new();
    let begun = world.clock().now();
    for (number, hours) in [(1, Some(1)), (2, Some(9)), (3, Some(9)), (4, None), (5, Some(3))] {
        let expires_at = hours.map(|hours| begun + time::Duration::hours(hours));
        let new = new_credits(&world, &alice, &format!("{number}"), number, None);
        ids.push(given(&world, &NewCredits { expires_at, ..new }).await.unwrap().grant.id);
    }
    debit(&world, &alice, "first to lapse", 1).await;
    ids.reverse();
    let wallet = wallet_of(&alice);
    let mut connection = world.pool().acquire().await.unwrap();
    for (open_only, expected) in [(false, &ids[..]), (true, &ids[..4])] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = list(&mut connection, wallet, open_only, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|grant| grant.id));
        }
        assert_eq!(seen, expected, "open only: {open_only}");
    }
    let now = world.clock().now();
    let moments = lapsing(&mut connection, now, wallet, 10).await.unwrap();
    let credits: Vec<_> = moments.iter().map(|(credits, _)| *credits).collect();
    assert_eq!(credits, [whole(5), whole(5)], "what lapses at once is one line");
    assert!(moments[0].1 < moments[1].1);
    assert_eq!(lapsing(&mut connection, now, wallet, 1).await.unwrap(), moments[..1]);
    let later = moments[0].1;
    assert_eq!(lapsing(&mut connection, later, wallet, 10).await.unwrap(), moments[1..]);
    drop(connection);
    world.finish().await;
}
