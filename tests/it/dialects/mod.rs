//! The APIs of other credit systems, each against its own documentation.

mod allmine;
mod billing;
mod samsar;
mod timeproof;
mod wasdi;
