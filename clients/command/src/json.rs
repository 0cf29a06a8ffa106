//! JSON as it was written: the order of fields and every digit of a number stay.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Text(String),
    /// A number, `true`, `false` or `null`.
    Plain(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Box<RawValue>>(text).and_then(|raw| Self::of(&raw))
    }

    fn of(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let fields: Fields = serde_json::from_str(text)?;
                let fields = fields.0.into_iter().map(|(name, raw)| Ok((name, Self::of(&raw)?)));
                Self::Object(fields.collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                Self::List(items.iter().map(|raw| Self::of(raw)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            _ => Self::Plain(text.to_owned()),
        })
    }

    /// The value at a path such as `price.minor`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| match value {
            Self::Object(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        })
    }

    /// For people, in one line.
    pub fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Plain(text) if text == "null" => "-".to_owned(),
            Self::Plain(text) => text.clone(),
            Self::List(items) if items.is_empty() => "-".to_owned(),
            Self::List(items) => items.iter().map(Self::words).collect::<Vec<_>>().join(", "),
            Self::Object(fields) if fields.is_empty() => "-".to_owned(),
            Self::Object(fields) => {
                let pairs: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={}", value.words())).collect();
                pairs.join(" ")
            }
        }
    }
}

/// An object's fields, in their order.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_order_stay_as_they_were_written() {
        let text =
            r#"{"z":9007199254740.993001,"a":{"minor":1500,"currency":"usd"},"list":["x",null],"no":null}"#;
        let value = Json::parse(text).unwrap();
        assert_eq!(value.at("z").unwrap().words(), "9007199254740.993001");
        assert_eq!(value.at("a").unwrap().words(), "minor=1500 currency=usd");
        assert_eq!(value.at("a.minor").unwrap().words(), "1500");
        assert_eq!(value.at("list").unwrap().words(), "x, -");
        assert_eq!((value.at("no").unwrap().words().as_str(), value.at("a.b")), ("-", None));
        let Json::Object(fields) = value else { panic!() };
        assert_eq!(
            fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["z", "a", "list", "no"]
        );
        assert!(Json::parse("{").is_err() && Json::parse(&"[".repeat(1_000)).is_err());
    }
}
