//! Verifies that a webhook comes from its provider: the signatures of Stripe, Creem and RevenueCat. Nothing here
//! reads the content of a webhook.

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
