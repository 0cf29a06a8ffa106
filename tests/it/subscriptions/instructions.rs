//! What operators have providers do to subscriptions: end them, give the last payment back once, change the plan.

use billing::subscriptions::instructions::EndSubscription;
use billing::subscriptions::operations::doubled;
use harness::client::Answer;
use harness::world::{GOOD_CARD, World};
use kernel::crash::Step;
use serde_json::{Value, json};

use super::{
    CREEM, DAY, MONTH, STRIPE, Subscriber, admin, pass, quarantined, sell_by_price, sell_over_creem,
    subscribe,
};
use crate::crash_points::worker_dies;
use crate::events::publish;

const DEV: &str = env!("CARGO_BIN_EXE_dev");
/// A card whose refunds take a while.
const SLOW_REFUNDS: &str = "4000000000007726";

async fn listed(world: &World, wallet: &str) -> Vec<Value> {
    let path = format!("/purser/v1/wallets/{wallet}/subscriptions");
    let found = admin(world, world.api().get(&path)).expect(200).await;
    found["data"].as_array().unwrap().clone()
}

/// A subscriber's subscription, as administrators see it.
async fn shown(world: &World, subscriber: &Subscriber) -> Value {
    let listed = listed(world, &subscriber.user.wallet_id).await;
    let own = listed.into_iter().find(|one| one["providerSubscription"] == json!(subscriber.id));
    own.unwrap()
}

async fn id_of(world: &World, subscriber: &Subscriber) -> String {
    shown(world, subscriber).await["subscriptionId"].as_str().unwrap().to_owned()
}

async fn cancel(world: &World, subscriber: &Subscriber, when: &str, refund: bool) -> Answer {
    let path = format!("/purser/v1/subscriptions/{}/cancel", id_of(world, subscriber).await);
    let body = json!({"when": when, "refund": refund, "reason": "bought twice"});
    world.admin_post(&path, body).send().await.unwrap()
}

