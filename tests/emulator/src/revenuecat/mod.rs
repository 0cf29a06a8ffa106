//! RevenueCat as far as its webhooks go: what buyers do in app stores, and what RevenueCat makes of it.
//! <https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields>

pub(crate) mod controls;
pub(crate) mod events;
mod purchases;

use std::collections::BTreeSet;

use crate::config::Config;
use crate::stripe::store::Store;

/// Where events go, and how they prove themselves.
#[derive(Clone)]
pub(crate) struct Webhook {
    url: String,
    authorization: String,
    signing_secret: Option<String>,
}

/// Everything the emulated project holds: its events and, by transaction, its purchases.
pub(crate) struct State {
    pub(crate) store: Store,
    webhook: Option<Webhook>,
    /// The names of each buyer that has more than one.
    aliases: Vec<BTreeSet<String>>,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        let webhook = config.revenuecat_webhook_url.clone().zip(config.revenuecat_webhook_auth.clone());
        Self {
            store: Store::default(),
            webhook: webhook.map(|(url, authorization)| Webhook {
                url,
                authorization,
                signing_secret: config.revenuecat_signing_secret.clone(),
            }),
            aliases: Vec::new(),
        }
    }

    /// All names of a buyer.
    fn names_of(&self, user: &str) -> Vec<String> {
        let known = self.aliases.iter().find(|names| names.contains(user));
        known.map_or_else(|| vec![user.to_owned()], |names| names.iter().cloned().collect())
    }

    /// Two names are one buyer from now on.
    fn join(&mut self, one: &str, other: &str) {
        let mut joined = BTreeSet::from([one.to_owned(), other.to_owned()]);
        self.aliases.retain(|names| {
            let related = names.contains(one) || names.contains(other);
            if related {
                joined.extend(names.iter().cloned());
            }
            !related
        });
        self.aliases.push(joined);
    }
}
