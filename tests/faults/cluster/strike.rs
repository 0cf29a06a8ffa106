//! Does one thing to a cluster, undoes it after a while, and waits until the cluster is whole again.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use harness::system::ServiceProcess;
use servers::Server;
use servers::cluster::Cluster;
use servers::hosts::Host;
use servers::patroni::Office;
use tokio::time::sleep;

use crate::schedule::{Fault, Machine, Step};
use crate::system::System;

/// What was struck, by the places that it has while it is away.
#[derive(Clone, Debug)]
enum Struck {
    Process(Machine),
    Member {
        number: usize,
        was_primary: bool,
    },
    Nodes(Vec<usize>),
    /// Nothing that must be undone.
    None,
}

pub async fn strike(system: &Arc<System>, step: &Step) -> Result<()> {
    let fault = step.fault;
    let struck = blocking(system, move |system| {
        let struck = find(system, fault)?;
        inject(system, fault, &struck)?;
        Ok(struck)
    })
    .await?;
    match struck {
        // Away for as long as it takes: only then there is a failover.
        Struck::Member { number, was_primary: true } => {
            blocking(system, move |system| cluster(system)?.postgres.wait_for_successor(number)).await?;
        }
        Struck::Member { .. } | Struck::Nodes(_) | Struck::Process(_) => sleep(step.lasts).await,
        Struck::None => {}
    }
    blocking(system, move |system| {
        heal(system, fault, &struck)?;
        let cluster = cluster(system)?;
        cluster.postgres.wait_until_whole()?;
        cluster.rabbitmq.wait_until_whole()
    })
    .await?;
    system.wait_until_ready().await
}

/// The load goes on meanwhile.
async fn blocking<Output: Send + 'static>(
    system: &Arc<System>,
    action: impl FnOnce(&System) -> Result<Output> + Send + 'static,
) -> Result<Output> {
    let system = Arc::clone(system);
    tokio::task::spawn_blocking(move || action(&system)).await.context("a task panicked")?
}

fn cluster(system: &System) -> Result<&Cluster> {
    system.cluster().context("there is no cluster")
}

fn find(system: &System, fault: Fault) -> Result<Struck> {
    match fault {
        Fault::Kill(machine) | Fault::Freeze(machine) | Fault::CutOff(machine) => match machine {
            Machine::Member(office) => {
                let number = cluster(system)?.postgres.holder(office)?;
                Ok(Struck::Member { number, was_primary: office == Office::Primary })
            }
            Machine::Node(number) => Ok(Struck::Nodes(vec![number])),
            process => Ok(Struck::Process(process)),
        },
        Fault::LoseMajority(left) => {
            let nodes = 0..cluster(system)?.rabbitmq.servers().count();
            Ok(Struck::Nodes(nodes.filter(|node| *node != left).collect()))
        }
        Fault::Replace(process, _) => Ok(Struck::Process(process)),
        Fault::SwitchOver => Ok(Struck::None),
        Fault::Cut(_) | Fault::Silence(_) | Fault::Provider(_) => bail!("no fault of a cluster"),
    }
}

fn inject(system: &System, fault: Fault, struck: &Struck) -> Result<()> {
    match fault {
        Fault::Kill(_) | Fault::LoseMajority(_) => {
            on(system, struck, ServiceProcess::kill9, |server, _| server.kill9())
        }
        Fault::Freeze(_) => on(system, struck, ServiceProcess::sigstop, |server, _| server.pause()),
        Fault::CutOff(_) => on(system, struck, cannot_be_cut_off, |_, host| host.cut_off()),
        Fault::SwitchOver => cluster(system)?.postgres.switch_over(),
        Fault::Replace(_, build) => {
            let program = system.program(build)?;
            let replace = |process: &ServiceProcess| {
                process.take_program(program);
                process.sigterm()
            };
            on(system, struck, replace, |_, _| bail!("a server is not replaced"))
        }
        Fault::Cut(_) | Fault::Silence(_) | Fault::Provider(_) => Ok(()),
    }
}

fn heal(system: &System, fault: Fault, struck: &Struck) -> Result<()> {
    match fault {
        Fault::Kill(_) | Fault::LoseMajority(_) | Fault::Replace(..) => {
            on(system, struck, ServiceProcess::start, |server, _| server.start())
        }
        Fault::Freeze(_) => on(system, struck, ServiceProcess::sigcont, |server, _| server.resume()),
        Fault::CutOff(_) => on(system, struck, cannot_be_cut_off, |_, host| host.reconnect()),
        Fault::SwitchOver | Fault::Cut(_) | Fault::Silence(_) | Fault::Provider(_) => Ok(()),
    }
}

fn cannot_be_cut_off(_: &ServiceProcess) -> Result<()> {
    bail!("a process has no host of its own")
}

/// Does something to what was struck, to several beside each other.
fn on(
    system: &System,
    struck: &Struck,
    process: impl Fn(&ServiceProcess) -> Result<()>,
    server: impl Fn(&Server, &Host) -> Result<()> + Sync,
) -> Result<()> {
    match struck {
        Struck::Process(machine) => process(system.process(*machine).context("there is no such process")?),
        Struck::Member { number, .. } => {
            let (member, host) = cluster(system)?.postgres.member(*number)?;
            server(member, host)
        }
        Struck::Nodes(numbers) => thread::scope(|scope| {
            let server = &server;
            let acting: Vec<_> = numbers
                .iter()
                .map(|number| {
                    scope.spawn(move || {
                        let (node, host) = cluster(system)?.rabbitmq.node(*number)?;
                        server(node, host)
                    })
                })
                .collect();
            acting.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread panicked"))?)
        }),
        Struck::None => Ok(()),
    }
}
