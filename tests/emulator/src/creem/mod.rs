//! The emulated Creem, a merchant of record: its state, and the dispatch of API calls to what they are about.

mod amounts;
pub(crate) mod api;
mod body;
pub(crate) mod checkouts;
pub(crate) mod controls;
mod customers;
mod discounts;
mod disputes;
mod errors;
pub(crate) mod events;
mod listing;
mod moments;
pub(crate) mod portal;
pub(crate) mod products;
pub(crate) mod purchase;
mod refunds;
mod render;
mod renewal;
pub(crate) mod subscriptions;
pub(crate) mod timers;
mod transactions;

pub(crate) use self::amounts::rounded_share;
use serde_json::Value;

use self::body::Fields;
use self::errors::{Answer, ApiError};
use crate::config::Config;
use crate::stripe::store::{Store, random_text, visible};
use crate::timers::Timers;
use crate::world::World;

/// What the country of every buyer is, and where tax is collected.
const COUNTRY: &str = "US";

/// Everything the emulated store holds.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) timers: Timers<timers::Timer>,
    /// The only key accepted; any `creem_…` is when this is absent.
    api_key: Option<String>,
    /// Where events go, and the secret they are signed with.
    webhook: Option<(String, String)>,
    /// The sales tax in hundredths of a percent.
    tax_basis_points: u32,
    /// How objects appear inside of events and answers.
    forms: render::Forms,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            store: Store::default(),
            timers: Timers::default(),
            api_key: config.creem_api_key.clone(),
            webhook: config.creem_webhook_url.clone().zip(config.creem_webhook_secret.clone()),
            tax_basis_points: config.creem_tax_basis_points,
            forms: render::Forms::default(),
        }
    }

    /// The object, or Creem's 404.
    fn find(&self, prefix: &str, what: &str, id: &str) -> Answer<&Value> {
        self.store.get(prefix, id).ok_or_else(|| ApiError::not_found(what))
    }
}

/// An API call, decoded.
struct Call<'a> {
    method: &'a str,
    /// The path after `/creem/v1/`, split at slashes.
    segments: Vec<&'a str>,
    query: Fields,
    body: Fields,
    /// The key that the caller presented.
    api_key: &'a str,
}

/// Executes an API call.
fn execute(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, call.segments.as_slice()) {
        ("POST", ["checkouts"]) => checkouts::create(world, call),
        ("GET", ["checkouts"]) => checkouts::retrieve(world, &call.query),
        ("GET", ["customers"]) => customers::retrieve(world, &call.query),
        ("GET", ["customers", "list"]) => listing::page(world, &call.query, "cust", |_| true),
        ("POST", ["customers", "billing"]) => portal::create(world, &call.body),
        ("POST", ["discounts"]) => discounts::create(world, &call.body),
        ("GET", ["discounts"]) => discounts::retrieve(world, &call.query),
        ("DELETE", ["discounts", id, "delete"]) => discounts::delete(world, id),
        ("POST", ["products"]) => products::create(world, &call.body),
        ("GET", ["products"]) => products::retrieve(world, &call.query),
        ("GET", ["products", "search"]) => listing::page(world, &call.query, "prod", |_| true),
        ("GET", ["products", id]) => world.creem.find("prod", "Product", id).map(visible),
        ("POST", ["refunds"]) => refunds::create(world, &call.body),
        ("GET", ["subscriptions"]) => subscriptions::retrieve(world, &call.query),
        ("POST", ["subscriptions", id, "cancel"]) => subscriptions::cancel(world, id, &call.body),
        ("POST", ["subscriptions", id, "resume"]) => subscriptions::resume(world, id),
        ("POST", ["subscriptions", id, "upgrade"]) => subscriptions::upgrade(world, id, &call.body),
        ("GET", ["transactions"]) => transactions::retrieve(world, &call.query),
        ("GET", ["transactions", "search"]) => transactions::search(world, &call.query),
        (method, segments) => Err(ApiError::unknown_url(method, &segments.join("/"))),
    }
}

/// A fresh id such as `ch_4l0N…`.
fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", random_text(22))
}
