//! Purser: common.
