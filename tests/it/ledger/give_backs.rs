//! Debits given back: never more than they took, and to where they took it from.

use std::time::Duration;

use futures::future::join_all;
use harness::world::World;
use kernel::ids::EntryId;
use kernel::money::Credits;
use ledger::debits::{GIVE_BACK, GiveBack, GiveBackError, GivenBack, give_back};
use ledger::history::{SourceOf, entry};
use ledger::{Change, EntryNote};
use serde_json::json;

use super::holds::{capture, place};
use super::{attached, cause, debit, give, grant, left, whole};
use crate::events::publish;

fn back(debit: EntryId, name: &str, credits: Option<i64>) -> GiveBack {
    let (credits, note, cause) = (credits.map(whole), EntryNote::default(), cause(GIVE_BACK, name));
    GiveBack { debit, credits, note, cause, decision: None }
}

async fn give_it_back(world: &World, back: &GiveBack) -> Result<GivenBack, GiveBackError> {
    give_back(world.pool(), world.clock().now(), back).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_goes_back_to_where_it_came_from_in_parts_and_never_more_than_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let (soon, later) =
        (give(&world, &alice, "soon", 30, Some(1)).await, give(&world, &alice, "later", 100, Some(9)).await);
    let taken = debit(&world, &alice, "render", 80).await;
    assert_eq!((left(&world, soon).await, left(&world, later).await), (0, 50));

    let mut first = back(taken, "first", Some(40));
    first.note.metadata = attached(&json!({"ticket": "7"}));
    let done = give_it_back(&world, &first).await.unwrap();
    assert_eq!((done.credits, done.left, done.balance), (whole(40), whole(40), whole(90)));
    assert!(!done.is_repeated);
    // What burned last comes back first.
    assert_eq!((left(&world, soon).await, left(&world, later).await), (0, 90));
    let again = give_it_back(&world, &first).await.unwrap();
    assert_eq!(again, GivenBack { is_repeated: true, ..done.clone() });
    let said = entry(&mut world.pool().acquire().await.unwrap(), done.entry_id).await.unwrap().unwrap();
    assert_eq!((said.source, said.entry_type.as_str()), (SourceOf::Debit(taken), "refund_of_debit"));
    assert_eq!((said.metadata, said.description.as_deref()), (first.note.metadata.clone(), Some("A video")));

    let other = GiveBack { credits: Some(whole(41)), ..first.clone() };
    assert!(matches!(give_it_back(&world, &other).await, Err(GiveBackError::Reused)));
    let other = GiveBack { debit: debit(&world, &alice, "other", 1).await, ..first.clone() };
    assert!(matches!(give_it_back(&world, &other).await, Err(GiveBackError::Reused)));
    let more = give_it_back(&world, &back(taken, "more", Some(41))).await;
    assert!(matches!(more, Err(GiveBackError::MoreThanLeft { left }) if left == whole(40)), "{more:?}");
    let rest = give_it_back(&world, &back(taken, "rest", None)).await.unwrap();
    assert_eq!((rest.credits, rest.left), (whole(40), whole(0)));
    assert_eq!((left(&world, soon).await, left(&world, later).await), (30, 99));
    let none = give_it_back(&world, &back(taken, "none", None)).await;
    assert!(matches!(none, Err(GiveBackError::MoreThanLeft { left }) if left == whole(0)), "{none:?}");
    let nothing = give_it_back(&world, &back(other.debit, "nothing", Some(0))).await;
    assert!(matches!(nothing, Err(GiveBackError::BadAmount)), "{nothing:?}");
    assert_eq!(world.balance(&alice.wallet_id).await, 129);

    let unknown = give_it_back(&world, &back(EntryId::new(), "unknown", None)).await;
    assert!(matches!(unknown, Err(GiveBackError::NotFound)), "{unknown:?}");
    for not_a_debit in [done.entry_id, given_by(&world, "soon").await] {
        let refused = give_it_back(&world, &back(not_a_debit, "no debit", None)).await;
        assert!(matches!(refused, Err(GiveBackError::NotADebit)), "{refused:?}");
    }
    world.finish().await;
}

