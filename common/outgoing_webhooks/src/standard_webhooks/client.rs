//! Sends messages to endpoints. It resolves the host name for every message and connects to an address that it has
//! checked, not to a name that may point elsewhere a moment later. It does not follow redirects, and reads only the
//! status of a response.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;

use super::address::Reach;
use super::signature;
use kernel::clock::Timestamp;
use kernel::config::Secret;

/// How long an endpoint may take to answer, from the start of name resolution.
pub const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves a host name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The same for every attempt.
    pub id: String,
    /// The time of this attempt: receivers refuse old messages.
    pub sent_at: Timestamp,
    pub body: &'a str,
    /// Every secret that the receiver may know; each of them signs.
    pub secrets: &'a [Secret],
}

/// How sending a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The endpoint answered with this status.
    Answered(u16),
    /// No answer within [`TIMEOUT`].
    TimedOut,
    /// The connection failed or broke.
    NoConnection,
    /// Not sent: the endpoint has no permitted address, or a secret cannot sign.
    Refused,
}

/// A client of all endpoints. Cheap to clone.
#[derive(Clone)]
pub struct WebhookClient {
    client: Client<HttpsConnector<HttpConnector<Vetted>>, Full<Bytes>>,
    reach: Reach,
}

impl WebhookClient {
    /// Resolves names with the system's resolver.
    pub fn new(reach: Reach) -> Self {
        let system = |name: String| {
            async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            .boxed()
        };
        Self::with_lookup(reach, Arc::new(system))
    }

    pub fn with_lookup(reach: Reach, lookup: Lookup) -> Self {
        let mut http = HttpConnector::new_with_resolver(Vetted { reach, lookup });
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        // Without a pool every message resolves and checks the address anew.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.wrap_connector(http));
        Self { client, reach }
    }

    /// Sends a message once.
    pub async fn send(&self, url: &str, message: &Message<'_>) -> Sent {
        // Covers URLs with an IP address, which are not resolved.
        let Ok(url) = self.reach.check(url) else { return Sent::Refused };
        let seconds = message.sent_at.unix_timestamp();
        let signature = signature::sign(&message.id, seconds, message.body, message.secrets);
        let Some(signature) = signature else { return Sent::Refused };
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "Purser")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::copy_from_slice(message.body.as_bytes())));
        let Ok(request) = request else { return Sent::Refused };
        match tokio::time::timeout(TIMEOUT, self.client.request(request)).await {
            Ok(Ok(answer)) => Sent::Answered(answer.status().as_u16()),
            Ok(Err(error)) if is_refused(&error) => Sent::Refused,
            Ok(Err(_)) => Sent::NoConnection,
            Err(_) => Sent::TimedOut,
        }
    }
}

/// Resolves a name to those of its addresses that messages may go to.
#[derive(Clone)]
struct Vetted {
    reach: Reach,
    lookup: Lookup,
}

#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct NotPublic;

impl tower_service::Service<Name> for Vetted {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, reach) = ((self.lookup)(name.as_str().to_owned()), self.reach);
        async move {
            let allowed = found.await?.into_iter().filter(|address| reach.includes(*address));
            // The connector sets the port.
            let allowed: Vec<SocketAddr> = allowed.map(|address| (address, 0).into()).collect();
            if allowed.is_empty() { Err(NotPublic.into()) } else { Ok(allowed.into_iter()) }
        }
        .boxed()
    }
}

fn is_refused(error: &(dyn Error + 'static)) -> bool {
    error.is::<NotPublic>() || error.source().is_some_and(is_refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers every request with the same text; counts connections.
    async fn server(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, connections) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = vec![0; 4_096];
                let _length = stream.read(&mut request).await;
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, connections)
    }

    fn always(addresses: &'static [&'static str]) -> Lookup {
        Arc::new(move |_| {
            let found = addresses.iter().map(|address| address.parse().unwrap()).collect();
            std::future::ready(Ok(found)).boxed()
        })
    }

    async fn send(client: &WebhookClient, url: &str) -> Sent {
        let secrets = [signature::new_secret()];
        let sent_at = time::macros::datetime!(2026-11-25 08:00 UTC);
        let message = Message { id: "msg_1".to_owned(), sent_at, body: "{}", secrets: &secrets };
        client.send(url, &message).await
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_not_connected_to() {
        let (port, connections) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let url = format!("https://hooks.example.com:{port}/");
        for inside in [&["127.0.0.1"][..], &["::1"], &["::ffff:127.0.0.1", "10.0.0.1"], &[]] {
            let client = WebhookClient::with_lookup(Reach::Public, always(inside));
            assert_eq!(send(&client, &url).await, Sent::Refused, "{inside:?}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 0);
        let client = WebhookClient::with_lookup(Reach::Anywhere, always(&["127.0.0.1"]));
        assert_eq!(send(&client, &format!("http://hooks.example.com:{port}/")).await, Sent::Answered(200));
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn every_message_resolves_the_name_again() {
        let (port, connections) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let lookup: Lookup = Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])).boxed()
        });
        let client = WebhookClient::with_lookup(Reach::Anywhere, lookup);
        for _ in 0..3 {
            assert_eq!(send(&client, &format!("http://a.example:{port}/")).await, Sent::Answered(204));
        }
        assert_eq!((lookups.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (3, 3));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_so_is_the_start_of_an_endless_one() {
        let (port, connections) =
            server("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").await;
        let client = WebhookClient::new(Reach::Anywhere);
        assert_eq!(send(&client, &format!("http://127.0.0.1:{port}/")).await, Sent::Answered(302));
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        let (port, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\nabc").await;
        assert_eq!(send(&client, &format!("http://127.0.0.1:{port}/")).await, Sent::Answered(200));
        // An IP address in the URL is checked too.
        let guarded = WebhookClient::new(Reach::Public);
        assert_eq!(send(&guarded, &format!("https://127.0.0.1:{port}/")).await, Sent::Refused);
        let [free] = [TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()];
        assert_eq!(send(&client, &format!("http://127.0.0.1:{free}/")).await, Sent::NoConnection);
    }
}
