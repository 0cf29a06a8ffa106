//! Whose it is decides, not who knows its name: every operation that takes an id is asked, with real ones, by those to
//! whom they belong and by those to whom they do not. To the latter they are ids of nothing, and nothing is changed.

use std::collections::BTreeSet;

use harness::client::{Answer, Request};
use harness::receiver::Receiver;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::openapi::{Operation, operations};

/// Texts of the owner that no other user may read.
const WORDS: &str = "the owner's own words";
const EMAIL: &str = "owner@private.example";
const COMPANY: &str = "Acme Undercover";
/// What is in the owner's wallets.
const OWN: &str =
    "wallet_id in (select id from wallets where user_id = 'the-owner' or organization_id is not null)";

/// What an id stands for.
#[derive(Clone, Debug)]
enum Meaning {
    /// Something of one user, or of one organization.
    Owned { real: Value, nowhere: Value, by: Owner },
    /// What is sold, which is the same to everybody, or what a provider calls it.
    Catalog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The user alone: the other members of the organization are strangers.
    User,
    /// The organization: its members are not.
    Organization,
    /// The installation: all users are strangers.
    Installation,
}

/// Everything that the owner has.
struct Estate {
    world: World,
    owner: User,
    organization: i64,
    order: String,
    package: String,
    session: String,
    payment_intent: String,
    setup_intent: String,
    /// One to capture, one to release, one to look at.
    holds: [String; 3],
    debit: String,
    grant: String,
    api_key_id: String,
    endpoint: String,
    delivery: String,
    dead_letter: String,
    parked: String,
    _receiver: Receiver,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

async fn scalar(world: &World, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(world.pool()).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The owner, and the id of a second API key.
async fn register_owner(world: &World) -> (User, String) {
    let registered = world.put_user("the-owner", json!({"email": EMAIL})).expect(201).await;
    let create_key = async || {
        world.admin_post("/purser/v1/api-keys", harness::world::key_of("the-owner")).expect(201).await
    };
    let (first, second) = (create_key().await, create_key().await);
    let owner = User {
        id: "the-owner".to_owned(),
        wallet_id: text(&registered, "walletId"),
        api_key: text(&first, "apiKey"),
    };
    (owner, text(&second, "apiKeyId"))
}

async fn report_purchase_of_unknown_buyer(world: &World) {
    let anonymous = json!({"api_version": "1.0", "event": {
        "id": Uuid::new_v4(), "type": "NON_RENEWING_PURCHASE", "app_user_id": "not-registered", "aliases": [],
        "product_id": "com.allmine.credits.100", "store": "APP_STORE", "environment": "PRODUCTION",
        "transaction_id": "170000869511114", "purchased_at_ms": 1_763_999_999_000_i64,
        "event_timestamp_ms": 1_764_000_000_000_i64, "price": 8.99, "currency": "TRY",
    }});
    let proof = &world.settings().secrets.revenuecat_webhook_auth;
    world.api().post("/webhooks/revenuecat").header("authorization", proof).json(anonymous).expect(200).await;
}

impl Estate {
    async fn build() -> Self {
        let mut world = World::start().await;
        world.allow_dead_letters();
        let receiver = Receiver::start().await;
        let endpoint = world.admin_post("/purser/v1/webhook-endpoints", json!({"url": receiver.url()}));
        let endpoint = text(&endpoint.expect(201).await, "endpointId");

        let (owner, api_key_id) = register_owner(&world).await;
        let members = json!([{"userId": owner.id, "role": "owner"}]);
        let made = json!({"name": COMPANY, "members": members});
        let made = world.admin_post("/purser/v1/organizations", made).expect(201).await;
        let organization: i64 = made["orgId"].as_str().unwrap().parse().unwrap();

        let post = async |path: &str, body: Value| {
            let answer = world.api().post(path).bearer(&owner.api_key).json(body).send().await.unwrap();
            assert!(answer.status() < 300, "{answer}");
            answer.json().unwrap()
        };
        let bought = world.buy(&owner, 2_500).await;
        let company = post("/api/payments/checkout", json!({"packId": "bulk", "orgId": organization})).await;
        world.pay(&text(&company, "sessionId"), GOOD_CARD).await;
        let body = json!({"channel": "stripe", "type": "credits", "pack_id": "micro",
                          "success_url": "http://localhost:3000/a",
                          "cancel_url": "http://localhost:3000/b"});
        let order = text(&post("/payment/create-session", body).await["data"], "order_id");
        let package = json!({"name": WORDS, "type": "Fifty", "buySuccess": false});
        let package = text(&post("/credits/add", package).await, "message");
        let setup = json!({"thresholdCredits": 10, "amountUsd": 20, "requestSetupSession": true});
        let setup = post("/v1/enable_autorecharge", setup).await;
        world.pay(&text(&setup, "setupSessionId"), GOOD_CARD).await;
        let mut holds = Vec::new();
        for _ in 0..3 {
            let hold = post("/purser/v1/wallets/me/holds", json!({"credits": 5, "description": WORDS})).await;
            holds.push(text(&hold, "holdId"));
        }
        post("/purser/v1/wallets/me/debits", json!({"credits": 7, "description": WORDS})).await;
        post("/checkin", json!({})).await;

        report_purchase_of_unknown_buyer(&world).await;
        let odd = json!({"object": "event", "id": "evt_odd", "type": "charge.updated"});
        assert_eq!(crate::events::deliver(&world, &odd).await.status(), 200);
        world.drain().await;
        receiver.wait_for(1).await;

        let session = bought.session_id;
        let intent =
            "select provider_payment from payments where mode = 'payment' and organization_id is null
                      and provider_payment is not null";
        Self {
            payment_intent: scalar(&world, intent).await,
            setup_intent: scalar(&world, "select provider_payment from payments where mode = 'setup'").await,
            debit: scalar(&world, "select id::text from ledger_entries where source_kind = 'consume'").await,
            grant: scalar(
                &world,
                "select g.id::text from grants g join wallets w on w.id = g.wallet_id
                 where w.user_id = 'the-owner' limit 1",
            )
            .await,
            delivery: scalar(&world, "select id::text from webhook_deliveries limit 1").await,
            dead_letter: scalar(&world, "select id::text from dead_letters").await,
            parked: scalar(&world, "select id::text from store_purchases").await,
            api_key_id,
            holds: holds.try_into().unwrap(),
            _receiver: receiver,
            world,
            owner,
            organization,
            order,
            package,
            session,
            endpoint,
        }
    }

    /// What an operation means by a parameter; none if it is not listed here yet.
    fn meaning(&self, operation: &Operation, parameter: &str) -> Option<Meaning> {
        use Owner::{Installation, Organization, User};
        let path = operation.path.as_str();
        let uuid = || json!("01936f2e-7c1a-7000-8000-00000000dead");
        let owned = |real: Value, nowhere, by| Some(Meaning::Owned { real, nowhere, by });
        let hold = match path {
            path if path.ends_with("/capture") => &self.holds[0],
            path if path.ends_with("/release") => &self.holds[1],
            _ => &self.holds[2],
        };
        match (parameter, path) {
            ("orgId" | "org_id", _) => owned(json!(self.organization), json!(999_999), Organization),
            ("orderId" | "paymentId", _) => owned(json!(self.order), uuid(), User),
            ("creditPackageId", _) => owned(json!(self.package), uuid(), User),
            ("holdId", _) => owned(json!(hold), uuid(), User),
            ("debitId", _) => owned(json!(self.debit), uuid(), User),
            // Keys of users may not manage.
            ("grantId", _) => owned(json!(self.grant), uuid(), Installation),
            ("sessionId" | "checkoutSessionId" | "CHECKOUT_SESSION_ID", _) => {
                owned(json!(self.session), json!("cs_test_nowhere"), User)
            }
            ("paymentIntentId", _) => owned(json!(self.payment_intent), json!("pi_nowhere"), User),
            ("setupIntentId", _) => owned(json!(self.setup_intent), json!("seti_nowhere"), User),
            ("userId" | "user_id", path)
                if path.starts_with("/admin/") || path.starts_with("/purser/v1/") =>
            {
                owned(json!(self.owner.id), json!("nobody-at-all"), Installation)
            }
            ("wallet", _) => owned(json!(self.owner.wallet_id), uuid(), User),
            ("memberId", _) => owned(json!(self.owner.id), json!("nobody-at-all"), User),
            ("apiKeyId", _) => owned(json!(self.api_key_id), uuid(), Installation),
            ("endpointId", _) => owned(json!(self.endpoint), uuid(), Installation),
            ("deliveryId", _) => owned(json!(self.delivery), uuid(), Installation),
            // The estate has none of these. That others are refused alike is asked here; with real ones the tests of
            // subscriptions, operators and the wallet page ask it.
            ("subscriptionId" | "operatorId" | "portalSessionId" | "checkoutId", _) => {
                owned(json!("01936f2e-7c1a-7000-8000-00000000beef"), uuid(), Installation)
            }
            ("purchaseId", _) => owned(json!(self.parked), uuid(), Installation),
            ("id", path) if path.starts_with("/purser/v1/provider-events/") => {
                owned(json!("stripe:evt_of_nobody"), json!("stripe:evt_of_nobody_else"), Installation)
            }
            ("id", path) if path.contains("/dead-letters/") => {
                owned(json!(self.dead_letter), uuid(), Installation)
            }
            (
                "id",
                "/api/v1/credit-packages/{id}" | "/admin/billing/plans" | "/admin/billing/plans/{planId}",
            )
            | (
                "packageId"
                | "planId"
                | "plan_id"
                | "plan_ids"
                | "packId"
                | "pack_id"
                | "pack_ids"
                | "planIds"
                | "packIds"
                | "couponId"
                | "creem_product_id"
                | "creem_product_id_yearly"
                | "creemProductId"
                | "storeProductId"
                | "stripe_price_id_monthly"
                | "stripe_price_id_yearly"
                | "code"
                | "currency",
                _,
            ) => Some(Meaning::Catalog),
            _ => None,
        }
    }

    /// A request that the operation understands, with one parameter.
    fn request(&self, operation: &Operation, parameter: &Parameter, value: &Value) -> Request {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // What else is in the path belongs to the owner as well.
        let segments = operation.path.split('/').map(|segment| {
            match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => segment.to_owned(),
                Some(name) if name == parameter.name => plain.clone(),
                Some(name) => match self.meaning(operation, name) {
                    Some(Meaning::Owned { real, .. }) => real.to_string().trim_matches('"').to_owned(),
                    _ => "micro".to_owned(),
                },
            }
        });
        let mut path = segments.collect::<Vec<_>>().join("/");
        let mut body = body_for(operation);
        match parameter.place {
            Place::Path => {}
            Place::Query => path = format!("{path}?{}={plain}", parameter.name),
            Place::Body => body[&parameter.name] = value.clone(),
        }
        let request = self.world.api().request(operation.method.clone(), &path);
        if operation.takes_body() { request.json(body) } else { request }
    }

    /// What only the owner may read.
    async fn marks(&self) -> Vec<String> {
        let query =
            "with own as (select id from wallets where user_id = 'the-owner' or organization_id is not null)
                     select unnest(array[id::text, provider_session, provider_payment, provider_customer])
                     from payments where wallet_id in (select id from own)
                     union select id::text from ledger_entries where wallet_id in (select id from own)
                     union select id::text from own";
        let found: Vec<Option<String>> =
            sqlx::query_scalar(query).fetch_all(self.world.pool()).await.unwrap();
        let own = [&self.owner.id, &self.owner.api_key, &self.endpoint, &self.delivery, &self.parked];
        let words = [WORDS, EMAIL, COMPANY, "170000869511114"].map(str::to_owned);
        found
            .into_iter()
            .flatten()
            .chain(own.into_iter().cloned())
            .chain(words)
            .chain(self.holds.clone())
            .collect()
    }

    /// Everything that belongs to the owner, the organization and the installation, as it is stored.
    async fn stored(&self) -> Vec<(&'static str, String)> {
        let tables = [
            ("payments", "user_id = 'the-owner'"),
            ("wallets", "user_id = 'the-owner' or organization_id is not null"),
            ("ledger_entries", OWN),
            ("grants", OWN),
            ("holds", "user_id = 'the-owner'"),
            ("packages", "user_id = 'the-owner'"),
            ("auto_recharge", "user_id = 'the-owner'"),
            ("checkins", "user_id = 'the-owner'"),
            ("api_keys", "user_id = 'the-owner'"),
            ("organizations", "name = 'Acme Undercover'"),
            ("organization_members", "user_id = 'the-owner'"),
            ("webhook_endpoints", "true"),
            // What bob does to his own wallet is told of too.
            ("webhook_deliveries", "payload::text not like '%bob%'"),
            ("dead_letters", "true"),
            ("store_purchases", "true"),
            ("packs", "true"),
            ("plans", "true"),
            ("coupons", "true"),
            ("checkin_config", "true"),
            ("admin_actions", "true"),
        ];
        let mut stored = Vec::new();
        for (table, condition) in tables {
            let query = format!(
                "select coalesce(json_agg(t order by t::text)::text, '') from {table} t where {condition}"
            );
            let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(self.world.pool()).await;
            stored.push((table, rows.unwrap_or_else(|error| panic!("{table}: {error}"))));
        }
        stored
    }
}

#[derive(Clone, Debug)]
struct Parameter {
    place: Place,
    name: String,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Path,
    Query,
    Body,
}

/// The parameters of an operation that name something.
fn ids(operation: &Operation, document: &Value) -> Vec<Parameter> {
    let names_something = |name: &str| {
        name == "id"
            || ["Id", "_id", "_ID", "_ids", "Ids"].iter().any(|end| name.ends_with(end))
            || name.contains("_id_")
    };
    let mut found = Vec::new();
    for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
        let name = text(parameter, "name");
        match parameter["in"].as_str() {
            Some("path") if name != "file" => found.push(Parameter { place: Place::Path, name }),
            Some("query") if names_something(&name) => found.push(Parameter { place: Place::Query, name }),
            _ => {}
        }
    }
    let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let named = properties.filter(|(name, _)| names_something(name));
    found.extend(named.map(|(name, _)| Parameter { place: Place::Body, name: name.clone() }));
    found
}

