//! What is measured besides requests a second: how soon a payment is seen, a backlog, and doing nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use harness::eventually::{Look, eventually_every};
use harness::system::Service;
use uuid::Uuid;

use crate::load::{Plan, Until, generate, quantile_of};
use crate::processes::Bench;
use crate::{Arguments, books, requests, seed};

/// One payment in so many is watched: watching costs the database something, too.
const WATCHED: usize = 20;
/// Seconds at the start that do not count: caches are cold, and statements are prepared.
const WARM_UP: f64 = 2.0;
/// How exactly the moment is known at which a payment is seen.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// From sending a webhook until the balance that it changed can be read, at a given pace: a line for people.
pub async fn visible(bench: &Bench, pace: f64, arguments: &Arguments) -> Result<String> {
    let (seconds, connections) = (arguments.seconds, arguments.connections);
    let [first, count] = [WARM_UP, WARM_UP + seconds as f64].map(|seconds| (pace * seconds) as usize);
    let orders = seed::orders(&bench.pool, &bench.seeded, count, seed::ACTIVE_WALLETS).await?;
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
    let sent: Arc<Mutex<HashMap<Uuid, Instant>>> = Arc::default();
    let (mut make, watched) = (requests::payments(bench, orders), Arc::clone(&sent));
    let noting = move |number: u64, request: &mut Vec<u8>| {
        make(number, request);
        let number = usize::try_from(number).unwrap();
        if number >= first && number.is_multiple_of(WATCHED) {
            watched.lock().unwrap_or_else(PoisonError::into_inner).insert(ids[number], Instant::now());
        }
    };
    let until = Until::Count(u64::try_from(count)?);
    let plan = Plan { connections, until, pace: Some(pace), make: Box::new(noting) };
    let port = bench.port();
    let load = tokio::spawn(async move { generate(port, plan).await });
    let mut delays = Vec::new();
    let expected = count.div_ceil(WATCHED) - first.div_ceil(WATCHED);
    let patience = Duration::from_secs(seconds + 60);
    eventually_every(LOOK_AGAIN_AFTER, "the watched payments are seen", patience, async || {
        let waiting: Vec<Uuid> =
            sent.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let sql = "select id from payments where id = any($1) and state = 'completed'";
        let seen = sqlx::query_scalar(sql).bind(&waiting).fetch_all(&bench.pool).await;
        match seen {
            Ok(seen) => delays.extend(seen_now(&sent, &seen)),
            Err(error) => return Look::Never(error.into()),
        }
        Look::when(delays.len() >= expected, format_args!("{} of {expected}", delays.len()))
    })
    .await?;
    let load = load.await?;
    ensure!(load.succeeded() == u64::try_from(count)?, "not all were accepted: {:?}", load.statuses);
    delays.sort_unstable();
    let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|quantile| quantile_of(&delays, quantile));
    Ok(format!(
        "- **seen**: at {pace:.0} payments a second for {seconds} s, from sending the webhook until the balance can be \
         read: p50 {half:.1} ms, p99 {most:.1} ms, p99.9 {nearly_all:.1} ms; until it was accepted p50 {:.1} ms, p99 \
         {:.1} ms.",
        load.quantile(0.5),
        load.quantile(0.99)
    ))
}

/// How long ago the webhooks of these payments were sent, in microseconds.
fn seen_now(sent: &Mutex<HashMap<Uuid, Instant>>, seen: &[Uuid]) -> Vec<u32> {
    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let sent = seen.iter().filter_map(|id| sent.remove(id));
    sent.map(|at| u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX)).collect()
}

/// Events that pile up while no worker runs, and how fast they are worked off: a line for people.
pub async fn backlog(bench: &Bench, arguments: &Arguments) -> Result<String> {
    let (events, connections) = (arguments.backlog, arguments.connections);
    let orders = seed::orders(&bench.pool, &bench.seeded, events, seed::ACTIVE_WALLETS).await?;
    let first = orders.first().map(|order| order.id).unwrap_or_default();
    for worker in bench.processes_of(Service::Worker) {
        worker.sigterm()?;
    }
    let (until, make) = (Until::Count(u64::try_from(events)?), requests::payments(bench, orders));
    let load = generate(bench.port(), Plan { connections, until, pace: None, make }).await;
    ensure!(load.succeeded() == u64::try_from(events)?, "not all were accepted: {:?}", load.statuses);
    let started = Instant::now();
    for worker in bench.processes_of(Service::Worker) {
        worker.start()?;
    }
    let mut memory = Vec::new();
    {
        let drained = books::wait_until_credited(bench, first, events);
        tokio::pin!(drained);
        loop {
            tokio::select! {
                done = &mut drained => break done?,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    let now = bench.memory();
                    memory.extend(now.iter().filter(|(name, _)| *name == "worker").map(|(_, mb)| *mb));
                }
            }
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    books::check(bench).await?;
    let (early, most) = (memory.get(2).copied().unwrap_or(0.0), memory.iter().copied().fold(0.0, f64::max));
    Ok(format!(
        "- **backlog**: {events} events were accepted at {:.0} a second while no worker ran, and credited at {:.0} a \
         second once one did; its memory was {early:.0} MB after a second and {most:.0} MB at the most.",
        load.rate(),
        events as f64 / elapsed
    ))
}

/// What a debit takes that has the system for itself: a line for people.
pub async fn alone(bench: &Bench, seconds: u64) -> Result<String> {
    let until = Until::Time(Duration::from_secs(seconds));
    let plan = Plan { connections: 1, until, pace: None, make: requests::debits_by_one(bench) };
    let load = generate(bench.port(), plan).await;
    ensure!(load.statuses.keys().all(|status| *status == 200), "answered {:?}", load.statuses);
    let [half, most] = [0.5, 0.99].map(|quantile| load.quantile(quantile));
    Ok(format!("- **alone**: a debit with nothing beside it takes p50 {half:.1} ms, p99 {most:.1} ms."))
}

/// What the processes take when nothing happens: a line for people.
pub async fn idle(bench: &Bench) -> Result<String> {
    const LENGTH: Duration = Duration::from_secs(20);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = bench.cpu();
    tokio::time::sleep(LENGTH).await;
    let after = bench.cpu();
    let share = |role: &str| {
        (after.get(role).unwrap_or(&0.0) - before.get(role).unwrap_or(&0.0)) / LENGTH.as_secs_f64() * 100.0
    };
    let memory = bench.memory();
    let each: Vec<String> = memory
        .iter()
        .map(|(name, megabytes)| format!("{name} {megabytes:.0} MB and {:.2} % of a core", share(name)))
        .collect();
    let total: f64 = memory.iter().map(|(_, megabytes)| megabytes).sum();
    Ok(format!(
        "- **idle**: {}: {total:.0} MB together. PostgreSQL takes {:.1} % and RabbitMQ {:.1} % of a core.",
        each.join(", "),
        share("postgres"),
        share("rabbitmq")
    ))
}
