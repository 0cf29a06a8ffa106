//! Those whose card is charged, and the owners of an organization.

use harness::world::GOOD_CARD;
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::json;

use super::{Act, Actor, Kind, Step, text};

/// Saved, but declined whenever it is charged; and one whose bank wants the holder every time.
const CARDS: [&str; 6] = [GOOD_CARD, GOOD_CARD, GOOD_CARD, GOOD_CARD, "4000000000000341", "4000002760003184"];

impl Actor {
    /// Switches recharging on, or saves another card.
    pub(super) async fn recharge(&mut self, step: &mut Step<'_>) {
        let is_heavy = matches!(self.kind, Kind::Heavy { .. });
        let amount = step.random.random_range(500..if is_heavy { 1_500 } else { 4_000 });
        if self.kind != (Kind::Heavy { is_capped: false }) {
            self.cap_cents = self.cap_cents.or(Some(amount * step.random.random_range(2..5)));
        }
        let cap = self.cap_cents;
        let payer = self.payer.as_ref().unwrap_or(&self.user).api_key.clone();
        let cap = cap.map(|minor| json!({"minor": minor, "currency": "usd"}));
        let body = json!({"enabled": true, "thresholdCredits": 500, "requestSetup": true,
                          "amount": {"minor": amount, "currency": "usd"}, "maxMonthly": cap});
        self.acts.push((step.now(), Act::Decided));
        let request = step.world.api().put(&self.path("auto-recharge")).bearer(&payer);
        let answer = request.json(body).send().await.unwrap();
        let setup = &answer.json().unwrap()["setup"];
        let Some(session) = setup["sessionId"].as_str() else {
            step.tell("no page for a card");
            return;
        };
        let card = if is_heavy { GOOD_CARD } else { CARDS.choose(step.random).unwrap() };
        step.world.pay(session, card).await;
        let shown = step.world.stripe_get(&format!("checkout/sessions/{session}")).expect(200).await;
        self.customers.insert(text(&shown, "customer"));
        let saved = step.world.stripe_get(&format!("setup_intents/{}", text(&shown, "setup_intent")));
        self.cards.insert(text(&saved.expect(200).await, "payment_method"), None);
        step.tell("card saved");
    }

    /// The owner resumes what was paused.
    pub(super) async fn decide(&mut self, step: &mut Step<'_>) {
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
    pub(super) async fn be_joined(&mut self, step: &mut Step<'_>) {
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

    pub(super) async fn come_and_go(&mut self, step: &mut Step<'_>) {
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
}
