//! What a caller asks for who places an order.

use billing::plans::Interval;
use kernel::metadata::Metadata;
use kernel::money::Currency;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::values::{GivenAmount, one_of};

/// Packs of one kind.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewOrderItem)]
pub(super) struct ItemInput {
    pub(super) pack_id: String,
    /// One unless given.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 999_999)]
    pub(super) quantity: i64,
}

fn one() -> i64 {
    1
}

/// Who takes the money.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Seller {
    Stripe,
    Creem,
}

fn seller_schema() -> utoipa::openapi::schema::Object {
    one_of(&["stripe", "creem"])
}

fn interval_schema() -> utoipa::openapi::schema::Object {
    one_of(Interval::NAMES)
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewOrder, example = json!({"wallet": "user:alice", "credits": 500, "reference": "cart-7"}))]
pub(super) struct OrderInput {
    /// `user:ID`, `org:ID`, a wallet's id, or `me`.
    pub(super) wallet: String,
    pub(super) pack_id: Option<String>,
    /// Of `packId`; one unless given.
    #[schema(minimum = 1, maximum = 999_999)]
    pub(super) quantity: Option<i64>,
    /// Several packs, in one currency.
    #[schema(min_items = 1, max_items = 100)]
    pub(super) items: Option<Vec<ItemInput>>,
    /// Any amount, at the price of the catalog.
    pub(super) credits: Option<GivenAmount>,
    pub(super) plan_id: Option<String>,
    /// Of `planId`; a month unless given.
    #[schema(schema_with = interval_schema)]
    pub(super) interval: Option<Interval>,
    /// Who takes the money; Stripe unless given.
    #[schema(schema_with = seller_schema)]
    pub(super) provider: Option<Seller>,
    /// An ISO 4217 code. What is sold in another currency is refused; `credits` need it where they have several prices.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 3)]
    pub(super) currency: Option<Currency>,
    /// A code that the buyer has.
    pub(super) coupon: Option<String>,
    /// Where the buyer goes after paying, on an allowed site; the configured page unless given.
    pub(super) success_url: Option<String>,
    /// Where the buyer goes after giving up; as `successUrl` unless given. Creem has no such address.
    pub(super) cancel_url: Option<String>,
    /// The host application's own id. It comes back with the order.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) reference: Option<String>,
    /// Up to 20 texts of up to 500 characters, by names of up to 40 letters, digits, `_`, `.` and `-`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(super) metadata: Metadata,
}
