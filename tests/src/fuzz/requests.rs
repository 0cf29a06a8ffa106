//! Requests to a whole system: to every operation that takes a body, in every dialect. Each answer is one that
//! the description allows: never a server error, and each error in the format of its API.
//!
//! An input is a line with method and path, and then the body. What providers send is signed as theirs. An input with
//! another first line is a credential.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::error_formats::{format_at, format_of};
use crate::world::World;

/// Errors may repeat a value, or where in the body it was; not the body.
const ERROR_BYTES_MAX: usize = 1024;

/// A system, and how it is called.
pub struct Requests {
    world: World,
    api_key: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: String,
    api: String,
}

impl Operation {
    /// Whether a path is of its form.
    fn is_at(&self, path: &str) -> bool {
        let same =
            |(ours, theirs): (&str, &str)| ours == theirs || (ours.starts_with('{') && !theirs.is_empty());
        let path = path.split('?').next().unwrap_or_default();
        self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(same)
    }
}

impl Requests {
    /// Starts a system whose caller may do everything: a user who administrates.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let mut world = World::builder().guarded_webhooks().start().await;
        world.allow_dead_letters();
        world.put_user("root", json!({"admin": true})).expect(201).await;
        let made = world.admin_post("/purser/v1/api-keys", crate::world::key_of("root")).expect(201).await;
        let api_key = made["apiKey"].as_str().unwrap_or_default().to_owned();
        let described: Value = serde_json::from_str(&api::description()).unwrap_or_default();
        let paths = described["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let described = item.as_object().into_iter().flatten();
            described.filter(|(_, operation)| operation["requestBody"].is_object()).map(
                |(method, operation)| {
                    let api = operation["tags"][0].as_str().unwrap_or_default().to_owned();
                    Operation { method: method.to_uppercase(), path: path.clone(), api }
                },
            )
        });
        Self { operations: operations.collect(), world, api_key }
    }

    /// Every operation that takes a body, as `POST /path`.
    pub fn operations(&self) -> impl Iterator<Item = (&str, String)> {
        self.operations.iter().map(|one| (one.api.as_str(), format!("{} {}", one.method, one.path)))
    }

    /// Whether an input is a request to an operation.
    pub fn operation(&self, input: &[u8]) -> Option<String> {
        let (operation, ..) = self.find(input)?;
        Some(format!("{} {}", operation.method, operation.path))
    }

    /// Makes the request, and checks the answer. False if the bytes cannot be sent.
    ///
    /// # Panics
    /// When the answer is none of those that are described.
    pub async fn run(&self, input: &[u8]) -> bool {
        let Some((operation, path, body)) = self.find(input) else { return self.present(input).await };
        let method = operation.method.parse::<Method>().unwrap_or_default();
        let request = self.world.api().request(method, path).header("content-type", "application/json");
        let request = match operation.api.as_str() {
            "webhooks" => self.signed(request, path, body),
            _ => request.bearer(&self.api_key),
        };
        let Ok(answer) = request.body(body).send().await else { panic!("no answer to {path}") };
        self.check(&answer, operation, path);
        true
    }

    /// Waits until all has happened that was asked for, and audits the books.
    ///
    /// # Panics
    /// When they do not balance, or a handler panicked.
    pub async fn finish(self) {
        self.world.drain().await;
        let panicked = "dead_letters where reason like '%panic%'";
        assert_eq!(self.world.count(panicked).await, 0, "a handler of a job panicked");
        self.world.finish().await;
    }

    /// The operation, the path, and the body.
    fn find<'a>(&self, input: &'a [u8]) -> Option<(&Operation, &'a str, &'a [u8])> {
        let (line, body) = input.split_at(input.iter().position(|byte| *byte == b'\n')?);
        let (method, path) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:?=&".contains(&byte));
        let found = self.operations.iter().find(|one| one.method == method && one.is_at(path));
        found.filter(|_| is_plain).map(|operation| (operation, path, body.get(1..).unwrap_or_default()))
    }

    fn signed(&self, request: Request, path: &str, body: &[u8]) -> Request {
        let secrets = &self.world.settings().secrets;
        let secret = |text: &str| kernel::config::Secret::new(text);
        let (stripe, creem) = (secret(&secrets.stripe_webhook_secret), secret(&secrets.creem_webhook_secret));
        let now = self.world.clock().now();
        match path {
            "/payment/webhook/creem" => {
                let signature = creem.map(|secret| signatures::creem::sign(body, &secret));
                request.header("creem-signature", &signature.unwrap_or_default())
            }
            "/webhooks/revenuecat" => request.header("authorization", &secrets.revenuecat_webhook_auth),
            _ => {
                let signature = stripe.map(|secret| signatures::stripe::sign(body, &secret, now));
                request.header("stripe-signature", &signature.unwrap_or_default())
            }
        }
    }

    fn check(&self, answer: &Answer, operation: &Operation, path: &str) {
        let text = answer.text();
        assert!(answer.status() < 500, "{answer}");
        assert!(!text.contains(&self.api_key), "the credential is in the answer: {answer}");
        if answer.status() >= 400 {
            let error = answer.json().unwrap_or_default();
            assert_eq!(format_of(&error), format_at(&operation.api, path), "{answer}");
            assert!(text.len() <= ERROR_BYTES_MAX, "an error of {} bytes: {answer}", text.len());
        }
    }

    /// Presents the bytes as a credential: no stranger knows one.
    async fn present(&self, input: &[u8]) -> bool {
        let Ok(credential) = std::str::from_utf8(input) else { return false };
        if credential.is_empty() || !credential.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return false;
        }
        for (name, value) in [
            ("authorization", credential.to_owned()),
            ("authorization", format!("Bearer {credential}")),
            ("cookie", format!("purser_session={credential}")),
        ] {
            let request = self.world.api().get("/v1/credits").header(name, &value);
            let Ok(answer) = request.send().await else { panic!("no answer to a credential") };
            assert_eq!(answer.status(), 401, "{name}: {value} → {answer}");
        }
        true
    }
}
