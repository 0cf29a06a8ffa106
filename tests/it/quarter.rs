//! A quarter of a year of many wallets with auto-recharge, while the provider misbehaves in every way that it knows:
//! events twice, out of order and late, calls answered with 429 and 500, charges made whose answer is lost, cards that
//! are declined or want their holder, refunds. At the end the books of the provider and ours must tell the same: every
//! charge credited once, no wallet charged above its cap in any month, nothing charged twice.
//!
//! The ordinary run is small. This is the whole:
//! `QUARTER_WALLETS=200 QUARTER_STEP_DAYS=1 cargo test -p tests --test it quarter -- --nocapture`. `QUARTER_SEED`
//! repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use billing::auto_recharge::{BeginRechargeMonth, SweepRecharges};
use billing::payments::ExpirePayments;
use futures::StreamExt;
use futures::stream;
use harness::world::{GOOD_CARD, User, World};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::events::publish;

const DAYS: u64 = 92;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Requests of this test that are under way at once.
const AT_ONCE: usize = 16;
/// Saved, but declined whenever it is charged; and one whose bank wants the holder every time.
const CARDS: [&str; 6] = [GOOD_CARD, GOOD_CARD, GOOD_CARD, GOOD_CARD, "4000000000000341", "4000002760003184"];

/// How large a run is.
struct Size {
    wallets: usize,
    step_days: u64,
    seed: u64,
}

impl Size {
    fn from_env() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
        };
        Self {
            wallets: usize::try_from(number("QUARTER_WALLETS", 16)).unwrap(),
            step_days: number("QUARTER_STEP_DAYS", 6),
            seed: number("QUARTER_SEED", 7),
        }
    }
}

/// A wallet of the run and the cap of its months.
struct Member {
    user: User,
    cap_cents: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_a_quarter_with_many_wallets_balance() {
    let size = Size::from_env();
    let world = World::builder().without_scheduler().start().await;
    let mut random = StdRng::seed_from_u64(size.seed);
    pass(&world, Duration::ZERO).await;
    let members = join(&world, &size, &mut random).await;
    let mut spent_days = 0;
    while spent_days < DAYS {
        misbehave(&world, random.random()).await;
        spend(&world, &members, &mut random).await;
        settle(&world).await;
        change_cards(&world, &members, &mut random).await;
        give_back(&world, &mut random).await;
        settle(&world).await;
        pass(&world, DAY * u32::try_from(size.step_days).unwrap()).await;
        publish(&world, &BeginRechargeMonth {}).await;
        publish(&world, &ExpirePayments {}).await;
        settle(&world).await;
        spent_days += size.step_days;
    }
    finish_open_runs(&world).await;
    audit(&world, &members, &size).await;
    world.finish().await;
}

async fn pass(world: &World, time: Duration) {
    world.advance(time).await;
}

async fn misbehave(world: &World, seed: u32) {
    let knobs = json!({"duplicate": 0.2, "duplicate_event": 0.2, "reorder": 0.2, "delay": 0.2, "delay_ms": 40,
                       "rate_429": 0.05, "rate_500": 0.05, "timeout_after_success": 0.1,
                       "timeout_ms": 20, "seed": seed});
    world.set_provider_faults(knobs).await;
}

/// Waits until nothing is under way, and verifies what no event has reported.
async fn settle(world: &World) {
    world.drain().await;
    publish(world, &SweepRecharges {}).await;
    world.drain().await;
}

/// Users who have saved a card and have less than they asked to have, so that the first debit recharges.
async fn join(world: &World, size: &Size, random: &mut StdRng) -> Vec<Member> {
    let plans: Vec<(i64, i64, &str)> = (0..size.wallets)
        .map(|_| {
            let amount = random.random_range(5..40);
            (amount, amount * random.random_range(2..5), *CARDS.choose(random).unwrap())
        })
        .collect();
    let joining = plans.into_iter().enumerate().map(async |(number, (amount, cap, card))| {
        let user = world.create_user(&format!("user{number}")).await;
        let settings = json!({"thresholdCredits": 500, "amountUsd": amount, "maxMonthlyUsd": cap});
        let request = world.api().post("/v1/enable_autorecharge").bearer(&user.api_key).json(settings);
        let answer = request.expect(200).await;
        world.pay(answer["setupSessionId"].as_str().unwrap(), card).await;
        Member { user, cap_cents: cap * 100 }
    });
    let members = stream::iter(joining).buffer_unordered(AT_ONCE).collect().await;
    settle(world).await;
    members
}

/// Debits, several of a wallet at once: more than is there, so that wallets go through their thresholds again and
/// again.
async fn spend(world: &World, members: &[Member], random: &mut StdRng) {
    let mut debits = Vec::new();
    for member in members {
        for _ in 0..random.random_range(0..4) {
            debits.push((member, random.random_range(1..1_500)));
        }
    }
    let spending = debits.into_iter().map(async |(member, credits)| {
        let request = world.api().post("/purser/v1/wallets/me/debits").bearer(&member.user.api_key);
        let status = request.json(json!({"credits": credits})).send().await.unwrap().status();
        assert!(matches!(status, 200 | 402), "{status}");
    });
    stream::iter(spending).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// Some users save another card, good or bad.
async fn change_cards(world: &World, members: &[Member], random: &mut StdRng) {
    for member in members {
        if random.random_range(0..12) > 0 {
            continue;
        }
        let request = world.api().post("/v1/enable_autorecharge").bearer(&member.user.api_key);
        let answer = request.json(json!({"requestSetupSession": true})).send().await.unwrap();
        // The provider may fail just now; then there is no page, and the old card stays.
        if let Some(session) = answer.json().unwrap()["setupSessionId"].as_str() {
            world.pay(session, CARDS.choose(random).unwrap()).await;
        }
    }
}

/// The seller gives some charges back, which makes no room under a cap.
async fn give_back(world: &World, random: &mut StdRng) {
    for intent in charges(world).await {
        if random.random_range(0..40) > 0 {
            continue;
        }
        let form = format!("payment_intent={}", intent["id"].as_str().unwrap());
        // It has been refunded before, or the provider fails just now.
        let _status = world.stripe_post("refunds", &form).send().await.map(|answer| answer.status());
    }
}

/// The provider behaves again, and what is open comes to its end.
async fn finish_open_runs(world: &World) {
    world.set_provider_faults(json!({})).await;
    for _ in 0..3 {
        settle(world).await;
        pass(world, DAY * 2).await;
        publish(world, &ExpirePayments {}).await;
        settle(world).await;
    }
    let open = "recharge_runs where state in ('reserved', 'charging', 'unknown')";
    assert_eq!(world.count(open).await, 0, "runs are still open");
}

/// The provider's successful charges of runs.
async fn charges(world: &World) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("payment_intents?limit=100{after}");
        // The provider may fail just now, or not answer at all.
        let Ok(listed) = world.stripe_get(&path).send().await else { continue };
        if listed.status() != 200 {
            continue;
        }
        let page = listed.json().unwrap();
        let intents = page["data"].as_array().unwrap();
        found.extend(intents.iter().filter(|intent| intent["status"] == "succeeded").cloned());
        match intents.last() {
            Some(last) if page["has_more"] == true => {
                after = format!("&starting_after={}", last["id"].as_str().unwrap());
            }
            _ => return found,
        }
    }
}

