//! What led to a broken rule: what the wallet, the oracle and the bank have.

use harness::world::World;

use super::actors::Actor;
use super::bank::Bank;

const QUERIES: [&str; 7] = [
    "select format('entry %s %s %s: %s, then %s', created_at, source_kind, source_id, amount, balance_after)
     from ledger_entries where wallet_id = $1::text::uuid order by created_at",
    "select 'grant ' || row_to_json(grants)::text from grants where wallet_id = $1::text::uuid order by created_at",
    "select 'run ' || row_to_json(recharge_runs)::text from recharge_runs where wallet_id = $1::text::uuid
     order by reserved_at",
    "select 'subscription ' || row_to_json(subscriptions)::text from subscriptions
     where wallet_id = $1::text::uuid order by created_at",
    "select 'reversal ' || row_to_json(reversals)::text from reversals left join payments on payments.id = payment_id
     where payment_id is null or wallet_id = $1::text::uuid order by reversals.created_at",
    "select format('event %s %s of %s: %s %s', received_at, event_type, object_id, outcome, reason)
     from provider_events left join payments on payments.id = payment_id
     where payment_id is null or wallet_id = $1::text::uuid order by received_at desc limit 40",
    "select 'dead letter ' || row_to_json(dead_letters)::text from dead_letters where $1 is not null",
];

pub async fn print(world: &World, actor: &Actor, bank: &Bank) {
    eprintln!("{} ({:?}):", actor.user.id, actor.kind);
    for query in QUERIES {
        let rows = sqlx::query_scalar(query).bind(&actor.wallet_id).fetch_all(world.pool()).await;
        let rows: Vec<String> = rows.unwrap();
        rows.iter().for_each(|row| eprintln!("{row}"));
    }
    eprintln!("{:?}\n{:?}\ncards {:?}", actor.purse, actor.acts, actor.cards);
    let is_own = |intent: &String, customer: &String| {
        actor.orders.contains_key(intent) || actor.customers.contains(customer)
    };
    for charge in bank.charges.values().filter(|charge| is_own(&charge.intent, &charge.customer)) {
        eprintln!("{charge:?}");
    }
    for sale in bank.sales.iter().filter(|sale| actor.owns(sale)) {
        eprintln!("{sale:?}");
    }
    for invoice in bank.invoices.iter().filter(|one| actor.subscriptions.contains(&one.subscription)) {
        let charge = invoice.intent.as_ref().and_then(|intent| bank.charges.get(intent));
        eprintln!("{invoice:?}, paid by {charge:?}");
    }
}
