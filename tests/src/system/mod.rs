//! The parts of Purser as they run beside each other on one machine: their settings and their processes.

mod service;
mod settings;

pub use service::{Service, ServiceProcess};
pub use settings::{Addresses, Secrets, Settings};
