//! Misbehaviour on demand: how often deliveries and API calls go wrong. Every decision follows from the
//! seed and from how many decisions of that kind came before, so a run can be repeated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The knobs of `PUT /_emulator/faults`; a knob that is left out is off. Rates are between 0 and 1.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Knobs {
    /// How often an event is delivered twice at the same time.
    pub(crate) duplicate: f64,
    /// How often the same fact is told by a second event with an id of its own.
    pub(crate) duplicate_event: f64,
    /// How often an event is held back until after the next one.
    pub(crate) reorder: f64,
    /// How often the first delivery waits for `delay_ms`.
    pub(crate) delay: f64,
    /// The wait of a delayed delivery in milliseconds.
    pub(crate) delay_ms: u64,
    /// How often an event is never delivered by itself (a resend still delivers it).
    pub(crate) drop: f64,
    /// How often an API call is answered 429 instead of being executed.
    pub(crate) rate_429: f64,
    /// How often an API call is answered 500 instead of being executed; a retry executes it.
    pub(crate) rate_500: f64,
    /// As `rate_500`, but the answer is stored under the idempotency key and replayed.
    pub(crate) rate_500_stored: f64,
    /// How often an API call is executed and stored, but never answered.
    pub(crate) timeout_after_success: f64,
    /// How often an API call is executed and stored, but answered with something that is no answer to it.
    pub(crate) unreadable: f64,
    /// How long an unanswered connection stays open, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
    /// How long every API call takes, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Which API calls can fail: beginnings of `METHOD /path`; empty for all.
    pub(crate) only: Vec<String>,
    /// How many API calls may still fail; absent for no limit.
    pub(crate) limit: Option<u64>,
    /// What all decisions follow from.
    pub(crate) seed: u64,
}

/// What to do to one API call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFault {
    None,
    TooManyRequests,
    ServerError { stored: bool },
    TimeoutAfterSuccess,
    Unreadable,
}

/// The knobs in force and how many decisions of each kind were taken.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) knobs: Knobs,
    taken: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// Puts new knobs in force and starts the sequence of decisions again.
    pub(crate) fn replace(&mut self, knobs: Knobs) -> Result<(), String> {
        for (name, rate) in [
            ("duplicate", knobs.duplicate),
            ("duplicate_event", knobs.duplicate_event),
            ("reorder", knobs.reorder),
            ("delay", knobs.delay),
            ("drop", knobs.drop),
            ("rate_429", knobs.rate_429),
            ("rate_500", knobs.rate_500),
            ("rate_500_stored", knobs.rate_500_stored),
            ("timeout_after_success", knobs.timeout_after_success),
            ("unreadable", knobs.unreadable),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(format!("{name} must be between 0 and 1"));
            }
        }
        *self = Self { knobs, taken: BTreeMap::new() };
        Ok(())
    }

    pub(crate) fn duplicates_delivery(&mut self) -> bool {
        self.happens("duplicate", self.knobs.duplicate)
    }

    pub(crate) fn duplicates_event(&mut self) -> bool {
        self.happens("duplicate_event", self.knobs.duplicate_event)
    }

    pub(crate) fn reorders(&mut self) -> bool {
        self.happens("reorder", self.knobs.reorder)
    }

    pub(crate) fn delays(&mut self) -> bool {
        self.happens("delay", self.knobs.delay)
    }

    pub(crate) fn drops(&mut self) -> bool {
        self.happens("drop", self.knobs.drop)
    }

    /// Decides what happens to the call `METHOD /path`.
    pub(crate) fn for_call(&mut self, call: &str) -> CallFault {
        let only = &self.knobs.only;
        if !only.is_empty() && !only.iter().any(|beginning| call.starts_with(beginning.as_str())) {
            return CallFault::None;
        }
        if self.knobs.limit == Some(0) {
            return CallFault::None;
        }
        let fault = if self.happens("rate_429", self.knobs.rate_429) {
            CallFault::TooManyRequests
        } else if self.happens("rate_500", self.knobs.rate_500) {
            CallFault::ServerError { stored: false }
        } else if self.happens("rate_500_stored", self.knobs.rate_500_stored) {
            CallFault::ServerError { stored: true }
        } else if self.happens("timeout", self.knobs.timeout_after_success) {
            CallFault::TimeoutAfterSuccess
        } else if self.happens("unreadable", self.knobs.unreadable) {
            CallFault::Unreadable
        } else {
            CallFault::None
        };
        if fault != CallFault::None {
            self.knobs.limit = self.knobs.limit.map(|left| left.saturating_sub(1));
        }
        fault
    }

    fn happens(&mut self, kind: &'static str, rate: f64) -> bool {
        if rate <= 0.0 {
            return false;
        }
        let nth = self.taken.entry(kind).or_default();
        *nth += 1;
        let salt = kind.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mixed = mix(mix(self.knobs.seed ^ salt).wrapping_add(*nth));
        // The upper 32 bits are exact as a float, so a rate of 1 always happens.
        let rolled = f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        rolled < rate
    }
}

/// The finalizer of SplitMix64: neighbouring numbers come out unrelated, the same in every release.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn sequence(seed: u64) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.replace(Knobs { drop: 0.3, seed, ..Knobs::default() }).expect("the knobs are valid");
        (0..1000).map(|_| faults.drops()).collect()
    }

    #[test]
    fn the_same_seed_takes_the_same_decisions() {
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
    }

    #[test]
    fn a_rate_is_how_often_it_happens() {
        let happened = sequence(1).into_iter().filter(|dropped| *dropped).count();
        assert!((250..350).contains(&happened), "{happened} of 1000 at a rate of 0.3");
    }

    #[test]
    fn the_limit_stops_call_faults_and_only_selects_them() {
        let mut faults = Faults::default();
        let only = vec!["POST /v1/refunds".to_owned()];
        let knobs = Knobs { rate_500: 1.0, limit: Some(1), only, ..Knobs::default() };
        faults.replace(knobs).expect("the knobs are valid");
        assert_eq!(faults.for_call("POST /v1/customers"), CallFault::None);
        assert_eq!(faults.for_call("POST /v1/refunds"), CallFault::ServerError { stored: false });
        assert_eq!(faults.for_call("POST /v1/refunds"), CallFault::None);
    }
}
