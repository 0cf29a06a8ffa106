//! Subscriptions that end: with their period or at once, at either provider. What was paid for stays.

use billing::payments::Provider;
use billing::subscriptions::{ApplySubscriptionFact, News, Standing, SubscriptionFact, SubscriptionState};
use harness::world::World;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    CREEM, MONTH, STRIPE, cancel_at_period_end, creem_post, pass, provider_events, sell_over_creem, subscribe,
};
use crate::events::publish;

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_canceled_at_period_end_continues_until_then() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let stripe = subscribe(&world, "stripe", STRIPE).await;
    let creem = subscribe(&world, "creem", CREEM).await;
    cancel_at_period_end(&world, STRIPE, &stripe).await;
    cancel_at_period_end(&world, CREEM, &creem).await;
    world.drain().await;
    for subscriber in [&stripe, &creem] {
        assert_eq!(subscriber.status(&world).await, ("active".to_owned(), "pro".to_owned(), true));
    }
    // One of them stays after all.
    creem_post(&world, &format!("subscriptions/{}/resume", creem.id), json!({})).await;
    world.drain().await;
    assert_eq!(creem.status(&world).await, ("active".to_owned(), "pro".to_owned(), false));
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!((stripe.status(&world).await.0, stripe.grants(&world).await), ("canceled".to_owned(), 1));
    assert_eq!((creem.status(&world).await.0, creem.grants(&world).await), ("active".to_owned(), 2));
    assert!(stripe.get(&world, "/subscription").await["canceled_at"].is_string());
    world.finish().await;
}

/// Ended at once, it is over at once, and a returning subscriber starts anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_subscription_keeps_paid_credits_and_can_be_started_anew() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let stripe = subscribe(&world, "stripe", STRIPE).await;
    let creem = subscribe(&world, "creem", CREEM).await;
    world.drain().await;
    world.stripe(Method::DELETE, &format!("subscriptions/{}", stripe.id)).expect(200).await;
    creem_post(&world, &format!("subscriptions/{}/cancel", creem.id), json!({"mode": "immediate"})).await;
    pass(&world, MONTH).await;
    world.drain().await;
    for subscriber in [&stripe, &creem] {
        assert_eq!(subscriber.status(&world).await.0, "canceled");
        assert_eq!((subscriber.balance(&world).await, subscriber.grants(&world).await), (10_000, 1));
    }
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "team"});
    let request = world.api().post("/payment/create-session").bearer(&stripe.user.api_key).json(order);
    let opened = request.expect(201).await["data"].clone();
    world.pay(opened["session_id"].as_str().unwrap(), harness::world::GOOD_CARD).await;
    world.drain().await;
    assert_eq!(stripe.status(&world).await, ("active".to_owned(), "team".to_owned(), false));
    assert_eq!(stripe.balance(&world).await, 50_000);
    world.finish().await;
}

/// Providers tell whole seconds: of two events of one second the provider knows which was the last.
#[tokio::test(flavor = "multi_thread")]
async fn contradicting_events_of_one_second_are_settled_by_the_provider() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let path = format!("subscriptions/{}", alice.id);
    // Until both changes fall into one second, which most often is the first time.
    let mut said: Vec<Value> = Vec::new();
    while said.len() < 2 || said[0]["created"] != said[1]["created"] {
        said.clear();
        for ends in [true, false] {
            world.stripe_post(&path, &format!("cancel_at_period_end={ends}")).expect(200).await;
            said.push(super::last(&world, "customer.subscription.updated").await);
        }
    }
    world.drain().await;
    for event in [&said[1], &said[0], &said[1], &said[0]] {
        world.resend_event(event["id"].as_str().unwrap()).await;
        world.drain().await;
        assert_eq!(alice.status(&world).await, ("active".to_owned(), "pro".to_owned(), false));
    }
    world.finish().await;
}

/// An answer that was read before a change may be applied after the change's event.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_does_not_undo_what_changed_after_it() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let state = format!("subscriptions where provider_subscription = '{}' and revision = ", alice.id);
    let mut revision = 0;
    while world.count(&format!("{state}{revision}")).await == 0 {
        revision += 1;
    }
    cancel_at_period_end(&world, STRIPE, &alice).await;
    world.drain().await;
    for seconds in [-30, 0, 30] {
        let fact = SubscriptionFact {
            provider: Provider::Stripe,
            livemode: false,
            subscription: alice.id.clone(),
            installation: None,
            payment_id: None,
            user_id: None,
            customer: None,
            at: world.clock().now() + time::Duration::seconds(seconds),
            revision: Some(revision),
            news: News::Standing(Standing {
                state: SubscriptionState::Active,
                cancel_at_period_end: false,
                current_period_end: None,
                price: None,
            }),
        };
        publish(&world, &ApplySubscriptionFact { fact: Box::new(fact) }).await;
        world.drain().await;
        assert_eq!(alice.status(&world).await, ("active".to_owned(), "pro".to_owned(), true), "{seconds}");
    }
    world.finish().await;
}

/// The last word is the last, even if it arrives first.
#[tokio::test(flavor = "multi_thread")]
async fn late_older_events_do_not_revive_an_ended_subscription() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    world.lose_events().await;
    let stripe = subscribe(&world, "stripe", STRIPE).await;
    let creem = subscribe(&world, "creem", CREEM).await;
    world.stripe(Method::DELETE, &format!("subscriptions/{}", stripe.id)).expect(200).await;
    creem_post(&world, &format!("subscriptions/{}/cancel", creem.id), json!({"mode": "immediate"})).await;
    for (event, _) in provider_events(&world).await.iter().rev() {
        world.resend_event(event).await;
        world.drain().await;
    }
    for subscriber in [&stripe, &creem] {
        assert_eq!(subscriber.status(&world).await.0, "canceled");
        // Its period was paid before it ended.
        assert_eq!(subscriber.grants(&world).await, 1);
    }
    world.finish().await;
}