/// What makes a body complete.
fn body_for(operation: &Operation) -> Value {
    match operation.path.as_str() {
        "/purser/v1/wallets/{wallet}/debits" => json!({"credits": 1}),
        "/purser/v1/wallets/{wallet}/holds" => json!({"credits": 1, "ttlSeconds": 60}),
        "/purser/v1/wallets/{wallet}/auto-recharge" => {
            json!({"enabled": false, "thresholdCredits": 1, "amount": {"minor": 500, "currency": "usd"}})
        }
        "/purser/v1/wallets/{wallet}/balance-alerts" => json!({"levels": [1]}),
        "/purser/v1/wallets/{wallet}/grants" => json!({"credits": 1, "kind": "paid", "reason": "a test"}),
        "/purser/v1/holds/{holdId}/extend" => json!({"ttlSeconds": 60}),
        "/purser/v1/grants/{grantId}/void" => json!({"reason": "a test"}),
        "/purser/v1/subscriptions/{subscriptionId}/cancel" => {
            json!({"when": "period_end", "reason": "a test"})
        }
        "/purser/v1/subscriptions/{subscriptionId}/change" => json!({"planId": "team"}),
        "/api/payments/checkout" => json!({"packId": "micro"}),
        "/purser/v1/organizations/{orgId}/members/{userId}/limit" => json!({"credits": 5, "per": "day"}),
        _ => json!({}),
    }
}

