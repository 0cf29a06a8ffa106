//! Carries out a schedule, and undoes what it did.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use harness::relay::Way;
use serde_json::json;
use tokio::time::sleep;

use crate::network::Link;
use crate::schedule::{Fault, Machine, Schedule, Step};
use crate::system::System;

/// What was done so far.
#[derive(Default)]
pub struct Injector {
    injected: Mutex<BTreeMap<String, u64>>,
}

impl Injector {
    /// Carries out a schedule, its lanes beside each other.
    ///
    /// # Errors
    /// When something cannot be started again.
    pub async fn carry_out(&self, system: &System, schedule: &Schedule) -> Result<()> {
        let lanes = [&schedule.machines, &schedule.network, &schedule.provider];
        futures::future::try_join_all(lanes.map(|lane| self.lane(system, lane))).await?;
        Ok(())
    }

    /// How often each kind of fault was made.
    pub fn injected(&self) -> BTreeMap<String, u64> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a fault that was made.
    pub fn count(&self, fault: Fault) {
        let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        *injected.entry(fault.to_string()).or_default() += 1;
    }

    /// Carries out steps one after the other.
    ///
    /// # Errors
    /// When something cannot be started again.
    pub async fn lane(&self, system: &System, steps: &[Step]) -> Result<()> {
        for step in steps {
            inject(system, step).await.with_context(|| format!("cannot {}", step.fault))?;
            self.count(step.fault);
            sleep(step.lasts).await;
            heal(system, step.fault).await.with_context(|| format!("cannot undo: {}", step.fault))?;
            sleep(step.pause).await;
        }
        Ok(())
    }
}

async fn inject(system: &System, step: &Step) -> Result<()> {
    match step.fault {
        Fault::Kill(machine) => on(system, machine, |one| match one {
            One::Process(process) => process.kill9(),
            One::Server(server) => server.kill9(),
        }),
        Fault::Freeze(machine) => on(system, machine, |one| match one {
            One::Process(process) => process.sigstop(),
            One::Server(server) => server.pause(),
        }),
        Fault::Cut(link) => {
            system.set(link, Way::Cut);
            Ok(())
        }
        Fault::Silence(link) => {
            system.set(link, Way::Silent);
            Ok(())
        }
        Fault::Provider(trouble) => misbehave(system, trouble.knobs(step.seed)).await,
        Fault::CutOff(_) | Fault::SwitchOver | Fault::LoseMajority(_) | Fault::Replace(..) => {
            anyhow::bail!("there is no cluster")
        }
    }
}

async fn heal(system: &System, fault: Fault) -> Result<()> {
    match fault {
        Fault::Kill(machine) => on(system, machine, |one| match one {
            One::Process(process) => process.start(),
            One::Server(server) => server.start(),
        }),
        Fault::Freeze(machine) => on(system, machine, |one| match one {
            One::Process(process) => process.sigcont(),
            One::Server(server) => server.resume(),
        }),
        Fault::Cut(link) | Fault::Silence(link) => {
            system.set(link, Way::Open);
            Ok(())
        }
        Fault::Provider(_) => misbehave(system, json!({})).await,
        Fault::CutOff(_) | Fault::SwitchOver | Fault::LoseMajority(_) | Fault::Replace(..) => Ok(()),
    }
}

/// Tells the provider how to misbehave; it may be frozen just now.
async fn misbehave(system: &System, knobs: serde_json::Value) -> Result<()> {
    system.emulator.put("/_emulator/faults").json(knobs).require(200).await?;
    Ok(())
}

/// A process of the system or a server.
enum One<'a> {
    Process(&'a harness::system::ServiceProcess),
    Server(&'a servers::Server),
}

/// Does something to a machine. It blocks, as starting a server takes seconds.
fn on(system: &System, machine: Machine, action: impl FnOnce(One<'_>) -> Result<()>) -> Result<()> {
    let one = match (system.process(machine), system.server(machine)) {
        (Some(process), _) => One::Process(process),
        (None, Some(server)) => One::Server(server),
        (None, None) => anyhow::bail!("there is no {machine}"),
    };
    tokio::task::block_in_place(|| action(one))
}

/// Every link open and the provider in order, whatever was left.
pub async fn heal_all(system: &System) -> Result<()> {
    for link in Link::ALL {
        system.set(link, Way::Open);
    }
    misbehave(system, json!({})).await?;
    system.wait_until_ready().await
}
