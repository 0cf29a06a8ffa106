//! Whatever the order, and however often: one grant for each period.

use harness::world::World;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{
    CREEM, Choice, MONTH, STRIPE, Subscriber, cancel_at_period_end, pass, provider_events, quarantined,
    sell_over_creem, subscribe,
};

/// All orders of so many things.
pub(super) fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}

/// Sends each subscriber's events in its order, each twice, and the next only when the one before is done.
async fn tell(world: &World, orders: &[Vec<String>]) {
    for round in 0..orders.iter().map(Vec::len).max().unwrap_or(0) {
        for event in orders.iter().filter_map(|order| order.get(round)) {
            world.resend_event(event).await;
            world.resend_event(event).await;
        }
        world.drain().await;
    }
}

/// One subscriber for each order in which the events of the first payment may arrive.
async fn first_payment(world: &World, choice: Choice, kinds: &[&str]) {
    let mut subscribers = Vec::new();
    let mut orders = Vec::new();
    for (number, order) in permutations(kinds.len()).into_iter().enumerate() {
        let before = provider_events(world).await.len();
        subscribers.push(subscribe(world, &format!("{}-{number}", choice.channel), choice).await);
        let happened = provider_events(world).await.split_off(before);
        let of_kind = |kind: &str| {
            happened.iter().find(|(_, type_of)| type_of == kind).unwrap_or_else(|| panic!("{kind}"))
        };
        orders.push(order.into_iter().map(|place| of_kind(kinds[place]).0.clone()).collect());
    }
    tell(world, &orders).await;
    for (subscriber, order) in subscribers.iter().zip(&orders) {
        assert_eq!(
            (subscriber.balance(world).await, subscriber.grants(world).await),
            (10_000, 1),
            "{order:?}"
        );
        assert_eq!(subscriber.status(world).await, ("active".to_owned(), "pro".to_owned(), false));
        let orders = subscriber.get(world, "/orders").await;
        assert_eq!((orders.as_array().unwrap().len(), &orders[0]["status"]), (1, &json!("paid")));
        assert_eq!(orders[0]["id"], json!(subscriber.order));
    }
    assert_eq!(quarantined(world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_stripe_payment_is_granted_once_in_every_order_of_events() {
    let world = World::start().await;
    world.lose_events().await;
    let kinds = [
        "checkout.session.completed",
        "customer.subscription.created",
        "invoice.paid",
        "payment_intent.succeeded",
    ];
    first_payment(&world, STRIPE, &kinds).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_creem_payment_is_granted_once_in_every_order_of_events() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    world.lose_events().await;
    first_payment(&world, CREEM, &["checkout.completed", "subscription.active", "subscription.paid"]).await;
    world.finish().await;
}

/// One subscriber for each order in which it may be heard that a new subscription was ended with its first period.
async fn ends_with_its_first_period(world: &World, choice: Choice, kinds: &[&str]) {
    let mut subscribers = Vec::new();
    let mut orders = Vec::new();
    for (number, order) in permutations(kinds.len()).into_iter().enumerate() {
        let before = provider_events(world).await.len();
        let subscriber = subscribe(world, &format!("{}-{number}", choice.channel), choice).await;
        cancel_at_period_end(world, choice, &subscriber).await;
        let happened = provider_events(world).await.split_off(before);
        let newest = |kind: &str| happened.iter().rfind(|(_, type_of)| type_of == kind).unwrap().0.clone();
        orders.push(order.into_iter().map(|place| newest(kinds[place])).collect());
        subscribers.push(subscriber);
    }
    tell(world, &orders).await;
    for (subscriber, order) in subscribers.iter().zip(&orders) {
        let expected = ("active".to_owned(), "pro".to_owned(), true);
        assert_eq!(subscriber.status(world).await, expected, "{order:?}");
    }
    assert_eq!(quarantined(world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_stripe_is_known_in_every_order_of_events() {
    let world = World::start().await;
    world.lose_events().await;
    let kinds = ["customer.subscription.created", "customer.subscription.updated", "invoice.paid"];
    ends_with_its_first_period(&world, STRIPE, &kinds).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_creem_is_known_in_every_order_of_events() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    world.lose_events().await;
    let kinds = ["subscription.active", "subscription.scheduled_cancel", "subscription.paid"];
    ends_with_its_first_period(&world, CREEM, &kinds).await;
    world.finish().await;
}

/// Subscribers of both providers, some with a coupon that makes the first period cheaper than those after it.
async fn subscribers(world: &World, count: usize) -> Vec<Subscriber> {
    sell_over_creem(world).await;
    let coupon = json!({"code": "HALF", "kind": "percent", "value": 50});
    super::admin(world, world.api().post("/admin/billing/coupons")).json(coupon).expect(201).await;
    world.lose_events().await;
    let mut all = Vec::new();
    for number in 0..count {
        for choice in [STRIPE, CREEM] {
            let coupon = (number % 2 == 1).then_some("HALF");
            let name = format!("{}-{number}", choice.channel);
            all.push(subscribe(world, &name, Choice { coupon, ..choice }).await);
        }
    }
    all
}

async fn assert_three_periods(world: &World, subscribers: &[Subscriber]) {
    assert_eq!(quarantined(world).await, Vec::<String>::new());
    for subscriber in subscribers {
        let name = &subscriber.user.id;
        assert_eq!(subscriber.grants(world).await, 3, "{name}");
        assert_eq!(subscriber.balance(world).await, 30_000, "{name}");
        assert_eq!(subscriber.status(world).await.0, "active", "{name}");
        let orders = subscriber.get(world, "/orders").await;
        let paid = orders.as_array().unwrap().iter().filter(|order| order["status"] == "paid").count();
        assert_eq!(paid, 3, "{name}: {orders}");
    }
}

/// All events of three periods, each twice, shuffled; and all of it once more.
async fn in_any_order(world: World) {
    let subscribers = subscribers(&world, 4).await;
    pass(&world, MONTH).await;
    pass(&world, MONTH).await;
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let happened = provider_events(&world).await;
    for _ in 0..2 {
        let mut events: Vec<&str> = happened.iter().chain(&happened).map(|(id, _)| id.as_str()).collect();
        events.shuffle(&mut random);
        for (number, event) in events.iter().enumerate() {
            world.resend_event(event).await;
            // Some meet in one batch, some come when all before them is done.
            if number % 60 == 0 {
                world.drain().await;
            }
        }
        world.drain().await;
        assert_three_periods(&world, &subscribers).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_periods_in_any_order_make_three_grants() {
    in_any_order(World::start().await).await;
}

/// Every event is a question to the provider then, and it answers how things stand now.
#[tokio::test(flavor = "multi_thread")]
async fn three_verified_periods_make_three_grants() {
    in_any_order(World::builder().verify_always().start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_periods_reported_in_reverse_make_three_grants() {
    let world = World::start().await;
    let subscribers = subscribers(&world, 2).await;
    pass(&world, MONTH).await;
    pass(&world, MONTH).await;
    let kinds = ["invoice.paid", "subscription.paid", "customer.subscription.created", "subscription.active"];
    let mut happened = provider_events(&world).await;
    happened.retain(|(_, kind)| kinds.contains(&kind.as_str()));
    for (event, _) in happened.iter().rev() {
        world.resend_event(event).await;
        world.drain().await;
    }
    assert_three_periods(&world, &subscribers).await;
    world.finish().await;
}
