//! Buyers, and what they, their sellers and their banks do in a step.

use std::collections::{BTreeMap, BTreeSet};

use harness::client::{Answer, Request};
use harness::terms::{CREDIT, Plan, Purse};
use harness::world::{GOOD_CARD, User, World};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::bank::{Bank, Charge};

/// Saved, but declined whenever it is charged; and one whose bank wants the holder every time.
const CARDS: [&str; 6] = [GOOD_CARD, GOOD_CARD, GOOD_CARD, GOOD_CARD, "4000000000000341", "4000002760003184"];

/// What an actor did about a wallet that charges may follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Credits were used, or refused for want of them.
    Used,
    /// The owner decided about recharging: switched it on, resumed it, or saved a card.
    Decided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Buys now and then.
    Buyer,
    /// Has a plan, by its number.
    Subscriber(usize),
    /// Has a card charged.
    Recharger,
    /// As that, for an organization whose owners come and go.
    Organization,
}

pub struct Actor {
    pub kind: Kind,
    pub user: User,
    pub wallet_id: String,
    pub purse: Purse,
    /// What each payment intent was paid for, in millionths of a credit.
    pub orders: BTreeMap<String, i64>,
    /// Customers at the provider that stand for the wallet.
    pub customers: BTreeSet<String>,
    /// Saved cards, and since when those who saved them have left.
    pub cards: BTreeMap<String, Option<i64>>,
    pub subscriptions: BTreeSet<String>,
    pub acts: Vec<(i64, Act)>,
    pub cap_cents: Option<i64>,
    organization: Option<i64>,
    /// Who pays for the organization.
    payer: Option<User>,
    disputes: Vec<String>,
}

/// What happens around an actor in a step.
pub struct Step<'a> {
    pub world: &'a World,
    pub bank: &'a Bank,
    pub plans: &'a [Plan],
    pub random: &'a mut StdRng,
    /// What happened, and how often.
    pub told: &'a mut BTreeMap<&'static str, u64>,
}

