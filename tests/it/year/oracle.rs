//! The oracle knows money and terms only: what the provider kept, and what the actors did. Of Purser it reads the
//! balances of wallets, to compare.

use std::collections::BTreeMap;

use harness::terms::{CREDIT, Plan, worth};
use harness::world::World;

use super::actors::{Act, Actor, Kind};
use super::bank::{Bank, Charge, Sale};

/// The bank's times are full seconds.
const SKEW: i64 = 2;
const DAY: i64 = 86_400;
/// The least pause between two charges of a saved card. After each further one of a day it is twice as long…
const PAUSE: i64 = 60;
/// …up to this.
const PAUSE_MAX: i64 = 3_600;
/// Charges of a wallet within a day.
const PER_DAY: usize = 10;
/// Each payment rounds by less than a millionth; the least thing sold is worth much more.
const ROUNDING: i64 = CREDIT / 100;

/// Brings the purse of an actor up to what the providers say.
pub fn catch_up(actor: &mut Actor, bank: &Bank, plans: &[Plan], now: i64) {
    let (ended, open): (Vec<_>, Vec<_>) =
        std::mem::take(&mut actor.holds).into_iter().partition(|held| held.ends_at <= now);
    ended.iter().for_each(|held| actor.purse.release(held.amount()));
    actor.holds = open;
    for (intent, credits) in &actor.orders {
        if bank.charges.contains_key(intent) && !actor.purse.knows(intent) {
            actor.purse.grant(intent, *credits, None);
        }
    }
    for charge in recharges(actor, bank) {
        if !actor.purse.knows(&charge.intent) {
            actor.purse.grant(&charge.intent, charge.cents * CREDIT, None);
        }
    }
    let own = |subscription: &String| actor.subscriptions.contains(subscription);
    let invoices: Vec<_> = bank.invoices.iter().filter(|invoice| own(&invoice.subscription)).collect();
    for invoice in &invoices {
        if actor.purse.knows(&invoice.id) {
            continue;
        }
        let worth = worth(&invoice.lines, plans);
        actor.purse.invoice(&invoice.id, worth, (invoice.subscription.clone(), invoice.period_end));
    }
    let sales: Vec<&Sale> = bank.sales.iter().filter(|sale| actor.owns(sale)).collect();
    for sale in &sales {
        if actor.purse.knows(&sale.id) {
            continue;
        }
        match (&sale.subscription, actor.kind) {
            (Some(subscription), Kind::CreemSubscriber(plan)) => {
                let period = (subscription.clone(), sale.period_end);
                actor.purse.grant(&sale.id, plans[plan].credits * CREDIT, Some(period));
            }
            _ => actor.purse.grant(&sale.id, actor.sales[&sale.order], None),
        }
    }
    let is_decided = |subscription: &str, end: i64| {
        let is_over = bank.subscriptions.get(subscription).is_none_or(|state| state == "canceled");
        let is_renewed =
            invoices.iter().any(|invoice| invoice.subscription == subscription && invoice.period_end > end);
        let later =
            |sale: &&Sale| sale.subscription.as_deref() == Some(subscription) && sale.period_end > end;
        is_over || is_renewed || sales.iter().any(later)
    };
    actor.purse.lapse(now, is_decided);
    // Of what bought nothing here nothing is taken.
    for charge in bank.charges.values() {
        actor.purse.gone(&charge.intent, charge.gone, charge.cents);
    }
    for invoice in &invoices {
        if let Some(charge) = invoice.intent.as_ref().and_then(|intent| bank.charges.get(intent)) {
            actor.purse.gone(&invoice.id, charge.gone, invoice.total);
        }
    }
    for sale in &sales {
        actor.purse.gone(&sale.id, sale.gone, sale.paid);
    }
    // What came back after its period is over lapses at once.
    actor.purse.lapse(now, is_decided);
}

fn recharges<'a>(actor: &Actor, bank: &'a Bank) -> Vec<&'a Charge> {
    let is_own = |charge: &&Charge| charge.is_recharge && actor.customers.contains(&charge.customer);
    let mut found: Vec<&Charge> = bank.charges.values().filter(is_own).collect();
    found.sort_by_key(|charge| charge.at);
    found
}