async fn change(world: &World, subscriber: &Subscriber, body: Value) -> Answer {
    let path = format!("/purser/v1/subscriptions/{}/change", id_of(world, subscriber).await);
    world.admin_post(&path, body).send().await.unwrap()
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json().unwrap()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// How often the providers were asked for a refund, and made one.
async fn refunds(world: &World) -> i64 {
    let asked = world.emulator().get("/_emulator/requests").expect(200).await;
    let of = |route: &str| asked["requests"][route]["executed"].as_i64().unwrap_or(0);
    of("POST /v1/refunds") + of("POST /creem/v1/refunds")
}

/// Two that both bill, one at each provider.
async fn doubled_at_both(world: &World) -> (Subscriber, Subscriber) {
    sell_over_creem(world).await;
    let stripe = subscribe(world, "alice", STRIPE).await;
    let creem = again(world, &stripe, GOOD_CARD).await;
    world.drain().await;
    (stripe, creem)
}

/// A subscriber buys another one, over Creem.
async fn again(world: &World, subscriber: &Subscriber, card: &str) -> Subscriber {
    let order = json!({"channel": "creem", "type": "subscription", "plan_id": "pro"});
    let request = world.api().post("/payment/create-session").bearer(&subscriber.user.api_key).json(order);
    let opened = request.expect(201).await["data"].clone();
    let path = format!("/_emulator/creem/checkouts/{}/pay", opened["session_id"].as_str().unwrap());
    let paid = world.emulator().post(&path).json(json!({"card": card})).expect(200).await;
    Subscriber {
        user: subscriber.user.clone(),
        order: opened["order_id"].as_str().unwrap().to_owned(),
        id: paid["subscription"]["id"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_twice_is_ended_and_given_back_in_one_step() {
    let world = World::builder().several_subscriptions().start().await;
    let (stripe, creem) = doubled_at_both(&world).await;
    assert_eq!(stripe.balance(&world).await, 20_000);
    let both = listed(&world, &stripe.user.wallet_id).await;
    assert!(both.len() == 2 && both.iter().all(|one| one["doubled"] == json!(true)), "{both:?}");
    let mut connection = world.pool().acquire().await.unwrap();
    let found = doubled(&mut connection, 10).await.unwrap();
    assert_eq!(found.iter().map(|(_, subscriptions)| subscriptions.len()).collect::<Vec<_>>(), [2]);

    let ended = cancel(&world, &creem, "now", true).await;
    assert_eq!((ended.status(), &ended.json().unwrap()["ending"]["state"]), (200, &json!("done")), "{ended}");
    world.drain().await;
    assert_eq!((stripe.balance(&world).await, refunds(&world).await), (10_000, 1));
    let refunded = format!("payments where state = 'refunded' and id = '{}'", creem.order);
    assert_eq!(world.count(&refunded).await, 1);
    let both = listed(&world, &stripe.user.wallet_id).await;
    assert_eq!((&both[0]["state"], &both[0]["provider"]), (&json!("active"), &json!("stripe")));
    assert_eq!((&both[1]["state"], &both[1]["doubled"]), (&json!("canceled"), &json!(false)));
    assert!(doubled(&mut connection, 10).await.unwrap().is_empty());

    // Asked for again, however often, it is given back once.
    for when in ["now", "now", "period_end"] {
        assert_eq!(cancel(&world, &creem, when, when == "now").await.status(), 200);
    }
    let ended = cancel(&world, &stripe, "now", true).await;
    assert_eq!(ended.status(), 200, "{ended}");
    assert_eq!(cancel(&world, &stripe, "now", true).await.status(), 200);
    world.drain().await;
    assert_eq!((stripe.balance(&world).await, refunds(&world).await), (0, 2));
    let given_back = world.stripe_get("refunds?limit=10").expect(200).await;
    assert_eq!((&given_back["data"][0]["amount"], &given_back["data"][1]), (&json!(999), &Value::Null));
    assert_eq!(world.count("admin_actions where action = 'subscription.cancel'").await, 6);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    drop(connection);
    world.finish().await;
}

/// Only what was paid last for this one goes back: not the period before, and not the other subscription's.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_payment_of_this_subscription_is_given_back() {
    let world = World::builder().several_subscriptions().start().await;
    sell_over_creem(&world).await;
    let stripe = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    pass(&world, MONTH).await;
    world.drain().await;
    again(&world, &stripe, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(stripe.balance(&world).await, 30_000);
    assert_eq!(cancel(&world, &stripe, "now", true).await.status(), 200);
    world.drain().await;
    assert_eq!(stripe.balance(&world).await, 20_000);
    let refunded = "payments where state = 'refunded' and provider = 'stripe' and number = 2";
    assert_eq!(world.count(refunded).await, 1);
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!(world.count("payments where provider = 'stripe'").await, 2);
    world.finish().await;
}

/// The provider has done it, and its answer was lost. Stripe is asked again under the same key. Creem, which has no
/// keys, is not: an operator is told, and asking again finds out.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_give_nothing_back_twice() {
    let world = World::builder().several_subscriptions().start().await;
    let (stripe, creem) = doubled_at_both(&world).await;
    let lost =
        |routes: Value| json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": routes, "limit": 2});
    world.set_provider_faults(lost(json!(["POST /v1/refunds", "DELETE /v1/subscriptions"]))).await;
    let ended = cancel(&world, &stripe, "now", true).await;
    assert!(matches!(ended.status(), 200 | 202), "{ended}");
    world.drain().await;
    assert_eq!(shown(&world, &stripe).await["ending"]["state"], "done");
    let given_back = world.stripe_get("refunds?limit=10").expect(200).await;
    assert_eq!(given_back["data"].as_array().map(Vec::len), Some(1), "{given_back}");

    world.set_provider_faults(lost(json!(["POST /creem/v1/refunds"]))).await;
    let ended = cancel(&world, &creem, "now", true).await;
    assert_eq!(refusal(&ended), (409, "provider_refused".to_owned()), "{ended}");
    assert_eq!(shown(&world, &creem).await["ending"]["state"], "unclear");
    world.set_provider_faults(json!({})).await;
    let before = refunds(&world).await;
    let ended = cancel(&world, &creem, "now", true).await;
    assert_eq!((ended.status(), &ended.json().unwrap()["ending"]["state"]), (200, &json!("done")), "{ended}");
    world.drain().await;
    assert_eq!((refunds(&world).await, stripe.balance(&world).await), (before, 0));
    world.finish().await;
}

/// A refund that is on its way does not show at Creem: asked for again meanwhile, it would be made twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_may_be_on_its_way_is_not_asked_for_again() {
    let world = World::builder().several_subscriptions().start().await;
    sell_over_creem(&world).await;
    let stripe = subscribe(&world, "alice", STRIPE).await;
    let creem = again(&world, &stripe, SLOW_REFUNDS).await;
    world.drain().await;
    let knobs = json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": ["POST /creem/v1/refunds"],
                       "limit": 1});
    world.set_provider_faults(knobs).await;
    for _ in 0..2 {
        let ended = cancel(&world, &creem, "now", true).await;
        assert_eq!(refusal(&ended), (409, "provider_refused".to_owned()), "{ended}");
        let stands = shown(&world, &creem).await;
        assert_eq!((&stands["ending"]["state"], refunds(&world).await), (&json!("unclear"), 1));
    }
    pass(&world, 10).await;
    world.drain().await;
    let ended = cancel(&world, &creem, "now", true).await;
    assert_eq!((ended.status(), refunds(&world).await), (200, 1), "{ended}");
    world.drain().await;
    assert_eq!(stripe.balance(&world).await, 10_000);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_is_told() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let charges = world.stripe_get("charges?limit=1").expect(200).await;
    let dispute = json!({"payment_intent": charges["data"][0]["payment_intent"], "inquiry": false});
    world.emulator().post("/_emulator/disputes").json(dispute).expect(200).await;
    world.drain().await;
    let ended = cancel(&world, &alice, "now", true).await;
    assert_eq!(refusal(&ended), (409, "provider_refused".to_owned()), "{ended}");
    assert!(ended.to_string().contains("charged back"), "{ended}");
    world.drain().await;
    let stands = shown(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["ending"]["state"]), (&json!("canceled"), &json!("refused")));
    assert!(stands["ending"]["refusal"].as_str().unwrap().contains("charged back"), "{stands}");
    // Money that is given back is not given for a period that lasts on.
    assert_eq!(
        refusal(&cancel(&world, &alice, "period_end", true).await),
        (400, "invalid_request".to_owned())
    );
    let nobody = "/purser/v1/subscriptions/01936f2e-7c1a-7000-8000-00000000dead/cancel";
    let body = json!({"when": "now", "reason": "none"});
    assert_eq!(world.admin_post(nobody, body).send().await.unwrap().status(), 404);
    world.finish().await;
}

