//! Stripe's coupons.
