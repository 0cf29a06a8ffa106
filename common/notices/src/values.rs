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

/// Money: `{"minor": 2500, "currency": "usd"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price(pub Money);

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for Price {
    fn schema() -> RefOr<Schema> {
        let integer = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("In the currency's smallest unit."));
        let code = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .pattern(Some("^[a-z]{3}$"))
            .description(Some("Its ISO 4217 code, in lower case."));
        let money = ObjectBuilder::new()
            .property("minor", integer)
            .property("currency", code)
            .required("minor")
            .required("currency");
        RefOr::T(money.build().into())
    }
}

impl ToSchema for Price {
    fn name() -> Cow<'static, str> {
        "Money".into()
    }
}
