//! A real Prometheus for one test: it scrapes what it is told to, and answers queries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use servers::ports::free_ports;
use servers::process;
use servers::watchdog::{Rank, Watchdog};

use crate::client::Client;
use crate::eventually::{Look, eventually};
use crate::run;

const STOP_PATIENCE: Duration = Duration::from_secs(10);
const START_PATIENCE: Duration = Duration::from_secs(60);

/// One Prometheus. It ends when dropped.
pub struct Prometheus {
    child: Child,
    client: Client,
    log: PathBuf,
    watchdog: Arc<Watchdog>,
}

impl Prometheus {
    /// Starts one that scrapes these ports of this machine each second, and evaluates these rules each second.
    ///
    /// # Errors
    /// When it is not installed and cannot be, or does not start.
    pub async fn start(ports: &[u16], rules: &str) -> Result<Self> {
        let program = tokio::task::spawn_blocking(|| run::tool("prometheus", "prometheus")).await?;
        let folder = run::directory().join(format!("prometheus-{:08x}", rand::random::<u32>()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("alerts.yml"), rules)?;
        let targets: Vec<String> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\nscrape_configs:\n  \
             - job_name: purser\n    static_configs: [{{targets: [{}]}}]\n",
            targets.join(", ")
        );
        fs::write(folder.join("prometheus.yml"), configuration)?;
        let [port] = free_ports()?;
        let log = folder.join("log");
        let watchdog = run::watchdog();
        let child = process::spawn(&mut command(&program, &folder, port), &log)?;
        watchdog.guard_process(Rank::Service, child.id(), Signal::SIGTERM);
        let client = Client::new(format!("http://127.0.0.1:{port}"))?;
        let prometheus = Self { child, client, log, watchdog };
        prometheus.wait_until_ready().await?;
        Ok(prometheus)
    }

    async fn wait_until_ready(&self) -> Result<()> {
        let check = async || match self.client.get("/-/ready").send().await {
            Ok(answer) => Look::when(answer.status() == 200, answer.text()),
            Err(error) => Look::NotYet(error.to_string()),
        };
        let ready = eventually("Prometheus is ready", START_PATIENCE, check).await;
        ready.map(drop).with_context(|| process::tail(&self.log, 20))
    }

    /// What it answers to a query now: each series with its labels and its value.
    ///
    /// # Errors
    /// When it refuses the query.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.client.get(&format!("/api/v1/query?query={encoded}")).send().await?.json()?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        match &answer["data"]["result"] {
            Value::Array(series) => Ok(series.clone()),
            _ => bail!("{query}: {answer}"),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        process::stop(&mut self.child, Signal::SIGTERM, STOP_PATIENCE);
        self.watchdog.release_process(self.child.id());
    }
}

fn command(program: &Path, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command
}
