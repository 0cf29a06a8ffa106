//! Server-sent events: they tell what the WebSocket tells, to those only whom it concerns, as long as they may know.

use harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reports_credits_and_ends_with_its_credential() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let key = world.admin_post("/purser/v1/api-keys", harness::world::key_of("alice")).expect(201).await;
    let (id, key) = (key["apiKeyId"].as_str().unwrap(), key["apiKey"].as_str().unwrap());
    let mut hers = world.api().get("/events").bearer(key).open().await.unwrap();
    let mut his = world.api().get("/events").bearer(&bob.api_key).open().await.unwrap();
    for stream in [&mut hers, &mut his] {
        stream.until(":connected").await.unwrap();
    }

    world.buy(&alice, 500).await;
    hers.until("event:credits.added\n").await.unwrap();
    world.buy(&bob, 700).await;
    let told = his.until("event:credits.added\n").await.unwrap();
    assert!(!told.contains("500"), "{told}");

    let admin = &world.settings().secrets.admin_api_key;
    let revoked =
        world.api().delete(&format!("/purser/v1/api-keys/{id}")).bearer(admin).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    let all = hers.to_the_end().await.unwrap();
    let last = "event:stream.closed\ndata:{\"reason\":\"credential_revoked\",\"type\":\"stream.closed\"}\n\n";
    assert!(all.ends_with(last) && !all.contains("700"), "{all}");
    world.finish().await;
}
