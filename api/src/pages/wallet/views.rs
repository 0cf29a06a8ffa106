//! What the customers' pages read of the own API's answers: of each, the fields that they show.

use std::collections::BTreeMap;

use identity::Role;
use kernel::clock::Timestamp;
use kernel::money::{Credits, Currency, Money};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::Duration;

use crate::http::json;
use crate::http::values::GivenMoment;

/// Reads credits exactly, from the number's text.
fn credits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Credits, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    json::credits(&raw).map_err(serde::de::Error::custom)
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    GivenMoment::deserialize(deserializer).map(|given| given.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opened {
    pub(super) session_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) wallet_id: String,
    /// Of an organization's wallet: the member who looks.
    pub(super) user_id: Option<String>,
    pub(super) return_url: String,
    pub(super) locale: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wallet {
    pub(super) org_id: Option<String>,
    #[serde(deserialize_with = "credits")]
    pub(super) balance: Credits,
    #[serde(deserialize_with = "credits")]
    pub(super) available: Credits,
    #[serde(deserialize_with = "credits")]
    pub(super) held: Credits,
    #[serde(deserialize_with = "credits")]
    pub(super) debt: Credits,
    pub(super) lapsing: Vec<Lapsing>,
}

#[derive(Deserialize)]
pub(super) struct Lapsing {
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    #[serde(deserialize_with = "moment")]
    pub(super) at: Timestamp,
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(rename = "type")]
    pub(super) entry_type: String,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    #[serde(deserialize_with = "credits")]
    pub(super) balance_after: Credits,
    pub(super) description: Option<String>,
    pub(super) member_id: Option<String>,
    pub(super) belongs_to: Option<BelongsTo>,
    #[serde(deserialize_with = "moment")]
    pub(super) created_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct BelongsTo {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl Entry {
    /// Whether credits were used: a debit, or what was captured of a hold.
    pub(super) fn is_use(&self) -> bool {
        self.credits.is_negative() && self.belongs_to.as_ref().is_none_or(|to| to.kind == "hold")
    }
}

#[derive(Deserialize)]
pub(super) struct Products {
    pub(super) packs: Vec<Pack>,
    pub(super) plans: Vec<Plan>,
    pub(super) credits: Vec<CreditPrice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pack {
    pub(super) pack_id: String,
    pub(super) name: String,
    pub(super) description: String,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) price: Money,
    pub(super) expires_after_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    pub(super) plan_id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) features: Vec<String>,
    pub(super) monthly: Period,
    pub(super) yearly: Option<Period>,
}

#[derive(Deserialize)]
pub(super) struct Period {
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) price: Money,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) subscription_id: String,
    pub(super) plan_id: String,
    pub(super) interval: String,
    pub(super) price_minor: i64,
    pub(super) currency: Currency,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) state: String,
    pub(super) cancel_at_period_end: bool,
    pub(super) current_period_end: Option<GivenMoment>,
    pub(super) ending: Option<Ending>,
    pub(super) change: Option<Change>,
}

/// A plan that a subscription can be moved to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanOption {
    pub(super) plan_id: String,
    pub(super) name: String,
    pub(super) interval: String,
    pub(super) price: Money,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) due: Money,
    pub(super) renews_at: Option<GivenMoment>,
}

/// A move to another plan that was asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) plan_id: String,
    pub(super) interval: String,
    pub(super) state: String,
    pub(super) refusal: Option<String>,
    #[serde(deserialize_with = "moment")]
    pub(super) asked_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ending {
    pub(super) state: String,
    pub(super) refusal: Option<String>,
    #[serde(deserialize_with = "moment")]
    pub(super) asked_at: Timestamp,
}

/// How long after the provider has agreed to something its word of that is waited for. A subscription that goes on
/// after all has no end in sight, whatever was asked for once.
const AGREED: Duration = Duration::minutes(1);

/// The page shows a refused change for so long. Nothing came of it, so it is news and no state.
const NEWS: Duration = Duration::days(1);

impl Subscription {
    /// Whether the provider was asked to end it, and how it stands since then is not known yet.
    pub(super) fn is_being_ended(&self, now: Timestamp) -> bool {
        let is_open = |ending: &Ending| match ending.state.as_str() {
            "asked" => true,
            "done" => now - ending.asked_at < AGREED,
            _ => false,
        };
        !self.cancel_at_period_end && self.ending.as_ref().is_some_and(is_open)
    }

