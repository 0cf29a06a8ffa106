//! Payment providers.

use kernel::text_enum;

text_enum! {
    /// Who takes the money.
    Provider {
        Stripe => "stripe",
        Creem => "creem",
        /// The app stores, through RevenueCat.
        Revenuecat => "revenuecat",
        /// No provider: an administrator gives it, or it is a test.
        Manual => "manual",
    }
}
