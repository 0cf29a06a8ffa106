//! What a developer finds, all of it made through the own API: a small shop, and the user that the demonstration is
//! about, with an API key, a session and a signed token, so that every way in can be tried.

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::client::Client;
use crate::system::Settings;

const USER: &str = "demo";
const OPERATOR: &str = "operator@example.com";
const SESSION_SECONDS: i64 = 86_400;

/// The user's ways in.
#[derive(Clone)]
pub struct Credentials {
    pub user: String,
    /// A key for servers.
    pub api_key: String,
    /// A session for browsers.
    pub session_token: String,
    /// A token that the host application would sign.
    pub jwt: String,
    /// Who may do everything in the console.
    pub operator: String,
}

/// Creates the user. In a database that was used before, another one: the emulator has forgotten the first.
pub async fn create_user(client: &Client, settings: &Settings) -> Result<Credentials> {
    let admin = &settings.secrets.admin_api_key;
    let mut user = USER.to_owned();
    let put =
        |user: &str| client.put(&format!("/purser/v1/users/{user}")).bearer(admin).json(json!({})).send();
    let mut answer = put(&user).await?;
    if answer.status() == 200 {
        user = format!("{USER}-{:08x}", rand::random::<u32>());
        answer = put(&user).await?;
    }
    anyhow::ensure!(answer.status() == 201, "{answer}");
    let created =
        admin_post(client, admin, "/purser/v1/api-keys", crate::world::key_of(&user)).require(201).await?;
    let api_key = text(&created, "apiKey")?;
    let body = json!({"userId": user, "ttlSeconds": SESSION_SECONDS});
    let created = admin_post(client, admin, "/purser/v1/sessions", body).require(201).await?;
    let session_token = text(&created, "sessionToken")?;
    let jwt = sign_token(settings, &user)?;
    let operator = invite_operator(client, admin).await?;
    Ok(Credentials { user, api_key, session_token, jwt, operator })
}

/// Has an operator with every right; in a database that was used before, the one of then.
async fn invite_operator(client: &Client, admin: &str) -> Result<String> {
    let path = "/purser/v1/operators";
    let new = json!({"email": OPERATOR, "name": "Demo", "role": "admin"});
    let made = admin_post(client, admin, path, new).send().await?;
    if made.status() == 201 {
        return text(&made.json()?, "operatorId");
    }
    anyhow::ensure!(made.status() == 409, "{made}");
    let all = client.get(&format!("{path}?limit=200")).bearer(admin).require(200).await?;
    let mut all = all.get("data").and_then(Value::as_array).into_iter().flatten();
    let known =
        all.find(|operator| operator["email"] == OPERATOR).context("no operator of the demonstration")?;
    text(known, "operatorId")
}

/// A link that signs the operator in to the console, once.
pub async fn sign_in_link(client: &Client, settings: &Settings, operator: &str) -> Result<String> {
    let path = format!("/purser/v1/operators/{operator}/sign-in-link");
    let made = admin_post(client, &settings.secrets.admin_api_key, &path, json!({})).require(201).await?;
    text(&made, "url")
}

/// Has a small shop of its own, beside the catalogs of the dialects: two packs, a plan, a coupon, and a price for any
/// amount. What a database that was used before has stays.
pub async fn open_shop(client: &Client, settings: &Settings) -> Result<()> {
    let admin = &settings.secrets.admin_api_key;
    let usd = |minor: i64| json!({"minor": minor, "currency": "usd"});
    let goods = [
        (
            "packs",
            json!({"packId": "hundred", "name": "100 credits", "credits": 100, "price": usd(100),
                         "dialects": ["native"]}),
        ),
        (
            "packs",
            json!({"packId": "thousand", "name": "1,000 credits", "credits": 1_000, "price": usd(900),
                         "description": "Ten per cent off", "dialects": ["native"]}),
        ),
        (
            "plans",
            json!({"planId": "monthly", "name": "Monthly", "features": ["2,000 credits a month"],
                         "monthly": {"price": usd(1_500), "credits": 2_000}}),
        ),
        ("coupons", json!({"code": "DEMO10", "percent": 10})),
    ];
    for (resource, body) in goods {
        let answer =
            admin_post(client, admin, &format!("/purser/v1/catalog/{resource}"), body).send().await?;
        anyhow::ensure!([201, 409].contains(&answer.status()), "{answer}");
    }
    let price = client.put("/purser/v1/catalog/credit-prices/usd").bearer(admin);
    price.json(json!({"credits": 100, "minor": 100})).require(200).await?;
    Ok(())
}

/// Has the packs of WASDI sold by the emulator's Payment Links; where the emulator listens, no migration knows.
pub async fn link_packs(client: &Client, settings: &Settings) -> Result<()> {
    let admin = &settings.secrets.admin_api_key;
    let listed = client.get("/purser/v1/catalog/packs").bearer(admin).require(200).await?;
    let packs = listed.get("data").and_then(Value::as_array).context("no packs in the catalog")?;
    for (id, link) in [("Fifty", "plink_Fifty"), ("OneHundred", "plink_OneHundred")] {
        let pack = packs.iter().find(|pack| pack["packId"] == id);
        let mut pack = pack.cloned().with_context(|| format!("no pack {id} in the catalog"))?;
        pack["stripePaymentLink"] = format!("{}/l/{link}", settings.emulator_url()).into();
        let path = format!("/purser/v1/catalog/packs/{id}");
        client.put(&path).bearer(admin).json(pack).require(200).await?;
    }
    Ok(())
}

pub fn admin_post(client: &Client, admin: &str, path: &str, body: Value) -> crate::client::Request {
    let key = uuid::Uuid::new_v4().to_string();
    client.post(path).bearer(admin).idempotency_key(&key).json(body)
}

fn sign_token(settings: &Settings, user: &str) -> Result<String> {
    let (issuer, audience) = settings.jwt_issuer_and_audience();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let claims =
        json!({"sub": user, "iss": issuer, "aud": audience, "iat": now, "exp": now + SESSION_SECONDS});
    let key = EncodingKey::from_secret(settings.secrets.jwt_hs256_secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).context("cannot sign a token")
}

/// A text field of an answer.
pub fn text(answer: &Value, field: &str) -> Result<String> {
    let value = answer.get(field).and_then(Value::as_str);
    value.map(str::to_owned).with_context(|| format!("no text `{field}` in {answer}"))
}
