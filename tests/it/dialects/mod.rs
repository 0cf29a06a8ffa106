//! The APIs of other credit systems, each against its own documentation.

mod billing;
mod samsar;
