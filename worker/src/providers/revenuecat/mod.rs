//! RevenueCat, which tells of purchases in app stores: what proves its webhooks, and what they say.
//!
//! <https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields>

pub mod event;
