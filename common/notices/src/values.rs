//! Values in events, with their schemas: amounts, times.

use std::borrow::Cow;

use kernel::clock::{Timestamp, to_rfc3339};
use kernel::money::{Credits, Money, exact};
use serde::{Serialize, Serializer};
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

/// Money: so many of the currency's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Money, example = json!({"minor": 2500, "currency": "usd"}))]
pub struct MoneyView {
    /// In the currency's smallest unit: cents for `usd`.
    minor: i64,
    /// An ISO 4217 code in lower case.
    currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency.into() }
    }
}
