//! The file of a wallet's history.

use std::collections::BTreeSet;

use harness::browser::Screen;
use harness::world::World;
use serde_json::{Value, json};

use super::{give, open};

/// More than the own API has in one answer, by two requests.
const DEBITS: usize = 1_100;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_history_has_what_many_answers_of_the_api_have() {
    let world = World::start().await;
    world.create_user("alice").await;
    give(&world, "user:alice", 10_000, json!({})).await;
    let debits: Vec<Value> = (0..DEBITS)
        .map(|number| json!({"wallet": "user:alice", "credits": 1, "idempotencyKey": number.to_string()}))
        .collect();
    for batch in debits.chunks(1_000) {
        world.admin_post("/purser/v1/debits/batch", json!({"debits": batch})).expect(200).await;
    }
    let page = open(&world, "user:alice", Screen::DESK).await;
    page.goto("/wallet/history").await;
    let file =
        page.value("fetch(document.querySelector('a[download]').href).then((answer) => answer.text())").await;
    let ids: BTreeSet<&str> =
        file.as_str().unwrap().lines().map(|line| line.split(',').next().unwrap()).collect();
    // With what was given and the line of names.
    assert_eq!((ids.len(), ids.contains("entryId")), (DEBITS + 2, true));
    page.finish().await;
    world.finish().await;
}
