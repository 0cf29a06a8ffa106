//! Whose card it is: who saved it, as long as they may buy; which page was the newest; who consents, pauses and
//! resumes.

use billing::auto_recharge::custody::{self, By, ResumeError};
use billing::auto_recharge::{DetachCard, SaveRechargeCard};
use harness::client::Answer;
use harness::world::{GOOD_CARD, User, World};
use kernel::ids::{PaymentId, WalletId};
use serde_json::{Value, json};

use super::{Listener, at_threshold, charges, check, enable, plain, save_card, spend, status_of, sweep};
use crate::events::publish;
use crate::organizations::{Cast, organization};

const OTHER_CARD: &str = "5555555555554444";

async fn put(world: &World, user: &User, body: Value) -> Answer {
    let request = world.api().put("/purser/v1/wallets/me/auto-recharge").bearer(&user.api_key);
    request.json(body).send().await.unwrap()
}

async fn put_of(world: &World, user: &User, cast: &Cast, body: Value) -> Answer {
    let request = world.api().put(&cast.path("auto-recharge")).bearer(&user.api_key);
    request.json(body).send().await.unwrap()
}

/// Asks for a page on which to save a card for the organization.
async fn ask_for_page(world: &World, user: &User, cast: &Cast) -> Value {
    put_of(world, user, cast, json!({"requestSetup": true})).await.json().unwrap()
}

async fn resume(world: &World, user: &User) -> Answer {
    let request = world.api().post("/purser/v1/wallets/me/auto-recharge/resume").bearer(&user.api_key);
    request.send().await.unwrap()
}

/// An organization that an admin of it has recharged from their card: 700 cents below 10 credits.
async fn recharged_organization(world: &World) -> Cast {
    let cast = organization(world).await;
    let body = json!({"enabled": true, "thresholdCredits": 10, "amount": {"minor": 700, "currency": "usd"}});
    let asked = put_of(world, &cast.admin, &cast, body).await.json().unwrap();
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(charges(world).await.len(), 1);
    cast
}

async fn use_of(world: &World, user: &User, cast: &Cast, credits: i64) -> u16 {
    let rested = "update auto_recharge set next_attempt_at = null";
    sqlx::query(rested).execute(world.pool()).await.unwrap();
    let request = world.api().post(&cast.path("debits")).bearer(&user.api_key);
    let status = request.json(json!({"credits": credits})).send().await.unwrap().status();
    world.drain().await;
    sweep(world).await;
    status
}

async fn standing_of(world: &World, user: &User, cast: &Cast) -> Value {
    world.api().get(&cast.path("auto-recharge")).bearer(&user.api_key).expect(200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_goes_with_who_saved_it() {
    let world = World::start().await;
    let cast = recharged_organization(&world).await;
    let orders =
        || async { world.api().get("/orders").bearer(&cast.admin.api_key).expect(200).await.to_string() };
    assert!(orders().await.contains("auto_recharge"), "{}", orders().await);
    let path = format!("/purser/v1/organizations/{}/members/admin", cast.id);
    let admin_key = &world.settings().secrets.admin_api_key;
    world.api().delete(&path).bearer(admin_key).send().await.unwrap();
    let stands = standing_of(&world, &cast.owner, &cast).await;
    assert_eq!(
        (&stands["state"], &stands["pause"]["reason"], &stands["card"]),
        (&json!("paused"), &json!("card_owner_left"), &json!(null))
    );
    assert_eq!(use_of(&world, &cast.owner, &cast, 699).await, 200);
    assert_eq!(use_of(&world, &cast.owner, &cast, 699).await, 402);
    assert_eq!(charges(&world).await.len(), 1);
    assert!(!orders().await.contains("auto_recharge"), "{}", orders().await);
    // Another one's card goes on, and its charges are theirs.
    let asked = ask_for_page(&world, &cast.owner, &cast).await;
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), OTHER_CARD).await;
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 2);
    assert_eq!(
        world.count("payments where user_id = 'owner' and kind = 'auto_recharge' and mode = 'payment'").await,
        1
    );
    world.finish().await;
}

