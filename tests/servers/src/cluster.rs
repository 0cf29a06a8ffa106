//! What an installation that outlives its machines runs on: three PostgreSQL under Patroni and three nodes of RabbitMQ,
//! each on a host of its own.

use std::path::Path;
use std::thread;

use anyhow::{Result, anyhow};

use super::hosts::Hosts;
use super::patroni::PatroniCluster;
use super::rabbitmq_cluster::RabbitMqCluster;
use super::server::{Server, Surroundings};
use super::{
    Durability, Options, Places, Pooler, Program, discovery, etcd, haproxy, install_missing, pgbouncer,
};

const NODES: u8 = 3;

/// Everything of it. It is stopped when dropped.
pub struct Cluster {
    /// The database.
    pub postgres: PatroniCluster,
    /// The broker.
    pub rabbitmq: RabbitMqCluster,
    /// A pooler, by way of a load balancer that follows the primary.
    pub pooler: Pooler,
    balancer: Server,
    store: Server,
    _hosts: Hosts,
}

impl Cluster {
    /// Starts it, with what it keeps in `directory`.
    pub fn start(directory: &Path, surroundings: &Surroundings) -> Result<Self> {
        let options = Options::private(directory.to_path_buf(), Durability::Durable);
        let servers = [Program::Postgres, Program::RabbitMq];
        let programs = [servers.as_slice(), &[Program::PgBouncer, Program::Etcd, Program::HaProxy]].concat();
        install_missing(&options, &programs, surroundings)?;
        Places::create(&options)?;
        let hosts = Hosts::create(2 * NODES, &surroundings.watchdog)?;
        let (databases, brokers) = hosts.all.split_at(usize::from(NODES));
        let (postgres, rabbitmq) = thread::scope(|scope| {
            let postgres = scope.spawn(|| {
                let (store, address) = etcd::start(directory, hosts.gateway, surroundings)?;
                Ok((PatroniCluster::start(directory, databases, address, surroundings)?, store))
            });
            let rabbitmq = RabbitMqCluster::start(directory, brokers, surroundings);
            (postgres.join().unwrap_or_else(|_| Err(anyhow!("starting PostgreSQL panicked"))), rabbitmq)
        });
        let ((postgres, store), rabbitmq) = (postgres?, rabbitmq?);
        let balancer = haproxy::start(directory, &postgres, surroundings)?;
        let program = discovery::find_program("pgbouncer")
            .ok_or_else(|| anyhow!("PgBouncer was not found: install the package pgbouncer"))?;
        let pooler = pgbouncer::start(&program, directory, balancer.url(), surroundings)?;
        Ok(Self { postgres, rabbitmq, pooler, balancer, store, _hosts: hosts })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Beside each other: each takes seconds. One that is frozen or killed is left to its own end.
        let stop = |server: &Server| {
            let _was_not_running = server.resume();
            let _was_not_running = server.stop_fast();
        };
        thread::scope(|scope| {
            for server in self.postgres.servers().chain(self.rabbitmq.servers()) {
                scope.spawn(move || stop(server));
            }
        });
        stop(&self.balancer);
        stop(&self.store);
    }
}
