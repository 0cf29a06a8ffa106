//! Whose an event is: others sell on the same account, and what does not carry the mark of this installation, or is for
//! none of its orders, is nobody's.

use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::{deliver, event, installation, intent_of, paid_session};

async fn outcomes(world: &World) -> Vec<(String, Option<String>)> {
    let found = sqlx::query_as("select outcome, reason from provider_events order by handled_at, event_id");
    found.fetch_all(world.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_keeps_of_an_order_carries_the_mark() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mark = json!(installation(&world).await);
    let bought = world.buy(&alice, 2_500).await;
    let session = world.stripe_get(&format!("checkout/sessions/{}", bought.session_id)).expect(200).await;
    assert_eq!(session["metadata"]["purser_installation"], mark);
    let intent = session["payment_intent"].as_str().unwrap();
    let intent = world.stripe_get(&format!("payment_intents/{intent}")).expect(200).await;
    assert_eq!(intent["metadata"]["purser_installation"], mark);
    world.finish().await;
}

/// An order's id that is unknown here, in what another product sells.
#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_the_mark_and_names_no_order_of_ours_is_nobodys() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let mut session = paid_session(&world, &alice, &checkout).await;
    let unknown = Uuid::now_v7();
    session["id"] = json!("cs_test_of_another");
    session["client_reference_id"] = json!(unknown);
    for metadata in [
        Value::Null,
        json!({"payment_id": unknown, "user_id": "alice"}),
        json!({"payment_id": unknown, "purser_installation": Uuid::new_v4()}),
        // A copy of this installation sells on the same account.
        json!({"payment_id": checkout_order(&world).await, "purser_installation": Uuid::new_v4()}),
    ] {
        session["metadata"] = metadata.clone();
        deliver(&world, &event("checkout.session.completed", &session)).await;
        if !metadata.is_null() {
            deliver(&world, &event("payment_intent.succeeded", &intent_of(&session))).await;
        }
        let subscription = json!({"id": "sub_of_another", "livemode": false, "status": "active",
                                  "metadata": metadata, "items": {"data": []}});
        deliver(&world, &event("customer.subscription.updated", &subscription)).await;
        world.drain().await;
    }
    let found = outcomes(&world).await;
    assert!(found.iter().all(|(outcome, _)| outcome == "ignored"), "{found:?}");
    assert!(found.iter().any(|(_, reason)| reason.as_deref() == Some("another_installation")), "{found:?}");
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("ledger_entries").await), (0, 0));
    world.finish().await;
}

async fn checkout_order(world: &World) -> Uuid {
    sqlx::query_scalar("select id from payments").fetch_one(world.pool()).await.unwrap()
}

/// Orders of before there was a mark are known by their ids.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_known_is_credited_without_the_mark() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let mut session = paid_session(&world, &alice, &checkout).await;
    session["metadata"].as_object_mut().unwrap().remove("purser_installation");
    deliver(&world, &event("checkout.session.completed", &session)).await;
    let bare = world.start_checkout(&alice, 700).await;
    let mut session = paid_session(&world, &alice, &bare).await;
    // Known by its page alone.
    session["metadata"] = json!({});
    session["client_reference_id"] = Value::Null;
    deliver(&world, &event("checkout.session.completed", &session)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 3_200);
    world.finish().await;
}

/// Money that nobody ordered is shown to operators, and credits nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_bare_payment_link_that_was_paid_is_seen() {
    let world = World::start().await;
    let product = world.stripe_post("products", "name=Credits").expect(200).await["id"].clone();
    let form = format!("currency=usd&unit_amount=500&product={}", product.as_str().unwrap());
    let price = world.stripe_post("prices", &form).expect(200).await["id"].clone();
    let form = format!("line_items[0][price]={}&line_items[0][quantity]=1", price.as_str().unwrap());
    let link = world.stripe_post("payment_links", &form).expect(200).await;
    let address = link["url"].as_str().unwrap().to_owned();
    let path = address.split_once("/l/").map(|(_, rest)| format!("/l/{rest}")).unwrap();
    let page = world.emulator().get(&path).send().await.unwrap();
    let session = page.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    let admin = &world.settings().secrets.admin_api_key;
    let listed = world.api().get("/purser/v1/provider-events?state=ignored").bearer(admin).expect(200).await;
    let seen: Vec<&Value> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["reason"] == "unordered_payment")
        .collect();
    assert_eq!(seen.len(), 1, "{listed}");
    let path = format!("/purser/v1/provider-events/{}", seen[0]["id"].as_str().unwrap());
    let shown = world.api().get(&path).bearer(admin).expect(200).await;
    assert!(shown["text"].as_str().unwrap().contains(&session), "{shown}");
    assert_eq!(world.count("ledger_entries").await, 0);
    world.finish().await;
}

/// Thin events name their object only, and pings are about none.
#[tokio::test(flavor = "multi_thread")]
async fn thin_events_are_asked_about_and_pings_are_ignored() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    world.lose_events().await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.set_provider_faults(json!({})).await;
    let thin = |kind: &str, object: Value| {
        json!({"id": format!("evt_{}", Uuid::new_v4().simple()), "object": "v2.core.event", "type": kind,
               "livemode": false, "created": "2026-11-28T08:00:00.000Z", "related_object": object})
    };
    let object =
        json!({"id": checkout.session_id, "type": "checkout.session", "url": "/v1/checkout/sessions"});
    deliver(&world, &thin("v2.core.event_destination.ping", Value::Null)).await;
    deliver(&world, &thin("v1.checkout.session.completed", object)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}