/// The right to buy is what counts, also for a page that is completed after it was lost, and however it was.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_buy_any_more_pays_no_more() {
    let world = World::start().await;
    let cast = recharged_organization(&world).await;
    let asked = ask_for_page(&world, &cast.admin, &cast).await;
    let path = format!("/purser/v1/organizations/{}/members/admin", cast.id);
    let admin_key = &world.settings().secrets.admin_api_key;
    world.api().put(&path).bearer(admin_key).json(json!({"role": "member"})).expect(200).await;
    assert_eq!(standing_of(&world, &cast.owner, &cast).await["pause"]["reason"], "card_owner_left");
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), OTHER_CARD).await;
    world.drain().await;
    assert_eq!(standing_of(&world, &cast.owner, &cast).await["card"], json!(null));
    // One whose membership ended behind its back is found out before it is charged.
    let asked = ask_for_page(&world, &cast.owner, &cast).await;
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(standing_of(&world, &cast.owner, &cast).await["card"]["last4"], "4242");
    sqlx::query("delete from organization_members where user_id = 'owner'")
        .execute(world.pool())
        .await
        .unwrap();
    assert_eq!(use_of(&world, &cast.member, &cast, 695).await, 200);
    assert_eq!(charges(&world).await.len(), 1);
    assert_eq!(
        world.count("auto_recharge where pause_reason = 'card_owner_left' and customer is null").await,
        1
    );
    world.finish().await;
}

async fn card_orders(world: &World) -> Vec<PaymentId> {
    let orders = "select id from payments where mode = 'setup' order by number";
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar(orders).fetch_all(world.pool()).await.unwrap();
    ids.into_iter().map(PaymentId).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_page_wins_whatever_comes_when() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    save_card(&world, &alice, OTHER_CARD).await;
    let admin = By::Admin { actor: "admin", reason: "a test" };
    let wallet: WalletId = alice.wallet_id.parse().unwrap();
    let now = world.clock().now();
    let mut connection = world.pool().acquire().await.unwrap();
    for reason in ["declined", "money_taken_back", "disputed"] {
        let paused = "update auto_recharge set paused_at = now(), pause_reason = $1";
        sqlx::query(paused).bind(reason).execute(&mut *connection).await.unwrap();
        for payment_id in card_orders(&world).await {
            publish(&world, &SaveRechargeCard { payment_id }).await;
            world.drain().await;
            let stands = status_of(&world, &alice).await;
            assert_eq!(
                (&stands["card"]["last4"], &stands["pause"]["reason"]),
                (&json!("4444"), &json!(reason))
            );
        }
    }
    custody::resume(&mut connection, now, wallet, admin).await.unwrap();
    // A card that was removed is not brought back by its page, or an earlier one.
    world
        .api()
        .delete("/purser/v1/wallets/me/auto-recharge?removeCard=true")
        .bearer(&alice.api_key)
        .expect(200)
        .await;
    for payment_id in card_orders(&world).await {
        publish(&world, &SaveRechargeCard { payment_id }).await;
    }
    world.drain().await;
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["card"], &stands["enabled"]), (&json!(null), &json!(false)));
    spend(&world, &alice, 500).await;
    world.drain().await;
    check(&world, &alice).await;
    assert_eq!(charges(&world).await.len(), 0);
    // Another page is another matter.
    enable(&world, &alice, json!({"enabled": true})).await;
    save_card(&world, &alice, GOOD_CARD).await;
    assert_eq!(status_of(&world, &alice).await["card"]["last4"], "4242");
    drop(connection);
    world.finish().await;
}

