//! Sellers and banks that take money back at Stripe.

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::json;

use super::{Actor, Step, is_left_out, text};
use crate::year::bank::Charge;

impl Actor {
    /// The seller or a bank takes money back.
    pub(super) async fn take_back(&mut self, step: &mut Step<'_>) {
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

    pub(super) async fn end_disputes(&mut self, step: &mut Step<'_>) {
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
