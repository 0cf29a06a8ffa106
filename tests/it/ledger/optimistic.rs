//! Debits that are posted without a lock: what they have read may have changed before they write.

use std::collections::BTreeMap;

use futures::future::join_all;
use harness::world::{User, World};
use ledger::optimistic::post_unchanged;
use ledger::{Movement, Posted};
use serde_json::json;

use super::{debit_of, give, left, posted, wallet_of};

async fn unchanged(world: &World, movements: &[Movement]) -> Vec<Option<Posted>> {
    unchanged_after(world, 0, movements).await
}

async fn unchanged_after(world: &World, hours: i64, movements: &[Movement]) -> Vec<Option<Posted>> {
    let mut connection = world.pool().acquire().await.unwrap();
    let now = world.clock().now() + time::Duration::hours(hours);
    post_unchanged(&mut connection, now, movements).await.unwrap().each
}

fn is_done(posted: &Option<Posted>) -> bool {
    matches!(posted, Some(Posted::Done { entry_id: Some(_), .. }))
}

async fn entries(world: &World, user: &User) -> i64 {
    sqlx::query_scalar("select count(*) from ledger_entries where wallet_id = $1 and source_kind = 'debit'")
        .bind(wallet_of(user).0)
        .fetch_one(world.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_each_takes_what_the_others_left() {
    const WRITERS: usize = 6;
    const DEBITS: usize = 40;
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    for user in [&alice, &bob] {
        give(&world, user, &user.id, 100, None).await;
    }
    let writers = (0..WRITERS).map(|writer| {
        let (world, users) = (&world, [&alice, &bob]);
        async move {
            let mut done = [0, 0];
            for number in 0..DEBITS {
                let name = format!("{writer}-{number}");
                let group = [0, 1].map(|index| debit_of(users[index], &format!("{index}-{name}"), 1));
                for (count, outcome) in done.iter_mut().zip(unchanged(world, &group).await) {
                    *count += i64::from(is_done(&outcome));
                }
            }
            done
        }
    });
    let done = join_all(writers).await;
    for (index, user) in [&alice, &bob].into_iter().enumerate() {
        let done: i64 = done.iter().map(|of| of[index]).sum();
        assert!(done > 0 && done <= 100, "{done}");
        assert_eq!((world.balance(&user.wallet_id).await, entries(&world, user).await), (100 - done, done));
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_wallet_keeps_none_of_the_others() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    for user in [&alice, &bob] {
        give(&world, user, &user.id, 10, None).await;
    }
    let mut other = world.pool().begin().await.unwrap();
    ledger::operations::lock(&mut other, &[wallet_of(&alice)].into()).await.unwrap();
    let group = [debit_of(&alice, "a", 1), debit_of(&bob, "b", 1), debit_of(&alice, "c", 1)];
    let outcomes = unchanged(&world, &group).await;
    assert_eq!([0, 1, 2].map(|at| is_done(&outcomes[at])), [false, true, false], "{outcomes:?}");
    other.rollback().await.unwrap();
    assert_eq!(entries(&world, &alice).await, 0);
    assert!(unchanged(&world, &group).await.iter().step_by(2).all(is_done));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_more_than_two_statements_is_left_to_others() {
    let world = World::start().await;
    let names = ["plain", "many grants", "lapsed", "alert", "before"];
    let mut users = BTreeMap::new();
    for (index, name) in names.into_iter().enumerate() {
        let user = world.create_user(&format!("user{index}")).await;
        give(&world, &user, name, 3, None).await;
        users.insert(name, user);
    }
    for number in 0..3 {
        give(&world, &users["many grants"], &format!("more {number}"), 3, Some(24 + number)).await;
    }
    let lapsing = give(&world, &users["lapsed"], "lapses", 3, Some(1)).await;
    let alert = world.api().put("/purser/v1/wallets/me/balance-alerts").bearer(&users["alert"].api_key);
    alert.json(json!({"levels": [2]})).expect(200).await;
    let again = debit_of(&users["before"], "again", 1);
    posted(&world, again.clone()).await;

    let group = [
        debit_of(&users["plain"], "1", 2),
        debit_of(&users["many grants"], "2", 8),
        debit_of(&users["lapsed"], "3", 2),
        debit_of(&users["alert"], "4", 2),
        again.clone(),
    ];
    let before = left(&world, lapsing).await;
    let outcomes = unchanged_after(&world, 2, &group).await;
    assert_eq!(outcomes.iter().map(is_done).collect::<Vec<_>>(), [true, false, false, false, false]);
    assert!(outcomes.iter().skip(1).all(Option::is_none), "{outcomes:?}");
    for name in ["many grants", "lapsed", "alert"] {
        assert_eq!(entries(&world, &users[name]).await, 0, "{name}");
    }
    assert_eq!((entries(&world, &users["before"]).await, left(&world, lapsing).await), (1, before));

    // Too little is an answer that needs nothing written.
    let too_much = unchanged(&world, &[debit_of(&users["plain"], "5", 2)]).await;
    assert!(matches!(too_much.as_slice(), [Some(Posted::Refused(_))]), "{too_much:?}");
    world.finish().await;
}