/// The entry that a gift made.
async fn given_by(world: &World, name: &str) -> EntryId {
    let id =
        sqlx::query_scalar("select id from ledger_entries where source_kind = 'grant' and source_id = $1");
    EntryId(id.bind(name).fetch_one(world.pool()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_give_back_no_more_than_was_taken() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let gift = give(&world, &alice, "gift", 100, None).await;
    let taken = debit(&world, &alice, "render", 95).await;
    let answers = join_all((0..20).map(|number| {
        let (world, back) = (&world, back(taken, &format!("k{number}"), Some(10)));
        async move { give_it_back(world, &back).await }
    }))
    .await;
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Err(GiveBackError::MoreThanLeft { left }) if *left == whole(5)));
    assert_eq!((done, refused.count()), (9, 11), "{answers:?}");
    assert_eq!(left(&world, gift).await, 95);
    let same = join_all((0..8).map(|_| {
        let (world, back) = (&world, back(taken, "same", None));
        async move { give_it_back(world, &back).await.unwrap() }
    }))
    .await;
    assert_eq!(same.iter().filter(|given| !given.is_repeated).count(), 1);
    assert!(same.iter().all(|given| given.credits == whole(5)));
    assert_eq!(left(&world, gift).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_lapsed_since_lapses_again_and_a_debt_is_paid_first() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let gift = give(&world, &alice, "gift", 100, Some(1)).await;
    let taken = debit(&world, &alice, "render", 60).await;
    world.advance(Duration::from_hours(2)).await;
    publish(&world, &ledger::operations::ExpireGrants {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    for name in ["one", "two", "three"] {
        let done = give_it_back(&world, &back(taken, name, Some(10))).await.unwrap();
        assert_eq!(done.balance, whole(0), "it lapses at once");
    }
    assert_eq!(world.count("ledger_entries where entry_type = 'expiry'").await, 4);
    assert_eq!(world.count("grants where lapsed = 70000000").await, 1);
    // A grant that a debit empties lapses no more, and is open again when it is given back.
    let fresh = give(&world, &alice, "fresh", 20, None).await;
    let hold = place(&world, &alice, 20, "h").await;
    let above = ledger::Above::Debt { at_most: whole(50) };
    let ending = ledger::holds::Ending::CaptureAbove(whole(70), above);
    let (_, captured, balance) = capture(&world, hold.id, ending, None).await.unwrap();
    assert_eq!((balance, left(&world, fresh).await), (whole(-50), 0));
    let done = give_it_back(&world, &back(taken, "four", Some(30))).await.unwrap();
    assert_eq!(done.balance, whole(-20), "it pays what is owed");
    assert_eq!(
        (grant(&world, gift).await.remaining, owed(&world, &alice.wallet_id).await),
        (Credits::ZERO, 20)
    );
    // Of the capture 50 were owed, of which 20 still are: the rest is a grant of its own.
    let done = give_it_back(&world, &back(captured.unwrap(), "five", Some(55))).await.unwrap();
    assert_eq!((done.balance, owed(&world, &alice.wallet_id).await), (whole(35), 0));
    assert_eq!(left(&world, fresh).await, 5);
    assert_eq!(world.count("grants where is_open and expires_at is null and remaining = 30000000").await, 1);
    world.finish().await;
}

async fn owed(world: &World, wallet: &str) -> i64 {
    let debt = sqlx::query_scalar::<_, i64>("select debt from wallets where id = $1::text::uuid");
    Credits::from_millionths(debt.bind(wallet).fetch_one(world.pool()).await.unwrap()).floor_whole()
}

/// Debits of an older version do not say what they were taken from.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_debit_took_becomes_a_grant_of_its_own() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let gift = give(&world, &alice, "gift", 100, Some(1)).await;
    let taken = debit(&world, &alice, "render", 60).await;
    let forget = "begin; set local session_replication_role = replica;
                  update ledger_entries set burned = null where amount < 0; commit";
    sqlx::raw_sql(forget).execute(world.pool()).await.unwrap();
    let done = give_it_back(&world, &back(taken, "one", Some(20))).await.unwrap();
    give_it_back(&world, &back(taken, "two", None)).await.unwrap();
    assert_eq!(left(&world, gift).await, 40);
    let own = "grants where expires_at is null and source = 'manual' and amount = remaining";
    assert_eq!((world.count(own).await, world.balance(&alice.wallet_id).await), (2, 100));
    assert_eq!(done.balance, whole(60));
    world.finish().await;
}

/// What burned is noted in the order in which it did, also when several debits share a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn each_debit_of_a_group_knows_what_it_was_taken_from() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let (soon, later) =
        (give(&world, &alice, "soon", 15, Some(1)).await, give(&world, &alice, "later", 100, None).await);
    let mut transaction = world.pool().begin().await.unwrap();
    let movements: Vec<_> = (0..3).map(|number| super::debit_of(&alice, &format!("d{number}"), 10)).collect();
    assert!(matches!(movements[0].change, Change::Debit(_)));
    ledger::operations::post(&mut transaction, world.clock().now(), &movements).await.unwrap();
    transaction.commit().await.unwrap();
    let burned: Vec<serde_json::Value> = sqlx::query_scalar(
        "select burned from ledger_entries where source_kind = 'debit' order by source_id",
    )
    .fetch_all(world.pool())
    .await
    .unwrap();
    let (five, ten) = (5_000_000, 10_000_000);
    assert_eq!(burned, [json!([[soon, ten]]), json!([[soon, five], [later, five]]), json!([[later, ten]])]);
    world.finish().await;
}
