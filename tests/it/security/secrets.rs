//! What must appear nowhere: secrets, credentials, cards, and what providers report about buyers. The whole system runs
//! as processes that log at length, everything goes wrong that can, and then everything that it has said is searched.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::client::{Answer, Client, Request};
use harness::receiver::{Answer as Received, Receiver};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::refuse_to_start;
use crate::events::{deliver, event, paid_session, publish_raw, signature};
use crate::recharge::{FAILING_CARD, plain, recharged, spend};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
/// Everything, of our own crates and of all others.
const EVERYTHING: &str = "debug";
const DECLINED_CARD: &str = "4000000000000002";

/// What providers say about a buyer.
const EMAIL: &str = "alice.liddell@private.example";
const NAME: &str = "Alice Pleasance Liddell";
const PHONE: &str = "+44 1865 276 150";
const STREET: &str = "Christ Church 17b";
const RECEIPT: &str = "https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8xT";
const SECRET_IN_ADDRESS: &str = "hook-token-7d1f";

/// How texts start that are secret whatever follows.
const SECRET_STARTS: &[&str] =
    &["psk_", "pst_", "whsec_", "sk_test_", "sk_live_", "Bearer ", "eyJ", "_secret_", "-----BEGIN"];

/// Everything that was said, by what said it.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn keep(&mut self, by: impl Into<String>, text: impl Into<String>) {
        self.0.push((by.into(), text.into()));
    }

    fn answer(&mut self, answer: &Answer) {
        let line = answer.to_string();
        self.keep(format!("an answer: {}", line.split(" → ").next().unwrap_or_default()), answer.text());
    }

    /// Where any of these texts is, with what is around it.
    fn places<'a>(&self, hidden: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
        let mut places = BTreeSet::new();
        for text in hidden {
            for (by, said) in &self.0 {
                let Some(at) = said.find(text.as_str()) else { continue };
                let start = said[..at].char_indices().rev().nth(120).map_or(0, |(start, _)| start);
                let around: String = said[start..].chars().take(120 + text.len() + 40).collect();
                places.insert(format!("{by}: {text}\n    …{around}…"));
            }
        }
        places
    }
}

/// A text in every form in which it may be written down.
fn forms(text: &str) -> Vec<String> {
    let percent: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let bytes = format!("{:?}", text.as_bytes());
    let mut forms = vec![text.to_owned(), STANDARD.encode(text).trim_end_matches('=').to_owned(), percent];
    forms.push(bytes.trim_matches(['[', ']']).to_owned());
    forms.push(hex::encode(text));
    forms
}

/// The password of an address.
fn password(address: &str) -> String {
    url::Url::parse(address).unwrap().password().unwrap().to_owned()
}

/// A provider's object with all that it says about a buyer.
fn with_person(mut object: Value) -> Value {
    let address = json!({"line1": STREET, "country": "GB"});
    object["customer_details"] = json!({"email": EMAIL, "name": NAME, "phone": PHONE, "address": address});
    object["receipt_email"] = json!(EMAIL);
    object["receipt_url"] = json!(RECEIPT);
    object["client_secret"] = json!("cs_test_1_secret_fidwbEhqYWAnPydmcHZxamgneCUl");
    object["payment_method_details"] = json!({"card": {"number": GOOD_CARD, "last4": "4242", "cvc": "737"}});
    object
}

/// Sends what is refused, with what must not be repeated to anybody.
async fn be_refused(world: &World, said: &mut Said, secrets: &[&String]) {
    let api = world.api();
    let ask = |path: &str| api.get(path);
    let paths = ["/v1/credits", "/credits/balance", "/credits/totalbyuser", "/api/payments/balances"];
    for path in paths.into_iter().chain(["/purser/v1/catalog/packs", "/api/v1/users/me/transactions", "/ws"])
    {
        for credential in secrets {
            let credential = credential.as_str();
            // Nearly right, in every place where one can be.
            let cut = credential.get(..credential.len() - 1).unwrap_or_default();
            let cookie = format!("purser_session={cut}");
            let requests: [Request; 4] = [
                ask(path).bearer(cut),
                ask(path).header("x-session-token", cut),
                ask(path).header("cookie", &cookie),
                ask(&format!("{path}?token={credential}&api_key={credential}")),
            ];
            for request in requests {
                said.answer(&request.send().await.unwrap());
            }
        }
    }
}

