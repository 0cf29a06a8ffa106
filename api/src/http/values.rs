//! Values in the bodies of several APIs, with their schemas: amounts of credits, times, closed sets of names.

use std::borrow::Cow;

use kernel::clock::Timestamp;
use kernel::ids::OrganizationId;
use kernel::money::{AmountError, Credits, CreditsTotal, exact};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::json;
use crate::problem::{ErrorCode, Problem};

pub use notices::{Amount, Moment, MoneyValue};

/// The id of an organization in this system's own API: text, as every id there. Requests may have it as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrgId(pub OrganizationId);

impl Serialize for OrgId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for OrgId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "the id of an organization, as text")]
        enum Given {
            Number(i64),
            Text(String),
        }
        let id = match Given::deserialize(deserializer)? {
            Given::Number(id) => Some(id),
            Given::Text(text) => text.parse().ok(),
        };
        let id =
            id.ok_or_else(|| D::Error::custom("invalid value: the id of an organization is expected"))?;
        Ok(Self(OrganizationId(id)))
    }
}

impl PartialSchema for OrgId {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        RefOr::T(text.pattern(Some("^[1-9][0-9]{0,17}$")).build().into())
    }
}

impl ToSchema for OrgId {
    fn name() -> Cow<'static, str> {
        "OrganizationId".into()
    }
}

/// Credits in a request, as they were written.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct GivenAmount(Box<RawValue>);

impl GivenAmount {
    /// The exact amount that the number stands for.
    ///
    /// # Errors
    /// [`AmountError`] when it is no number (a number in quotes is none) or has more than six decimals.
    pub fn credits(&self) -> Result<Credits, AmountError> {
        json::credits(&self.0)
    }

    /// As [`Self::credits`], for an amount that may be none. `param` is what is wrong if it is.
    ///
    /// # Errors
    /// When it is no amount, or negative.
    pub fn not_negative(&self, param: &str) -> Result<Credits, Problem> {
        let amount = self.credits().map_err(|error| Problem::from(error).about(param))?;
        if !amount.is_negative() {
            return Ok(amount);
        }
        let message = format!("{param} must not be negative");
        Err(Problem::invalid(message).coded(ErrorCode::InvalidCredits).about(param))
    }
}

impl PartialSchema for GivenAmount {
    fn schema() -> RefOr<Schema> {
        Amount::schema()
    }
}

impl ToSchema for GivenAmount {
    fn name() -> Cow<'static, str> {
        Amount::name()
    }
}

/// Credits of all wallets together.
#[derive(Clone, Copy, Debug)]
pub struct TotalAmount(pub CreditsTotal);

impl Serialize for TotalAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact::serialize(&self.0, serializer)
    }
}

impl PartialSchema for TotalAmount {
    fn schema() -> RefOr<Schema> {
        Amount::schema()
    }
}

impl ToSchema for TotalAmount {
    fn name() -> Cow<'static, str> {
        Amount::name()
    }
}

/// A time in a request: any that RFC 3339 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenMoment(pub Timestamp);

impl<'de> Deserialize<'de> for GivenMoment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "a time such as 2026-11-28T08:00:00Z";
        let wrong = |_| D::Error::invalid_value(Unexpected::Str(&text), &expected);
        Timestamp::parse(&text, &Rfc3339).map(Self).map_err(wrong)
    }
}

impl PartialSchema for GivenMoment {
    fn schema() -> RefOr<Schema> {
        Moment::schema()
    }
}

impl ToSchema for GivenMoment {
    fn name() -> Cow<'static, str> {
        Moment::name()
    }
}

/// The schema of an id in a path. Handlers read it as text: an id of another form is an unknown id.
#[derive(Clone, Copy, Debug)]
pub struct Id;

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        RefOr::T(text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build().into())
    }
}

/// The schema of a closed set of names.
pub fn one_of(names: &[&'static str]) -> Object {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    text.enum_values(Some(names.iter().copied())).build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_and_times_are_written_as_ever() {
        let many = 9_007_199_254_740_993_001;
        for (millionths, text) in [
            (2_500_000_000, "2500"),
            (250_000, "0.25"),
            (-1, "-0.000001"),
            (0, "0"),
            (many, "9007199254740.993001"),
        ] {
            let amount = Amount(Credits::from_millionths(millionths));
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        }
        let at = Moment(time::macros::datetime!(2026-11-21 08:00:00.5 UTC));
        assert_eq!(serde_json::to_string(&at).unwrap(), r#""2026-11-21T08:00:00.500Z""#);
    }
}
