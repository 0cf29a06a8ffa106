//! A host application that receives webhooks: it keeps what it receives and answers as configured.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kernel::config::Secret;
use serde_json::Value;
use signatures::creem::{Headers, verify};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Status(u16),
    Redirect,
    /// Nothing, until the receiver is gone.
    Nothing,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    headers: HashMap<String, String>,
    pub body: String,
}

impl Received {
    /// A header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether it was signed by one of these, and now.
    pub fn is_signed_by(&self, secret: &str, world: &World) -> bool {
        let headers = Headers {
            plain: None,
            id: Some(self.id()),
            timestamp: Some(self.header("webhook-timestamp")),
            standard: Some(self.header("webhook-signature")),
        };
        let secrets = [Secret::new(secret).unwrap()];
        verify(headers, self.body.as_bytes(), &secrets, world.clock().now()).is_ok()
    }
}

/// The application's end.
pub struct Receiver {
    /// Where it listens, on loopback.
    pub port: u16,
    answers: Arc<Mutex<(VecDeque<Answer>, Answer)>>,
    received: watch::Receiver<Vec<Received>>,
    _listening: DropGuard,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::answering(&[], Answer::Status(200)).await
    }

    /// One that answers the first requests with these, and all others with `then`.
    pub async fn answering(first: &[Answer], then: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new((first.iter().copied().collect(), then)));
        let (sender, received) = watch::channel(Vec::new());
        let (script, stop) = (Arc::clone(&answers), CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move {
            let sender = Arc::new(sender);
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
                let (sender, script, stopped) = (Arc::clone(&sender), Arc::clone(&script), stopped.clone());
                tokio::spawn(async move { serve(stream, &sender, &script, stopped).await });
            }
        });
        Self { port, answers, received, _listening: stop.drop_guard() }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks?from=purser", self.port)
    }

    /// Answers otherwise from now on.
    pub fn answer(&self, then: Answer) {
        self.answers.lock().unwrap().1 = then;
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut received = self.received.clone();
        let arrived = received.wait_for(|received| received.len() >= count);
        let arrived = tokio::time::timeout(PATIENCE, arrived).await;
        arrived
            .unwrap_or_else(|_| panic!("{} of {count} requests", self.received.borrow().len()))
            .unwrap()
            .clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    sender: &watch::Sender<Vec<Received>>,
    script: &Mutex<(VecDeque<Answer>, Answer)>,
    stopped: CancellationToken,
) {
    let mut bytes = Vec::new();
    let request = loop {
        if let Some(request) = parse(&bytes) {
            break request;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let answer = {
        let mut script = script.lock().unwrap();
        script.0.pop_front().unwrap_or(script.1)
    };
    sender.send_modify(|received| received.push(request));
    let text = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
        Answer::Redirect => "HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned(),
        Answer::Nothing => return stopped.cancelled().await,
    };
    let _sender_may_be_gone = stream.write_all(text.as_bytes()).await;
}

/// The request, if all of it is there.
fn parse(bytes: &[u8]) -> Option<Received> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: HashMap<String, String> =
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() == length).then(|| Received { headers, body: body.to_owned() })
}
