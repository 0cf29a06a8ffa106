//! Faults of a cluster: one at a time, each until the cluster is whole again, while every process of the API is asked
//! for something all the time. So it is known how long an interruption each fault caused, and at which process.

mod interruptions;
mod prober;
mod strike;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

pub use interruptions::Interruptions;
pub use prober::Prober;

use crate::injector::Injector;
use crate::load::Load;
use crate::schedule::Schedule;
use crate::system::System;

/// Carries out a schedule, its faults of the provider beside the others.
///
/// # Errors
/// When the cluster does not become whole again.
pub async fn carry_out(
    injector: &Injector,
    system: &Arc<System>,
    load: &Load,
    schedule: &Schedule,
    interruptions: &Interruptions,
) -> Result<()> {
    let cluster = strike_all(injector, system, load, schedule, interruptions);
    tokio::try_join!(cluster, injector.lane(system, &schedule.provider))?;
    Ok(())
}

async fn strike_all(
    injector: &Injector,
    system: &Arc<System>,
    load: &Load,
    schedule: &Schedule,
    interruptions: &Interruptions,
) -> Result<()> {
    let mut passages = schedule.time.iter();
    let (started, mut due) = (Instant::now(), Duration::ZERO);
    let mut next = passages.next();
    for step in &schedule.machines {
        let from = Instant::now();
        strike::strike(system, step).await.with_context(|| format!("cannot {}", step.fault))?;
        interruptions.close_window(step.fault, from, Instant::now());
        injector.count(step.fault);
        sleep(step.pause).await;
        while let Some(passage) = next.filter(|passage| started.elapsed() >= due + passage.after) {
            due += passage.after;
            load.pass(passage.seconds).await?;
            next = passages.next();
        }
    }
    Ok(())
}
