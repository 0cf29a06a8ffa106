//! A connection to Chromium over its DevTools protocol: commands with answers, and what the page reports meanwhile.
//!
//! Written here because it is little: `chromiumoxide` generates a type for each of thousands of messages, compiles for
//! minutes, and stumbles over those of newer browsers; WebDriver tells neither of requests nor of the console.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A command that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Screenshots are large.
const MESSAGE_BYTES: usize = 128 * 1024 * 1024;

/// A connection of one test's own. Cheap to clone.
#[derive(Clone)]
pub(super) struct DevTools {
    shared: Arc<Shared>,
}

struct Shared {
    next: AtomicU64,
    sink: tokio::sync::Mutex<SplitSink<Stream, Message>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    reports: Mutex<Vec<Value>>,
}

impl DevTools {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let (stream, _) = tokio_tungstenite::connect_async_with_config(address, Some(config), true)
            .await
            .with_context(|| format!("no DevTools at {address}"))?;
        let (sink, stream) = stream.split();
        let shared = Arc::new(Shared {
            next: AtomicU64::new(1),
            sink: tokio::sync::Mutex::new(sink),
            waiting: Mutex::default(),
            reports: Mutex::default(),
        });
        tokio::spawn(read(Arc::clone(&shared), stream));
        Ok(Self { shared })
    }

    /// Sends a command, to a page's session or to the browser, and returns its result.
    pub(super) async fn send(&self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        locked(&self.shared.waiting).insert(id, sender);
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        self.shared.sink.lock().await.send(Message::text(command.to_string())).await?;
        let answer = tokio::time::timeout(PATIENCE, receiver).await;
        let mut answer =
            answer.with_context(|| format!("{method}: no answer"))?.context("the browser is gone")?;
        let error = &answer["error"];
        ensure!(error.is_null(), anyhow!("{method}: {error}"));
        Ok(answer["result"].take())
    }

    /// What was reported since the connection began.
    pub(super) fn reports(&self) -> Vec<Value> {
        locked(&self.shared.reports).clone()
    }
}

async fn read(shared: Arc<Shared>, mut stream: SplitStream<Stream>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        match value["id"].as_u64().and_then(|id| locked(&shared.waiting).remove(&id)) {
            // Who asked may have given up.
            Some(sender) => drop(sender.send(value)),
            None => locked(&shared.reports).push(value),
        }
    }
    locked(&shared.waiting).clear();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
