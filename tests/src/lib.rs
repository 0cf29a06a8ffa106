//! The harness: private servers and whole systems for tests, benchmarks and `cargo dev`.

pub mod books;
pub mod browser;
pub mod catalog;
pub mod client;
pub mod dev;
pub mod emulator_clock;
pub mod error_formats;
pub mod eventually;
pub mod fuzz;
pub mod invoices;
pub mod prometheus;
pub mod queues;
pub mod quiescence;
pub mod receiver;
pub mod reconciliation;
pub mod relay;
mod run;
pub mod system;
pub mod terms;
pub mod world;

pub use run::{back_up, directory, pooler_of, private_servers, restore, servers, standby_of, tool};
pub use world::World;
