//! A year of sellers, buyers and banks, with the provider as unkind as it can be. After each step an oracle that knows
//! nothing but money and terms says whether the wallets hold what was paid for, and whether only those cards were
//! charged that may be.
//!
//! The ordinary run is small. `tests/YEAR.md` says how to run the whole, and what was found.

mod actors;
mod bank;
mod oracle;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use harness::terms::{self, Plan};
use harness::world::World;
use kernel::config;
use kernel::telemetry::Telemetry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use actors::{Actor, Kind, Step};
use bank::{Bank, Times};

const DAYS: i64 = 365;
const DAY: i64 = 86_400;

struct Size {
    actors: usize,
    /// About how long a step is.
    step_days: i64,
    seed: u64,
}

impl Size {
    fn from_env() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
        };
        Self {
            actors: usize::try_from(number("YEAR_ACTORS", 7)).unwrap(),
            step_days: i64::try_from(number("YEAR_STEP_DAYS", 28)).unwrap(),
            seed: number("YEAR_SEED", 7),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_money_leaves_every_wallet_with_what_was_paid_for() {
    let size = Size::from_env();
    if std::env::var("RUST_LOG").is_ok() {
        config::read(|environment| Ok(Telemetry::read(environment))).expect("RUST_LOG").start_logs();
    }
    let world = World::start().await;
    let mut random = StdRng::seed_from_u64(size.seed);
    let mut told = BTreeMap::new();
    let plans = sell(&world).await;
    let began = world.clock().now().unix_timestamp();
    let mut times = Times { skew: 0, moved_at: began };
    let mut bank = Bank::ask(&world, Bank::default(), times).await;
    let mut actors = Vec::new();
    for number in 0..size.actors {
        let kind = [
            Kind::Recharger,
            Kind::Subscriber(0),
            Kind::Buyer,
            Kind::Organization,
            Kind::Subscriber(1),
            Kind::Recharger,
            Kind::Subscriber(2),
        ][number % 7];
        let mut step =
            Step { world: &world, bank: &bank, plans: &plans, random: &mut random, told: &mut told };
        actors.push(Actor::join(&mut step, &format!("actor{number}"), kind).await);
    }
    world.drain().await;
    bank = Bank::ask(&world, bank, times).await;
    loop {
        // What has lapsed by what the providers have just said is taken off by the next look.
        bank = pass(&world, bank, &mut times, 60).await;
        let now = world.clock().now().unix_timestamp();
        judge(&world, &mut actors, &bank, &plans, (&size, (now - began) / DAY, now)).await;
        if now - began >= DAYS * DAY {
            break;
        }
        times.skew = misbehave(&world, &mut random).await;
        for actor in &mut actors {
            let mut step =
                Step { world: &world, bank: &bank, plans: &plans, random: &mut random, told: &mut told };
            actor.live(&mut step).await;
        }
        world.drain().await;
        bank = Bank::ask(&world, bank, times).await;
        // What was paid back comes before what lapses while time passes.
        catch_up(&mut actors, &bank, &plans, now);
        // From an hour to about twice a step.
        let hours =
            [1, size.step_days * 12, size.step_days * 24, size.step_days * 36][random.random_range(0..4)];
        bank = pass(&world, bank, &mut times, hours * 3_600).await;
    }
    report(&world, &size, &actors, &told, &bank).await;
    world.finish().await;
}

/// Lets time pass, and asks the bank when everything has come to rest.
async fn pass(world: &World, bank: Bank, times: &mut Times, seconds: i64) -> Bank {
    world.advance(Duration::from_secs(u64::try_from(seconds).unwrap())).await;
    times.moved_at = world.clock().now().unix_timestamp();
    world.drain().await;
    Bank::ask(world, bank, *times).await
}

/// Plans with prices of their own at the provider.
async fn sell(world: &World) -> Vec<Plan> {
    let mut plans = terms::plans();
    for plan in &mut plans {
        let form = format!(
            "currency=usd&unit_amount={}&recurring[interval]={}&product_data[name]={}",
            plan.cents, plan.interval, plan.id
        );
        let made = world.stripe_post("prices", &form).expect(200).await;
        plan.price = made["id"].as_str().unwrap().to_owned();
        let field =
            if plan.interval == "year" { "stripe_price_id_yearly" } else { "stripe_price_id_monthly" };
        let admin = &world.settings().secrets.admin_api_key;
        let path = format!("/admin/billing/plans/{}", plan.id);
        world.api().put(&path).bearer(admin).json(json!({field: plan.price})).expect(200).await;
    }
    plans
}

/// Events twice, late and out of order; another clock; taxes; and what is none of our business. Returns how far the
/// providers' clock is ahead.
async fn misbehave(world: &World, random: &mut StdRng) -> i64 {
    world
        .set_provider_faults(json!({"duplicate": 0.2, "duplicate_event": 0.2, "reorder": 0.3, "delay": 0.2,
                                    "delay_ms": 30, "seed": random.random::<u32>()}))
        .await;
    let skew = random.random_range(-20..=20);
    world.emulator().put("/_emulator/clock").json(json!({"skew_seconds": skew})).expect(200).await;
    let rate = if random.random_range(0..3) == 0 { 2_000 } else { 0 };
    let tax = json!({"basis_points": rate, "inclusive": false});
    world.emulator().put("/_emulator/stripe/tax").json(tax).expect(200).await;
    let kinds = ["checkout", "subscription", "payment_link", "payment_intent", "charge", "invoice"];
    if !actors::is_left_out("foreign") {
        let kind = kinds[random.random_range(0..kinds.len())];
        world.emulator().post("/_emulator/foreign").json(json!({"kind": kind})).expect(200).await;
    }
    skew
}

fn catch_up(actors: &mut [Actor], bank: &Bank, plans: &[Plan], now: i64) {
    for actor in actors {
        oracle::catch_up(actor, bank, plans, now);
    }
}

/// Stops at the first broken rule.
async fn judge(
    world: &World,
    actors: &mut [Actor],
    bank: &Bank,
    plans: &[Plan],
    (size, day, now): (&Size, i64, i64),
) {
    let mut broken = Vec::new();
    catch_up(actors, bank, plans, now);
    for actor in actors {
        let rules = oracle::judge(world, actor, bank).await;
        if !rules.is_empty() {
            trace::print(world, actor, bank).await;
        }
        for rule in rules {
            broken
                .push(format!("seed {}, day {day}, {} ({:?}): {rule}", size.seed, actor.user.id, actor.kind));
        }
    }
    for reason in quarantined(world).await {
        broken.push(format!("seed {}, day {day}: an event is quarantined: {reason}", size.seed));
    }
    if std::env::var("YEAR_GOES_ON").is_ok() {
        broken.iter().for_each(|rule| eprintln!("{rule}"));
    } else {
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}

async fn quarantined(world: &World) -> Vec<String> {
    let events = "select format('%s of %s: %s', event_type, object_id, reason) from provider_events
                  where outcome = 'quarantined'";
    sqlx::query_scalar(events).fetch_all(world.pool()).await.unwrap()
}

async fn report(
    world: &World,
    size: &Size,
    actors: &[Actor],
    told: &BTreeMap<&'static str, u64>,
    bank: &Bank,
) {
    println!("\n{} actors, {DAYS} days, seed {}\n\n| what | times |\n|---|---|", size.actors, size.seed);
    for (what, times) in told {
        println!("| {what} | {times} |");
    }
    let recharges = bank.charges.values().filter(|charge| charge.is_recharge).count();
    let gone: i64 = bank.charges.values().map(|charge| charge.gone).sum();
    let spent: i64 = actors.iter().map(|actor| actor.purse.spent / terms::CREDIT).sum();
    println!("| periods that were paid | {} |", bank.invoices.len());
    println!("| charges of saved cards | {recharges} |");
    println!("| cents charged | {} |", bank.charges.values().map(|charge| charge.cents).sum::<i64>());
    println!("| cents that went back | {gone} |\n| credits spent | {spent} |");
    println!("| events that the provider sent | {} |", world.count("provider_events").await);
    assert!(
        recharges > actors.len() && bank.invoices.len() > actors.len(),
        "too little happened to prove anything"
    );
}
