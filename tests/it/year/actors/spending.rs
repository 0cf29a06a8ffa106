//! What every actor does with credits: spends them at once, or holds them and settles the hold later.

use harness::client::Answer;
use harness::terms::CREDIT;
use rand::RngExt;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Act, Actor, Kind, Step, is_left_out, text};

/// How long a hold lasts, in seconds: nearly the longest that there is, and no whole number of hours or minutes, so
/// that none ends in the very second to which time moves.
const HOLD_LASTS: i64 = 590_123;

/// A hold that is open.
pub struct Held {
    id: String,
    credits: i64,
    pub ends_at: i64,
}

impl Held {
    /// In millionths of a credit.
    pub fn amount(&self) -> i64 {
        self.credits * CREDIT
    }
}

impl Actor {
    pub(super) async fn spend(&mut self, step: &mut Step<'_>) {
        let there = (self.purse.balance() / CREDIT).max(1);
        let credits = step.random.random_range(1..=there + there / 5 + 200);
        let chance = if self.kind == Kind::Buyer { 40 } else { 10 };
        if step.chance(chance) {
            return self.hold(step, credits).await;
        }
        self.debit(step, credits).await;
    }

    async fn debit(&mut self, step: &mut Step<'_>, credits: i64) {
        self.acts.push((step.now(), Act::Used));
        let answer = self.post(step, &self.path("debits"), json!({"credits": credits})).send().await.unwrap();
        self.acts.push((step.now(), Act::Used));
        match answer.status() {
            200 => {
                self.purse.debit(credits * CREDIT);
                step.tell("debit");
            }
            402 => step.tell("refused for want of credits"),
            _ => panic!("{answer}"),
        }
    }

    /// Uses all that is there, bit by bit, and asks for more.
    pub async fn use_up(&mut self, step: &mut Step<'_>) {
        for _ in 0..2 {
            let there = self.purse.balance() / CREDIT;
            if there > 1 {
                let credits = step.random.random_range(there / 2..=there);
                self.debit(step, credits.max(1)).await;
            }
        }
        let more = (self.purse.balance() / CREDIT).max(0) + 100;
        self.debit(step, more).await;
    }

    /// Reserves, and spends a part, now or in a later step.
    async fn hold(&mut self, step: &mut Step<'_>, credits: i64) {
        let body = json!({"credits": credits, "ttlSeconds": HOLD_LASTS});
        let before = step.now();
        let placed = self.post(step, &self.path("holds"), body).send().await.unwrap();
        match placed.status() {
            201 => {
                let placed = placed.json().unwrap();
                let ends_at = OffsetDateTime::parse(&text(&placed, "expiresAt"), &Rfc3339).unwrap();
                let held = Held { id: text(&placed, "holdId"), credits, ends_at: ends_at.unix_timestamp() };
                self.purse.hold(held.amount());
                step.tell("hold placed");
                if is_left_out("long-holds") || step.chance(50) {
                    self.capture(step, held).await;
                } else {
                    self.holds.push(held);
                }
            }
            402 => {
                self.acts.extend([(before, Act::Used), (step.now(), Act::Used)]);
                step.tell("hold refused");
            }
            _ => panic!("{placed}"),
        }
    }

    /// Captures or releases holds of earlier steps, or leaves them open.
    pub(super) async fn settle_holds(&mut self, step: &mut Step<'_>) {
        for held in std::mem::take(&mut self.holds) {
            match step.random.random_range(0..10) {
                0..4 => self.capture(step, held).await,
                4..6 => {
                    let path = format!("/purser/v1/holds/{}/release", held.id);
                    let answer = self.post(step, &path, json!({})).send().await.unwrap();
                    assert_eq!(answer.status(), 200, "{answer}");
                    self.purse.release(held.amount());
                    step.tell("hold of an earlier step released");
                }
                _ => self.holds.push(held),
            }
        }
    }

    async fn capture(&mut self, step: &mut Step<'_>, held: Held) {
        let spent = step.random.random_range(1..=held.credits);
        let path = format!("/purser/v1/holds/{}/capture", held.id);
        self.acts.push((step.now(), Act::Used));
        let captured: Answer = self.post(step, &path, json!({"credits": spent})).send().await.unwrap();
        self.acts.push((step.now(), Act::Used));
        assert_eq!(captured.status(), 200, "{captured}");
        self.purse.capture(held.amount(), spent * CREDIT);
        step.tell("hold captured");
    }
}
