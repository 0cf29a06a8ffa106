//! Requests over HTTP and WebSocket as tests and the demonstration make them: short to write, and with errors
//! that show the request and the whole answer.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// For the server at `base`, say `http://127.0.0.1:8080`. Redirects are answers like any other.
    pub fn new(base: impl Into<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .context("cannot set up an HTTP client")?;
        Ok(Self { base: base.into(), http })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request with any method; `path` is a path with its query, or a whole address.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let address = if path.contains("://") { path.to_owned() } else { format!("{}{path}", self.base) };
        let line = format!("{method} {address}");
        Request { builder: self.http.request(method, address), line }
    }

    /// Opens a WebSocket with a bearer token.
    pub async fn open_websocket(&self, path: &str, token: &str) -> Result<Socket> {
        let address = format!("{}{path}", self.base.replacen("http", "ws", 1));
        let mut request = address.as_str().into_client_request().context("not an address")?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).context("not a token")?;
        request.headers_mut().insert("authorization", bearer);
        let opened = tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await;
        let (stream, _) = opened.context("no answer in time")?.with_context(|| format!("GET {address}"))?;
        Ok(Socket { stream })
    }
}

/// A request that is being described.
#[must_use]
pub struct Request {
    builder: reqwest::RequestBuilder,
    line: String,
}

impl Request {
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(mut self, body: Value) -> Self {
        self.builder = self.builder.json(&body);
        self
    }

    /// Sends bytes as they are.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.builder = self.builder.body(body.into());
        self
    }

    /// Sends the request and reads the whole answer, whatever its status.
    pub async fn send(self) -> Result<Answer> {
        let line = self.line;
        let response = self.builder.send().await.with_context(|| line.clone())?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.with_context(|| format!("{line}: the answer broke off"))?;
        Ok(Answer { line, status, headers, body: body.to_vec() })
    }

    /// Sends the request and reads the answer as it comes: for those that have no end.
    pub async fn open(self) -> Result<Stream> {
        let response = self.builder.send().await.with_context(|| self.line.clone())?;
        ensure!(response.status().is_success(), "{} → {}", self.line, response.status());
        Ok(Stream { response, received: String::new() })
    }

    /// Sends the request; any status but `status` is an error. Returns the JSON of the answer.
    pub async fn require(self, status: u16) -> Result<Value> {
        let answer = self.send().await?;
        ensure!(answer.status.as_u16() == status, "{answer} instead of {status}");
        answer.json()
    }

    /// For tests: sends the request and panics at any status but `status`. Returns the JSON of the answer.
    #[allow(clippy::panic)]
    pub async fn expect(self, status: u16) -> Value {
        match self.require(status).await {
            Ok(json) => json,
            Err(error) => panic!("{error:#}"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    line: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name: HeaderName = name.parse().ok()?;
        self.headers.get(name)?.to_str().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; an empty body is null.
    pub fn json(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).with_context(|| format!("{self} is not JSON"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} → {} {}", self.line, self.status.as_u16(), self.text())
    }
}

/// An answer that is still coming.
pub struct Stream {
    response: reqwest::Response,
    received: String,
}

impl Stream {
    /// Everything that has come, once this text is in it. An error when the answer ends before.
    pub async fn until(&mut self, text: &str) -> Result<&str> {
        while !self.received.contains(text) {
            let chunk = self.response.chunk().await.context("the answer broke off")?;
            let chunk = chunk.with_context(|| format!("no {text:?} in {:?}", self.received))?;
            self.received.push_str(&String::from_utf8_lossy(&chunk));
        }
        Ok(&self.received)
    }

    /// Everything that came, once it has ended.
    pub async fn to_the_end(mut self) -> Result<String> {
        while let Some(chunk) = self.response.chunk().await.context("the answer broke off")? {
            self.received.push_str(&String::from_utf8_lossy(&chunk));
        }
        Ok(self.received)
    }
}

/// An open WebSocket that receives JSON.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// The next JSON message. An error when the connection ends.
    pub async fn receive(&mut self) -> Result<Value> {
        loop {
            let message = self.stream.next().await.context("the WebSocket has ended")?;
            match message.context("the WebSocket broke")? {
                Message::Text(text) => {
                    let text = text.as_str();
                    return serde_json::from_str(text).with_context(|| format!("not JSON: {text}"));
                }
                Message::Close(_) => bail!("the server closed the WebSocket"),
                // Pings are answered by the library.
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// The next JSON message, which has to come within `patience`.
    pub async fn receive_within(&mut self, patience: Duration) -> Result<Value> {
        let received = tokio::time::timeout(patience, self.receive()).await;
        received.with_context(|| format!("no WebSocket message within {} ms", patience.as_millis()))?
    }
}
