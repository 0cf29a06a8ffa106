//! What a downgrade gave back is made up for in the order of the periods, in whatever order they are heard of.

use harness::world::World;
use serde_json::Value;

use super::changes::move_to;
use super::order::permutations;
use super::{Choice, DAY, MONTH, STRIPE, Subscriber, pass, quarantined, sell_by_price, subscribe};
use crate::reversals::refund;

/// A new subscriber moves to the smaller plan in the middle of a month, and three renewals follow. Purser has heard of
/// the change; the events of the renewals are returned, for the test to send.
async fn downgraded(world: &World, name: &str, smaller: &str) -> (Subscriber, Vec<Value>) {
    let subscriber = subscribe(world, name, Choice { plan: "team", ..STRIPE }).await;
    pass(world, 15 * DAY).await;
    move_to(world, &subscriber, smaller, "always_invoice").await;
    for _ in 0..3 {
        pass(world, MONTH).await;
    }
    let events = world.emulator().get("/_emulator/events?type=invoice.paid").expect(200).await;
    let own = |event: &&Value| {
        event["data"]["object"]["parent"]["subscription_details"]["subscription"] == subscriber.id.as_str()
    };
    let own: Vec<Value> = events["events"].as_array().unwrap().iter().filter(own).cloned().collect();
    let (known, renewals) = own.split_at(2);
    for event in known {
        hear(world, event).await;
    }
    (subscriber, renewals.to_vec())
}

async fn hear(world: &World, event: &Value) {
    world.resend_event(event["id"].as_str().unwrap()).await;
    world.drain().await;
}

/// For each payment of a subscriber, the earliest period first: the credits that it says it granted, and what is left.
async fn periods(world: &World, subscriber: &Subscriber) -> Vec<(i64, i64)> {
    let periods = "select credits / 1000000, coalesce(sum(remaining), 0)::bigint / 1000000
                   from payments left join grants on payments.id in (grants.payment_id, origin_payment_id)
                   where payments.wallet_id = $1::text::uuid
                   group by payments.id order by credits_expire_at";
    sqlx::query_as(periods).bind(&subscriber.user.wallet_id).fetch_all(world.pool()).await.unwrap()
}

/// Sells two plans, of whose sales no event arrives by itself; returns the price of the smaller one.
async fn seller(world: &World) -> String {
    sell_by_price(world, "team", "month", 2_999).await;
    let smaller = sell_by_price(world, "pro", "month", 999).await;
    world.lose_events().await;
    smaller
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_grant_the_same_in_every_order() {
    let world = World::start().await;
    let smaller = seller(&world).await;
    for (number, order) in permutations(3).into_iter().enumerate() {
        let (alice, renewals) = downgraded(&world, &format!("alice-{number}"), &smaller).await;
        for place in &order {
            hear(&world, &renewals[*place]).await;
        }
        let granted = periods(&world, &alice).await;
        assert_eq!(granted.len(), 5, "{granted:?}");
        // Half a month of the difference, about 15,000 credits: the first renewal makes up for it, and half the second.
        assert_eq!(
            (granted[0], granted[2], granted[4]),
            ((40_000, 40_000), (0, 0), (10_000, 10_000)),
            "{order:?}"
        );
        assert!(
            (4_000..6_000).contains(&granted[3].0) && granted[3].0 == granted[3].1,
            "{order:?}: {granted:?}"
        );
        assert_eq!(alice.balance(&world).await, granted.iter().map(|(_, left)| left).sum::<i64>());
    }
    // All of the newest period lapses with it, also what came back. Those before it were renewed, and end sooner.
    let elsewhere = "(select grants.expires_at, credits_expire_at,
                             max(credits_expire_at) over (partition by payments.wallet_id) as newest
                      from payments join grants on payments.id in (grants.payment_id, origin_payment_id)) as lots
                     where credits_expire_at = newest and expires_at <> newest";
    assert_eq!(world.count(elsewhere).await, 0);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// Credits that come back late are worth what was paid for them: nothing where the money has gone back meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_late_follows_the_money_of_its_period() {
    let world = World::start().await;
    let smaller = seller(&world).await;
    for (name, is_before) in [("before", true), ("after", false)] {
        let (alice, renewals) = downgraded(&world, name, &smaller).await;
        let [first, second, last] = &renewals[..] else { panic!("{renewals:?}") };
        hear(&world, last).await;
        hear(&world, second).await;
        if !is_before {
            hear(&world, first).await;
        }
        give_back_money(&world, last).await;
        if is_before {
            hear(&world, first).await;
        }
        let granted = periods(&world, &alice).await;
        assert_eq!(granted[4], (10_000, 0), "{name}: {granted:?}");
        assert_eq!(alice.balance(&world).await, 40_000 + granted[3].1, "{name}: {granted:?}");
    }
    world.finish().await;
}

/// Refunds all that was paid for a period.
async fn give_back_money(world: &World, renewal: &Value) {
    let invoice = renewal["data"]["object"]["id"].as_str().unwrap();
    let paid = world.stripe_get(&format!("invoice_payments?invoice={invoice}")).expect(200).await;
    let intent = paid["data"][0]["payment"]["payment_intent"].as_str().unwrap();
    refund(world, intent, None).await;
    hear(world, &super::last(world, "refund.created").await).await;
}
