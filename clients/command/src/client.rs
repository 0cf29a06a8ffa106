//! Sends requests until their outcome is known: each again under the same idempotency key, a few times.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::failure::{Failure, Refusal};
use crate::settings::Settings;

/// How long one exchange may take. The API answers in seconds or not at all.
const DEADLINE: Duration = Duration::from_secs(60);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Pauses before the next tries.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];
/// The longest pause that the API can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(20);
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Settings,
}

/// A request to the API.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    pub method: Method,
    /// With its query.
    pub path: &'a str,
    pub body: Option<&'a str>,
    /// What makes a POST the same POST.
    pub idempotency_key: Option<&'a str>,
}

/// What one try led to.
enum Tried {
    Answer(Bytes),
    Refused(Refusal),
    /// Another try may succeed, after this long at the earliest.
    Again {
        why: String,
        pause: Option<Duration>,
    },
}

impl Client {
    pub fn new(settings: Settings) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        // A machine without certificates of its own can still reach what the public ones vouch for.
        let builder = HttpsConnectorBuilder::new()
            .with_native_roots()
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots());
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { http, settings }
    }

    /// The body of the answer.
    pub async fn send(&self, sent: &Sent<'_>) -> Result<Bytes, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (why, asked) = match self.try_once(sent).await? {
                Tried::Answer(body) => return Ok(body),
                Tried::Refused(refusal) => return Err(Failure::Refused(refusal)),
                Tried::Again { why, pause } => (why, pause),
            };
            let Some(pause) = pauses.next() else {
                let idempotency_key = sent.idempotency_key.map(str::to_owned);
                return Err(Failure::Unreachable { why, idempotency_key });
            };
            tokio::time::sleep(asked.map_or(pause, |asked| asked.clamp(pause, PAUSE_MAX))).await;
        }
    }

    async fn try_once(&self, sent: &Sent<'_>) -> Result<Tried, Failure> {
        let mut request = Request::builder()
            .method(&sent.method)
            .uri(format!("{}{}", self.settings.url, sent.path))
            .header(ACCEPT, "application/json");
        if let Some(value) = self.settings.key.header() {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(key) = sent.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if sent.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = sent.body.unwrap_or_default().to_owned();
        let request = request.body(Full::from(body)).map_err(|error| Failure::usage(error.to_string()))?;
        let exchange = async {
            let answer = self.http.request(request).await.map_err(|error| self.away(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body =
                body.map_err(|error| format!("The answer of {} broke off: {error}.", self.settings.url))?;
            Ok((head.status, head.headers, body.to_bytes()))
        };
        let outcome = tokio::time::timeout(DEADLINE, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("{} does not answer in time.", self.settings.url)));
        Ok(match outcome {
            Err(why) => Tried::Again { why, pause: None },
            Ok((status, headers, body)) => judge(status, &headers, body, &self.settings.url),
        })
    }

    /// Why there is no answer, with the innermost reason, which says most.
    fn away(&self, error: &legacy::Error) -> String {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!("{} cannot be reached: {cause}.\nIs it running, and is PURSER_URL right?", self.settings.url)
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, body: Bytes, url: &str) -> Tried {
    if status.is_success() {
        return Tried::Answer(body);
    }
    let refusal = refusal(status, &body, url);
    let is_busy = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if !is_busy && refusal.code != "idempotency_key_in_use" {
        return Tried::Refused(refusal);
    }
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let why = format!("{} ({})", refusal.message, refusal.code);
    Tried::Again { why, pause: seconds.map(Duration::from_secs) }
}

/// What the API said, or that something else answered.
fn refusal(status: StatusCode, body: &[u8], url: &str) -> Refusal {
    #[derive(Deserialize)]
    struct Envelope {
        error: Detail,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Detail {
        code: String,
        message: String,
        param: Option<String>,
        request_id: Option<String>,
    }
    let status_code = status.as_u16();
    match serde_json::from_slice(body) {
        Ok(Envelope { error: Detail { code, message, param, request_id } }) => {
            Refusal { status: status_code, code, message, param, request_id }
        }
        Err(_) => Refusal {
            status: status_code,
            code: status_code.to_string(),
            message: format!("{url} answers {status}, and not as Purser does."),
            param: None,
            request_id: None,
        },
    }
}