/// Provider's events of all kinds that are not simply credited.
async fn be_told(world: &World, said: &mut Said, alice: &User) {
    let settings = world.settings();
    let contradicted = world.start_checkout(alice, 900).await;
    let mut session = with_person(paid_session(world, alice, &contradicted).await);
    session["amount_total"] = json!(1);
    let good = with_person(paid_session(world, alice, &world.start_checkout(alice, 800).await).await);
    let thin = with_person(json!({"object": "v2.core.event", "id": "evt_thin", "type": "v1.x"}));
    let twisted = json!({"id": {"email": EMAIL}, "object": NAME, "data": [RECEIPT, GOOD_CARD]});
    for told in [
        event("checkout.session.completed", &session),
        event("checkout.session.completed", &good),
        event("charge.succeeded", &with_person(json!({"id": "ch_1", "livemode": false}))),
        thin,
        twisted,
    ] {
        said.answer(&deliver(world, &told).await);
        let body = told.to_string();
        let forged = signature("whsec_not_it", body.as_bytes());
        let signed = world.api().post("/api/payments/webhook").header("stripe-signature", &forged);
        said.answer(&signed.body(body.clone()).send().await.unwrap());
        let creem =
            world.api().post("/payment/webhook/creem").header("creem-signature", &hex::encode([7; 32]));
        said.answer(&creem.body(body.clone()).send().await.unwrap());
        for authorization in ["", "wrong", settings.secrets.revenuecat_webhook_auth.as_str()] {
            let store = world.api().post("/webhooks/revenuecat").header("authorization", authorization);
            said.answer(&store.body(body.clone()).send().await.unwrap());
        }
    }
    for broken in [format!("{{\"email\": \"{EMAIL}\""), format!("{EMAIL} {GOOD_CARD}")] {
        let header = signature(&settings.secrets.stripe_webhook_secret, broken.as_bytes());
        let signed = world.api().post("/payment/webhook/stripe").header("stripe-signature", &header);
        said.answer(&signed.body(broken).send().await.unwrap());
    }
}

/// A message that no worker can read, with all that must not be shown.
async fn poison(world: &World, secret: &str) {
    let kind = json!({"kind": format!("x-{EMAIL}"), "payload": {"email": EMAIL, "key": secret}}).to_string();
    let payload =
        json!({"kind": "payment.verify", "payload": {"object_id": {"email": EMAIL, "key": secret}}});
    publish_raw(world, [kind, payload.to_string(), format!("not JSON: {EMAIL} {secret}")]).await;
}

/// What is asked of it while something is away.
async fn ask_in_vain(world: &World, said: &mut Said, alice: &User, session: &str) {
    let api = world.api();
    let cookie = format!("purser_session={session}");
    let recharge = api.post("/v1/credits/recharge").bearer(&alice.api_key).header("prefer", "respond-async");
    for request in [
        api.get("/v1/credits").bearer(&alice.api_key),
        api.get("/credits/balance").header("cookie", &cookie),
        api.post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).json(json!({"credits": 1})),
        recharge.json(json!({"credits": 600})),
        api.get("/readyz"),
        api.get("/credits/stripe/confirmation/cs_test_unknown"),
    ] {
        said.answer(&request.send().await.unwrap());
    }
    let told = event("customer.updated", &with_person(json!({"id": "cus_1", "livemode": false})));
    said.answer(&deliver(world, &told).await);
}

async fn read_metrics(world: &World, said: &mut Said) {
    for port in world.settings().addresses.metrics_ports {
        let metrics = Client::new(format!("http://127.0.0.1:{port}")).unwrap();
        let answer = metrics.get("/metrics").send().await.unwrap();
        assert!(answer.text().contains("purser_"), "{answer}");
        said.keep(format!("metrics at {port}"), answer.text());
    }
}

