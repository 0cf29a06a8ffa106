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
/// There is a busy day after so many steps.
const BUSY_EVERY: usize = 12;
/// How often charge may follow charge on a busy day: more often than a day's limit.
const BUSY_ROUNDS: usize = 14;
/// A little more than the longest pause between two charges, in seconds.
const BUSY_PAUSE: i64 = 3_660;
/// Who joins, in this order, and again from the beginning.
const KINDS: [Kind; 10] = [
    Kind::Heavy { is_capped: true },
    Kind::Subscriber(0),
    Kind::Buyer,
    Kind::Organization,
    Kind::CreemSubscriber(0),
    Kind::Recharger,
    Kind::Subscriber(1),
    Kind::Heavy { is_capped: false },
    Kind::Subscriber(2),
    Kind::CreemSubscriber(1),
];

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
            actors: usize::try_from(number("YEAR_ACTORS", 8)).unwrap(),
            step_days: i64::try_from(number("YEAR_STEP_DAYS", 28)).unwrap(),
            seed: number("YEAR_SEED", 7),
        }
    }
}

/// A year that is under way.
struct Year {
    size: Size,
    world: World,
    plans: Vec<Plan>,
    actors: Vec<Actor>,
    /// What the providers said last.
    bank: Bank,
    times: Times,
    random: StdRng,
    told: BTreeMap<&'static str, u64>,
    began: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_money_leaves_every_wallet_with_what_was_paid_for() {
    if std::env::var("RUST_LOG").is_ok() {
        config::read(|environment| Ok(Telemetry::read(environment))).expect("RUST_LOG").start_logs();
    }
    let mut year = Year::begin(Size::from_env()).await;
    for step in 0_usize.. {
        // What has lapsed by what the providers have just said is taken off by the next look.
        year.pass(60).await;
        year.judge().await;
        if year.day() >= DAYS {
            break;
        }
        year.live().await;
        if step % BUSY_EVERY == 3 {
            year.busy_day().await;
        }
        // From an hour to about twice a step.
        let days = year.size.step_days;
        let hours = [1, days * 12, days * 24, days * 36][year.random.random_range(0..4)];
        year.pass(hours * 3_600).await;
    }
    report(&year).await;
    year.world.finish().await;
}

impl Year {
    async fn begin(size: Size) -> Self {
        let world = World::start().await;
        let plans = sell(&world).await;
        let began = world.clock().now().unix_timestamp();
        let mut year = Self {
            random: StdRng::seed_from_u64(size.seed),
            size,
            plans,
            actors: Vec::new(),
            bank: Bank::default(),
            times: Times { skew: 0, moved_at: began },
            told: BTreeMap::new(),
            began,
            world,
        };
        for number in 0..year.size.actors {
            let kind = KINDS[number % KINDS.len()];
            let Self { world, bank, plans, random, told, .. } = &mut year;
            let mut step = Step { world, bank, plans, random, told };
            let actor = Actor::join(&mut step, &format!("actor{number}"), kind).await;
            year.actors.push(actor);
        }
        year.settle().await;
        year
    }

    fn day(&self) -> i64 {
        (self.times.moved_at - self.began) / DAY
    }

    /// Waits until everything has come to rest, and asks the providers.
    async fn settle(&mut self) {
        self.world.drain().await;
        self.bank = Bank::ask(&self.world, std::mem::take(&mut self.bank), self.times).await;
        for actor in &mut self.actors {
            oracle::catch_up(actor, &self.bank, &self.plans, self.times.moved_at);
        }
    }

    /// Lets time pass.
    async fn pass(&mut self, seconds: i64) {
        self.world.advance(Duration::from_secs(u64::try_from(seconds).unwrap())).await;
        self.times.moved_at = self.world.clock().now().unix_timestamp();
        self.settle().await;
    }

