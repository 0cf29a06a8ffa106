//! The client for other parties' APIs over HTTPS. It trusts the certificate authorities that browsers trust, follows
//! no redirects, and reads answers only up to a limit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client. It keeps connections for the next request.
#[derive(Clone, Debug)]
pub struct HttpsClient {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    deadline: Duration,
    answer_bytes: usize,
}

impl HttpsClient {
    /// A client that gives up on an exchange after `deadline`, and on an answer of more than `answer_bytes`.
    pub fn new(deadline: Duration, answer_bytes: usize) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { client, deadline, answer_bytes }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// Why there is no whole answer. The text has neither address nor body in it.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), &'static str> {
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|_| "connection failed")?;
            let (status, body) = (answer.status(), Limited::new(answer.into_body(), self.answer_bytes));
            let body = body.collect().await.map_err(|_| "unreadable answer")?.to_bytes();
            Ok((status, body))
        };
        tokio::time::timeout(self.deadline, exchange).await.unwrap_or(Err("timeout"))
    }

    /// Reads what is at an address.
    ///
    /// # Errors
    /// Why it cannot be read. The text has no address in it.
    pub async fn get(&self, address: &str) -> Result<Bytes, &'static str> {
        let request = Request::get(address).body(Full::default()).map_err(|_| "not an address")?;
        match self.send(request).await? {
            (StatusCode::OK, body) => Ok(body),
            _ => Err("the answer is not 200"),
        }
    }
}
