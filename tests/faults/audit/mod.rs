//! The audit: the books against the provider's view and the clients' view. Purser's own word proves nothing.

mod coupons;
mod notices;
mod periods;
mod reversals;
mod stores;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use harness::books;
use harness::receiver::Received;
use kernel::money::Credits;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::actors::recharge::MONTHLY_CAP_CENTS;
use crate::journal::{Entries, Spent};
use crate::load::Load;
use crate::provider::{Charges, Period, Provider};
use crate::system::{Reversals, System};

/// What the audit found.
#[derive(Default)]
pub struct Findings {
    /// What was counted, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// The counts of `worker reconcile`.
    pub reconciled: String,
    /// What must never be. Empty if all is well.
    pub violations: Vec<String>,
    /// Identifies the books: every entry of the ledger, as far as it does not depend on the clock.
    pub hash: String,
}

/// A row of the ledger.
#[derive(sqlx::FromRow)]
struct Entry {
    id: String,
    user_id: String,
    amount: i64,
    counter_account: String,
    source_kind: String,
    source_id: String,
    balance_after: i64,
    /// In Unix seconds.
    at: i64,
}

/// What lapsed of credits that an order bought.
#[derive(sqlx::FromRow)]
struct Lapse {
    order_id: Option<String>,
    amount: i64,
    at: i64,
}

/// A row of the orders.
#[derive(sqlx::FromRow)]
struct Order {
    id: String,
    number: i64,
    user_id: String,
    dialect: String,
    kind: String,
    provider: String,
    state: String,
    amount_minor: i64,
    credits: i64,
    bonus_credits: i64,
    /// What was spent before its money went back, and is forgiven.
    credits_shortfall: i64,
    has_page: bool,
    /// Whether its buyer ordered again before it had a page, or had paid an earlier one.
    is_replaced: bool,
    provider_payment: Option<String>,
}

impl Order {
    /// All that it bought.
    fn bought(&self) -> i64 {
        if self.credits > 0 { self.credits + self.bonus_credits } else { 0 }
    }
}

const ENTRIES: &str = "
    select ledger_entries.id::text, wallets.user_id, amount, counter_account, source_kind, source_id, balance_after,
           floor(extract(epoch from ledger_entries.created_at))::bigint as at
    from ledger_entries join wallets on wallets.id = wallet_id order by source_kind, source_id";
const ORDERS: &str = "
    select id::text, number, user_id, dialect, kind, provider, state, amount_minor, credits, bonus_credits,
           credits_shortfall, provider_session is not null as has_page,
           superseded_by is not null or state = 'failed' as is_replaced, provider_payment
    from payments";
const LAPSES: &str = "
    select coalesce(payment_id, origin_payment_id)::text as order_id, -ledger_entries.amount as amount,
           floor(extract(epoch from ledger_entries.created_at))::bigint as at
    from ledger_entries left join grants on grants.id::text = split_part(source_id, ':', 1)
    where source_kind = 'expiry'";
/// What is left of what each order bought, and from when on it may no longer be spent, in Unix seconds.
const LEFT: &str = "
    select payment_id::text, remaining, ceil(extract(epoch from expires_at))::bigint from grants
    where payment_id is not null and remaining > 0";
/// What each payer's subscriptions carry on.
const CARRIED: &str = "
    select coalesce(case provider when 'stripe' then provider_customer end, provider_subscription),
           sum(carried)::bigint
    from subscriptions group by 1";
const EVENTS: &str = "select provider, event_id from provider_events";
const QUARANTINED: &str = "
    select format('quarantined: %s of %s (%s)', event_type, payment_id, reason) from provider_events
    where outcome = 'quarantined'";
const BALANCES: &str = "select user_id, balance from wallets where user_id is not null";

