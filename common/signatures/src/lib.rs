//! Proofs that a webhook came from its provider: the signatures of Stripe, Creem and RevenueCat. Nothing here reads
//! what a webhook says.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod creem;
pub mod revenuecat;
pub mod stripe;
