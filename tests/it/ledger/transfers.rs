//! Transfers: nothing is lost or made on the way, and credits lapse when they would have.

use futures::future::join_all;
use harness::world::{User, World};
use kernel::ids::{TransferId, WalletId};
use ledger::grants::list;
use ledger::history::{SourceOf, entry};
use ledger::transfers::{Transfer, TransferError, Transferred, transfer};
use ledger::{EntryNote, GrantSource, Refusal};
use serde_json::json;

use super::{attached, give, new_credits, wallet_of, whole};

fn new(from: &User, to: &User, credits: i64) -> Transfer {
    Transfer {
        id: TransferId::new(),
        from: wallet_of(from),
        to: wallet_of(to),
        credits: whole(credits),
        reason: "A team of one".to_owned(),
        note: EntryNote { metadata: attached(&json!({"team": "a"})), ..EntryNote::default() },
        actor: "user:root".to_owned(),
    }
}

async fn made(world: &World, new: &Transfer) -> Result<Transferred, TransferError> {
    transfer(world.pool(), world.clock().now(), new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_arrive_as_they_left() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    world.buy(&alice, 100).await;
    let soon = give(&world, &alice, "soon", 30, Some(1)).await;
    let mut coupon = new_credits(&world, &alice, "coupon", 20, Some(9));
    (coupon.source, coupon.priority) = (GrantSource::Coupon, 7);
    ledger::grants::give(world.pool(), world.clock().now(), &coupon).await.unwrap();

    let wanted = new(&alice, &bob, 60);
    let answers = join_all((0..8).map(|_| made(&world, &wanted))).await;
    let answers: Vec<Transferred> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|done| !done.is_repeated).count(), 1);
    let done = &answers[0];
    assert_eq!((done.from_balance, done.to_balance), (whole(90), whole(60)));
    assert!(
        answers.iter().all(|other| other.to_entry == done.to_entry && other.from_entry == done.from_entry)
    );

    let mut connection = world.pool().acquire().await.unwrap();
    let got = list(&mut connection, wallet_of(&bob), true, None, 10).await.unwrap();
    let mut got: Vec<_> = got
        .into_iter()
        .map(|grant| (grant.source, grant.priority, grant.credits, grant.expires_at, grant.payment_id))
        .collect();
    got.reverse();
    let soon = ledger::grants::find(&mut connection, soon).await.unwrap().unwrap();
    assert_eq!(
        got,
        [
            (GrantSource::Manual, 50, whole(30), soon.expires_at, None),
            (GrantSource::Coupon, 7, whole(20), coupon.expires_at, None),
            (GrantSource::Purchase, 100, whole(10), None, None),
        ]
    );
    for (id, amount) in [(done.from_entry, whole(-60)), (done.to_entry, whole(60))] {
        let said = entry(&mut connection, id).await.unwrap().unwrap();
        assert_eq!((said.amount, said.entry_type.as_str()), (amount, "transfer"));
        assert_eq!(
            (said.source, said.description.as_deref()),
            (SourceOf::Transfer(wanted.id), Some("A team of one"))
        );
        assert_eq!(said.metadata, wanted.note.metadata);
    }
    drop(connection);
    let on_record = "admin_actions where action = 'credits.transfer' and actor = 'user:root'";
    assert_eq!(world.count(on_record).await, 1);
    assert_eq!(world.count("ledger_entries where counter_account = 'transfer'").await, 2);

    for other in [
        Transfer { credits: whole(61), ..wanted.clone() },
        Transfer { reason: "Other".to_owned(), ..wanted.clone() },
        Transfer { from: wanted.to, to: wanted.from, ..wanted.clone() },
        Transfer { note: EntryNote::default(), ..wanted.clone() },
    ] {
        assert!(matches!(made(&world, &other).await, Err(TransferError::Reused)), "{other:?}");
    }
    let short = made(&world, &new(&alice, &bob, 91)).await;
    let Err(TransferError::Refused(Refusal::Insufficient { available, needed })) = short else {
        panic!("{short:?}");
    };
    assert_eq!((available, needed), (whole(90), whole(91)));
    assert!(matches!(made(&world, &new(&alice, &alice, 1)).await, Err(TransferError::SameWallet)));
    let nobody = Transfer { to: WalletId::new(), ..new(&alice, &bob, 1) };
    assert!(matches!(made(&world, &nobody).await, Err(TransferError::Refused(Refusal::NoWallet))));
    let nothing = made(&world, &new(&alice, &bob, 0)).await;
    assert!(matches!(nothing, Err(TransferError::Refused(Refusal::BadAmount))), "{nothing:?}");
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (90, 60));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_that_cross_all_end_and_keep_the_sum() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    give(&world, &alice, "a", 50, None).await;
    give(&world, &bob, "b", 50, Some(5)).await;
    let wanted: Vec<Transfer> = (0..40)
        .map(|number| if number % 2 == 0 { new(&alice, &bob, 7) } else { new(&bob, &alice, 9) })
        .collect();
    for answer in join_all(wanted.iter().map(|wanted| made(&world, wanted))).await {
        assert!(
            matches!(answer, Ok(_) | Err(TransferError::Refused(Refusal::Insufficient { .. }))),
            "{answer:?}"
        );
    }
    let (alice, bob) = (world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await);
    assert!(alice + bob == 100 && alice >= 0 && bob >= 0, "{alice} and {bob}");
    let lapses = "(select sum(remaining) as left from grants where expires_at is not null) as sums
                  where sums.left = 50000000";
    assert_eq!(world.count(lapses).await, 1, "what lapses is as much as before");
    world.finish().await;
}
