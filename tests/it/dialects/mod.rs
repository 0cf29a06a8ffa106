//! The APIs of other credit systems, each against its own documentation.

mod allmine;
mod billing;
mod isolation;
mod one_ledger;
mod samsar;
mod timeproof;
mod wasdi;