/// A paid run, and what it credited.
#[derive(sqlx::FromRow)]
struct Paid {
    user_id: String,
    payment_id: String,
    month: String,
    amount_minor: i64,
    credited: i64,
}

async fn audit(world: &World, members: &[Member], size: &Size) {
    let sql = "select p.user_id, p.id::text as payment_id, to_char(r.month, 'YYYY-MM') as month, r.amount_minor,
                      coalesce((select sum(amount) from ledger_entries
                                where source_kind = 'payment' and source_id = p.id::text), 0)::bigint as credited
               from recharge_runs r join payments p on p.id = r.payment_id where r.state = 'succeeded'";
    let recorded: Vec<Paid> = sqlx::query_as(sql).fetch_all(world.pool()).await.unwrap();
    let charged_intents = charges(world).await;
    // Each charge is for one recorded order and its amount; no order was charged twice, and no charge is unknown.
    let charged: BTreeMap<&str, i64> = charged_intents
        .iter()
        .map(|intent| {
            let order = intent["metadata"]["payment_id"].as_str().unwrap();
            (order, intent["amount_received"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(charged.len(), charged_intents.len(), "an order was charged twice");
    let paid: BTreeMap<&str, i64> =
        recorded.iter().map(|run| (run.payment_id.as_str(), run.amount_minor)).collect();
    assert_eq!(charged, paid, "the provider's charges and the paid runs differ");
    for run in &recorded {
        assert_eq!(run.credited, run.amount_minor * 1_000_000, "{} was not credited once", run.payment_id);
    }
    let caps: BTreeMap<&str, i64> =
        members.iter().map(|member| (member.user.id.as_str(), member.cap_cents)).collect();
    let mut months: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for run in &recorded {
        *months.entry((&run.month, &run.user_id)).or_default() += run.amount_minor;
    }
    for ((month, user), cents) in &months {
        assert!(cents <= &caps[user], "{user} was charged {cents} cents in {month}, above {}", caps[user]);
    }
    print_table(world, &recorded, &months, size).await;
    assert!(recorded.len() > members.len(), "too little happened to prove anything");
}

/// Prints what happened.
async fn print_table(world: &World, recorded: &[Paid], months: &BTreeMap<(&str, &str), i64>, size: &Size) {
    println!("\n{} wallets, {DAYS} days in steps of {}, seed {}\n", size.wallets, size.step_days, size.seed);
    println!("| month | charges | charged | wallets | most of one wallet |\n|---|---|---|---|---|");
    let names: BTreeSet<&str> = recorded.iter().map(|run| run.month.as_str()).collect();
    for name in names {
        let of_month: Vec<&Paid> = recorded.iter().filter(|run| run.month == name).collect();
        let cents: i64 = of_month.iter().map(|run| run.amount_minor).sum();
        let wallets: Vec<i64> =
            months.iter().filter(|((month, _), _)| *month == name).map(|(_, cents)| *cents).collect();
        let most = wallets.iter().max().unwrap();
        println!("| {name} | {} | {cents} | {} | {most} |", of_month.len(), wallets.len());
    }
    let failed = world.count("recharge_runs where state = 'failed'").await;
    let events = world.count("provider_events").await;
    let reversed = world.count("ledger_entries where counter_account = 'refund'").await;
    let requests = world.emulator().get("/_emulator/requests").expect(200).await;
    let charging = &requests["requests"]["POST /v1/payment_intents"];
    println!(
        "\nfailed runs {failed}, provider events {events}, reversals {reversed}, asked to charge: {charging}"
    );
    println!("charged twice 0, credited twice 0, above a cap 0");
}
