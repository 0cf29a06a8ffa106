//! Moving to another plan and back, and pieces of work that are free.

use harness::world::World;
use serde_json::json;

use super::{
    CREEM, DAY, MONTH, STRIPE, Subscriber, creem_post, pass, quarantined, sell_by_price, sell_over_creem,
    subscribe,
};

/// Moves a subscriber at Stripe to another price.
pub(super) async fn move_to(world: &World, subscriber: &Subscriber, price: &str, behavior: &str) {
    let path = format!("subscriptions/{}", subscriber.id);
    let item =
        world.stripe_get(&path).expect(200).await["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let form = format!("items[0][id]={item}&items[0][price]={price}&proration_behavior={behavior}");
    world.stripe_post(&path, &form).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_grants_its_prorated_part_at_once_and_the_new_plan_afterwards() {
    let world = World::start().await;
    sell_by_price(&world, "pro", "month", 999).await;
    let team = sell_by_price(&world, "team", "month", 2_999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    pass(&world, 10 * DAY).await;
    move_to(&world, &alice, &team, "always_invoice").await;
    world.drain().await;
    assert_eq!(alice.status(&world).await, ("active".to_owned(), "team".to_owned(), false));
    let upgraded = alice.balance(&world).await;
    // Two thirds of a month of both plans: about 26 700 more, and 6 700 less.
    assert!((29_000..31_500).contains(&upgraded), "{upgraded}");
    assert_eq!(alice.grants(&world).await, 2);
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, upgraded + 40_000);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// Going up and down again gives money back: doing so all month gains no more than the money pays for.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_upgrades_and_downgrades_gain_no_credits() {
    let world = World::start().await;
    let pro = sell_by_price(&world, "pro", "month", 999).await;
    let team = sell_by_price(&world, "team", "month", 2_999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    for _ in 0..3 {
        move_to(&world, &alice, &team, "always_invoice").await;
        world.drain().await;
        move_to(&world, &alice, &pro, "always_invoice").await;
        world.drain().await;
    }
    // At most once what the dearer plan grants, however often it was left again.
    let balance = alice.balance(&world).await;
    assert!(balance <= 40_000, "{balance}");
    assert_eq!(alice.status(&world).await.1, "pro");
    // What was given back is taken off what comes next, until it is made up for.
    let mut granted = balance;
    for _ in 0..6 {
        pass(&world, 30 * DAY + DAY / 2).await;
        world.drain().await;
        granted = alice.balance(&world).await;
    }
    let invoices =
        world.stripe_get(&format!("invoices?subscription={}&limit=100", alice.id)).expect(200).await;
    let lines =
        invoices["data"].as_array().unwrap().iter().flat_map(|one| one["lines"]["data"].as_array().unwrap());
    let worth: i64 = lines
        .map(|line| {
            let is_team = line["pricing"]["price_details"]["price"] == json!(team);
            let (credits, price) = if is_team { (40_000, 2_999) } else { (10_000, 999) };
            line["amount"].as_i64().unwrap() * credits * 1_000 / price
        })
        .sum();
    assert!((granted - worth / 1_000).abs() <= 12, "{granted} credits for {worth} thousandths");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creem_downgrade_takes_nothing_and_an_upgrade_grants_what_is_paid() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let alice = subscribe(&world, "alice", CREEM).await;
    world.drain().await;
    pass(&world, 27 * DAY).await;
    // Three days before the end of the month the difference is small, and so is what it grants.
    let upgrade = json!({"product_id": "prod_team", "update_behavior": "proration-charge-immediately"});
    creem_post(&world, &format!("subscriptions/{}/upgrade", alice.id), upgrade).await;
    world.drain().await;
    let upgraded = alice.balance(&world).await;
    assert!((10_500..15_500).contains(&upgraded), "{upgraded}");
    assert_eq!(alice.status(&world).await.1, "team");
    pass(&world, 6 * DAY).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, upgraded + 40_000);
    let downgrade = json!({"product_id": "prod_pro", "update_behavior": "proration-none"});
    creem_post(&world, &format!("subscriptions/{}/upgrade", alice.id), downgrade).await;
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, upgraded + 50_000);
    assert_eq!(alice.status(&world).await.1, "pro");
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// A trial that the seller gives at Stripe costs nothing and grants nothing; the first payment after it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_grants_nothing_until_it_is_paid() {
    let world = World::start().await;
    let price = sell_by_price(&world, "pro", "month", 999).await;
    let user = world.create_user("alice").await;
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
    let request = world.api().post("/payment/create-session").bearer(&user.api_key).json(order);
    let order = request.expect(201).await["data"]["order_id"].as_str().unwrap().to_owned();
    let customer: String =
        sqlx::query_scalar("select provider_customer from payments").fetch_one(world.pool()).await.unwrap();
    let form = format!("customer={customer}");
    let card = world.stripe_post("payment_methods/pm_card_visa/attach", &form).expect(200).await;
    let card = card["id"].as_str().unwrap();
    let form = format!(
        "customer={customer}&items[0][price]={price}&trial_period_days=7&default_payment_method={card}\
         &metadata[payment_id]={order}&metadata[user_id]=alice"
    );
    let id = world.stripe_post("subscriptions", &form).expect(200).await["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let alice = Subscriber { user, order, id };
    assert_eq!(alice.grants(&world).await, 0);
    // What is paid is not what the order costs: a person has to know of it.
    assert_eq!(quarantined(&world).await, ["amount"]);
    pass(&world, 8 * DAY).await;
    world.drain().await;
    assert_eq!((alice.grants(&world).await, alice.balance(&world).await), (1, 10_000));
    assert_eq!(alice.status(&world).await.0, "active");
    world.finish().await;
}