impl Step<'_> {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn tell(&mut self, what: &'static str) {
        *self.told.entry(what).or_default() += 1;
    }

    fn now(&self) -> i64 {
        self.world.clock().now().unix_timestamp()
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

impl Actor {
    pub async fn join(step: &mut Step<'_>, name: &str, kind: Kind) -> Self {
        let world = step.world;
        let user = world.create_user(name).await;
        let mut actor = Self {
            kind,
            wallet_id: user.wallet_id.clone(),
            user,
            purse: Purse::default(),
            orders: BTreeMap::new(),
            customers: BTreeSet::new(),
            cards: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            acts: Vec::new(),
            cap_cents: None,
            organization: None,
            payer: None,
            disputes: Vec::new(),
        };
        match kind {
            Kind::Buyer => actor.buy(step).await,
            Kind::Subscriber(plan) => actor.subscribe(step, plan).await,
            Kind::Recharger => actor.recharge(step).await,
            Kind::Organization => {
                let members = json!([{"userId": name, "role": "member"}]);
                let body = json!({"name": name, "members": members});
                let made = world.admin_post("/purser/v1/organizations", body).expect(201).await;
                actor.organization = made["orgId"].as_str().and_then(|id| id.parse().ok());
                actor.wallet_id = text(&made, "walletId");
                actor.be_joined(step).await;
            }
        }
        actor
    }

    pub fn has_decided(&self) -> bool {
        self.acts.iter().any(|(_, act)| *act == Act::Decided)
    }

    /// Lives a step.
    pub async fn live(&mut self, step: &mut Step<'_>) {
        match self.kind {
            Kind::Buyer => {
                if step.chance(20) {
                    self.buy(step).await;
                }
            }
            Kind::Subscriber(plan) => self.change(step, plan).await,
            Kind::Recharger => {
                if step.chance(25) {
                    self.decide(step).await;
                }
                if step.chance(8) {
                    self.recharge(step).await;
                }
            }
            Kind::Organization => self.come_and_go(step).await,
        }
        for _ in 0..step.random.random_range(0..3) {
            self.spend(step).await;
        }
        if step.chance(8) {
            self.take_back(step).await;
        }
        self.end_disputes(step).await;
    }

    /// A path of the wallet.
    fn path(&self, what: &str) -> String {
        format!("/purser/v1/wallets/{}/{what}", self.wallet_id)
    }

    fn post(&self, step: &Step<'_>, path: &str, body: Value) -> Request {
        step.world.api().post(path).bearer(&self.user.api_key).json(body)
    }

    async fn buy(&mut self, step: &mut Step<'_>) {
        // Several pages are open at once.
        let mut pages = Vec::new();
        for _ in 0..step.random.random_range(1..3) {
            let credits = step.random.random_range(100..3_000);
            pages.push((credits, step.world.start_checkout(&self.user, credits).await.session_id));
        }
        for (credits, session) in pages {
            let body = match step.random.random_range(0..10) {
                0 if !is_left_out("processing") => json!({"card": GOOD_CARD, "processing_seconds": 86_400}),
                1 if !is_left_out("bank-debits") => json!({"bank_account": "000222222227"}),
                2 => json!({"card": "4000000000000002"}),
                3 => {
                    step.tell("page left unpaid");
                    continue;
                }
                _ => json!({"card": GOOD_CARD}),
            };
            let path = format!("/_emulator/checkout/{session}/pay");
            let answer = step.world.emulator().post(&path).json(body).send().await.unwrap();
            if answer.status() == 200 {
                let intent = text(&answer.json().unwrap(), "payment_intent");
                self.orders.insert(intent, credits * CREDIT);
                step.tell("purchase");
            } else {
                step.tell("purchase refused");
            }
        }
    }

    async fn subscribe(&mut self, step: &mut Step<'_>, plan: usize) {
        let plan = &step.plans[plan];
        let order = json!({"channel": "stripe", "type": "subscription", "plan_id": plan.id, "interval": plan.interval});
        let opened: Answer = self.post(step, "/payment/create-session", order).send().await.unwrap();
        if opened.status() != 201 {
            step.tell("subscription refused");
            return;
        }
        let session = text(&opened.json().unwrap()["data"], "session_id");
        step.world.pay(&session, GOOD_CARD).await;
        let shown = step.world.stripe_get(&format!("checkout/sessions/{session}")).expect(200).await;
        self.subscriptions.insert(text(&shown, "subscription"));
        step.tell("subscription");
    }

    /// A subscriber goes up and down, cancels, comes back, and has a card that works only now and then.
    async fn change(&mut self, step: &mut Step<'_>, plan: usize) {
        let live = |id: &&String| step.bank.subscriptions.get(*id).is_none_or(|state| state != "canceled");
        let Some(id) = self.subscriptions.iter().find(live).cloned() else {
            if step.chance(30) {
                self.subscribe(step, plan).await;
            }
            return;
        };
        let path = format!("subscriptions/{id}");
        match step.random.random_range(0..100) {
            0..12 if step.plans[plan].interval == "month" => {
                let shown = step.world.stripe_get(&path).expect(200).await;
                let item = &shown["items"]["data"][0];
                let other = step.plans[..2].iter().find(|plan| item["price"]["id"] != plan.price.as_str());
                let behavior = *["always_invoice", "create_prorations"].choose(step.random).unwrap();
                let (item, price) = (text(item, "id"), &other.unwrap().price);
                let form =
                    format!("items[0][id]={item}&items[0][price]={price}&proration_behavior={behavior}");
                if step.world.stripe_post(&path, &form).send().await.unwrap().status() == 200 {
                    step.tell("change of plan");
                }
            }
            12..16 => {
                step.world.stripe_post(&path, "cancel_at_period_end=true").expect(200).await;
                step.tell("cancellation");
            }
            16..24 => {
                let shown = step.world.stripe_get(&path).expect(200).await;
                let method = text(&shown, "default_payment_method");
                let reason =
                    if step.chance(50) { json!({"reason": "insufficient_funds"}) } else { json!({}) };
                let path = format!("/_emulator/payment_methods/{method}/decline");
                step.world.emulator().post(&path).json(reason).expect(200).await;
                step.tell("card refused from now on, or no longer");
            }
            24..28 => {
                let shown = step.world.stripe_get(&path).expect(200).await;
                let form = format!("balance=-{}", step.random.random_range(100..1_500));
                step.world
                    .stripe_post(&format!("customers/{}", text(&shown, "customer")), &form)
                    .expect(200)
                    .await;
                step.tell("credit on the customer's balance");
            }
            _ => {}
        }
    }

    /// Switches recharging on, or saves another card.
    async fn recharge(&mut self, step: &mut Step<'_>) {
        let amount = step.random.random_range(500..4_000);
        let cap = self.cap_cents.unwrap_or(amount * step.random.random_range(2..5));
        self.cap_cents = Some(cap);
        let payer = self.payer.as_ref().unwrap_or(&self.user).api_key.clone();
        let body = json!({"enabled": true, "thresholdCredits": 500, "requestSetup": true,
                          "amount": {"minor": amount, "currency": "usd"},
                          "maxMonthly": {"minor": cap, "currency": "usd"}});
        self.acts.push((step.now(), Act::Decided));
        let request = step.world.api().put(&self.path("auto-recharge")).bearer(&payer);
        let answer = request.json(body).send().await.unwrap();
        let setup = &answer.json().unwrap()["setup"];
        let Some(session) = setup["sessionId"].as_str() else {
            step.tell("no page for a card");
            return;
        };
        let card = *CARDS.choose(step.random).unwrap();
        step.world.pay(session, card).await;
        let shown = step.world.stripe_get(&format!("checkout/sessions/{session}")).expect(200).await;
        self.customers.insert(text(&shown, "customer"));
        let saved = step.world.stripe_get(&format!("setup_intents/{}", text(&shown, "setup_intent")));
        self.cards.insert(text(&saved.expect(200).await, "payment_method"), None);
        step.tell("card saved");
    }

    /// The owner resumes what was paused.
    async fn decide(&mut self, step: &mut Step<'_>) {
        let payer = self.payer.as_ref().unwrap_or(&self.user).api_key.clone();
        self.acts.push((step.now(), Act::Decided));
        let path = self.path("auto-recharge/resume");
        let answer = step.world.api().post(&path).bearer(&payer).send().await.unwrap();
        step.tell("recharging resumed");
        if answer.status() == 409 {
            self.recharge(step).await;
        }
    }

    /// Another owner joins and pays.
    async fn be_joined(&mut self, step: &mut Step<'_>) {
        let name = format!("{}-owner{}", self.user.id, self.acts.len());
        let owner = step.world.create_user(&name).await;
        let id = self.organization.unwrap();
        let path = format!("/purser/v1/organizations/{id}/members/{name}");
        let admin = &step.world.settings().secrets.admin_api_key;
        step.world.api().put(&path).bearer(admin).json(json!({"role": "owner"})).expect(200).await;
        self.payer = Some(owner);
        self.recharge(step).await;
        step.tell("owner joined");
    }

    async fn come_and_go(&mut self, step: &mut Step<'_>) {
        let Some(payer) = self.payer.clone() else {
            if step.chance(30) {
                self.be_joined(step).await;
            }
            return;
        };
        if step.chance(15) {
            self.decide(step).await;
        }
        if step.chance(8) {
            let id = self.organization.unwrap();
            let admin = &step.world.settings().secrets.admin_api_key;
            let path = format!("/purser/v1/organizations/{id}/members/{}", payer.id);
            // An organization keeps an owner: another one is there before this one leaves.
            let keeper = format!("{}-keeper{}", self.user.id, self.acts.len());
            step.world.create_user(&keeper).await;
            let other = format!("/purser/v1/organizations/{id}/members/{keeper}");
            step.world.api().put(&other).bearer(admin).json(json!({"role": "owner"})).expect(200).await;
            let left = step.world.api().delete(&path).bearer(admin).send().await.unwrap();
            assert!(left.status() < 300, "{left}");
            let now = step.now();
            self.cards.values_mut().for_each(|at| *at = at.or(Some(now)));
            self.payer = None;
            step.tell("owner left");
        }
    }

    async fn spend(&mut self, step: &mut Step<'_>) {
        let there = (self.purse.balance() / CREDIT).max(1);
        let credits = step.random.random_range(1..=there + there / 5 + 200);
        let body = json!({"credits": credits});
        self.acts.push((step.now(), Act::Used));
        if self.kind == Kind::Buyer && step.chance(40) {
            return self.hold(step, credits).await;
        }
        let answer = self.post(step, &self.path("debits"), body).send().await.unwrap();
        self.acts.push((step.now(), Act::Used));
        self.note_use(step, &answer, credits);
    }

    fn note_use(&mut self, step: &mut Step<'_>, answer: &Answer, credits: i64) {
        match answer.status() {
            200 => {
                self.purse.debit(credits * CREDIT);
                step.tell("debit");
            }
            402 => step.tell("refused for want of credits"),
            _ => panic!("{answer}"),
        }
    }

    /// Reserves, and spends a part.
    async fn hold(&mut self, step: &mut Step<'_>, credits: i64) {
        let placed = self.post(step, &self.path("holds"), json!({"credits": credits})).send().await.unwrap();
        if placed.status() != 201 {
            return step.tell("hold refused");
        }
        let hold = text(&placed.json().unwrap(), "holdId");
        let spent = step.random.random_range(1..=credits);
        let path = format!("/purser/v1/holds/{hold}/capture");
        let captured = self.post(step, &path, json!({"credits": spent})).send().await.unwrap();
        step.tell("hold captured");
        self.note_use(step, &captured, spent);
    }

    /// The seller or a bank takes money back.
    async fn take_back(&mut self, step: &mut Step<'_>) {
        let of_invoices = |intent: &String| {
            step.bank.invoices.iter().any(|invoice| {
                invoice.intent.as_ref() == Some(intent) && self.subscriptions.contains(&invoice.subscription)
            })
        };
        let is_own = |charge: &&Charge| {
            self.orders.contains_key(&charge.intent)
                || charge.is_recharge && self.customers.contains(&charge.customer)
                || of_invoices(&charge.intent)
        };
        let own: Vec<&Charge> =
            step.bank.charges.values().filter(is_own).filter(|charge| charge.doubted_at.is_empty()).collect();
        let Some(charge) = own.choose(step.random).map(|charge| (*charge).clone()) else { return };
        let what = step.random.random_range(0..10);
        // What comes back of a period comes back for what is left of it: that is not this oracle's to know.
        let is_period = of_invoices(&charge.intent);
        match what {
            0..3 if !is_period && !is_left_out("disputes") => {
                let body = json!({"payment_intent": charge.intent, "inquiry": what == 0});
                let opened =
                    step.world.emulator().post("/_emulator/disputes").json(body).send().await.unwrap();
                if opened.status() == 200 {
                    self.disputes.push(text(&opened.json().unwrap(), "id"));
                    step.tell("dispute or inquiry");
                }
            }
            3 if !is_left_out("warnings") => {
                let body = json!({"payment_intent": charge.intent});
                let warned = step.world.emulator().post("/_emulator/early_fraud_warnings").json(body);
                let _known_already = warned.send().await.unwrap();
                step.tell("warning of fraud");
            }
            _ => self.refund(step, &charge, is_period).await,
        }
    }

    async fn refund(&self, step: &mut Step<'_>, charge: &Charge, is_period: bool) {
        let cents = if step.chance(40) { charge.cents } else { step.random.random_range(1..=charge.cents) };
        let form = format!("payment_intent={}&amount={cents}", charge.intent);
        let refunded = step.world.stripe_post("refunds", &form).send().await.unwrap();
        if refunded.status() != 200 {
            return;
        }
        step.tell("refund");
        if !is_period && !is_left_out("failing-refunds") && step.chance(20) {
            let path = format!("/_emulator/refunds/{}/settle", text(&refunded.json().unwrap(), "id"));
            step.world.emulator().post(&path).json(json!({"succeeded": false})).send().await.unwrap();
            step.tell("refund failed after all");
        }
    }

    async fn end_disputes(&mut self, step: &mut Step<'_>) {
        for dispute in std::mem::take(&mut self.disputes) {
            let (verb, body) = match step.random.random_range(0..5) {
                0 => ("close", json!({"won": true})),
                1 => ("close", json!({"won": false})),
                2 => ("close", json!({"won": false, "returned": step.random.random_range(1..50)})),
                3 => ("escalate", json!({})),
                _ => {
                    self.disputes.push(dispute);
                    continue;
                }
            };
            let path = format!("/_emulator/disputes/{dispute}/{verb}");
            let answer = step.world.emulator().post(&path).json(body).send().await.unwrap();
            if verb == "escalate" || answer.status() != 200 {
                continue;
            }
            step.tell("dispute ended");
        }
    }
}

/// Whether `YEAR_WITHOUT` names it, to narrow down what a finding follows from.
pub fn is_left_out(what: &str) -> bool {
    std::env::var("YEAR_WITHOUT").is_ok_and(|named| named.split(',').any(|one| one == what))
}
