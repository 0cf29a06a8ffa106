//! Buys packs with coupons: some off the price, some with credits on top, and one that only a single order of several
//! buyers can have.

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::buyer;
use crate::journal::CouponOrder;
use crate::load::{Load, User, new_key, text};

/// The pack: its price in cents and its credits, as the catalog has them.
const PACK: (&str, i64, i64) = ("micro", 1_500, 100);
/// How many buyers want the same coupon.
const RIVALS: usize = 3;

/// What a coupon does.
#[derive(Clone, Copy, Debug)]
pub struct Coupon {
    pub kind: &'static str,
    pub value: i64,
}

impl Coupon {
    const ALL: [Self; 3] = [
        Self { kind: "percent", value: 15 },
        Self { kind: "amount", value: 333 },
        Self { kind: "bonus_credits", value: 40 },
    ];

    /// What it takes off a price in cents, fractions left to the seller, and how many credits it adds.
    fn worth(self, price: i64) -> (i64, i64) {
        match self.kind {
            "percent" => (price * self.value / 100, 0),
            "amount" => (self.value, 0),
            _ => (0, self.value),
        }
    }
}

pub async fn act(load: &Load, user: &User, random: &mut StdRng) -> Result<()> {
    let coupon = *Coupon::ALL.choose(random).context("no coupons")?;
    let is_contested = random.random();
    let code = format!("C{}", new_key().to_ascii_uppercase());
    create(load, &code, coupon, is_contested).await?;
    let mut rivals: Vec<&User> = load.users.iter().filter(|other| other.id != user.id).collect();
    rivals.shuffle(random);
    rivals.truncate(if is_contested { RIVALS - 1 } else { 0 });
    rivals.push(user);
    let buying = rivals.into_iter().map(|rival| (rival, StdRng::seed_from_u64(random.random())));
    let buying = buying.map(async |(rival, mut random)| buy(load, rival, &code, coupon, &mut random).await);
    join_all(buying).await.into_iter().collect()
}

async fn create(load: &Load, code: &str, coupon: Coupon, is_contested: bool) -> Result<()> {
    let currency = (coupon.kind == "amount").then_some("usd");
    let body = json!({"code": code, "kind": coupon.kind, "value": coupon.value, "currency": currency,
                      "max_redemptions": is_contested.then_some(1)});
    let create = || {
        let request = load.api.post("/admin/billing/coupons").bearer(&load.secrets.admin_api_key);
        request.json(body.clone())
    };
    // It knows no keys: what was made without an answer is refused the second time.
    let made = load.settle("coupon: create", create).await;
    ensure!([201, 409].contains(&made.status()), "unexpected answer: {made}");
    let limit = is_contested.then_some(1);
    load.journal.open().coupons.insert(code.to_owned(), limit);
    Ok(())
}

async fn buy(load: &Load, user: &User, code: &str, coupon: Coupon, random: &mut StdRng) -> Result<()> {
    let (pack, price, credits) = PACK;
    let channel = ["stripe", "creem"].choose(random).context("nobody sells")?;
    let key = new_key();
    let order = || {
        let request = load.api.post("/payment/create-session").bearer(&user.api_key).idempotency_key(&key);
        request.json(json!({"channel": channel, "type": "credits", "pack_id": pack, "coupon_code": code}))
    };
    let opened = load.settle("coupon: create session", order).await;
    if opened.status() == 422 {
        ensure!(opened.text().contains("COUPON_USED_UP"), "unexpected answer: {opened}");
        return Ok(());
    }
    ensure!(opened.status() == 201, "unexpected answer: {opened}");
    let opened = opened.json()?["data"].clone();
    let (off, bonus) = coupon.worth(price);
    let wanted =
        CouponOrder { code: code.to_owned(), user: user.id.clone(), price: price - off, credits, bonus };
    load.journal.open().coupon_orders.insert(text(&opened, "order_id")?, wanted);
    buyer::pays(load, &text(&opened, "session_id")?, random).await?;
    Ok(())
}
