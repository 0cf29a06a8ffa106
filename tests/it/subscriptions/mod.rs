//! Subscriptions, from the first payment to the end: each paid period grants once, whatever is told, in which order,
//! and how often.

mod carrying;
mod changes;
mod endings;
mod hostile;
mod instructions;
mod life;
mod one_at_a_time;
mod order;
mod plan_options;
mod products;
mod renewals;

use harness::client::Request;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
/// Longer than every month and the hour after which its renewal is collected, shorter than two months.
const MONTH: i64 = 31 * DAY + 2 * 3_600;

/// A user with a plan.
struct Subscriber {
    user: User,
    order: String,
    /// Its id at the provider.
    id: String,
}

impl Subscriber {
    async fn get(&self, world: &World, path: &str) -> Value {
        let answer = world.api().get(path).bearer(&self.user.api_key).expect(200).await;
        answer["data"].clone()
    }

    /// The fields of the subscription that matter most.
    async fn status(&self, world: &World) -> (String, String, bool) {
        let shown = self.get(world, "/subscription").await;
        let text = |field: &str| shown[field].as_str().unwrap().to_owned();
        (text("status"), text("plan_id"), shown["cancel_at_period_end"].as_bool().unwrap())
    }

    async fn balance(&self, world: &World) -> i64 {
        world.balance(&self.user.wallet_id).await
    }

    /// How often a period was granted.
    async fn grants(&self, world: &World) -> i64 {
        let of_plan = "entry_type = 'subscription' and amount > 0";
        world
            .count(&format!("ledger_entries where {of_plan} and wallet_id = '{}'", self.user.wallet_id))
            .await
    }
}

/// Which plan, over whom.
#[derive(Clone, Copy)]
struct Choice {
    channel: &'static str,
    plan: &'static str,
    interval: &'static str,
    coupon: Option<&'static str>,
}

const STRIPE: Choice = Choice { channel: "stripe", plan: "pro", interval: "month", coupon: None };
const CREEM: Choice = Choice { channel: "creem", ..STRIPE };

/// A new user buys a plan. The provider's word of it may still be under way, or lost.
async fn subscribe(world: &World, name: &str, choice: Choice) -> Subscriber {
    let user = world.create_user(name).await;
    let order = json!({"channel": choice.channel, "type": "subscription", "plan_id": choice.plan,
                       "interval": choice.interval, "coupon_code": choice.coupon});
    let request = world.api().post("/payment/create-session").bearer(&user.api_key).json(order);
    let opened = request.expect(201).await["data"].clone();
    let session = opened["session_id"].as_str().unwrap();
    let id = if choice.channel == "creem" {
        let path = format!("/_emulator/creem/checkouts/{session}/pay");
        let paid = world.emulator().post(&path).json(json!({"card": GOOD_CARD})).expect(200).await;
        paid["subscription"]["id"].clone()
    } else {
        world.pay(session, GOOD_CARD).await;
        world.stripe_get(&format!("checkout/sessions/{session}")).expect(200).await["subscription"].clone()
    };
    Subscriber {
        user,
        order: opened["order_id"].as_str().unwrap().to_owned(),
        id: id.as_str().unwrap().to_owned(),
    }
}

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn plan(world: &World, id: &str, change: Value) {
    admin(world, world.api().put(&format!("/admin/billing/plans/{id}"))).json(change).expect(200).await;
}

/// Has both plans sold over Creem, by the products that the emulator has for them.
async fn sell_over_creem(world: &World) {
    plan(world, "pro", json!({"creem_product_id": "prod_pro"})).await;
    plan(world, "team", json!({"creem_product_id": "prod_team"})).await;
}

/// Has a plan sold by a price of its own at Stripe; returns the price.
async fn sell_by_price(world: &World, id: &str, interval: &str, amount: i64) -> String {
    let form =
        format!("currency=usd&unit_amount={amount}&recurring[interval]={interval}&product_data[name]={id}");
    let price = world.stripe_post("prices", &form).expect(200).await["id"].as_str().unwrap().to_owned();
    let field = if interval == "year" { "stripe_price_id_yearly" } else { "stripe_price_id_monthly" };
    plan(world, id, json!({field: price})).await;
    price
}

async fn creem_post(world: &World, path: &str, body: Value) -> Value {
    let request = world.emulator().post(&format!("/creem/v1/{path}")).json(body);
    request.header("x-api-key", &world.settings().secrets.creem_api_key).expect(200).await
}

/// Lets time pass for the providers; their events are still signed with real time.
async fn pass(world: &World, seconds: i64) {
    world.emulator().put("/_emulator/clock").json(json!({"advance_seconds": seconds})).expect(200).await;
}

/// An event that happened: its id and its type.
type EventIdAndType = (String, String);

/// Everything that happened at the providers, in order.
async fn provider_events(world: &World) -> Vec<EventIdAndType> {
    let events = world.emulator().get("/_emulator/events").expect(200).await;
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let events = events["events"].as_array().unwrap();
    events.iter().map(|event| (text(event, "id"), text(event, "type"))).collect()
}

/// The last event of a type.
async fn last(world: &World, kind: &str) -> Value {
    let events = world.emulator().get(&format!("/_emulator/events?type={kind}")).expect(200).await;
    events["events"].as_array().unwrap().last().unwrap().clone()
}

/// The subscriber ends the subscription with its period.
async fn cancel_at_period_end(world: &World, choice: Choice, subscriber: &Subscriber) {
    let path = format!("subscriptions/{}", subscriber.id);
    if choice.channel == "creem" {
        creem_post(world, &format!("{path}/cancel"), json!({"mode": "scheduled"})).await;
    } else {
        world.stripe_post(&path, "cancel_at_period_end=true").expect(200).await;
    }
}

/// What a person has to look at.
async fn quarantined(world: &World) -> Vec<String> {
    sqlx::query_scalar("select reason from provider_events where outcome = 'quarantined' order by reason")
        .fetch_all(world.pool())
        .await
        .unwrap()
}
