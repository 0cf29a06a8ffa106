//! Tries to break the rules of reversals with any facts in any order.
