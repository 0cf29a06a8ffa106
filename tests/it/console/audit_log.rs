//! The audit log is filtered: by who did it, what was done, to what, and when.

use std::time::Duration;

use harness::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_filtered_by_who_what_to_what_and_when() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let finance = world.create_operator("finance").await;
    world.create_user("alice").await;
    world.create_user("bob").await;
    let gift = json!({"credits": 5, "kind": "promotional", "reason": "For this test"});
    let give = |token: &str, user: &str| {
        let path = format!("/purser/v1/wallets/user:{user}/grants");
        world.api().post(&path).bearer(token).idempotency_key(&format!("{token}{user}")).json(gift.clone())
    };
    let admin = &world.settings().secrets.admin_api_key;
    give(&finance.token, "alice").expect(201).await;
    give(admin, "alice").expect(201).await;
    let noon = world.clock().now();
    world.advance(Duration::from_secs(3_600)).await;
    give(&finance.token, "bob").expect(201).await;
    let found = async |filter: &str| -> Vec<(String, String)> {
        let path = format!("/purser/v1/audit-log?{filter}");
        let log = world.api().get(&path).bearer(&finance.token).expect(200).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        log["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["actor"]), text(&one["action"])))
            .collect()
    };
    let ours = format!("operator:{}", finance.id);
    assert_eq!(found("action=credits.give").await.len(), 3);
    let by_us = found(&format!("actor={ours}&action=credits.give")).await;
    assert_eq!(by_us, vec![(ours.clone(), "credits.give".to_owned()); 2]);
    assert!(found("actor=admin").await.iter().all(|(actor, _)| actor == "admin"));
    assert_eq!(found("actor=admin&action=credits.give").await.len(), 1);
    let wallet: String = sqlx::query_scalar("select id::text from wallets w where user_id = 'alice'")
        .fetch_one(world.pool())
        .await
        .unwrap();
    assert_eq!(found(&format!("subject={wallet}")).await.len(), 2);
    assert_eq!(found(&format!("subject={wallet}&actor={ours}")).await.len(), 1);
    let split = noon + Duration::from_secs(60);
    let split = split.format(&time::format_description::well_known::Rfc3339).unwrap();
    assert_eq!(found(&format!("action=credits.give&to={split}")).await.len(), 2);
    assert_eq!(
        found(&format!("action=credits.give&from={split}")).await,
        [(ours.clone(), "credits.give".to_owned())]
    );
    assert_eq!(found("action=nothing").await, []);
    let bad = world.api().get("/purser/v1/audit-log?from=noon").bearer(&finance.token).send().await.unwrap();
    assert_eq!(bad.status(), 400);
    // The page asks the same, and leads on with the same filters.
    let page = format!("/console/audit?actor={ours}&action=credits.give&from=2020-01-01T00%3A00");
    let cookie = format!("purser_operator={}", finance.token);
    let page = world.api().get(&page).header("cookie", &cookie).send().await.unwrap().text();
    assert_eq!(page.matches("<tr>").count(), 3, "a head and two rows: {page}");
    world.abandon().await;
}
