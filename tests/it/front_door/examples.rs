//! Every body of the description has an example, and the examples do what they say.

use harness::client::Answer;
use harness::world::World;
use serde_json::{Value, json};

use super::{admin, order, pay};
use crate::openapi::{Operation, operations};

/// What it takes more than a test to have. Their examples are read, and then what they are about is not there.
const OF_UNKNOWN_THINGS: [&str; 7] = [
    "/provider-events/",
    "/dead-letters/",
    "/parked-purchases/",
    "/subscriptions/",
    "/api-keys/{apiKeyId}",
    "/operators/{operatorId}",
    "/operator-invitations/",
];

/// Those that take a secret of somebody's: that of an example is nobody's.
const WITH_SECRETS: [&str; 3] = ["/operator-sessions", "/operator-password", "/portal-sessions/open"];

/// Parts of the paths after which others would not work, or have somebody else's server called.
const LAST: [&str; 4] = ["/block", "/unblock", "/webhook-endpoints", "/test/clock"];

struct Shop {
    world: World,
    schemas: Value,
    debit: String,
    holds: Vec<String>,
    grant: String,
    order: String,
    endpoint: String,
    coupon: String,
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
}

impl Shop {
    /// One with what the examples speak of: users alice and bob, the organization 1, a code.
    async fn open() -> Self {
        let world = World::start().await;
        for name in ["alice", "bob"] {
            world.put_user(name, json!({})).expect(201).await;
        }
        let post = async |path: &str, body: Value, status: u16| {
            world.admin_post(&format!("/purser/v1/{path}"), body).expect(status).await
        };
        post("organizations", json!({"name": "Acme", "members": [{"userId": "bob", "role": "owner"}]}), 201)
            .await;
        let coupon = post("catalog/coupons", json!({"code": "GIFT", "credits": 5}), 201).await;
        let gift = json!({"credits": 500, "kind": "promotional", "reason": "To spend it"});
        post("wallets/org:1/grants", gift.clone(), 201).await;
        let grant = post("wallets/user:alice/grants", gift.clone(), 201).await;
        post("wallets/user:alice/grants", gift, 201).await;
        let debit = post("wallets/user:alice/debits", json!({"credits": 20}), 200).await;
        let mut holds = Vec::new();
        for _ in 0..3 {
            holds.push(text(&post("wallets/user:alice/holds", json!({"credits": 20}), 201).await, "holdId"));
        }
        let bought = order(&world, json!({"wallet": "user:alice", "credits": 300})).await;
        pay(&world, &bought).await;
        let endpoint =
            post("webhook-endpoints", json!({"url": "https://example.com/", "enabled": false}), 201).await;
        let schemas = world.api().get("/openapi.json?dialect=native").expect(200).await;
        let (debit, grant) = (text(&debit, "debitId"), text(&grant, "grantId"));
        let (order, endpoint) = (text(&bought, "orderId"), text(&endpoint, "endpointId"));
        let coupon = text(&coupon, "couponId");
        Self { world, schemas, debit, holds, grant, order, endpoint, coupon }
    }

    /// The example of an operation's body.
    fn example(&self, operation: &Operation) -> Value {
        let content = &operation.described["requestBody"]["content"]["application/json"];
        let schema = content["schema"]["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        let named = schema.and_then(|schema| self.schemas.pointer(schema));
        let example = content.get("example").or(named.and_then(|schema| schema.get("example")));
        example.unwrap_or_else(|| panic!("{} {} has no example", operation.method, operation.path)).clone()
    }

    fn address(&mut self, operation: &Operation, example: &Value) -> String {
        let segments: Vec<String> = operation
            .path
            .split('/')
            .map(|segment| match segment {
                "{wallet}" => "user:alice".to_owned(),
                "{userId}" => "alice".to_owned(),
                "{orgId}" => "1".to_owned(),
                "{debitId}" => self.debit.clone(),
                "{holdId}" => self.holds.pop().unwrap(),
                "{grantId}" => self.grant.clone(),
                "{orderId}" => self.order.clone(),
                "{endpointId}" => self.endpoint.clone(),
                "{currency}" => "usd".to_owned(),
                "{packId}" => text(example, "packId"),
                "{planId}" => text(example, "planId"),
                "{couponId}" => self.coupon.clone(),
                segment if segment.starts_with('{') => "01936f2e-7c1a-7000-8000-00000000dead".to_owned(),
                segment => segment.to_owned(),
            })
            .collect();
        segments.join("/")
    }

    async fn send(&mut self, operation: &Operation) -> Answer {
        let example = self.example(operation);
        let path = self.address(operation, &example);
        let request = admin(&self.world, self.world.api().request(operation.method.clone(), &path));
        request.json(example).send().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_has_an_example_that_works_as_it_stands() {
    let mut shop = Shop::open().await;
    let own = |operation: &Operation| operation.api == "native" && operation.takes_body();
    let mut operations: Vec<Operation> = operations().into_iter().filter(own).collect();
    assert!(operations.len() > 40, "{}", operations.len());
    operations.sort_by_key(|operation| LAST.iter().any(|part| operation.path.contains(part)));
    for operation in &operations {
        let answer = shop.send(operation).await;
        let is_unknown = OF_UNKNOWN_THINGS.iter().any(|part| operation.path.contains(part));
        let has_secret = WITH_SECRETS.iter().any(|part| operation.path.contains(part));
        let expected = match (is_unknown, has_secret) {
            (true, _) => vec![404],
            (_, true) => vec![401, 404],
            _ => vec![200, 201, 202],
        };
        assert!(expected.contains(&answer.status()), "{answer}");
    }
    shop.world.drain().await;
    let reasons = "admin_actions where details ->> 'reason' = 'Paid with stolen cards'";
    assert_eq!(shop.world.count(reasons).await, 2);
    shop.world.finish().await;
}
