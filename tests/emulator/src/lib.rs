//! Purser: emulator.
