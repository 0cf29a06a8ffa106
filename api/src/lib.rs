//! Purser: api.
