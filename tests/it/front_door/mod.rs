//! This system's own API under `/purser/v1`.

mod bodies;
mod credentials;
mod rights;
