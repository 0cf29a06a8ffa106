//! HTTP: reads requests, hands them to the API, the controls or the pages, and writes the answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::world::Emulator;
use crate::{api, controls, creem, pages};

const LARGEST_BODY: usize = 1024 * 1024;

/// A request, read completely.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The path split at slashes, without empty parts.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Never answer; close the connection after this time.
    hang_up_after: Option<Duration>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body, hang_up_after: None }
    }

    pub(crate) fn html(status: u16, body: String) -> Self {
        // No script ever runs on these pages, whatever is interpolated into them.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";
        Self {
            status,
            content_type: "text/html; charset=utf-8",
            headers: vec![
                ("content-security-policy", policy.to_owned()),
                ("cache-control", "no-store".to_owned()),
            ],
            body,
            hang_up_after: None,
        }
    }

    pub(crate) fn see_other(location: &str) -> Self {
        Self::html(303, String::new()).header("location", location.to_owned())
    }

    pub(crate) fn hang_up(after: Duration) -> Self {
        Self { hang_up_after: Some(after), ..Self::json(500, String::new()) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn into_http(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder().status(self.status).header("content-type", self.content_type);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Full::new(Bytes::from(self.body))).unwrap_or_else(|_| {
            // A value that no header can hold, such as a URL with a control character.
            let mut refused = Response::new(Full::new(Bytes::from_static(b"unanswerable")));
            *refused.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            refused
        })
    }
}

/// The reason for closing a connection without an answer.
#[derive(Debug)]
struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for HungUp {}

/// Accepts connections until shutdown.
pub(crate) async fn serve(emulator: Arc<Emulator>, listener: TcpListener, shutdown: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(Arc::clone(&emulator), stream));
            }
            // Out of file descriptors, most likely: some will be given back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(emulator: Arc<Emulator>, stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| handle(Arc::clone(&emulator), request));
    // A connection that breaks is its client's business.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn handle(
    emulator: Arc<Emulator>,
    request: HttpRequest<Incoming>,
) -> Result<Response<Full<Bytes>>, HungUp> {
    let Some(request) = read(request).await else {
        return Ok(Reply::json(413, r#"{"error":{"type":"invalid_request_error"}}"#.to_owned()).into_http());
    };
    // A task of its own: a client that gives up does not stop the execution of what it asked for.
    let answered = tokio::spawn(async move { answer(&emulator, request).await }).await;
    let Ok(reply) = answered else {
        return Ok(Reply::json(500, r#"{"error":{"type":"api_error"}}"#.to_owned()).into_http());
    };
    if let Some(wait) = reply.hang_up_after {
        tokio::time::sleep(wait).await;
        return Err(HungUp);
    }
    Ok(reply.into_http())
}

async fn answer(emulator: &Emulator, request: Request) -> Reply {
    if request.path.starts_with("/v1/") {
        api::answer(emulator, &request).await
    } else if request.path.starts_with("/creem/v1/") {
        creem::api::answer(emulator, &request).await
    } else if request.path.starts_with("/_emulator/") {
        controls::answer(emulator, &request)
    } else {
        pages::answer(emulator, &request)
    }
}

/// Reads a request; `None` if its body is too large or breaks off.
async fn read(request: HttpRequest<Incoming>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.ok()?.to_bytes();
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Some(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
