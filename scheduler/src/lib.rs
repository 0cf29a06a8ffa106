//! Purser: scheduler.