/// A job that comes late does not end a subscription that goes on after all.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_job_ends_nothing() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let ended = cancel(&world, &alice, "period_end", false).await;
    assert_eq!(ended.status(), 200, "{ended}");
    world.drain().await;
    assert!(alice.status(&world).await.2);
    let resumed = format!("subscriptions/{}", alice.id);
    pass(&world, 2).await;
    world.stripe_post(&resumed, "cancel_at_period_end=false").expect(200).await;
    world.drain().await;
    assert!(!alice.status(&world).await.2);
    let (subscription_id, instruction_id) =
        sqlx::query_as("select subscription_id, instruction_id from subscription_endings")
            .fetch_one(world.pool())
            .await
            .map(|(one, other): (uuid::Uuid, uuid::Uuid)| {
                (kernel::ids::SubscriptionId(one), kernel::ids::SubscriptionInstructionId(other))
            })
            .unwrap();
    publish(&world, &EndSubscription { subscription_id, instruction_id }).await;
    world.drain().await;
    let stands = world.stripe_get(&resumed).expect(200).await;
    assert_eq!((&stands["cancel_at_period_end"], alice.status(&world).await.2), (&json!(false), false));
    // Asked for again, it is to end again.
    assert_eq!(cancel(&world, &alice, "period_end", false).await.status(), 200);
    let stands = world.stripe_get(&resumed).expect(200).await;
    assert_eq!(stands["cancel_at_period_end"], json!(true));
    world.finish().await;
}

