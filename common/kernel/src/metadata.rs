//! What callers attach to what they make, and get back as they gave it: texts by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Postgres;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::types::Json;

/// Texts by name: at most 20, under names of 1 to 40 letters, digits, `_`, `.` or `-`, each of at most 500 characters
/// and without the character U+0000. Stored as `jsonb`; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "BTreeMap<String, String>")]
pub struct Metadata(BTreeMap<String, String>);

const KEYS_MAX: usize = 20;
const KEY_LETTERS_MAX: usize = 40;
const VALUE_LETTERS_MAX: usize = 500;

/// What cannot be attached, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    #[error("metadata must be an object whose values are texts")]
    NotAnObject,
    #[error("metadata has at most {KEYS_MAX} keys")]
    TooManyKeys,
    /// The key, or its beginning.
    #[error("metadata has the key {0:?}: a key has 1 to {KEY_LETTERS_MAX} letters, digits, _, . or -")]
    BadKey(String),
    #[error("metadata.{0} must be a text")]
    NotAText(String),
    #[error("metadata.{0} must have at most {VALUE_LETTERS_MAX} characters")]
    TooLong(String),
    #[error("metadata.{0} must not have the character U+0000")]
    HasNul(String),
}

impl Metadata {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The texts by their names, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

fn check_key(key: &str) -> Result<(), InvalidMetadata> {
    let fits = (1..=KEY_LETTERS_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fits { Ok(()) } else { Err(InvalidMetadata::BadKey(key.chars().take(KEY_LETTERS_MAX).collect())) }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = InvalidMetadata;

    fn try_from(texts: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        if texts.len() > KEYS_MAX {
            return Err(InvalidMetadata::TooManyKeys);
        }
        for (key, value) in &texts {
            check_key(key)?;
            if value.chars().count() > VALUE_LETTERS_MAX {
                return Err(InvalidMetadata::TooLong(key.clone()));
            }
            if value.contains('\0') {
                return Err(InvalidMetadata::HasNul(key.clone()));
            }
        }
        Ok(Self(texts))
    }
}

impl TryFrom<Value> for Metadata {
    type Error = InvalidMetadata;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let Value::Object(object) = value else { return Err(InvalidMetadata::NotAnObject) };
        let mut texts = BTreeMap::new();
        for (key, value) in object {
            // An error may name the key only if it is one.
            check_key(&key)?;
            let Value::String(value) = value else { return Err(InvalidMetadata::NotAText(key)) };
            texts.insert(key, value);
        }
        texts.try_into()
    }
}

impl From<Metadata> for BTreeMap<String, String> {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

impl sqlx::Type<Postgres> for Metadata {
    fn type_info() -> PgTypeInfo {
        <Json<Self> as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(kind: &PgTypeInfo) -> bool {
        <Json<Self> as sqlx::Type<Postgres>>::compatible(kind)
    }
}

impl sqlx::Encode<'_, Postgres> for Metadata {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Json<&Self> as sqlx::Encode<'_, Postgres>>::encode_by_ref(&Json(self), buffer)
    }
}

impl<'row> sqlx::Decode<'row, Postgres> for Metadata {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        <Json<Self> as sqlx::Decode<'row, Postgres>>::decode(value).map(|Json(metadata)| metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Metadata, String> {
        serde_json::from_str(&value.to_string()).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn what_is_attached_comes_back_as_it_was_given() {
        let given = json!({"job": "render-7", "Team_1.x-y": "", "k": "é".repeat(500)});
        let metadata = read(&given).unwrap();
        assert_eq!(serde_json::to_value(&metadata).unwrap(), given);
        assert_eq!((metadata.get("job"), metadata.get("none")), (Some("render-7"), None));
        assert_eq!(metadata.iter().count(), 3);
        assert!(Metadata::default().is_empty() && read(&json!({})).unwrap().is_empty());
        assert_eq!(serde_json::to_value(Metadata::default()).unwrap(), json!({}));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let of = |count: usize| Value::from_iter((0..count).map(|number| (format!("k{number}"), "v")));
        assert!(read(&of(20)).is_ok());
        assert!(read(&json!({"k".repeat(40): "v"})).is_ok());
        for (given, complaint) in [
            (of(21), "metadata has at most 20 keys"),
            (json!(["a"]), "metadata must be an object whose values are texts"),
            (json!("a"), "metadata must be an object whose values are texts"),
            (json!({"": "v"}), "metadata has the key \"\": a key has 1 to 40 letters, digits, _, . or -"),
            (json!({"a b": 1}), "metadata has the key \"a b\""),
            (json!({"k".repeat(41): "v"}), "metadata has the key \"kkk"),
            (json!({"clé": "v"}), "metadata has the key \"clé\""),
            (json!({"job": 7}), "metadata.job must be a text"),
            (json!({"job": null}), "metadata.job must be a text"),
            (json!({"job": {"a": "b"}}), "metadata.job must be a text"),
            (json!({"job": "é".repeat(501)}), "metadata.job must have at most 500 characters"),
            (json!({"job": "a\0b"}), "metadata.job must not have the character U+0000"),
        ] {
            let error = read(&given).unwrap_err();
            assert!(error.starts_with(complaint), "{given}: {error}");
        }
    }
}
