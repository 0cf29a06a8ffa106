//! Those who buy at Stripe: now and then, or a plan.

use harness::client::Answer;
use harness::terms::CREDIT;
use harness::world::{GOOD_CARD, World};
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::{Actor, Step, is_left_out, text};

/// The pack that is sold: its name, its credits, and its price in cents.
pub const PACK: (&str, i64, i64) = ("micro", 100, 1_500);
/// Coupons: code, kind, value, and the credits that come on top.
pub const COUPONS: [(&str, &str, i64, i64); 3] =
    [("LESS", "percent", 15, 0), ("CHEAPER", "amount", 333, 0), ("MORE", "bonus_credits", 40, 40)];

/// Makes the coupons.
pub async fn make_coupons(world: &World) {
    for (code, kind, value, _) in COUPONS {
        let currency = (kind == "amount").then_some("usd");
        let body = json!({"code": code, "kind": kind, "value": value, "currency": currency});
        world.admin_post("/admin/billing/coupons", body).expect(201).await;
    }
}

impl Actor {
    /// Buys at one place or another.
    pub(super) async fn buy(&mut self, step: &mut Step<'_>) {
        match step.random.random_range(0..10) {
            0..2 if !is_left_out("coupons") => self.buy_with_coupon(step).await,
            2..4 if !is_left_out("creem") => self.buy_at_creem(step).await,
            4..6 if !is_left_out("stores") => self.buy_in_store(step).await,
            _ => self.buy_on_pages(step).await,
        }
    }

    /// Opens pages for credits, several at once, and pays on them.
    async fn buy_on_pages(&mut self, step: &mut Step<'_>) {
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
            self.pay(step, &session, credits, body).await;
        }
    }

    /// Buys the pack, for less or with more.
    async fn buy_with_coupon(&mut self, step: &mut Step<'_>) {
        let (pack, credits, _) = PACK;
        let (code, _, _, bonus) = *COUPONS.choose(step.random).unwrap();
        let order = json!({"channel": "stripe", "type": "credits", "pack_id": pack, "coupon_code": code});
        let opened = self.post(step, "/payment/create-session", order).expect(201).await;
        let session = text(&opened["data"], "session_id");
        step.tell("order with a coupon");
        self.pay(step, &session, credits + bonus, json!({"card": GOOD_CARD})).await;
    }

    async fn pay(&mut self, step: &mut Step<'_>, session: &str, credits: i64, body: Value) {
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

    pub(super) async fn subscribe(&mut self, step: &mut Step<'_>, plan: usize) {
        let plan = &step.plans[plan];
        let code = (!is_left_out("coupons") && step.chance(30)).then_some(COUPONS[0].0);
        let order = json!({"channel": "stripe", "type": "subscription", "plan_id": plan.id,
                           "interval": plan.interval, "coupon_code": code});
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
    pub(super) async fn change(&mut self, step: &mut Step<'_>, plan: usize) {
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
}
