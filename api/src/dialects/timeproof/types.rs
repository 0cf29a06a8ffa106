//! Bodies as TimeProof's clients send them, and its answers.

use billing::catalog::Pack;
use billing::payments::history::PastPayment;
use billing::payments::{Item, Payment, State};
use kernel::ids::OrganizationId;
use kernel::money::{Credits, MILLIONTHS_PER_CREDIT, parse_scaled};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::http::values::{Amount, Moment, one_of};

/// How many decimals the price of one credit has.
const DECIMALS: u32 = 4;
/// Of one pack in a line.
pub(super) const QUANTITY_MAX: i64 = 999_999;

/// What is for sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = timeproof::Packs)]
pub(super) struct Packs {
    packs: Vec<PackBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::Pack)]
struct PackBody {
    pack_id: String,
    name: String,
    credits: Amount,
    /// In cents.
    price: i64,
    /// An ISO 4217 code in lower case.
    currency: String,
    /// What one credit costs, in cents, with at most four decimals.
    #[schema(schema_with = number)]
    price_per_credit: Number,
}

fn number() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Number)).build()
}

impl From<&[Pack]> for Packs {
    fn from(packs: &[Pack]) -> Self {
        let packs = packs.iter().map(|pack| PackBody {
            pack_id: pack.id.clone(),
            name: pack.name.clone(),
            credits: Amount(pack.credits),
            price: pack.price.minor,
            currency: pack.price.currency.into(),
            price_per_credit: price_per_credit(pack.price.minor, pack.credits),
        });
        Self { packs: packs.collect() }
    }
}

/// The price of one credit, rounded half up: 15, 12.9, 11.96.
fn price_per_credit(price_minor: i64, credits: Credits) -> Number {
    let scale = 10_i128.pow(DECIMALS);
    let price = i128::from(price_minor).saturating_mul(MILLIONTHS_PER_CREDIT.into()).saturating_mul(scale);
    let credits = i128::from(credits.millionths()).max(1);
    let rounded = price.saturating_mul(2).saturating_add(credits) / credits.saturating_mul(2);
    let (whole, fraction) = (rounded / scale, rounded % scale);
    let text = format!("{whole}.{fraction:0width$}", width = usize::try_from(DECIMALS).unwrap_or_default());
    // The text is a JSON number.
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).unwrap_or_else(|_| Number::from(0))
}

/// A balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = timeproof::Balance)]
pub(super) struct Balance {
    /// Whole credits, rounded down.
    pub(super) balance: i64,
}

/// What is to be bought: `items`, or one `packId`, but not both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::Checkout)]
pub(super) struct CheckoutFields {
    /// Packs and how many of each.
    pub(super) items: Option<Vec<ItemFields>>,
    /// One pack.
    pub(super) pack_id: Option<String>,
    /// The organization that receives the credits; none: the caller.
    #[schema(value_type = Option<i64>)]
    pub(super) org_id: Option<OrganizationId>,
}

/// Some of a pack.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::CheckoutItem)]
pub(super) struct ItemFields {
    pub(super) pack_id: String,
    /// A whole number.
    #[schema(value_type = i64, minimum = 1, maximum = 999_999)]
    quantity: Box<RawValue>,
}

impl ItemFields {
    /// The quantity; none if it is no whole number that Stripe's page can show.
    pub(super) fn quantity(&self) -> Option<i64> {
        parse_scaled(self.quantity.get(), 0).ok().filter(|quantity| (1..=QUANTITY_MAX).contains(quantity))
    }
}

/// A checkout that is open, or soon will be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::CheckoutAnswer)]
pub(super) struct CheckoutBody {
    /// Null until the page is open.
    pub(super) session_id: Option<String>,
    pub(super) payment_id: i64,
    /// Where to pay. Null until the page is open, and once it cannot be paid on.
    pub(super) url: Option<String>,
    /// How many packs, all together.
    pub(super) item_count: i64,
    /// `pending`, while the page is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    /// Where to ask for the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_url: Option<String>,
}

