//! The emulated Stripe: its state, and the dispatch of API calls to the resource they are about.

pub(crate) mod banks;
pub(crate) mod cards;
pub(crate) mod charges;
mod coupons;
mod customer_balance;
mod customers;
pub(crate) mod disputes;
pub(crate) mod errors;
pub(crate) mod events;
mod expansion;
pub(crate) mod foreign;
pub(crate) mod fraud_warnings;
pub(crate) mod idempotency;
mod invoices;
mod listing;
pub(crate) mod money;
pub(crate) mod parameters;
pub(crate) mod payment_intents;
pub(crate) mod payment_links;
pub(crate) mod payment_methods;
mod portal;
mod prices;
mod products;
pub(crate) mod promotion_codes;
pub(crate) mod refunds;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod setup_intents;
pub(crate) mod stock;
pub(crate) mod store;
pub(crate) mod subscriptions;
mod tax;
pub(crate) mod timers;
pub(crate) mod webhook_endpoints;

use serde_json::{Map, Value, json};

use self::errors::{Answer, ApiError};
use self::parameters::Params;
use self::store::{Store, visible};
use crate::world::World;

/// Everything the emulated account holds.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) timers: crate::timers::Timers<timers::Timer>,
    pub(crate) keys: idempotency::Keys,
    pub(crate) settings: settings::Settings,
    /// The request that is being executed.
    pub(crate) origin: Origin,
}

/// Where an event comes from.
#[derive(Debug, Default, Clone)]
pub(crate) struct Origin {
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) api_version: Option<String>,
}

/// An API call, decoded.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// The path after `/v1/`, split at slashes.
    pub(crate) segments: Vec<&'a str>,
    pub(crate) params: Params,
}

impl Call<'_> {
    pub(crate) fn path(&self) -> String {
        format!("/v1/{}", self.segments.join("/"))
    }

    pub(crate) fn unknown(&self) -> ApiError {
        ApiError::unknown_url(self.method, &self.path())
    }
}

/// Executes an API call.
pub(crate) fn execute(world: &mut World, call: &Call<'_>) -> Answer {
    let expanded = call.params.texts("expand")?;
    let mut answer = dispatch(world, call)?;
    expansion::expand(world, &mut answer, &expanded)?;
    Ok(answer)
}

fn dispatch(world: &mut World, call: &Call<'_>) -> Answer {
    match call.segments.first().copied().unwrap_or_default() {
        "balance" => balance(world, call),
        "balance_transactions" => balance_transactions(world, call),
        "billing_portal" => portal::route(world, call),
        "charges" => charges::route(world, call),
        "checkout" => sessions::route(world, call),
        "coupons" => coupons::route(world, call),
        "customers" => customers::route(world, call),
        "disputes" => disputes::route(world, call),
        "events" => events::route(world, call),
        "invoice_payments" => invoices::route_payments(world, call),
        "invoices" => invoices::route(world, call),
        "payment_intents" => payment_intents::route(world, call),
        "payment_links" => payment_links::route(world, call),
        "payment_methods" => payment_methods::route(world, call),
        "prices" => prices::route(world, call),
        "products" => products::route(world, call),
        "promotion_codes" => promotion_codes::route(world, call),
        "radar" => fraud_warnings::route(world, call),
        "refunds" => refunds::route(world, call),
        "setup_intents" => setup_intents::route(world, call),
        "subscription_items" => subscriptions::route_items(world, call),
        "subscriptions" => subscriptions::route(world, call),
        "webhook_endpoints" => webhook_endpoints::route(world, call),
        _ => Err(call.unknown()),
    }
}

fn balance_transactions(world: &World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params.only("created currency ending_before limit payout source starting_after type")?;
            let source = call.params.text("source")?;
            let kind = call.params.text("type")?;
            listing::page(world, call, "txn", |row| {
                listing::agrees(source.as_ref(), row, "source") && listing::agrees(kind.as_ref(), row, "type")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("txn", id)?)),
        _ => Err(call.unknown()),
    }
}

/// The balance is the sum of its transactions, all of them still pending.
fn balance(world: &World, call: &Call<'_>) -> Answer {
    if call.method != "GET" || call.segments.len() != 1 {
        return Err(call.unknown());
    }
    let mut sums = std::collections::BTreeMap::<String, i64>::new();
    for row in world.stripe.store.newest_first("txn") {
        *sums.entry(store::owned(row, "currency")).or_default() += store::integer(row, "net");
    }
    sums.entry("usd".to_owned()).or_default();
    let amounts = |amount_of: &dyn Fn(i64) -> i64| {
        sums.iter()
            .map(|(currency, sum)| {
                let amount = amount_of(*sum);
                json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } })
            })
            .collect::<Value>()
    };
    Ok(json!({
        "object": "balance", "available": amounts(&|_| 0), "livemode": false, "pending": amounts(&|sum| sum),
    }))
}

/// `previous_attributes` of an update: the fields that were different before.
pub(crate) fn changed_fields(before: &Value, after: &Value) -> Value {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return json!({}) };
    let changed =
        before.iter().filter(|(field, value)| !field.starts_with('_') && after.get(*field) != Some(value));
    changed.map(|(field, value)| (field.clone(), value.clone())).collect::<Map<_, _>>().into()
}
