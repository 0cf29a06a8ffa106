//! Endpoints that get webhooks, and what was sent to them.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::failure::Failure;
use crate::operation::{Operation, Page};

const ENDPOINTS: &[&str] = &["endpointId", "url", "enabled", "eventTypes"];
const DELIVERIES: &[&str] = &["deliveryId", "type", "state", "createdAt", "deliveredAt", "nextAttemptAt"];

#[derive(Debug, Subcommand)]
pub enum Webhooks {
    List,
    /// Look at an endpoint
    Show {
        endpoint_id: String,
    },
    /// Add an endpoint; its secret is shown this once
    Create(NewEndpoint),
    /// Remove an endpoint
    Delete {
        endpoint_id: String,
    },
    /// Make a new secret; the old one is good for a day more
    RotateSecret {
        endpoint_id: String,
    },
    /// Send a test event
    Test {
        endpoint_id: String,
    },
    /// What was sent to an endpoint, newest first
    Deliveries {
        endpoint_id: String,
        /// Only those in this state
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Send a delivery again
    Replay {
        delivery_id: String,
    },
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEndpoint {
    url: String,
    /// An event to send; may be repeated; all events unless given
    #[arg(long = "event-type", value_name = "TYPE", value_delimiter = ',')]
    event_types: Vec<String>,
}

impl Webhooks {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List => Ok(Operation::get(["webhook-endpoints"]).list(ENDPOINTS)),
            Self::Show { endpoint_id } => Ok(Operation::get(["webhook-endpoints", &endpoint_id])),
            Self::Create(new) => Operation::post(["webhook-endpoints"]).body(&new),
            Self::Delete { endpoint_id } => {
                Ok(Operation::delete(["webhook-endpoints", &endpoint_id], "The endpoint is removed."))
            }
            Self::RotateSecret { endpoint_id } => {
                Ok(Operation::post(["webhook-endpoints", &endpoint_id, "rotate-secret"]))
            }
            Self::Test { endpoint_id } => Ok(Operation::post(["webhook-endpoints", &endpoint_id, "test"])),
            Self::Deliveries { endpoint_id, state, page } => {
                Ok(Operation::get(["webhook-endpoints", &endpoint_id, "deliveries"])
                    .query(&[("state", state.as_deref())])
                    .pages(&page, DELIVERIES))
            }
            Self::Replay { delivery_id } => {
                Ok(Operation::post(["webhook-deliveries", &delivery_id, "replay"]))
            }
        }
    }
}
