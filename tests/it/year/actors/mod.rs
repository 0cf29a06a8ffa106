//! Buyers, and what they, their sellers and their banks do in a step.

mod buying;
mod elsewhere;
mod recharging;
mod returning;
mod spending;

use std::collections::{BTreeMap, BTreeSet};

use harness::client::Request;
use harness::terms::{Plan, Purse};
use harness::world::{User, World};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use self::elsewhere::StorePurchase;
use self::spending::Held;
use super::bank::{Bank, Sale};

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
    /// As that, and on busy days uses so much that nothing but pauses, limits and caps stops the charges.
    Heavy { is_capped: bool },
    /// As a recharger, for an organization whose owners come and go.
    Organization,
    /// Has a plan at Creem, by its number.
    CreemSubscriber(usize),
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
    /// What each order at Creem was paid for, in millionths of a credit.
    pub sales: BTreeMap<String, i64>,
    /// By transaction.
    store: BTreeMap<String, StorePurchase>,
    /// When money began to go back elsewhere than at Stripe.
    pub doubts: Vec<i64>,
    pub holds: Vec<Held>,
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
            sales: BTreeMap::new(),
            store: BTreeMap::new(),
            doubts: Vec::new(),
            holds: Vec::new(),
            acts: Vec::new(),
            cap_cents: None,
            organization: None,
            payer: None,
            disputes: Vec::new(),
        };
        match kind {
            Kind::Buyer => actor.buy(step).await,
            Kind::Subscriber(plan) => actor.subscribe(step, plan).await,
            Kind::CreemSubscriber(plan) => actor.subscribe_at_creem(step, plan).await,
            Kind::Recharger | Kind::Heavy { .. } => actor.recharge(step).await,
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

    /// Whether it paid this at Creem.
    pub fn owns(&self, sale: &Sale) -> bool {
        self.sales.contains_key(&sale.order)
            || sale.subscription.as_ref().is_some_and(|id| self.subscriptions.contains(id))
    }

    pub fn has_decided(&self) -> bool {
        self.acts.iter().any(|(_, act)| *act == Act::Decided)
    }

    /// Lives a step.
    pub async fn live(&mut self, step: &mut Step<'_>) {
        self.settle_holds(step).await;
        match self.kind {
            Kind::Buyer => {
                if step.chance(20) {
                    self.buy(step).await;
                }
            }
            Kind::Subscriber(plan) => self.change(step, plan).await,
            Kind::CreemSubscriber(plan) => self.change_at_creem(step, plan).await,
            Kind::Recharger | Kind::Heavy { .. } => {
                if step.chance(25) {
                    self.decide(step).await;
                }
                if step.chance(8) {
                    self.recharge(step).await;
                }
                if step.chance(10) {
                    self.buy(step).await;
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
        if step.chance(8) {
            self.take_back_elsewhere(step).await;
        }
        self.end_disputes(step).await;
    }

    /// Begins a day of much use: what was paused may go on.
    pub async fn begin_busy_day(&mut self, step: &mut Step<'_>) {
        self.decide(step).await;
        step.tell("busy day");
    }

    /// A path of the wallet.
    fn path(&self, what: &str) -> String {
        format!("/purser/v1/wallets/{}/{what}", self.wallet_id)
    }

    fn post(&self, step: &Step<'_>, path: &str, body: Value) -> Request {
        step.world.api().post(path).bearer(&self.user.api_key).json(body)
    }
}

/// Makes coupons, and has things sold elsewhere than at Stripe.
pub async fn sell(world: &World) {
    buying::make_coupons(world).await;
    elsewhere::sell(world).await;
}

/// Whether `YEAR_WITHOUT` names it, to narrow down what a finding follows from.
pub fn is_left_out(what: &str) -> bool {
    std::env::var("YEAR_WITHOUT").is_ok_and(|named| named.split(',').any(|one| one == what))
}
