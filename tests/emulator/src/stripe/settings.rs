//! What the seller has set in the Dashboard, where there is no API for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::tax::Tax;
use crate::world::World;

const DAY: i64 = 86_400;

/// The settings of the account.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The name that buyers see.
    pub(crate) merchant: String,
    pub(crate) tax: Tax,
    pub(crate) dunning: Dunning,
    /// Monthly prices with the yearly ones that Checkout offers instead of them.
    /// <https://docs.stripe.com/payments/checkout/upsells>
    pub(crate) upsells: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            merchant: "Purser emulator".to_owned(),
            tax: Tax::default(),
            dunning: Dunning::default(),
            upsells: BTreeMap::new(),
        }
    }
}

/// What becomes of a subscription whose last retry failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AfterRetries {
    Canceled,
    Unpaid,
    PastDue,
}

/// When an unpaid invoice is tried again, in place of Smart Retries.
/// <https://docs.stripe.com/billing/revenue-recovery/smart-retries>
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dunning {
    /// Days between an attempt and the next.
    retry_after_days: Vec<u16>,
    pub(crate) then: AfterRetries,
}

impl Default for Dunning {
    fn default() -> Self {
        Self { retry_after_days: vec![3, 3, 3], then: AfterRetries::Canceled }
    }
}

impl Dunning {
    /// Seconds until the next attempt after so many, if there is one.
    pub(crate) fn next_wait(&self, attempts: i64) -> Option<i64> {
        let nth = usize::try_from(attempts.checked_sub(1)?).ok()?;
        self.retry_after_days.get(nth).map(|days| i64::from(*days) * DAY)
    }
}

/// `/_emulator/stripe/…`: shows or changes a setting.
pub(crate) fn control(world: &mut World, method: &str, segments: &[&str], body: Value) -> Answer {
    let changes = method == "PUT";
    if !changes && method != "GET" || segments.len() != 1 {
        return Err(ApiError::unknown_url(method, &format!("/_emulator/stripe/{}", segments.join("/"))));
    }
    let settings = &mut world.stripe.settings;
    match segments {
        ["tax"] => {
            if changes {
                settings.tax = read_tax(&body)?;
            }
            Ok(json!({ "basis_points": settings.tax.basis_points, "inclusive": settings.tax.inclusive }))
        }
        ["dunning"] => {
            if changes {
                settings.dunning = read(body)?;
            }
            Ok(json!(settings.dunning))
        }
        ["upsells"] => {
            if changes {
                let upsells: BTreeMap<String, String> = read(body)?;
                for price in upsells.iter().flat_map(|(from, to)| [from, to]) {
                    world.stripe.store.named_by("price", "price", price)?;
                }
                world.stripe.settings.upsells = upsells;
            }
            Ok(json!(world.stripe.settings.upsells))
        }
        ["merchant"] => {
            if changes {
                let name = body["name"].as_str().filter(|name| !name.trim().is_empty());
                settings.merchant = name.ok_or_else(|| ApiError::missing("name"))?.to_owned();
            }
            Ok(json!({ "name": settings.merchant }))
        }
        _ => Err(ApiError::unknown_url(method, &format!("/_emulator/stripe/{}", segments.join("/")))),
    }
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> Answer<T> {
    serde_json::from_value(body).map_err(|error| ApiError::invalid(error.to_string()))
}

fn read_tax(body: &Value) -> Answer<Tax> {
    let rate = body["basis_points"].as_i64().ok_or_else(|| ApiError::missing("basis_points"))?;
    if !(0..=10_000).contains(&rate) {
        return Err(ApiError::invalid("basis_points must be between 0 and 10000").param("basis_points"));
    }
    Ok(Tax { basis_points: rate, inclusive: body["inclusive"].as_bool().unwrap_or(false) })
}