/// All rules that are broken, in words.
pub async fn judge(world: &World, actor: &Actor, bank: &Bank) -> Vec<String> {
    let mut broken = Vec::new();
    let balance: i64 = sqlx::query_scalar("select balance from wallets where id = $1::text::uuid")
        .bind(&actor.wallet_id)
        .fetch_one(world.pool())
        .await
        .unwrap();
    let paid_for = actor.purse.balance();
    if (balance - paid_for).abs() > ROUNDING {
        let credits = |millionths: i64| format!("{}.{:06}", millionths / CREDIT, (millionths % CREDIT).abs());
        broken.push(format!(
            "credits are what the money that was kept buys: the wallet has {}, its money bought {} that are not spent \
             or lapsed",
            credits(balance),
            credits(paid_for)
        ));
    }
    let charges = recharges(actor, bank);
    broken.extend(uses(actor, &charges));
    broken.extend(pauses(actor, &charges));
    broken.extend(days(&charges));
    broken.extend(doubts(actor, bank, &charges));
    broken.extend(caps(actor, &charges));
    for charge in charges {
        let left_at = actor.cards.get(&charge.card).copied().flatten();
        if left_at.is_some_and(|left| charge.at > left + SKEW) {
            broken.push(format!(
                "a leaver's card pays nothing: {} was charged after its owner left",
                charge.intent
            ));
        }
    }
    broken
}

/// Each charge has a use of its own, since the last charge. The first may follow from switching it on.
fn uses(actor: &Actor, charges: &[&Charge]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut uses: Vec<i64> =
        actor.acts.iter().filter(|(_, act)| *act == Act::Used).map(|(at, _)| *at).collect();
    uses.sort_unstable();
    let mut since = 0;
    for charge in charges {
        let cause = uses.iter().position(|at| (since - SKEW..=charge.at + SKEW).contains(at));
        match cause {
            // What came before it is over with this charge, but for what came in its very moment.
            Some(position) => drop(uses.drain(..=position)),
            None if since == 0 && actor.has_decided() => {}
            None => {
                broken.push(format!("no charge without a use: {} of {} cents", charge.intent, charge.cents))
            }
        }
        since = charge.at;
    }
    broken
}

/// After money went back, or a bank had doubts, nothing is charged until the owner acts.
fn doubts(actor: &Actor, bank: &Bank, charges: &[&Charge]) -> Vec<String> {
    let own_money = bank.charges.values().filter(|charge| {
        actor.orders.contains_key(&charge.intent) || actor.customers.contains(&charge.customer)
    });
    let elsewhere = actor.doubts.iter().copied();
    let doubts: Vec<i64> =
        own_money.flat_map(|charge| charge.doubted_at.iter().copied()).chain(elsewhere).collect();
    let mut broken = Vec::new();
    for charge in charges {
        let is_allowed = |doubt: &i64| {
            let acted = |(at, act): &(i64, Act)| {
                *act == Act::Decided && (doubt - SKEW..=charge.at + SKEW).contains(at)
            };
            charge.at <= doubt + SKEW || charge.at > doubt + DAY * 400 || actor.acts.iter().any(acted)
        };
        if let Some(doubt) = doubts.iter().find(|doubt| !is_allowed(doubt)) {
            broken.push(format!(
                "nothing is charged after money went back until the owner acts: {} was, {} s later",
                charge.intent,
                charge.at - doubt
            ));
        }
    }
    broken
}

/// One fall, one charge: the next waits at least a minute, and twice as long after each further one of a day, unless
/// the owner acts.
fn pauses(actor: &Actor, charges: &[&Charge]) -> Vec<String> {
    let mut broken = Vec::new();
    for pair in charges.windows(2) {
        let (last, next) = (pair[0], pair[1]);
        let of_day = charges.iter().filter(|one| one.at <= last.at && one.at > last.at - DAY + SKEW).count();
        let grown = (PAUSE << of_day.saturating_sub(1).min(16)).min(PAUSE_MAX);
        let acted =
            |(at, act): &(i64, Act)| *act == Act::Decided && (last.at - SKEW..=next.at + SKEW).contains(at);
        let needed = if actor.acts.iter().any(acted) { PAUSE } else { grown };
        let waited = next.at - last.at;
        if waited + SKEW < needed {
            broken.push(format!(
                "one fall, one charge: {} comes {waited} s after {}, which is number {of_day} of a day",
                next.intent, last.intent
            ));
        }
    }
    broken
}

/// A day has its limit, also without a cap.
fn days(charges: &[&Charge]) -> Vec<String> {
    let of_day = |last: &Charge| {
        charges.iter().filter(|one| one.at <= last.at && one.at > last.at - DAY + SKEW).count()
    };
    let above = charges.iter().map(|last| (last, of_day(last))).filter(|(_, count)| *count > PER_DAY);
    above.map(|(last, count)| format!("a day has its limit: {} is number {count}", last.intent)).collect()
}

fn caps(actor: &Actor, charges: &[&Charge]) -> Vec<String> {
    let Some(cap) = actor.cap_cents else { return Vec::new() };
    let mut months: BTreeMap<(i32, u8), i64> = BTreeMap::new();
    for charge in charges {
        let at = time::OffsetDateTime::from_unix_timestamp(charge.at).unwrap();
        *months.entry((at.year(), u8::from(at.month()))).or_default() += charge.cents;
    }
    let above = months.into_iter().filter(|(_, cents)| *cents > cap);
    above.map(|(month, cents)| format!("caps hold: {cents} cents in {month:?}, above {cap}")).collect()
}