/// A line of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::Item)]
struct ItemBody {
    /// Null for what is no pack of the catalog.
    pack_id: Option<String>,
    quantity: i64,
    name: String,
    /// For one.
    credits: Amount,
    /// Of one, in cents.
    price: i64,
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        Self {
            pack_id: item.pack_id,
            quantity: item.quantity,
            name: item.name,
            credits: Amount(item.credits),
            price: item.amount_minor,
        }
    }
}

/// How a payment stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::Session)]
pub(super) struct SessionBody {
    /// Null until the page is open.
    session_id: Option<String>,
    payment_id: i64,
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// In cents.
    amount: i64,
    currency: String,
    items: Vec<ItemBody>,
    /// What it grants.
    credits: Amount,
    /// Where to pay, while that is possible.
    url: Option<String>,
    /// The organization that receives the credits.
    #[schema(value_type = Option<i64>)]
    org_id: Option<OrganizationId>,
    created_at: Moment,
    completed_at: Option<Moment>,
}

impl SessionBody {
    pub(super) fn new(payment: Payment, items: Vec<Item>) -> Self {
        Self {
            session_id: payment.provider_session,
            payment_id: payment.number,
            status: status(payment.state),
            amount: payment.amount.minor,
            currency: payment.amount.currency.to_string(),
            items: items.into_iter().map(ItemBody::from).collect(),
            credits: Amount(payment.credits),
            url: payment.checkout_url,
            org_id: payment.organization_id,
            created_at: Moment(payment.created_at),
            completed_at: payment.completed_at.map(Moment),
        }
    }
}

/// Payments, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = timeproof::History)]
pub(super) struct History {
    payments: Vec<PaymentBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = timeproof::Payment)]
struct PaymentBody {
    payment_id: i64,
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// In cents.
    amount: i64,
    currency: String,
    items: Vec<ItemBody>,
    /// The organization that receives the credits.
    #[schema(value_type = Option<i64>)]
    org_id: Option<OrganizationId>,
    created_at: Moment,
    /// Null until it is paid.
    completed_at: Option<Moment>,
}

impl From<Vec<PastPayment>> for History {
    fn from(payments: Vec<PastPayment>) -> Self {
        let payments = payments.into_iter().map(|payment| PaymentBody {
            payment_id: payment.number,
            status: status(payment.state),
            amount: payment.amount_minor,
            currency: payment.currency,
            items: payment.items.into_iter().map(ItemBody::from).collect(),
            org_id: payment.organization_id,
            created_at: Moment(payment.created_at),
            completed_at: payment.completed_at.map(Moment),
        });
        Self { payments: payments.collect() }
    }
}

/// The status of a payment, in TimeProof's words, which know no refunds.
fn status(state: State) -> &'static str {
    match state {
        State::Created | State::Pending => "pending",
        State::Failed | State::Expired => "failed",
        State::Completed | State::Refunded | State::PartiallyRefunded | State::Disputed => "completed",
    }
}

fn status_schema() -> Object {
    one_of(&["completed", "pending", "failed"])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_credit_costs_a_fraction_of_a_cent_less_in_bulk() {
        let costs = |price, credits: &str| price_per_credit(price, credits.parse().unwrap()).to_string();
        for (price, credits, each) in [
            (1_500, "100", "15"),
            (4_900, "350", "14"),
            (12_900, "1000", "12.9"),
            (29_900, "2500", "11.96"),
            (1, "3", "0.3333"),
            (2, "3", "0.6667"),
            (0, "5", "0"),
            (99_999_999, "0.000001", "99999999000000"),
        ] {
            assert_eq!(costs(price, credits).trim_end_matches(".0"), each);
        }
    }

    #[test]
    fn quantities_are_whole_numbers_from_one() {
        let quantity = |text: &str| {
            let body = format!(r#"{{"packId": "micro", "quantity": {text}}}"#);
            serde_json::from_str::<ItemFields>(&body).unwrap().quantity()
        };
        assert_eq!((quantity("1"), quantity("2.0"), quantity("1e2")), (Some(1), Some(2), Some(100)));
        for text in ["0", "-1", "1.5", "\"1\"", "null", "true", "1e30", "[1]"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