/// What administrators are shown.
async fn read_admin(world: &World, said: &mut Said) {
    let admin = &world.settings().secrets.admin_api_key;
    let get = async |path: &str| world.api().get(path).bearer(admin).send().await.unwrap();
    let letters = get("/purser/v1/dead-letters?limit=500").await;
    said.answer(&letters);
    let letters = letters.json().unwrap();
    assert!(letters["data"].as_array().unwrap().len() >= 4, "{letters}");
    for letter in letters["data"].as_array().unwrap() {
        said.answer(&get(&format!("/purser/v1/dead-letters/{}", letter["id"].as_str().unwrap())).await);
    }
    let endpoints = get("/purser/v1/webhook-endpoints").await;
    said.keep("the list of endpoints", endpoints.text().replace(SECRET_IN_ADDRESS, ""));
    for endpoint in endpoints.json().unwrap()["data"].as_array().into_iter().flatten() {
        let path =
            format!("/purser/v1/webhook-endpoints/{}/deliveries", endpoint["endpointId"].as_str().unwrap());
        said.answer(&get(&path).await);
    }
    said.answer(&get("/admin/billing/coupons").await);
    said.answer(&get("/admin/credits/transactions").await);
    let events = get("/purser/v1/provider-events?state=open").await;
    assert!(events.text().contains("checkout.session.completed"), "{events}");
    said.answer(&events);
}

/// A token of Alice's.
fn sign_token(world: &World) -> String {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &json!({"sub": "alice", "iss": issuer, "aud": audience, "exp": 4_000_000_000_u64}),
        &jsonwebtoken::EncodingKey::from_secret(world.settings().secrets.jwt_hs256_secret.as_bytes()),
    )
    .unwrap()
}

