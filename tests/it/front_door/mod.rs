//! Purser's own API, as its callers meet it.

mod events;
