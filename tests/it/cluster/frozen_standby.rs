//! Commits wait for a standby that is frozen: the server answers, but no write ends.

use std::time::{Duration, Instant};

use harness::world::World;
use serde_json::{Value, json};

use super::{Api, blocking, synchronous_standby};

/// A request is given up after five seconds (`DATABASE_DEADLINE_MS`); the rest is for a busy machine.
const IN_TIME: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_no_standby_confirms_is_answered_in_time_and_done_once() {
    let world = World::builder().own_servers().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let standby = synchronous_standby(&world).await;
    let api = Api::describe(&world, &world.settings().addresses.database_url).start(&world).await;
    api.debit(&alice, "before").expect(200).await;

    blocking(|| standby.pause());
    let started = Instant::now();
    let buying = api.client.post("/v1/credits/recharge").bearer(&alice.api_key).idempotency_key("order");
    let buying = buying.json(json!({"credits": 500}));
    let hold = api.client.post("/purser/v1/wallets/me/holds").bearer(&alice.api_key).idempotency_key("hold");
    let hold = hold.json(json!({"credits": 5}));
    let (debit, hold, buying) =
        futures::join!(api.debit(&alice, "during").send(), hold.send(), buying.send());
    let took = started.elapsed();
    assert!(took < IN_TIME, "answered after {took:?}");
    for (what, answer) in [("debit", debit), ("hold", hold), ("order", buying)] {
        let answer = answer.unwrap();
        let told = (answer.status(), answer.header("retry-after"));
        assert_eq!(told, (503, Some("1")), "{what}: {}", answer.text());
        let body: Value = serde_json::from_str(&answer.text()).unwrap();
        // The own API has an object, Samsar's a text.
        assert_eq!(body["error"].is_object(), what != "order", "{what}: {body}");
    }
    // Nothing hangs because something else does.
    let started = Instant::now();
    api.client.get("/purser/v1/wallets/me").bearer(&alice.api_key).expect(200).await;
    let (status, checks) = api.readiness().await.unwrap();
    assert!(started.elapsed() < IN_TIME, "read after {:?}", started.elapsed());
    assert_eq!((status, checks), (503, json!({"database": "unavailable", "schema": "ok", "broker": "ok"})));
    assert_eq!(api.debit(&alice, "during").send().await.unwrap().status(), 503, "its wallet is still locked");

    blocking(|| standby.resume());
    for _twice in 0..2 {
        api.debit_until_done(&alice, "during").await;
        api.debit(&alice, "before").expect(200).await;
    }
    api.wait_for(&world, "is ready", |status, _| status == 200).await;
    assert_eq!(world.count("ledger_entries where source_kind = 'consume'").await, 2, "each debit once");
    assert_eq!(world.balance(&alice.wallet_id).await, 98);
    api.process.sigterm().unwrap();
    world.abandon().await;
}
