//! Starts an emulator in this process, speaks to it, and receives its webhooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const SECRET: &str = "whsec_test_of_the_emulator";
pub const LONG: Duration = Duration::from_secs(20);

/// An emulator that stops when this is dropped.
pub struct Emulator {
    pub url: String,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// An answer, with its headers.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Emulator {
    pub async fn start(webhook_url: Option<String>) -> Self {
        Self::start_with(emulator::Config {
            webhook_secret: webhook_url.is_some().then(|| SECRET.to_owned()),
            webhook_url,
            webhook_retry_base: Duration::from_millis(20),
            ..emulator::Config::default()
        })
        .await
    }

    pub async fn start_with(config: emulator::Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        tokio::spawn(emulator::run(config, listener, shutdown.clone()));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LONG)
            .build()
            .expect("a client");
        Self { url, client, _stop: shutdown.drop_guard() }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// An API call with a form-encoded body and, if one is given, an idempotency key.
    pub async fn api(&self, method: &str, path: &str, form: &str, key: Option<&str>) -> Answer {
        let mut request = self
            .request(method, &format!("/v1/{path}"))
            .bearer_auth("sk_test_x")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        answer(request).await
    }

    /// An API call that must succeed.
    pub async fn ok(&self, method: &str, path: &str, form: &str) -> Value {
        let answer = self.api(method, path, form, None).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        answer.body
    }

    /// A control.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        answer(self.request(method, &format!("/_emulator/{path}")).body(body.to_string())).await
    }

    /// An open payment session over `amount` cents.
    pub async fn session(&self, amount: i64, more: &str) -> Value {
        let form = format!(
            "mode=payment&success_url=https://shop.example/ok/{{CHECKOUT_SESSION_ID}}\
             &line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
             &line_items[0][price_data][unit_amount]={amount}\
             &line_items[0][price_data][product_data][name]=Credits{more}"
        );
        self.ok("POST", "checkout/sessions", &form).await
    }

    /// Pays a session by the control and returns it.
    pub async fn pay(&self, session: &Value, body: Value) -> Value {
        let id = session["id"].as_str().expect("an id");
        let paid = self.control("POST", &format!("checkout/{id}/pay"), body).await;
        assert_eq!(paid.status, 200, "{}", paid.body);
        self.ok("GET", &format!("checkout/sessions/{id}"), "").await
    }

    /// Lets time pass for the providers.
    pub async fn advance(&self, seconds: i64) {
        assert_eq!(self.control("PUT", "clock", json!({"advance_seconds": seconds})).await.status, 200);
    }

    /// Sets the providers' clock.
    pub async fn set_clock(&self, now: i64) {
        assert_eq!(self.control("PUT", "clock", json!({"now": now})).await.status, 200);
    }

    /// A control that must succeed.
    pub async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.control(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        answer.body
    }

    /// A paid session in subscription mode over a price; returns the subscription.
    pub async fn subscribe(&self, price: &str, more: &str, pay: Value) -> Value {
        let form = format!(
            "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
             &line_items[0][price]={price}{more}"
        );
        let session = self.ok("POST", "checkout/sessions", &form).await;
        let paid = self.pay(&session, pay).await;
        self.read("subscriptions", &paid["subscription"]).await
    }

    /// The object of an id.
    pub async fn read(&self, what: &str, id: &Value) -> Value {
        self.ok("GET", &format!("{what}/{}", text(id)), "").await
    }

    /// The invoices of a subscription, newest first.
    pub async fn invoices(&self, subscription: &Value) -> Vec<Value> {
        let list = self.ok("GET", &format!("invoices?subscription={}", text(&subscription["id"])), "").await;
        list["data"].as_array().expect("a list").clone()
    }

    /// The types of all events since the first of a type, with when they happened.
    pub async fn story(&self) -> Vec<(String, i64)> {
        let events = self.control("GET", "events", Value::Null).await.body["events"].clone();
        let told =
            |event: &Value| (text(&event["type"]).to_owned(), event["created"].as_i64().expect("a time"));
        events.as_array().expect("a list").iter().map(told).collect()
    }

    /// The recorded events of a type, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<Value> {
        let answer = self.control("GET", &format!("events?type={kind}"), Value::Null).await;
        answer.body["events"].as_array().expect("a list").clone()
    }

    /// How often a route was received, executed, replayed or faulted.
    pub async fn usage(&self, route: &str) -> Value {
        self.control("GET", "requests", Value::Null).await.body["requests"][route].clone()
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Parses an object as strictly as async-stripe does.
pub fn strict<T: miniserde::Deserialize>(object: &Value) {
    let parsed: Result<T, _> = miniserde::json::from_str(&object.to_string());
    assert!(parsed.is_ok(), "{} does not parse: {object:#}", object["object"]);
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.expect("a body");
    Answer { status, headers, body: serde_json::from_str(&body).unwrap_or(Value::String(body)) }
}

/// A webhook as it arrived.
#[derive(Debug)]
pub struct Delivery {
    /// `Stripe-Signature`, `creem-signature` or RevenueCat's `Authorization`.
    pub signature: String,
    /// RevenueCat's signature, if it was sent.
    pub revenuecat_signature: Option<String>,
    pub body: String,
}

impl Delivery {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A webhook endpoint that answers with a status that can be changed.
pub struct Receiver {
    pub url: String,
    pub status: Arc<AtomicU16>,
    arrived: mpsc::UnboundedReceiver<Delivery>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let status = Arc::new(AtomicU16::new(200));
        let (sender, arrived) = mpsc::unbounded_channel();
        tokio::spawn(receive(listener, sender, Arc::clone(&status)));
        Self { url, status, arrived }
    }

    pub async fn next(&mut self) -> Delivery {
        tokio::time::timeout(LONG, self.arrived.recv()).await.expect("a webhook in time").expect("open")
    }

    /// The next event of a type; others are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Delivery {
        loop {
            let delivery = self.next().await;
            let event = delivery.event();
            if event["type"] == kind || event["eventType"] == kind {
                return delivery;
            }
        }
    }

    /// What has arrived and was not looked at yet.
    pub fn waiting(&mut self) -> Vec<Delivery> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }
}

async fn receive(listener: TcpListener, sender: mpsc::UnboundedSender<Delivery>, status: Arc<AtomicU16>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (sender, status) = (sender.clone(), Arc::clone(&status));
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (sender, status) = (sender.clone(), Arc::clone(&status));
            async move {
                let header = |name: &str| request.headers().get(name).cloned();
                let signature = header("stripe-signature").or_else(|| header("creem-signature"));
                let signature = signature.or_else(|| header("authorization"));
                let revenuecat_signature = header("x-revenuecat-webhook-signature");
                let revenuecat_signature =
                    revenuecat_signature.map(|value| value.to_str().expect("text").to_owned());
                let signature = signature.expect("a signature").to_str().expect("text").to_owned();
                let body = request.into_body().collect().await?.to_bytes();
                let body = String::from_utf8(body.to_vec()).expect("UTF-8");
                // Read before the delivery is announced, so that a test can change it afterwards.
                let code = status.load(Ordering::SeqCst);
                sender.send(Delivery { signature, revenuecat_signature, body }).ok();
                let mut response = Response::new(Full::new(Bytes::new()));
                *response.status_mut() = hyper::StatusCode::from_u16(code).expect("a status");
                Ok::<_, hyper::Error>(response)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