/// Everything that was written down, on all three sides.
struct Books<'a> {
    entries: Vec<Entry>,
    orders: Vec<Order>,
    lapses: Vec<Lapse>,
    left: Vec<(String, i64, Option<i64>)>,
    carried: BTreeMap<String, i64>,
    recorded: BTreeSet<(String, String)>,
    balances: BTreeMap<String, i64>,
    /// What was charged for each order, later periods of subscriptions too.
    charges: Charges,
    /// The order of each paid period, by its place among the provider's.
    periods: BTreeMap<String, &'a Period>,
    reversals: Reversals,
    load: &'a Load,
    provider: &'a Provider,
    clients: &'a Entries,
    /// What the host application received.
    received: &'a [Received],
}

/// Audits an idle system.
///
/// # Errors
/// When it cannot be looked at.
pub async fn audit(
    system: &System,
    load: &Load,
    provider: &Provider,
    clients: &Entries,
    reversals: Reversals,
) -> Result<Findings> {
    let pool = &system.pool;
    let mut findings = Findings::default();
    findings.violations.extend(books::findings(pool).await?);
    findings.violations.extend(texts(pool, QUARANTINED).await?);
    findings.violations.extend(system.crashes());
    let queues = system.queues().await?;
    let lost = queues.lost_messages().await;
    let collected = books::dead_letters(pool).await?;
    findings.counts.insert("dead letters", lost.len() as u64 + collected.len() as u64);
    findings.violations.extend(lost.iter().map(|message| format!("a dead letter: {message}")));
    findings.violations.extend(collected);
    let waiting = queues.waiting_messages().await;
    findings.violations.extend(waiting.iter().map(|queue| format!("jobs are left: {queue}")));
    queues.close().await;
    let reconciled = system.reconcile().await?;
    let differences = reconciled.findings.iter();
    findings.violations.extend(differences.map(|finding| format!("`worker reconcile` finds: {finding}")));
    if reconciled.in_flight > 0 {
        findings.violations.push(format!("`worker reconcile` is not done: {reconciled}"));
    }
    findings.reconciled = reconciled.to_string();
    let received = load.host.received();
    let mut books = Books {
        entries: sqlx::query_as(ENTRIES).fetch_all(pool).await?,
        orders: sqlx::query_as(ORDERS).fetch_all(pool).await?,
        lapses: sqlx::query_as(LAPSES).fetch_all(pool).await?,
        left: sqlx::query_as(LEFT).fetch_all(pool).await?,
        carried: sqlx::query_as(CARRIED).fetch_all(pool).await?.into_iter().collect(),
        charges: provider.charges.clone(),
        periods: BTreeMap::new(),
        reversals,
        load,
        recorded: sqlx::query_as(EVENTS).fetch_all(pool).await?.into_iter().collect(),
        balances: sqlx::query_as(BALANCES).fetch_all(pool).await?.into_iter().collect(),
        provider,
        clients,
        received: &received,
    };
    books.find_periods(&mut findings);
    books.events(&mut findings);
    books.charges(&mut findings);
    books.periods(&mut findings);
    books.lapses(&mut findings);
    books.coupons(&mut findings);
    books.store_purchases(&mut findings);
    books.reversals(&mut findings);
    books.debts(&mut findings);
    books.caps(&mut findings);
    books.spending(&mut findings);
    books.gifts(&mut findings);
    books.balances(&mut findings);
    books.notices(&mut findings);
    findings.violations.extend(clients.unexpected.iter().cloned());
    findings.hash = books.hash();
    Ok(findings)
}

async fn texts(pool: &PgPool, query: &'static str) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(query).fetch_all(pool).await?)
}