/// A goodwill refund of a recharge takes no other card: its owner resumes. What is an administrator's stays theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_lifted_by_those_whose_it_is() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let intent = charges(&world).await[0]["id"].as_str().unwrap().to_owned();
    let request = world.emulator().post("/v1/refunds").bearer(&world.settings().secrets.stripe_secret_key);
    let form = request.header("content-type", "application/x-www-form-urlencoded");
    form.body(format!("payment_intent={intent}&amount=100")).expect(200).await;
    world.drain().await;
    assert_eq!(status_of(&world, &alice).await["pause"]["reason"], "money_taken_back");
    let mut told = Listener::connect(&world, &alice).await;
    let resumed = resume(&world, &alice).await.json().unwrap();
    assert_eq!((&resumed["state"], &resumed["pause"]), (&json!("active"), &json!(null)));
    world.drain().await;
    assert!(told.types().await.contains(&"resumed".to_owned()));
    spend(&world, &alice, 5_000).await;
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 2);

    let wallet: WalletId = alice.wallet_id.parse().unwrap();
    let (now, mut connection) = (world.clock().now(), world.pool().acquire().await.unwrap());
    custody::stop(&mut connection, now, wallet, By::Admin { actor: "user:root", reason: "a test" })
        .await
        .unwrap();
    let refused = resume(&world, &alice).await;
    assert_eq!(refused.status(), 409, "{refused}");
    enable(&world, &alice, json!({"enabled": false})).await;
    enable(&world, &alice, json!({"enabled": true})).await;
    save_card(&world, &alice, OTHER_CARD).await;
    spend(&world, &alice, 5_000).await;
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 2);
    let listed = custody::list(&mut connection, true, WalletId(uuid::Uuid::nil()), 10).await.unwrap();
    assert_eq!(listed.iter().map(|settings| settings.wallet_id).collect::<Vec<_>>(), [wallet]);
    custody::resume(&mut connection, now, wallet, By::Admin { actor: "user:root", reason: "a test" })
        .await
        .unwrap();
    assert_eq!(status_of(&world, &alice).await["state"], "active");
    let noted = "admin_actions where actor = 'user:root'
                 and action in ('auto_recharge.pause', 'auto_recharge.resume')";
    assert_eq!(world.count(noted).await, 2);
    // A card that was declined is tried once, and not before a day has passed.
    sqlx::query("update auto_recharge set declines = 4, paused_at = $1, pause_reason = 'declined'")
        .bind(now)
        .execute(&mut *connection)
        .await
        .unwrap();
    let settings = custody::resume(&mut connection, now, wallet, By::Owner).await.unwrap();
    assert_eq!((settings.declines, settings.next_attempt_at), (4, Some(now + time::Duration::DAY)));
    custody::stop(&mut connection, now, wallet, By::Owner).await.unwrap();
    custody::resume(&mut connection, now, wallet, By::Owner).await.unwrap();
    let nobody = custody::resume(&mut connection, now, WalletId::new(), By::Owner).await;
    assert!(matches!(nobody, Err(ResumeError::NoSettings)));
    drop(connection);
    world.finish().await;
}

