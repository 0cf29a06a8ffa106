//! The machinery: which processes there are, what waits in the queues, what ran by the schedule, what reconciliation
//! found, which migrations were applied.

use std::time::Duration;

use billing::reconciliation::LastRun;
use billing::reconciliation::operations::last_run;
use identity::rights::Scope;
use kernel::process::{self, Applied, Process};
use kernel::schedule_runs::{self, ScheduleRun};
use messaging::queues::QueueState;
use messaging::waits::{self, QueueWait};
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Moment;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many migrations are shown: the newest.
const MIGRATIONS: i64 = 10;
/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/system",
        show,
        Description::new(
            Access::Operator(Scope::Read),
            "The processes, queues, schedule and migrations of this installation",
        )
        .answers::<SystemView>(StatusCode::OK, "What is there now."),
    )]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::System)]
struct SystemView {
    /// Of the process that answers.
    version: &'static str,
    /// `test` or `live`.
    mode: &'static str,
    processes: Vec<ProcessView>,
    /// Null while the broker is away.
    #[schema(required)]
    queues: Option<Vec<QueueView>>,
    /// The last run of each entry of the schedule, by name.
    schedule: Vec<ScheduleRunView>,
    /// The last reconciliation; null before the first.
    #[schema(required)]
    reconciliation: Option<ReconciliationView>,
    /// The newest ten.
    migrations: Vec<MigrationView>,
}

/// Processes of one service at one address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Process)]
struct ProcessView {
    /// `api`, `worker` or `scheduler`; empty of another.
    service: String,
    version: String,
    #[schema(required)]
    address: Option<String>,
    /// To the database.
    connections: i64,
    /// When the oldest of them was opened.
    connected_since: Moment,
}

impl From<Process> for ProcessView {
    fn from(process: Process) -> Self {
        let Process { service, version, address, connections, connected_since } = process;
        Self { service, version, address, connections, connected_since: Moment(connected_since) }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Queue)]
struct QueueView {
    name: String,
    /// That wait to be taken.
    messages: u32,
    consumers: u32,
    /// The longest wait of a job lately, as the workers say that took it; null if none was taken yet, and of queues
    /// that are no role's.
    #[schema(required)]
    waited_seconds: Option<i64>,
    /// When a job was taken for the last time, to ten seconds or so.
    #[schema(required)]
    taken_at: Option<Moment>,
}

impl QueueView {
    fn new(queue: QueueState, waits: &[QueueWait]) -> Self {
        let wait = waits.iter().find(|wait| wait.role == queue.name);
        Self {
            name: queue.name,
            messages: queue.messages,
            consumers: queue.consumers,
            waited_seconds: wait.map(|wait| wait.waited_seconds),
            taken_at: wait.map(|wait| Moment(wait.taken_at)),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ScheduleRun)]
struct ScheduleRunView {
    name: String,
    every_seconds: i64,
    /// To ten seconds or so.
    last_run_at: Moment,
    /// Why it failed; null: it did not.
    #[schema(required)]
    failure: Option<String>,
}

impl From<ScheduleRun> for ScheduleRunView {
    fn from(run: ScheduleRun) -> Self {
        let ScheduleRun { entry, every_seconds, ran_at, failure } = run;
        Self { name: entry, every_seconds, last_run_at: Moment(ran_at), failure }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ReconciliationRun)]
struct ReconciliationView {
    /// Differences between the providers' books and ours.
    findings: i64,
    /// Of these, payments that are credited to nobody.
    paid_not_credited: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Migration)]
struct MigrationView {
    number: i64,
    name: String,
    applied_at: Moment,
}

impl From<Applied> for MigrationView {
    fn from(applied: Applied) -> Self {
        Self { number: applied.version, name: applied.name, applied_at: Moment(applied.applied_at) }
    }
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let counted = tokio::time::timeout(PATIENCE, async { api.queues.lock().await.look().await }).await;
    let mut connection = api.pool.acquire().await?;
    let waits = waits::all(&mut connection).await?;
    let counted = counted.ok().and_then(Result::ok);
    let queues = counted.map(|all| all.into_iter().map(|queue| QueueView::new(queue, &waits)).collect());
    let last = last_run(&mut connection).await?;
    let view = SystemView {
        version: env!("CARGO_PKG_VERSION"),
        mode: api.config.mode.as_str(),
        processes: process::running(&mut connection).await?.into_iter().map(ProcessView::from).collect(),
        queues,
        schedule: schedule_runs::all(&mut connection).await?.into_iter().map(ScheduleRunView::from).collect(),
        reconciliation: last.map(|LastRun { findings, paid_not_credited, .. }| ReconciliationView {
            findings,
            paid_not_credited,
        }),
        migrations: process::migrations(&mut connection, MIGRATIONS)
            .await?
            .into_iter()
            .map(MigrationView::from)
            .collect(),
    };
    Ok(answer(StatusCode::OK, &view))
}
