//! Plans: credits for every paid month or year. What a subscription costs and grants is frozen when it is agreed on;
//! a change of the plan concerns those who subscribe later.

pub mod operations;
pub mod rules;
mod store;

use kernel::clock::Timestamp;
use kernel::money::{Credits, Currency, Money};
use kernel::text_enum;

use crate::provider::Provider;

text_enum! {
    /// How often a plan is paid.
    Interval {
        Month => "month",
        Year => "year",
    }
}

/// A plan as an administrator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its id: letters, digits, `_`, `.`, `-`.
    pub id: String,
    pub name: String,
    /// For people.
    pub description: String,
    /// Smallest units.
    pub price_monthly: i64,
    /// Smallest units; none: not sold by the year.
    pub price_yearly: Option<i64>,
    /// Of both prices.
    pub currency: Currency,
    /// What a paid month grants.
    pub credits_included: Credits,
    /// What a paid year grants, at once.
    pub credits_included_yearly: Credits,
    /// For people.
    pub features: Vec<String>,
    /// Whether what is left at the end of a period stays.
    pub rollover: bool,
    /// The price at Stripe for a month; without it one is made when it is sold.
    pub stripe_price_id_monthly: Option<String>,
    /// The same for a year.
    pub stripe_price_id_yearly: Option<String>,
    /// The product at Creem for a month; without it the plan is not sold over Creem.
    pub creem_product_id: Option<String>,
    /// The same for a year.
    pub creem_product_id_yearly: Option<String>,
    /// Whether it is sold now.
    pub is_active: bool,
    /// Lower is listed earlier.
    pub sort_order: i32,
}

/// A plan as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// What one period of a plan costs and grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub plan_id: String,
    pub interval: Interval,
    pub price: Money,
    pub credits: Credits,
    /// Whether what is left stays.
    pub rollover: bool,
    /// The provider's price or product that stands for it, where there is one.
    pub provider_price: Option<String>,
}

impl Terms {
    /// Which plan, for which period.
    pub fn plan_key(&self) -> (&str, Interval) {
        (&self.plan_id, self.interval)
    }
}

impl Plan {
    /// The terms of this plan at a provider; none if it is not sold there for this period. Creem sells a plan as a
    /// product of its own; Stripe needs no price of its own.
    pub fn terms_at(&self, provider: Provider, interval: Interval) -> Option<Terms> {
        match provider {
            Provider::Stripe => {
                let price_id = match interval {
                    Interval::Month => &self.stripe_price_id_monthly,
                    Interval::Year => &self.stripe_price_id_yearly,
                };
                self.terms(interval, price_id.clone())
            }
            Provider::Creem => {
                let product_id = match interval {
                    Interval::Month => &self.creem_product_id,
                    Interval::Year => &self.creem_product_id_yearly,
                };
                self.terms(interval, product_id.clone())
            }
            // App stores sell packs only, and a gift has no subscribers.
            Provider::Revenuecat | Provider::Manual => None,
        }
    }

    fn terms(&self, interval: Interval, provider_price: Option<String>) -> Option<Terms> {
        let (price, credits) = match interval {
            Interval::Month => (self.price_monthly, self.credits_included),
            Interval::Year => (self.price_yearly?, self.credits_included_yearly),
        };
        Some(Terms {
            plan_id: self.id.clone(),
            interval,
            price: Money::new(price, self.currency),
            credits,
            rollover: self.rollover,
            provider_price,
        })
    }
}

/// Why a plan cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The id is taken.
    #[error("there is a plan {0} already")]
    Exists(String),
    /// There is no plan of this id.
    #[error("there is no plan {0}")]
    NoPlan(String),
    /// Another plan has this price or product of a provider.
    #[error("another plan has this provider price or product")]
    ProviderPriceTaken,
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
