//! What actors do at Creem and in app stores.

use harness::terms::CREDIT;
use harness::world::{GOOD_CARD, World};
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::buying::{COUPONS, PACK};
use super::{Actor, Step, text};
use crate::year::bank::Sale;

/// What a store sells: the product and its credits.
const PRODUCT: (&str, i64) = ("com.allmine.credits.100", 100);
/// Its refunds take a while.
const SLOW_CARD: &str = "4000000000007726";
const DECLINED_CARD: &str = "4000000000000002";

/// A purchase in an app store.
#[derive(Clone, Copy, Debug)]
pub struct StorePurchase {
    at: i64,
    is_refunded: bool,
}

/// Has plans and the pack sold at Creem, and the stores tell what they sell.
pub async fn sell(world: &World) {
    for plan in ["pro", "team"] {
        let admin = &world.settings().secrets.admin_api_key;
        let body = json!({"creem_product_id": format!("prod_{plan}")});
        world.api().put(&format!("/admin/billing/plans/{plan}")).bearer(admin).json(body).expect(200).await;
    }
    let (pack, _, cents) = PACK;
    let product = json!({"id": "prod_pack_year", "name": pack, "description": pack, "price": cents,
                         "currency": "USD", "billing_type": "onetime", "tax_mode": "exclusive"});
    world.emulator().post("/_emulator/creem/products").json(product).expect(200).await;
    let linked = "update packs set creem_product_id = 'prod_pack_year' where id = $1";
    sqlx::query(linked).bind(pack).execute(world.pool()).await.unwrap();
    let url = format!("{}/webhooks/revenuecat", world.settings().api_url());
    let endpoint = json!({"url": url, "authorization": world.settings().secrets.revenuecat_webhook_auth});
    world.emulator().put("/_emulator/revenuecat/endpoint").json(endpoint).expect(200).await;
}

impl Actor {
    async fn pay_at_creem(&self, step: &Step<'_>, order: Value, card: &str) -> Value {
        let opened = self.post(step, "/payment/create-session", order).expect(201).await;
        let path = format!("/_emulator/creem/checkouts/{}/pay", text(&opened["data"], "session_id"));
        let body = json!({"card": card, "email": format!("{}@example.com", self.user.id)});
        step.world.emulator().post(&path).json(body).expect(200).await
    }

    pub(super) async fn buy_at_creem(&mut self, step: &mut Step<'_>) {
        let (pack, credits, _) = PACK;
        let is_with_coupon = step.chance(50);
        let coupon = COUPONS.choose(step.random).filter(|_| is_with_coupon);
        let bonus = coupon.map_or(0, |(_, _, _, bonus)| *bonus);
        let code = coupon.map(|(code, ..)| *code);
        let order = json!({"channel": "creem", "type": "credits", "pack_id": pack, "coupon_code": code});
        let card = if step.chance(30) { SLOW_CARD } else { GOOD_CARD };
        let paid = self.pay_at_creem(step, order, card).await;
        self.sales.insert(text(&paid["order"], "id"), (credits + bonus) * CREDIT);
        step.tell("purchase at Creem");
    }

    pub(super) async fn subscribe_at_creem(&mut self, step: &mut Step<'_>, plan: usize) {
        let plan = step.plans[plan].id;
        let order = json!({"channel": "creem", "type": "subscription", "plan_id": plan});
        let paid = self.pay_at_creem(step, order, GOOD_CARD).await;
        self.subscriptions.insert(text(&paid["subscription"], "id"));
        step.tell("subscription at Creem");
    }

    /// A subscriber at Creem cancels, comes back, and has a card that works only now and then.
    pub(super) async fn change_at_creem(&mut self, step: &mut Step<'_>, plan: usize) {
        let live = |id: &&String| step.bank.subscriptions.get(*id).is_none_or(|state| state != "canceled");
        let Some(id) = self.subscriptions.iter().find(live).cloned() else {
            if step.chance(40) {
                self.subscribe_at_creem(step, plan).await;
            }
            return;
        };
        match step.random.random_range(0..100) {
            0..6 => {
                let mode = *["immediate", "scheduled"].choose(step.random).unwrap();
                let path = format!("/creem/v1/subscriptions/{id}/cancel");
                let request = step.world.emulator().post(&path).json(json!({"mode": mode}));
                let key = &step.world.settings().secrets.creem_api_key;
                request.header("x-api-key", key).expect(200).await;
                step.tell("cancellation at Creem");
            }
            6..20 => {
                let card = if step.chance(50) { GOOD_CARD } else { DECLINED_CARD };
                let path = format!("/_emulator/creem/subscriptions/{id}/card");
                step.world.emulator().post(&path).json(json!({"card": card})).expect(200).await;
                step.tell("card at Creem refused from now on, or no longer");
            }
            _ => {}
        }
    }

    pub(super) async fn buy_in_store(&mut self, step: &mut Step<'_>) {
        let (product, credits) = PRODUCT;
        let body = json!({"app_user_id": self.user.id, "product_id": product});
        let path = "/_emulator/revenuecat/purchases";
        let told = step.world.emulator().post(path).json(body).expect(200).await;
        let transaction = text(&told, "transaction_id");
        self.purse.grant(&transaction, credits * CREDIT, None);
        self.store.insert(transaction, StorePurchase { at: step.now(), is_refunded: false });
        step.tell("purchase in a store");
    }

    /// Creem, a bank or a store takes money back.
    pub(super) async fn take_back_elsewhere(&mut self, step: &mut Step<'_>) {
        let kept = step.bank.sales.iter().filter(|sale| self.owns(sale) && sale.gone == 0);
        let kept: Vec<&Sale> = kept.collect();
        if let Some(sale) = kept.choose(step.random).copied().cloned() {
            let part = step.random.random_range(1..=sale.paid);
            let (what, amount) = match step.random.random_range(0..4) {
                0 => ("disputes", sale.paid),
                1 => ("refunds", sale.paid),
                _ => ("refunds", part),
            };
            let body = json!({"transaction_id": sale.id, "amount": amount});
            let path = format!("/_emulator/creem/{what}");
            if step.world.emulator().post(&path).json(body).send().await.unwrap().status() == 200 {
                self.doubts.push(step.now());
                step.tell("money back at Creem");
            }
        }
        let now = step.now();
        // Not in the very second in which it was bought: which came first could not be told.
        let old = self.store.iter_mut().filter(|(_, purchase)| now - purchase.at > 60);
        let mut old: Vec<(&String, &mut StorePurchase)> = old.collect();
        if old.is_empty() {
            return;
        }
        let chosen = step.random.random_range(0..old.len());
        let (transaction, purchase) = &mut old[chosen];
        let verb = if purchase.is_refunded { "refunds/reverse" } else { "refunds" };
        let path = format!("/_emulator/revenuecat/{verb}");
        let body = json!({"transaction_id": transaction});
        step.world.emulator().post(&path).json(body).expect(200).await;
        purchase.is_refunded = !purchase.is_refunded;
        purchase.at = now;
        self.purse.gone(transaction, i64::from(purchase.is_refunded), 1);
        // Money that comes back after all is no reason to stop.
        if purchase.is_refunded {
            self.doubts.push(now);
        }
        step.tell("refund in a store, or its end");
    }
}
