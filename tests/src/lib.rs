//! The harness: private servers and whole systems for tests, benchmarks and `cargo dev`.

pub mod books;
pub mod client;
pub mod dev;
pub mod fuzz;
pub mod queues;
pub mod receiver;
pub mod rest;
mod run;
pub mod system;
pub mod words;
pub mod world;

pub use run::{directory, private_servers, servers};
pub use world::World;
