//! The network between the parts: each link goes through a relay.

use std::fmt;

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    ClientsToApi,
    ProviderToApi,
    ApiToPostgres,
    ApiToRabbitMq,
    WorkerToPostgres,
    WorkerToRabbitMq,
    WorkerToProvider,
    SchedulerToPostgres,
    SchedulerToRabbitMq,
}

impl Link {
    pub const ALL: [Self; 9] = [
        Self::ClientsToApi,
        Self::ProviderToApi,
        Self::ApiToPostgres,
        Self::ApiToRabbitMq,
        Self::WorkerToPostgres,
        Self::WorkerToRabbitMq,
        Self::WorkerToProvider,
        Self::SchedulerToPostgres,
        Self::SchedulerToRabbitMq,
    ];
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientsToApi => "clients – api",
            Self::ProviderToApi => "provider – api",
            Self::ApiToPostgres => "api – PostgreSQL",
            Self::ApiToRabbitMq => "api – RabbitMQ",
            Self::WorkerToPostgres => "worker – PostgreSQL",
            Self::WorkerToRabbitMq => "worker – RabbitMQ",
            Self::WorkerToProvider => "worker – provider",
            Self::SchedulerToPostgres => "scheduler – PostgreSQL",
            Self::SchedulerToRabbitMq => "scheduler – RabbitMQ",
        })
    }
}
