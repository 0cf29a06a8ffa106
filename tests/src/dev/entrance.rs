//! The way to the wallet page of the user whom the demonstration is about. A link to the page opens it once and ends
//! soon, so each visit of this address gets a link of its own.

use anyhow::{Context, Result};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::seed::{admin_post, text};
use crate::client::Client;

/// An address that nobody is served at yet.
pub struct Entrance {
    listener: TcpListener,
    url: String,
}

/// Who is led where.
#[derive(Clone)]
pub struct Guide {
    pub client: Client,
    pub admin_api_key: String,
    pub user: String,
}

impl Entrance {
    pub async fn bind() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves visitors until the guard is dropped.
    pub fn open(self, guide: Guide) -> DropGuard {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(self.listener.accept()).await {
                let (guide, stopped) = (guide.clone(), stopped.clone());
                tokio::spawn(async move { stopped.run_until_cancelled(guide.serve(stream)).await });
            }
        });
        stop.drop_guard()
    }
}

impl Guide {
    async fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(&mut stream).lines();
        let Ok(Some(request)) = lines.next_line().await else { return };
        // Unread headers would have the connection reset before the answer is read.
        while let Ok(Some(line)) = lines.next_line().await
            && !line.is_empty()
        {}
        let answer =
            if request.starts_with("GET / ") { self.lead().await } else { status("404 Not Found", "") };
        let _visitor_may_be_gone = stream.write_all(answer.as_bytes()).await;
    }

    async fn lead(&self) -> String {
        match self.link().await {
            Ok(link) => status("303 See Other", &format!("location: {link}\r\n")),
            Err(error) => {
                eprintln!("no link to the wallet page: {error:#}");
                status("502 Bad Gateway", "")
            }
        }
    }

    async fn link(&self) -> Result<String> {
        let wallet = format!("user:{}", self.user);
        let body = json!({"wallet": wallet, "returnUrl": format!("{}/", self.client.base())});
        let made = admin_post(&self.client, &self.admin_api_key, "/purser/v1/portal-sessions", body);
        text(&made.require(201).await?, "url")
    }
}

fn status(status: &str, header: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{header}cache-control: no-store\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}
