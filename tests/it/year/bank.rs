//! What the provider says of the money: what was charged, what went back, which periods were paid.

use std::collections::{BTreeMap, BTreeSet};

use harness::invoices::{Account, Invoice};
use harness::world::World;
use serde_json::Value;

/// A payment that was made.
#[derive(Clone, Debug)]
pub struct Charge {
    pub intent: String,
    pub customer: String,
    /// The payment method.
    pub card: String,
    pub at: i64,
    pub cents: i64,
    /// What is with the buyer again, by refunds and disputes.
    pub gone: i64,
    /// Whether Purser charged a saved card by itself.
    pub is_recharge: bool,
    /// When money of it began to go back, or a bank to doubt it.
    pub doubted_at: Vec<i64>,
}

/// A payment that was made at Creem.
#[derive(Clone, Debug)]
pub struct Sale {
    pub id: String,
    pub order: String,
    pub subscription: Option<String>,
    /// With tax.
    pub paid: i64,
    /// What is with the buyer again, by refunds and disputes.
    pub gone: i64,
    /// The end of the period that was paid for, in Unix seconds.
    pub period_end: i64,
}

#[derive(Default)]
pub struct Bank {
    pub charges: BTreeMap<String, Charge>,
    pub invoices: Vec<Invoice>,
    /// What was paid at Creem, the earliest first.
    pub sales: Vec<Sale>,
    /// The state of each subscription.
    pub subscriptions: BTreeMap<String, String>,
    /// When what was seen really happened, by its id.
    times: BTreeMap<String, i64>,
}

/// How the providers' clock has stood to everyone else's since the last look.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How far it was ahead, in seconds.
    pub skew: i64,
    /// When the clock was moved last. The providers' follows a moment after everyone else's, so that what happens in
    /// that moment bears a time from before.
    pub moved_at: i64,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}

impl Bank {
    /// What the provider says now.
    pub async fn ask(world: &World, last: Self, times: Times) -> Self {
        let secret_key = &world.settings().secrets.stripe_secret_key;
        let account = Account { emulator: world.emulator(), secret_key };
        let mut bank = Self { times: last.times, ..Self::default() };
        let mut by_charge = BTreeMap::new();
        for charge in account.list("charges").await.unwrap() {
            if charge["status"] != "succeeded" || charge["payment_intent"].is_null() {
                continue;
            }
            let intent = text(&charge, "payment_intent");
            by_charge.insert(text(&charge, "id"), intent.clone());
            let at = bank.time_of(&charge, times);
            let made = Charge {
                intent: intent.clone(),
                customer: text(&charge, "customer"),
                card: text(&charge, "payment_method"),
                at,
                cents: number(&charge, "amount"),
                gone: number(&charge, "amount_refunded"),
                is_recharge: charge["metadata"]["run_id"].is_string(),
                doubted_at: Vec::new(),
            };
            bank.charges.insert(intent, made);
        }
        for (path, is_dispute) in
            [("refunds", false), ("disputes", true), ("radar/early_fraud_warnings", false)]
        {
            for doubt in account.list(path).await.unwrap() {
                let Some(intent) = by_charge.get(&text(&doubt, "charge")) else { continue };
                let at = bank.time_of(&doubt, times);
                let charge = bank.charges.get_mut(intent).unwrap();
                charge.doubted_at.push(at);
                if is_dispute {
                    let moved = doubt["balance_transactions"].as_array().unwrap().iter();
                    charge.gone -= moved.map(|moved| number(moved, "amount")).sum::<i64>();
                }
            }
        }
        bank.invoices = account.settled_invoices().await.unwrap();
        for subscription in account.list("subscriptions?status=all").await.unwrap() {
            bank.subscriptions.insert(text(&subscription, "id"), text(&subscription, "status"));
        }
        bank.ask_creem(world).await;
        bank
    }

    async fn ask_creem(&mut self, world: &World) {
        let key = &world.settings().secrets.creem_api_key;
        let ask = async |path: String| {
            let request = world.emulator().get(&format!("/creem/v1/{path}"));
            request.header("x-api-key", key).expect(200).await
        };
        let mut next = Some(1);
        while let Some(place) = next {
            let page = ask(format!("transactions/search?page_size=100&page_number={place}")).await;
            for paid in page["items"].as_array().unwrap() {
                self.sales.push(Sale {
                    id: text(paid, "id"),
                    order: text(paid, "order"),
                    subscription: paid["subscription"].as_str().map(str::to_owned),
                    paid: number(paid, "amount_paid"),
                    gone: number(paid, "refunded_amount"),
                    period_end: number(paid, "period_end") / 1_000,
                });
            }
            next = page["pagination"]["next_page"].as_i64();
        }
        self.sales.reverse();
        let own: BTreeSet<String> = self.sales.iter().filter_map(|sale| sale.subscription.clone()).collect();
        for id in own {
            let shown = ask(format!("subscriptions?subscription_id={id}")).await;
            self.subscriptions.insert(id, text(&shown, "status"));
        }
    }

    /// When something really happened.
    fn time_of(&mut self, happened: &Value, times: Times) -> i64 {
        let at = (number(happened, "created") - times.skew).max(times.moved_at);
        *self.times.entry(text(happened, "id")).or_insert(at)
    }
}