/// The provider, the database and the broker, each away for a moment.
async fn disturb(world: &World, said: &mut Said, alice: &User, session: &str) {
    world.set_provider_faults(json!({"rate_500": 1.0})).await;
    let refused =
        world.api().post("/v1/credits/recharge").bearer(&alice.api_key).json(json!({"credits": 650}));
    said.answer(&refused.send().await.unwrap());
    world.set_provider_faults(json!({})).await;
    let now = |action: &dyn Fn() -> anyhow::Result<()>| tokio::task::block_in_place(action).unwrap();
    now(&|| world.servers().postgres().kill9());
    world.wait_until_api_unready().await;
    ask_in_vain(world, said, alice, session).await;
    now(&|| world.servers().postgres().start());
    world.wait_until_api_ready().await;
    world.settle_queues().await;
    now(&|| world.servers().rabbitmq().kill9());
    world.wait_until_api_unready().await;
    ask_in_vain(world, said, alice, session).await;
    now(&|| world.servers().rabbitmq().start());
    world.wait_until_api_ready().await;
    world.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_personal_data_never_appear_in_output_even_on_failure() {
    let mut world = World::builder()
        .own_servers()
        .api_process(DEV)
        .worker_process(DEV)
        .scheduler_process(DEV)
        .logs(EVERYTHING)
        .start()
        .await;
    world.allow_dead_letters();
    let mut said = Said::default();

    let receiver = Receiver::answering(&[], Received::Status(500)).await;
    let address = format!("{}&token={SECRET_IN_ADDRESS}", receiver.url());
    let made = world.admin_post("/purser/v1/webhook-endpoints", json!({"url": address})).expect(201).await;
    let endpoint_secret = made["secret"].as_str().unwrap().to_owned();
    let alice = recharged(&world, "alice", 1_500, FAILING_CARD, plain()).await;
    let session = world.create_session(&alice).await;
    let secrets = world.settings().secrets.clone();
    let jwt = sign_token(&world);
    world.api().get("/v1/credits").bearer(&jwt).expect(200).await;
    world.api().get("/v1/credits").header("x-session-token", &session).expect(200).await;

    // A purchase, a declined one, a recharge that is declined.
    world.buy(&alice, 700).await;
    let declined = world.start_checkout(&alice, 500).await;
    let pay = format!("/_emulator/checkout/{}/pay", declined.session_id);
    world.emulator().post(&pay).json(json!({"card": DECLINED_CARD})).send().await.unwrap();
    assert_eq!(spend(&world, &alice, 2_000).await, 200);
    be_told(&world, &mut said, &alice).await;
    let credentials = [&alice.api_key, &session, &jwt, &secrets.admin_api_key, &secrets.stripe_secret_key];
    be_refused(&world, &mut said, &credentials).await;
    poison(&world, &secrets.stripe_secret_key).await;
    world.drain().await;

    disturb(&world, &mut said, &alice, &session).await;
    read_metrics(&world, &mut said).await;
    read_admin(&world, &mut said).await;
    for process in [world.api_process(), world.worker(), world.scheduler()] {
        let output = process.output().unwrap();
        assert!(output.lines().count() > 50 && output.contains("DEBUG"), "it has not logged: {output}");
        // Slow statements are logged, without what they are given; a column is called like this.
        said.keep(process.service().name(), output.replace("previous_secret_", ""));
    }

    let addresses = &world.settings().addresses;
    let (database, broker) = (password(&addresses.database_url), password(&addresses.amqp_url));
    let secret = [
        &secrets.admin_api_key,
        &secrets.stripe_secret_key,
        &secrets.stripe_webhook_secret,
        &secrets.creem_api_key,
        &secrets.creem_webhook_secret,
        &secrets.revenuecat_webhook_auth,
        &secrets.jwt_hs256_secret,
        &alice.api_key,
        &session,
        &jwt,
        &endpoint_secret,
        &database,
        &broker,
    ];
    let personal =
        [EMAIL, NAME, PHONE, STREET, RECEIPT, GOOD_CARD, DECLINED_CARD, FAILING_CARD, SECRET_IN_ADDRESS];
    let hidden = secret.into_iter().map(String::as_str).chain(personal);
    let hidden: Vec<String> =
        hidden.flat_map(forms).chain(SECRET_STARTS.iter().map(ToString::to_string)).collect();
    let places = said.places(&hidden);
    assert!(
        places.is_empty(),
        "{} places:\n{}",
        places.len(),
        places.into_iter().collect::<Vec<_>>().join("\n")
    );
    world.abandon().await;
}

/// A process that cannot start says which variable is wrong, and not what is in it.
#[test]
fn an_unusable_variable_is_named_and_its_value_hidden() {
    const HIDDEN: &str = "hunter2-do-not-print";
    let cases = [
        ("DATABASE_URL", format!("postgres://purser:{HIDDEN}@127.0.0.1:notaport/purser")),
        ("DATABASE_URL", format!("mysql://purser:{HIDDEN}@127.0.0.1/purser")),
        ("DATABASE_URL", format!("postgres://purser:{HIDDEN}@[::1/purser")),
        ("AMQP_URL", format!("amqp://purser:{HIDDEN}@127.0.0.1:notaport/%2f")),
        ("AMQP_URL", HIDDEN.to_owned()),
        ("STRIPE_WEBHOOK_SECRET", format!("{HIDDEN},,")),
        ("CREEM_WEBHOOK_SECRET", format!(",{HIDDEN}")),
        ("REVENUECAT_WEBHOOK_AUTH", format!("{HIDDEN}, ,")),
        ("REVENUECAT_SIGNING_SECRET", format!("{HIDDEN},")),
        ("JWT_HS256_SECRET", HIDDEN.to_owned()),
        ("JWT_JWKS_URL", format!("http://purser:{HIDDEN}@keys.example.com/")),
        ("STRIPE_SECRET_KEY", format!("{HIDDEN}\n")),
        ("STRIPE_API_BASE", format!("http//{HIDDEN}")),
        ("CREEM_API_KEY", format!("{HIDDEN}\r\nx: y")),
        ("CREEM_API_BASE", format!("http//{HIDDEN}")),
        ("METRICS_ADDR", HIDDEN.to_owned()),
    ];
    for (name, value) in cases {
        let output = refuse_to_start(&[(name, &value)]);
        assert!(!output.contains(HIDDEN), "{name}: {output}");
        assert!(output.contains(name), "{name}: {output}");
    }
}
