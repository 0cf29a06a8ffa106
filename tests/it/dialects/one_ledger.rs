//! One wallet behind all APIs: what is bought through one is seen in every other.

use harness::client::Request;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

const PAGE: &str = "http://localhost:3000/done";

/// Alice, over any of the APIs.
struct Caller<'a> {
    world: &'a World,
    user: &'a User,
}

impl Caller<'_> {
    async fn get(&self, path: &str) -> Value {
        self.as_user(self.world.api().get(path)).expect(200).await
    }

    fn post(&self, path: &str, body: Value) -> Request {
        self.as_user(self.world.api().post(path)).json(body)
    }

    fn as_user(&self, request: Request) -> Request {
        request.bearer(&self.user.api_key)
    }

    async fn pay(&self, session: &Value) {
        self.world.pay(session.as_str().unwrap(), GOOD_CARD).await;
        self.world.drain().await;
    }

    /// Buys over an API; returns how many credits.
    async fn buy(&self, api: &str) -> i64 {
        match api {
            "samsar" => {
                self.world.buy(self.user, 700).await;
                700
            }
            "timeproof" => {
                let cart = json!({"items": [{"packId": "micro", "quantity": 2}]});
                self.pay(&self.post("/api/payments/checkout", cart).expect(200).await["sessionId"]).await;
                200
            }
            "billing" => {
                let body = json!({"channel": "stripe", "type": "credits", "pack_id": "basic",
                                  "success_url": PAGE, "cancel_url": PAGE});
                let opened = self.post("/payment/create-session", body).expect(201).await;
                self.pay(&opened["data"]["session_id"]).await;
                350
            }
            "wasdi" => {
                let added =
                    self.post("/credits/add", json!({"name": "mine", "type": "Fifty"})).expect(200).await;
                let id = added["message"].as_str().unwrap();
                self.get(&format!("/credits/stripe/paymentUrl?creditPackageId={id}")).await;
                let newest = "select provider_session from payments order by created_at desc limit 1";
                let session: String = sqlx::query_scalar(newest).fetch_one(self.world.pool()).await.unwrap();
                self.pay(&json!(session)).await;
                50
            }
            "allmine" => {
                let package = json!({"packageId": "65a000000000000000000100"});
                self.post("/api/v1/credit-packages/purchase", package).expect(201).await;
                self.world.drain().await;
                100
            }
            _ => panic!("{api} is no API"),
        }
    }

    /// The balance, over every API that shows one.
    async fn balances(&self) -> Vec<(&'static str, i64)> {
        let (samsar, billing) = (self.get("/v1/credits").await, self.get("/credits/balance").await);
        let timeproof = self.get("/api/payments/balances").await;
        let wasdi = self.get("/credits/totalbyuser").await.as_f64().unwrap();
        vec![
            ("samsar", samsar["remainingCredits"].as_i64().unwrap()),
            ("billing", billing["data"]["balance"].as_i64().unwrap()),
            ("timeproof", timeproof["balance"].as_i64().unwrap()),
            ("wasdi", format!("{wasdi:.0}").parse().unwrap()),
        ]
    }

    /// How many purchases each API lists.
    async fn purchases(&self) -> Vec<(&'static str, usize)> {
        let count = |list: &Value| list.as_array().unwrap().len();
        let (orders, entries) =
            (self.get("/orders?limit=100").await, self.get("/credits/transactions?limit=100").await);
        vec![
            ("timeproof", count(&self.get("/api/payments/history").await["payments"])),
            ("wasdi", count(&self.get("/credits/listbyuser").await)),
            ("billing's orders", count(&orders["data"])),
            ("billing's history", count(&entries["data"])),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_bought_through_one_api_are_seen_in_all() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let (alice, bob) = (Caller { world: &world, user: &alice }, Caller { world: &world, user: &bob });
    let mut balance = 0;
    for (bought, api) in (1..).zip(["samsar", "timeproof", "billing", "wasdi", "allmine"]) {
        balance += alice.buy(api).await;
        for (shown_by, shown) in alice.balances().await {
            assert_eq!(shown, balance, "{shown_by}, after a purchase over {api}");
        }
        let last = alice.get("/v2/credits").await["lastTopUp"]["creditsApplied"].as_i64();
        assert!(last.is_some_and(|credits| credits <= balance), "{api}");
        for (listed_by, listed) in alice.purchases().await {
            assert_eq!(listed, bought, "{listed_by}, after a purchase over {api}");
        }
    }
    // Spent once, it is gone everywhere; and no other user has seen any of it.
    alice.post("/purser/v1/wallets/me/debits", json!({"credits": 400})).expect(200).await;
    for (shown_by, shown) in alice.balances().await {
        assert_eq!(shown, balance - 400, "{shown_by}");
    }
    assert!(bob.balances().await.iter().all(|(_, shown)| *shown == 0));
    assert!(bob.purchases().await.iter().all(|(_, listed)| *listed == 0));
    world.finish().await;
}
