//! Purser: worker.