    /// Whether the provider was asked to move it, and how it stands since then is not known yet.
    pub(super) fn is_being_changed(&self, now: Timestamp) -> bool {
        let is_open = |change: &Change| match change.state.as_str() {
            "asked" => true,
            "done" => !self.is_on(change) && now - change.asked_at < AGREED,
            _ => false,
        };
        self.change.as_ref().is_some_and(is_open)
    }

    fn is_on(&self, change: &Change) -> bool {
        self.plan_id == change.plan_id && self.interval == change.interval
    }

    /// Why the provider refused to move it, while that is news.
    pub(super) fn refused_change(&self, now: Timestamp) -> Option<&str> {
        let refused = self.change.as_ref().filter(|change| change.state == "refused");
        refused.filter(|change| now - change.asked_at < NEWS)?.refusal.as_deref()
    }

    /// Why the provider refused to end it.
    pub(super) fn refused_end(&self) -> Option<&str> {
        let refused = self.ending.as_ref().filter(|ending| ending.state == "refused");
        refused.filter(|_| !self.cancel_at_period_end)?.refusal.as_deref()
    }
}

#[derive(Deserialize)]
pub(super) struct CreditPrice {
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) price: Money,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    pub(super) order_id: String,
    pub(super) wallet_id: String,
    pub(super) number: i64,
    pub(super) status: String,
    pub(super) summary: String,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) amount: Money,
    pub(super) charged: Option<Money>,
    pub(super) checkout_url: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) receipt_url: Option<String>,
    #[serde(deserialize_with = "moment")]
    pub(super) created_at: Timestamp,
}

/// What is enough to know of an answer about an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed {
    pub(super) order_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recharge {
    pub(super) enabled: bool,
    pub(super) state: String,
    #[serde(deserialize_with = "credits")]
    pub(super) threshold_credits: Credits,
    pub(super) amount: Money,
    pub(super) max_monthly: Option<Money>,
    pub(super) spent_this_month: Money,
    pub(super) left_this_month: Option<Money>,
    #[serde(deserialize_with = "moment")]
    pub(super) resets_at: Timestamp,
    pub(super) card: Option<Card>,
    pub(super) setup: Option<Setup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Card {
    pub(super) brand: String,
    pub(super) last4: String,
    pub(super) exp_month: i64,
    pub(super) exp_year: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup {
    pub(super) payment_id: String,
}

/// A page of the payment provider's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkout {
    pub(super) status: String,
    pub(super) checkout_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CheckoutResult {
    pub(super) mode: String,
    pub(super) status: String,
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
}

#[derive(Deserialize)]
pub(super) struct Alerts {
    pub(super) levels: Vec<Box<RawValue>>,
}

impl Alerts {
    /// The levels, as numbers are typed.
    pub(super) fn typed(&self) -> String {
        self.levels.iter().map(|level| level.get()).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Deserialize)]
pub(super) struct Organization {
    pub(super) name: String,
    /// The reader's; none of who is no member.
    pub(super) role: Option<Role>,
    pub(super) members: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub(super) user_id: String,
    pub(super) role: Role,
    pub(super) limit: Option<Limit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limit {
    #[serde(deserialize_with = "credits")]
    pub(super) credits: Credits,
    pub(super) per: String,
    #[serde(deserialize_with = "credits")]
    pub(super) left: Credits,
    #[serde(deserialize_with = "moment")]
    pub(super) resets_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct Ticket {
    pub(super) ticket: String,
}

/// Credits by a name, the most first.
pub(super) type Sums = Vec<(String, Credits)>;

/// Sums of what was used, by what `name` gives of each entry.
pub(super) fn sums<'a>(entries: &'a [Entry], name: impl Fn(&'a Entry) -> &'a str) -> Sums {
    let mut sums: BTreeMap<&str, Credits> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_use()) {
        let sum = sums.entry(name(entry)).or_insert(Credits::ZERO);
        // Sums of what a wallet has lost fit: its balance did.
        *sum = sum.checked_sub(entry.credits).unwrap_or(*sum);
    }
    let mut sums: Sums = sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    sums
}