impl Books<'_> {
    /// Every event that was accepted is recorded, and no other.
    fn events(&self, findings: &mut Findings) {
        let key = |provider: &str, id: &str| (provider.to_owned(), id.to_owned());
        let mut unknown = self.recorded.clone();
        for id in &self.clients.store_events {
            findings.add("events of RevenueCat's", 1);
            if !unknown.remove(&key("revenuecat", id)) {
                findings.add("events lost", 1);
                findings.violations.push(format!("an accepted event of RevenueCat's is nowhere: {id}"));
            }
        }
        for event in &self.provider.events {
            unknown.remove(&key(&event.provider, &event.id));
            findings.add("webhooks answered 200", event.accepted);
            findings.add("webhooks not answered, or refused", event.failed);
            findings.add("duplicate webhooks", event.accepted.saturating_sub(1));
            if event.accepted > 0 && !self.recorded.contains(&key(&event.provider, &event.id)) {
                findings.add("events lost", 1);
                findings.violations.push(format!("an accepted event is nowhere: {}", event.id));
            }
        }
        findings.add("events", self.provider.events.len() as u64);
        findings.add("events lost", 0);
        findings.violations.extend(unknown.iter().map(|(_, id)| format!("an event from nowhere: {id}")));
    }

    /// Every charge is credited exactly once, and nothing else is credited.
    fn charges(&self, findings: &mut Findings) {
        let mut credited: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.source_kind == "payment") {
            credited.entry(entry.source_id.as_str()).or_default().push(entry);
        }
        let mut orders: BTreeMap<&str, &Order> = BTreeMap::new();
        for order in &self.orders {
            orders.insert(&order.id, order);
            // A package of WASDI's gets one when it is asked for, or none at a Payment Link. A saved card needs none,
            // and neither does a later period.
            let is_later =
                self.periods.get(&order.id).is_some_and(|period| period.first_of.as_ref() != Some(&order.id));
            let needs_page = order.dialect != "wasdi" && order.kind != "auto_recharge" && !is_later;
            let is_replaced = order.kind == "subscription" && order.is_replaced;
            if needs_page
                && !is_replaced
                && !order.has_page
                && matches!(order.provider.as_str(), "stripe" | "creem")
            {
                findings
                    .violations
                    .push(format!("an order never got its page ({}): {}", order.state, order.id));
            }
        }
        for (id, charges) in &self.charges {
            findings.add("charges", charges.len() as u64);
            if charges.len() > 1 {
                findings.add("charged twice", 1);
                findings.violations.push(format!("charged {} times for one order: {id}", charges.len()));
            }
            let Some(order) = orders.get(id.as_str()) else {
                findings.violations.push(format!("a charge for no order: {id}"));
                continue;
            };
            if charges.values().any(|charge| charge.net.unwrap_or(charge.paid) != order.amount_minor) {
                let text = format!(
                    "charged another amount than was ordered: {} of {id}, {charges:?}",
                    order.amount_minor
                );
                findings.violations.push(text);
            }
            let entries = credited.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
            match entries {
                // What earlier changes of plan gave back is made up for first.
                [] if order.credits == 0 && self.periods.contains_key(id) => {}
                [] => {
                    findings.add("charges not credited", 1);
                    findings.violations.push(format!("paid and not credited ({}): {id}", order.state));
                }
                [entry] if entry.amount == order.credits && entry.user_id == order.user_id => {}
                [entry] => {
                    let text = format!("{} credited of {}: {id}", entry.amount, order.credits);
                    findings.violations.push(text);
                }
                [..] => {
                    findings.add("charges credited twice", 1);
                    findings.violations.push(format!("credited {} times: {id}", entries.len()));
                }
            }
        }
        for name in ["charged twice", "charges not credited", "charges credited twice"] {
            findings.add(name, 0);
        }
        for id in credited.keys().filter(|id| !self.charges.contains_key(**id)) {
            let is_charged = |order: &&Order| matches!(order.provider.as_str(), "stripe" | "creem");
            if orders.get(id).is_none_or(is_charged) {
                findings.violations.push(format!("credited and never paid: {id}"));
            }
        }
    }

    /// No wallet was charged automatically above its cap in any month of the calendar.
    fn caps(&self, findings: &mut Findings) {
        let mut charged: BTreeMap<(&str, i32, u8), i64> = BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.kind == "auto_recharge") {
            findings.add("recharges", u64::from(self.charges.contains_key(&order.id)));
            for charge in self.charges.get(&order.id).into_iter().flat_map(BTreeMap::values) {
                let at = OffsetDateTime::from_unix_timestamp(charge.at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                let month = (order.user_id.as_str(), at.year(), u8::from(at.month()));
                *charged.entry(month).or_default() += charge.paid;
            }
        }
        for ((user, year, month), cents) in charged.iter().filter(|(_, cents)| **cents > MONTHLY_CAP_CENTS) {
            let text = format!("{user} was charged {cents} cents in {year}-{month:02}, more than the cap");
            findings.violations.push(text);
        }
    }

    /// Every debit that was answered with success is in the ledger once, as answered, and there is no other.
    fn spending(&self, findings: &mut Findings) {
        let mut unanswered: BTreeMap<(&str, &str), &Entry> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.counter_account == "usage") {
            unanswered.insert((&entry.source_kind, &entry.source_id), entry);
        }
        for ((kind, id), spent) in &self.clients.spent {
            match unanswered.remove(&(kind.as_str(), id.as_str())) {
                Some(entry) if matches_answer(entry, spent) => {}
                Some(entry) => {
                    findings
                        .violations
                        .push(format!("answered otherwise than debited: {kind} {id} {}", entry.id));
                }
                None => findings.violations.push(format!("answered and not debited: {kind} {id}")),
            }
        }
        findings.add("debits", self.clients.spent.len() as u64);
        findings.add("debits refused", self.clients.refused.len() as u64);
        for (kind, id) in &self.clients.refused {
            if unanswered.contains_key(&(kind.as_str(), id.as_str())) {
                findings.violations.push(format!("refused and debited: {kind} {id}"));
            }
        }
        findings
            .violations
            .extend(unanswered.keys().map(|(kind, id)| format!("debited unasked: {kind} {id}")));
    }

    /// What was given away without a key was given as often as it was answered, or asked for without an answer.
    fn gifts(&self, findings: &mut Findings) {
        for (user, given) in &self.clients.given {
            let gifts =
                self.orders.iter().filter(|order| order.provider == "manual" && order.user_id == *user);
            let (mut count, mut done) = (0, 0);
            for order in gifts {
                count += 1;
                done += i64::from(order.state == "completed");
            }
            findings.add("gifts", u64::try_from(done).unwrap_or(0));
            if done != count || done < given.answered || done > given.tried {
                let text = format!("{user}: {done} of {count} gifts given, {given:?}");
                findings.violations.push(text);
            }
        }
    }

    /// Each balance is what was paid and given, less what was reversed, what lapsed, and what was answered as spent.
    fn balances(&self, findings: &mut Findings) {
        let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
        let lapsed = self.lapsed();
        for order in &self.orders {
            let is_paid = self.charges.contains_key(&order.id);
            if is_paid || matches!(order.provider.as_str(), "manual" | "revenuecat") {
                let lapsed = lapsed.get(order.id.as_str()).copied().unwrap_or(0);
                *expected.entry(&order.user_id).or_default() +=
                    order.bought() - self.taken_back(order) - lapsed;
            }
        }
        for (user, granted) in &self.clients.granted {
            *expected.entry(user).or_default() += granted.millionths();
        }
        for spent in self.clients.spent.values() {
            *expected.entry(&spent.user).or_default() -= spent.amount.millionths();
        }
        for (user, balance) in &self.balances {
            let expected = expected.get(user.as_str()).copied().unwrap_or(0);
            if expected != *balance {
                let (has, ought) = (Credits::from_millionths(*balance), Credits::from_millionths(expected));
                findings.violations.push(format!("{user} has {has} credits and ought to have {ought}"));
            }
        }
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for entry in &self.entries {
            hash.update(format!("{} {} {}\n", entry.source_kind, entry.source_id, entry.amount));
        }
        hex::encode(&hash.finalize()[..8])
    }
}

impl Findings {
    fn add(&mut self, name: &'static str, count: u64) {
        *self.counts.entry(name).or_default() += count;
    }
}

fn matches_answer(entry: &Entry, spent: &Spent) -> bool {
    entry.amount == -spent.amount.millionths()
        && entry.user_id == spent.user
        && entry.id == spent.transaction_id
}
