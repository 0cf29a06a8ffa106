//! A wallet's history, page by page, and what its balance was.

use std::time::Duration;

use harness::world::World;
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, EntryId, UserId};
use ledger::history::{EntryFilter, SourceOf, balance_at, entries, entry};
use ledger::{Author, EntryNote, Posted};
use serde_json::json;

use super::{attached, debit_of, give, posted, wallet_of, whole};

fn member(name: &str) -> UserId {
    UserId::try_from(name.to_owned()).unwrap()
}

/// Filters, and the numbers of the debits that they let through, newest first.
fn filters(moments: &[Timestamp]) -> Vec<(EntryFilter, Vec<usize>)> {
    let types = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let all: Vec<usize> = (0..12).rev().collect();
    let of = |wanted: &dyn Fn(usize) -> bool| all.iter().copied().filter(|n| wanted(*n)).collect::<Vec<_>>();
    vec![
        (
            EntryFilter { types: types(&["render", "speech", "text"]), ..EntryFilter::default() },
            of(&|_| true),
        ),
        (EntryFilter { types: types(&["render"]), ..EntryFilter::default() }, of(&|n| n % 3 == 0)),
        (
            EntryFilter { types: types(&["text", "render", "text"]), ..EntryFilter::default() },
            of(&|n| n % 3 != 1),
        ),
        (EntryFilter { types: types(&["none"]), ..EntryFilter::default() }, vec![]),
        (EntryFilter { types: types(&[]), ..EntryFilter::default() }, vec![]),
        (EntryFilter { member: Some(member("ben")), ..EntryFilter::default() }, of(&|n| n % 2 == 1)),
        (
            EntryFilter { member: Some(member("ben")), types: types(&["text"]), ..EntryFilter::default() },
            of(&|n| n % 2 == 1 && n % 3 == 2),
        ),
        (
            EntryFilter { from: Some(moments[3]), until: Some(moments[9]), ..EntryFilter::default() },
            of(&|n| (3..9).contains(&n)),
        ),
        (
            EntryFilter { from: Some(moments[2]), types: types(&["speech"]), ..EntryFilter::default() },
            of(&|n| n >= 2 && n % 3 == 1),
        ),
        (
            EntryFilter { until: Some(moments[6]), member: Some(member("ann")), ..EntryFilter::default() },
            of(&|n| n < 6 && n % 2 == 0),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_by_type_member_and_time() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let begun = world.clock().now();
    give(&world, &alice, "gift", 1_000, None).await;
    give(&world, &bob, "other", 1_000, None).await;
    posted(&world, debit_of(&bob, "other", 1)).await;
    let key = ApiKeyId::new();
    let mut moments = Vec::new();
    for number in 0..12 {
        // Ids go by real time, and the test clock runs ahead of it.
        world.advance(Duration::from_hours(1)).await;
        let mut debit = debit_of(&alice, &format!("d{number}"), 1);
        debit.entry_type = ["render", "speech", "text"][number % 3].to_owned();
        debit.note = EntryNote {
            metadata: attached(&json!({"job": number.to_string()})),
            by: Author { member: Some(member(["ann", "ben"][number % 2])), api_key: Some(key) },
            ..EntryNote::default()
        };
        moments.push(world.clock().now());
        assert!(matches!(posted(&world, debit).await, Posted::Done { .. }));
    }
    let wallet = wallet_of(&alice);
    let mut connection = world.pool().acquire().await.unwrap();
    for (filter, expected) in filters(&moments) {
        let (mut seen, mut before): (Vec<usize>, Option<EntryId>) = (Vec::new(), None);
        loop {
            let page = entries(&mut connection, wallet, &filter, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(
                page.iter().map(|entry| entry.metadata.get("job").unwrap().parse::<usize>().unwrap()),
            );
        }
        assert_eq!(seen, expected, "{filter:?}");
    }
    let page = entries(&mut connection, wallet, &EntryFilter::default(), None, 100).await.unwrap();
    assert_eq!(page.len(), 13);
    let first = &page[0];
    assert_eq!((first.amount, first.balance_after, first.source), (whole(-1), whole(988), SourceOf::Itself));
    assert_eq!((&first.member_id, first.api_key_id), (&Some(member("ben")), Some(key)));
    assert_eq!(entry(&mut connection, first.id).await.unwrap().as_ref(), Some(first));
    assert!(matches!(page[12].source, SourceOf::Grant(_)));
    assert_eq!(entry(&mut connection, EntryId::new()).await.unwrap(), None);

    let second = time::Duration::seconds(1);
    for (at, balance) in [
        (begun - second, 0),
        (moments[0] - second, 1_000),
        (moments[0] + second, 999),
        (moments[4] + second, 995),
        (moments[11] + second, 988),
        (world.clock().now() + time::Duration::days(400), 988),
    ] {
        assert_eq!(balance_at(&mut connection, wallet, at).await.unwrap(), whole(balance), "{at}");
    }
    drop(connection);
    world.finish().await;
}
