//! How the Billing API wraps its answers: `{"success": true, "data": …}`, `{"success": false, "error": {…}}`.

use std::borrow::Cow;

use kernel::clock::Timestamp;
use serde::{Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ArrayBuilder, KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use warp::http::StatusCode;

use crate::http::description::{Schemas, named_schema};
use crate::http::{Response, answer};

#[derive(Debug, Serialize)]
pub(super) struct Success<T> {
    success: bool,
    data: T,
}

pub(super) fn success<T: Serialize>(status: StatusCode, data: T) -> Response {
    answer(status, &Success { success: true, data })
}

impl<T: ToSchema> PartialSchema for Success<T> {
    fn schema() -> RefOr<Schema> {
        RefOr::T(enveloped(true).property("data", named_schema::<T>(&mut Vec::new())).required("data").into())
    }
}

impl<T: ToSchema> ToSchema for Success<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Answer", T::name()).into()
    }

    fn schemas(schemas: &mut Schemas) {
        named_schema::<T>(schemas);
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct List<T>(pub Vec<T>);

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        RefOr::T(ArrayBuilder::new().items(named_schema::<T>(&mut Vec::new())).into())
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Schemas) {
        named_schema::<T>(schemas);
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Failed {
    success: bool,
    error: Reason,
}

impl Failed {
    pub(super) fn new(code: String, message: &str) -> Self {
        Self { success: false, error: Reason { code, message: message.to_owned() } }
    }
}

impl PartialSchema for Failed {
    fn schema() -> RefOr<Schema> {
        RefOr::T(
            enveloped(false)
                .property("error", named_schema::<Reason>(&mut Vec::new()))
                .required("error")
                .into(),
        )
    }
}

impl ToSchema for Failed {
    fn name() -> Cow<'static, str> {
        "billing.Failed".into()
    }

    fn schemas(schemas: &mut Schemas) {
        named_schema::<Reason>(schemas);
    }
}

/// Why not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::Reason)]
struct Reason {
    /// For programs, such as `NOT_FOUND`.
    code: String,
    /// For people.
    message: String,
}

fn enveloped(success: bool) -> ObjectBuilder {
    let says = ObjectBuilder::new().schema_type(SchemaType::new(Type::Boolean)).enum_values(Some([success]));
    ObjectBuilder::new().property("success", says).required("success")
}

/// A time in UTC, to the second: `2026-04-15T10:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub Timestamp);

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let utc = self.0.to_offset(time::UtcOffset::UTC);
        utc.format(SECONDS).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        let text = text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        RefOr::T(text.description(Some("A time in UTC, to the second.")).into())
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "billing.Moment".into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_utc_to_the_second() {
        let shown = |at| serde_json::to_string(&Moment(at)).unwrap();
        assert_eq!(
            shown(time::macros::datetime!(2026-04-15 10:00:00.999999 UTC)),
            r#""2026-04-15T10:00:00Z""#
        );
        assert_eq!(shown(time::macros::datetime!(2026-04-15 01:30:00 +2)), r#""2026-04-14T23:30:00Z""#);
    }
}
