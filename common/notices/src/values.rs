//! Values in events and bodies, with their schemas: amounts of credits and of money, times.

use std::borrow::Cow;

use kernel::clock::{Timestamp, to_rfc3339};
use kernel::money::{Credits, Currency, Money, exact};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Credits: a JSON number such as `2500` or `0.25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Credits);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact::serialize(&self.0, serializer)
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(SchemaType::new(Type::Number));
        RefOr::T(number.description(Some("Credits, with at most six decimals.")).build().into())
    }
}

impl ToSchema for Amount {
    fn name() -> Cow<'static, str> {
        "Credits".into()
    }
}

/// A time, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_rfc3339(self.0))
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        RefOr::T(text.format(Some(format)).description(Some("A time, as RFC 3339 writes it.")).build().into())
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money, example = json!({"minor": 2500, "currency": "usd"}))]
pub struct MoneyValue {
    /// In the smallest unit of the currency: cents for `usd`.
    pub minor: i64,
    /// An ISO 4217 code; in answers in lower case.
    #[schema(value_type = String, min_length = 3, max_length = 3)]
    pub currency: Currency,
}

impl From<Money> for MoneyValue {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency }
    }
}

impl From<MoneyValue> for Money {
    fn from(value: MoneyValue) -> Self {
        Self::new(value.minor, value.currency)
    }
}
