//! RevenueCat, which reports purchases in app stores: a tolerant reader of its events.
//!
//! <https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields>

pub mod event;