/// An answer without the id that was asked about, and without the time.
fn impersonal(answer: &Answer, asked: &Value) -> (u16, String) {
    let mut body = answer.json().unwrap();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("timestamp");
    }
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("requestId");
    }
    (answer.status(), body.to_string().replace(asked.to_string().trim_matches('"'), "ID"))
}

/// Samsar's and WASDI's APIs say of another user's payment that it is not the caller's, which is what they are
/// documented to answer. The ids cannot be guessed: they are the provider's, or random.
fn tells_apart(operation: &Operation) -> bool {
    operation.path.ends_with("/payment_status") || operation.path.ends_with("/credits/stripe/paymentUrl")
}

/// The ids are real: the owner and the administrator are answered.
async fn require_answers_to_the_owner(estate: &Estate, document: &Value) {
    let admin = &estate.world.settings().secrets.admin_api_key;
    for operation in operations().iter().filter(|operation| operation.is_protected()) {
        for parameter in ids(operation, document) {
            let Some(Meaning::Owned { real, by, .. }) = estate.meaning(operation, &parameter.name) else {
                continue;
            };
            // Keys of users may not manage.
            let manages = operation.described["security"][0]["bearer"][0] == "manage";
            if by == Owner::Installation
                || manages
                || operation.is_for_admins() && !operation.method.is_safe()
            {
                continue;
            }
            let credential = if operation.is_for_admins() { admin } else { &estate.owner.api_key };
            let answer =
                estate.request(operation, &parameter, &real).bearer(credential).send().await.unwrap();
            assert!(answer.status() < 300, "{}: {answer}", parameter.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_others_answer_like_unknown_ids() {
    let estate = Estate::build().await;
    let world = &estate.world;
    let document: Value = serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap();

    // Another buyer, the owner of another company, and a colleague.
    let bob = world.create_user("bob").await;
    world.buy(&bob, 500).await;
    let carol = world.create_user("carol").await;
    let other = json!({"name": "Globex", "members": [{"userId": "carol", "role": "owner"}]});
    world.admin_post("/purser/v1/organizations", other).expect(201).await;
    let dave = world.create_user("dave").await;
    let membership = format!("/purser/v1/organizations/{}/members/dave", estate.organization);
    let admin = &world.settings().secrets.admin_api_key;
    world.api().put(&membership).bearer(admin).json(json!({"role": "member"})).expect(200).await;

    let (marks, stored) = (estate.marks().await, estate.stored().await);
    let mut unexplained = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        for parameter in ids(&operation, &document) {
            let meaning = match estate.meaning(&operation, &parameter.name) {
                // A provider's own; it proves who it is.
                _ if operation.api == "webhooks" => continue,
                None => {
                    unexplained.insert(format!("{name}: {}", parameter.name));
                    continue;
                }
                Some(meaning) => meaning,
            };
            let (real, nowhere, by) = match meaning {
                Meaning::Owned { real, nowhere, by } => (real, nowhere, by),
                Meaning::Catalog => continue,
            };
            for stranger in [&bob, &carol, &dave] {
                if stranger.id == "dave" && by == Owner::Organization && !operation.is_for_admins() {
                    continue;
                }
                let ask = async |id: &Value| {
                    let request = estate.request(&operation, &parameter, id);
                    request.bearer(&stranger.api_key).send().await.unwrap()
                };
                let (theirs, nothing) = (ask(&real).await, ask(&nowhere).await);
                let (shown, unknown) = (impersonal(&theirs, &real), impersonal(&nothing, &nowhere));
                let read: Vec<_> = marks.iter().filter(|mark| shown.1.contains(mark.as_str())).collect();
                assert!(read.is_empty(), "{} reads {read:?} of the owner: {theirs}", stranger.id);
                if !operation.is_protected() {
                    continue;
                }
                assert!([403, 404].contains(&theirs.status()), "{}: {name}: {theirs}", stranger.id);
                if tells_apart(&operation) {
                    assert!(
                        [400, 403, 404].contains(&nothing.status()),
                        "{}: {name}: {nothing}",
                        stranger.id
                    );
                } else {
                    assert_eq!(shown, unknown, "{}: {name} tells what exists", stranger.id);
                }
                asked.insert(name.clone());
            }
        }
    }
    assert!(unexplained.is_empty(), "ids whose owner is not stated here: {unexplained:#?}");
    assert!(asked.len() > 40, "{asked:#?}");
    world.drain().await;
    for (before, after) in stored.iter().zip(estate.stored().await) {
        assert_eq!(before.1, after.1, "a stranger has changed {}", before.0);
    }

    require_answers_to_the_owner(&estate, &document).await;
    estate.world.finish().await;
}

/// Requests that take effect for any caller, with the bodies they need.
const DEEDS: &[(&str, &str)] = &[
    ("/purser/v1/wallets/{wallet}/debits", r#"{"credits": 1, "description": "mine"}"#),
    ("/purser/v1/wallets/{wallet}/holds", r#"{"credits": 1, "ttlSeconds": 600}"#),
    ("/purser/v1/debits/batch", r#"{"debits": [{"wallet": "me", "credits": 1, "idempotencyKey": "mine"}]}"#),
    ("/v1/credits/recharge", r#"{"credits": 700}"#),
    ("/v2/credits/recharge", r#"{"credits": 700}"#),
    ("/api/payments/checkout", r#"{"packId": "micro"}"#),
    ("/credits/add", r#"{"name": "mine", "type": "Fifty", "buySuccess": false}"#),
    ("/wasdiwebserver/rest/credits/add", r#"{"name": "mine too", "type": "Fifty", "buySuccess": false}"#),
    (
        "/payment/create-session",
        r#"{"channel": "stripe", "type": "credits", "pack_id": "micro", "success_url": "http://localhost:3000/a",
            "cancel_url": "http://localhost:3000/b"}"#,
    ),
    ("/checkin", "{}"),
    ("/v1/enable_autorecharge", r#"{"enabled": false, "thresholdCredits": 1}"#),
    ("/v2/enable_autorecharge", r#"{"enabled": false, "thresholdCredits": 1}"#),
    (
        "/purser/v1/wallets/{wallet}/auto-recharge",
        r#"{"enabled": false, "thresholdCredits": 1, "amount": {"minor": 500, "currency": "usd"}}"#,
    ),
    ("/purser/v1/wallets/{wallet}/balance-alerts", r#"{"levels": [1]}"#),
];

/// The path of an operation for the caller's own wallet.
fn own_path(operation: &Operation) -> String {
    operation.path.replace("{wallet}", "me")
}

/// Who calls is told by the credential alone, whatever else a request says of it.
#[tokio::test(flavor = "multi_thread")]
async fn callers_act_only_as_their_credential_says() {
    let estate = Estate::build().await;
    let world = &estate.world;
    let bob = world.create_user("bob").await;
    world.buy(&bob, 500).await;
    let (marks, stored) = (estate.marks().await, estate.stored().await);
    let wallet = &estate.owner.wallet_id;
    let query =
        format!("userId=the-owner&user_id=the-owner&walletId={wallet}&wallet_id={wallet}&userEmail={EMAIL}");
    let mut done = BTreeSet::new();
    for operation in operations() {
        let is_endless = ["/ws", "/api/ws", "/events"].contains(&operation.path.as_str());
        if !operation.is_protected()
            || operation.is_for_admins()
            || is_endless
            || own_path(&operation).contains('{')
        {
            continue;
        }
        let deed = DEEDS.iter().find(|(path, _)| *path == operation.path).map_or("{}", |(_, body)| *body);
        let mut body: Value = serde_json::from_str(deed).unwrap();
        // This system's own API refuses fields that it does not know.
        if operation.api != "native" {
            for (field, value) in [
                ("userId", "the-owner"),
                ("user_id", "the-owner"),
                ("walletId", wallet),
                ("wallet_id", wallet),
                ("stripeCustomerId", "cus_of_the_owner"),
                ("customer_id", "cus_of_the_owner"),
            ] {
                body[field] = json!(value);
            }
        }
        let path = format!("{}?{query}", own_path(&operation));
        let mut request = world.api().request(operation.method.clone(), &path).bearer(&bob.api_key);
        for header in
            ["x-user-id", "x-forwarded-user", "x-remote-user", "x-authenticated-userid", "x-wallet-id"]
        {
            request = request.header(header, "the-owner");
        }
        let request = if operation.takes_body() { request.json(body) } else { request };
        let answer = request.send().await.unwrap();
        let shown = answer.text();
        let read: Vec<_> = marks.iter().filter(|mark| shown.contains(mark.as_str())).collect();
        assert!(read.is_empty(), "bob reads {read:?} of the owner: {answer}");
        assert!(answer.status() < 500, "{answer}");
        if answer.status() < 300 {
            done.insert(operation.path);
        }
    }
    let left: Vec<_> = DEEDS.iter().filter(|(path, _)| !done.contains(*path)).collect();
    assert!(left.is_empty(), "not even done for bob: {left:?}");
    world.drain().await;
    for (before, after) in stored.iter().zip(estate.stored().await) {
        assert_eq!(before.1, after.1, "a stranger has changed {}", before.0);
    }
    estate.world.finish().await;
}

/// Knowing another caller's idempotency key does not reveal that caller's answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_belongs_to_its_caller_only() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    for user in [&alice, &bob] {
        world.buy(user, 500).await;
    }
    let keyed: Vec<Operation> = operations()
        .into_iter()
        .filter(|operation| {
            let parameters = operation.described["parameters"].as_array();
            let is_keyed = |parameter: &Value| parameter["name"] == "Idempotency-Key";
            parameters.is_some_and(|parameters| parameters.iter().any(is_keyed))
                && DEEDS.iter().any(|(path, _)| *path == operation.path)
        })
        .collect();
    assert!(keyed.len() > 5, "{}", keyed.len());
    for operation in keyed {
        let (_, body) = DEEDS.iter().find(|(path, _)| *path == operation.path).unwrap();
        let send = async |user: &User| {
            let request =
                world.api().request(operation.method.clone(), &own_path(&operation)).bearer(&user.api_key);
            let request =
                request.idempotency_key("one and the same").header("content-type", "application/json");
            request.body(*body).send().await.unwrap()
        };
        let (hers, again, his) = (send(&alice).await, send(&alice).await, send(&bob).await);
        assert!(hers.status() < 300 && his.status() < 300, "{hers}; {his}");
        let (hers, again, his) = (hers.json().unwrap(), again.json().unwrap(), his.json().unwrap());
        assert_eq!(hers, again, "{}", operation.path);
        assert_ne!(hers, his, "{}: bob gets what is alice's", operation.path);
    }
    world.finish().await;
}