/// Killed after the end and after the refund, it goes on from there, and gives back once.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_end_and_refund_gives_back_once() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    world.worker().kill9().unwrap();
    let ended = cancel(&world, &alice, "now", true).await;
    assert_eq!(ended.status(), 202, "{ended}");
    for work in ["subscription", "refund"] {
        worker_dies(&world, Step::Asked, work).await;
    }
    world.worker().start().unwrap();
    world.drain().await;
    let stands = shown(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["ending"]["state"]), (&json!("canceled"), &json!("done")));
    let given_back = world.stripe_get("refunds?limit=10").expect(200).await;
    assert_eq!(given_back["data"].as_array().map(Vec::len), Some(1), "{given_back}");
    assert_eq!(alice.balance(&world).await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_is_charged_and_credited() {
    let world = World::start().await;
    sell_by_price(&world, "pro", "month", 999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let to_team = json!({"planId": "team", "reason": "asked by telephone"});
    let refused = change(&world, &alice, to_team.clone()).await;
    assert_eq!(refusal(&refused), (409, "plan_not_at_provider".to_owned()), "{refused}");
    sell_by_price(&world, "team", "month", 2_999).await;
    pass(&world, 10 * DAY).await;

    // The card is refused: nothing changes, and nothing is owed.
    let methods = world.stripe_get(&format!("subscriptions/{}", alice.id)).expect(200).await;
    let path =
        format!("/_emulator/payment_methods/{}/decline", methods["default_payment_method"].as_str().unwrap());
    world.emulator().post(&path).json(json!({"reason": "insufficient_funds"})).expect(200).await;
    let refused = change(&world, &alice, to_team.clone()).await;
    assert_eq!(refusal(&refused), (409, "provider_refused".to_owned()), "{refused}");
    world.drain().await;
    assert_eq!((alice.status(&world).await.1.as_str(), alice.balance(&world).await), ("pro", 10_000));

    world.emulator().post(&path).json(json!({"reason": null})).expect(200).await;
    let changed = change(&world, &alice, to_team.clone()).await;
    assert_eq!(
        (changed.status(), &changed.json().unwrap()["change"]["state"]),
        (200, &json!("done")),
        "{changed}"
    );
    world.drain().await;
    assert_eq!(alice.status(&world).await, ("active".to_owned(), "team".to_owned(), false));
    // Two thirds of a month of both plans: about 26 700 more, and 6 700 less.
    let upgraded = alice.balance(&world).await;
    assert!((29_000..31_500).contains(&upgraded), "{upgraded}");
    // Asked for again, it is so already.
    assert_eq!(change(&world, &alice, to_team.clone()).await.status(), 200);
    world.drain().await;
    assert_eq!((alice.balance(&world).await, world.count("payments where credits > 0").await), (upgraded, 2));

    assert_eq!(change(&world, &alice, json!({"planId": "none"})).await.status(), 404);
    assert_eq!(cancel(&world, &alice, "period_end", false).await.status(), 200);
    world.drain().await;
    let refused = change(&world, &alice, json!({"planId": "pro"})).await;
    assert_eq!(refusal(&refused), (409, "subscription_ends".to_owned()), "{refused}");
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_at_creem_grants_what_is_paid_for_it() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let alice = subscribe(&world, "alice", CREEM).await;
    world.drain().await;
    pass(&world, 10 * DAY).await;
    let knobs = json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": ["POST /creem/v1/subscriptions"],
                       "limit": 1});
    world.set_provider_faults(knobs).await;
    let changed = change(&world, &alice, json!({"planId": "team"})).await;
    assert!(matches!(changed.status(), 200 | 202), "{changed}");
    world.drain().await;
    assert_eq!(shown(&world, &alice).await["change"]["state"], "done");
    assert_eq!(alice.status(&world).await.1, "team");
    assert_eq!(world.count("payments where provider = 'creem' and state = 'completed'").await, 2);
    // What two thirds of a month cost more: about 1340 of 2999 cents, which buys that part of 40 000.
    let upgraded = alice.balance(&world).await;
    assert!((27_000..28_800).contains(&upgraded), "{upgraded}");
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// Who may buy for a wallet ends its subscription with the period; that and no more.
#[tokio::test(flavor = "multi_thread")]
async fn customers_see_their_subscription_and_end_it_with_its_period() {
    let world = World::start().await;
    let (alice, bob) = (subscribe(&world, "alice", STRIPE).await, world.create_user("bob").await);
    world.drain().await;
    let id = id_of(&world, &alice).await;
    let session = async |user: &str, scopes: &[&str]| {
        let body = json!({"userId": user, "scopes": scopes});
        let made = world.admin_post("/purser/v1/sessions", body).expect(201).await;
        made["sessionToken"].as_str().unwrap().to_owned()
    };
    let (buys, reads) = (session("alice", &["read", "buy"]).await, session("alice", &["read"]).await);
    let strangers = session("bob", &["read", "buy"]).await;
    let list = |token: &str, wallet: &str| {
        world.api().get(&format!("/purser/v1/wallets/{wallet}/subscriptions")).bearer(token)
    };
    let own = list(&reads, "me").expect(200).await;
    assert_eq!(own["data"][0]["subscriptionId"], json!(id));
    list(&strangers, &alice.user.wallet_id).expect(404).await;
    assert_eq!(list(&bob.api_key, "me").expect(200).await["data"], json!([]));
    let end = async |token: &str, when: &str, refund: bool| {
        let body = json!({"when": when, "refund": refund, "reason": "Enough of it"});
        let path = format!("/purser/v1/subscriptions/{id}/cancel");
        world.api().post(&path).bearer(token).json(body).send().await.unwrap()
    };
    assert_eq!(refusal(&end(&strangers, "period_end", false).await), (404, "not_found".to_owned()));
    assert_eq!(refusal(&end(&reads, "period_end", false).await), (403, "missing_scope".to_owned()));
    for refund in [false, true] {
        assert_eq!(refusal(&end(&buys, "now", refund).await).0, 403, "{refund}");
    }
    assert!(!alice.status(&world).await.2);
    let ended = end(&buys, "period_end", false).await;
    assert_eq!((ended.status(), &ended.json().unwrap()["ending"]["state"]), (200, &json!("done")), "{ended}");
    world.drain().await;
    assert!(alice.status(&world).await.2);
    // A server that only sells does not decide it.
    let seller = json!({"name": "Shop", "scopes": ["read", "buy"]});
    let seller = world.admin_post("/purser/v1/api-keys", seller).expect(201).await;
    let refused = end(seller["apiKey"].as_str().unwrap(), "period_end", false).await;
    assert_eq!(refused.status(), 403, "{refused}");
    let actors: Vec<String> =
        sqlx::query_scalar("select actor from admin_actions where action = 'subscription.cancel'")
            .fetch_all(world.pool())
            .await
            .unwrap();
    assert_eq!(actors, ["user:alice"]);
    world.finish().await;
}