    async fn live(&mut self) {
        self.times.skew = misbehave(&self.world, &mut self.random).await;
        let Self { world, bank, plans, actors, random, told, .. } = self;
        for actor in actors {
            actor.live(&mut Step { world, bank, plans, random, told }).await;
        }
        // What was paid back comes before what lapses while time passes.
        self.settle().await;
    }

    /// A day on which some use so much that charge follows charge, until something stops them.
    async fn busy_day(&mut self) {
        for round in 0..BUSY_ROUNDS {
            let Self { world, bank, plans, actors, random, told, .. } = self;
            let heavy = |actor: &&mut Actor| matches!(actor.kind, Kind::Heavy { .. });
            for actor in actors.iter_mut().filter(heavy) {
                let mut step = Step { world, bank, plans, random, told };
                if round == 0 {
                    actor.begin_busy_day(&mut step).await;
                }
                actor.use_up(&mut step).await;
            }
            self.settle().await;
            // What is used up again at once waits for the pause.
            if round > 0 {
                self.pass(BUSY_PAUSE).await;
            }
        }
    }

    /// Stops at the first broken rule.
    async fn judge(&mut self) {
        let (seed, day) = (self.size.seed, self.day());
        let mut broken = Vec::new();
        for actor in &self.actors {
            let rules = oracle::judge(&self.world, actor, &self.bank).await;
            if !rules.is_empty() {
                trace::print(&self.world, actor, &self.bank).await;
            }
            let (user, kind) = (&actor.user.id, actor.kind);
            broken.extend(
                rules.into_iter().map(|rule| format!("seed {seed}, day {day}, {user} ({kind:?}): {rule}")),
            );
        }
        for reason in quarantined(&self.world).await {
            broken.push(format!("seed {seed}, day {day}: an event is quarantined: {reason}"));
        }
        if std::env::var("YEAR_GOES_ON").is_ok() {
            broken.iter().for_each(|rule| eprintln!("{rule}"));
        } else {
            assert!(broken.is_empty(), "{}", broken.join("\n"));
        }
    }
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
    actors::sell(world).await;
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
    let tax = json!({"basis_points": if random.random() { 2_100 } else { 0 }});
    world.emulator().put("/_emulator/creem/tax").json(tax).expect(200).await;
    let kinds = ["checkout", "subscription", "payment_link", "payment_intent", "charge", "invoice"];
    if !actors::is_left_out("foreign") {
        let kind = kinds[random.random_range(0..kinds.len())];
        world.emulator().post("/_emulator/foreign").json(json!({"kind": kind})).expect(200).await;
    }
    skew
}

async fn quarantined(world: &World) -> Vec<String> {
    let events = "select format('%s of %s: %s', event_type, object_id, reason) from provider_events
                  where outcome = 'quarantined'";
    sqlx::query_scalar(events).fetch_all(world.pool()).await.unwrap()
}

async fn report(year: &Year) {
    let Year { size, world, actors, bank, told, .. } = year;
    println!("\n{} actors, {DAYS} days, seed {}\n\n| what | times |\n|---|---|", size.actors, size.seed);
    for (what, times) in told {
        println!("| {what} | {times} |");
    }
    let recharges = bank.charges.values().filter(|charge| charge.is_recharge).count();
    let gone: i64 = bank.charges.values().map(|charge| charge.gone).sum();
    let spent: i64 = actors.iter().map(|actor| actor.purse.spent / terms::CREDIT).sum();
    println!("| periods that were paid | {} |", bank.invoices.len());
    println!("| charges of saved cards | {recharges} |");
    println!("| payments at Creem | {} |", bank.sales.len());
    println!(
        "| cents charged at Stripe | {} |",
        bank.charges.values().map(|charge| charge.cents).sum::<i64>()
    );
    println!("| cents that went back | {gone} |\n| credits spent | {spent} |");
    println!("| events that the providers sent | {} |", world.count("provider_events").await);
    assert!(
        recharges > actors.len() && bank.invoices.len() > actors.len(),
        "too little happened to prove anything"
    );
}