/// Nothing but saying so switches it on.
#[tokio::test(flavor = "multi_thread")]
async fn consent_is_only_given_explicitly() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for body in [
        json!({}),
        json!({"thresholdCredits": 50}),
        json!({"requestSetup": true, "amount": {"minor": 900, "currency": "usd"}}),
    ] {
        let answer = put(&world, &alice, body.clone()).await;
        assert_eq!(answer.status(), 200, "{body}");
        let stands = status_of(&world, &alice).await;
        assert_eq!((&stands["state"], &stands["consentedAt"]), (&json!("off"), &json!(null)), "{body}");
    }
    let on = put(&world, &alice, json!({"enabled": true})).await.json().unwrap();
    let consented = on["consentedAt"].clone();
    assert!(consented.is_string() && on["enabled"] == json!(true), "{on}");
    world.pay(on["setup"]["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    world.api().delete("/purser/v1/wallets/me/auto-recharge").bearer(&alice.api_key).expect(200).await;
    world.advance(std::time::Duration::from_secs(5)).await;
    for body in [json!({"thresholdCredits": 5_000}), json!({}), json!({"maxMonthly": null})] {
        assert_eq!(put(&world, &alice, body).await.status(), 200);
        assert_eq!(resume(&world, &alice).await.status(), 200);
        let stands = status_of(&world, &alice).await;
        assert_eq!((&stands["state"], &stands["consentedAt"]), (&json!("off"), &consented));
    }
    let before = charges(&world).await.len();
    spend(&world, &alice, 4_900).await;
    world.drain().await;
    assert_eq!(charges(&world).await.len(), before);
    world.finish().await;
}

/// The page to which one returns after saving a card speaks of the card, and of no payment.
#[tokio::test(flavor = "multi_thread")]
async fn after_saving_a_card_the_page_speaks_of_the_card() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let asked = enable(&world, &alice, plain()).await;
    let key = &world.settings().secrets.stripe_secret_key;
    let path = format!("/v1/checkout/sessions/{}", asked["setupSessionId"].as_str().unwrap());
    let session = world.emulator().get(&path).bearer(key).expect(200).await;
    let url = session["success_url"].as_str().unwrap();
    let path = url.strip_prefix(&world.settings().api_url()).unwrap();
    let text = world.api().get(path).send().await.unwrap().to_string();
    assert!(text.contains("The card is saved") && !text.contains("are in the wallet"), "{text}");
    let checkout = world.start_checkout(&alice, 500).await;
    let path = format!("/v1/checkout/sessions/{}", checkout.session_id);
    let session = world.emulator().get(&path).bearer(key).expect(200).await;
    assert!(!session["success_url"].as_str().unwrap().contains("saved=card"), "{session}");
    world.finish().await;
}

/// The last digits of all cards that customers have at the provider.
async fn attached(world: &World) -> Vec<String> {
    let customers: Vec<String> = sqlx::query_scalar("select customer_id from provider_customers")
        .fetch_all(world.pool())
        .await
        .unwrap();
    let mut cards = Vec::new();
    for customer in customers {
        let found = world.stripe_get(&format!("customers/{customer}/payment_methods")).expect(200).await;
        let last4 = |method: &Value| method["card"]["last4"].as_str().unwrap().to_owned();
        cards.extend(found["data"].as_array().unwrap().iter().map(last4));
    }
    cards
}

/// The answer is lost, and the job comes again: a card that is gone is as good. One that is charged is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_card_is_taken_from_the_customer_at_the_provider() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let saved = "select customer, payment_method from auto_recharge";
    let (customer, payment_method) = sqlx::query_as(saved).fetch_one(world.pool()).await.unwrap();
    let job = DetachCard { customer, payment_method };
    publish(&world, &job).await;
    world.drain().await;
    assert_eq!(attached(&world).await, ["4242"]);
    let knobs = json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": ["POST /v1/payment_methods"],
                       "limit": 1});
    world.set_provider_faults(knobs).await;
    world
        .api()
        .delete("/purser/v1/wallets/me/auto-recharge?removeCard=true")
        .bearer(&alice.api_key)
        .expect(200)
        .await;
    world.drain().await;
    assert_eq!(attached(&world).await, Vec::<String>::new());
    publish(&world, &job).await;
    // Another card of the same customer stays.
    enable(&world, &alice, json!({"enabled": true})).await;
    save_card(&world, &alice, OTHER_CARD).await;
    publish(&world, &job).await;
    world.drain().await;
    assert_eq!(attached(&world).await, ["4444"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_of_a_leaver_does_not_stay_at_the_provider() {
    let world = World::start().await;
    let cast = recharged_organization(&world).await;
    assert_eq!(attached(&world).await, ["4242"]);
    let asked = ask_for_page(&world, &cast.admin, &cast).await;
    let path = format!("/purser/v1/organizations/{}/members/admin", cast.id);
    let admin_key = &world.settings().secrets.admin_api_key;
    world.api().delete(&path).bearer(admin_key).send().await.unwrap();
    world.drain().await;
    assert_eq!(attached(&world).await, Vec::<String>::new());
    // Nor does one that is given on a page that was open then.
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), OTHER_CARD).await;
    world.drain().await;
    assert_eq!(attached(&world).await, Vec::<String>::new());
    world.finish().await;
}
