//! What a form that changes something begins with: the fields of what is there, as people write them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Action, Input, Kind, Values, streaks};
use crate::http::values::MoneyValue;
use crate::pages::format::units;

/// A resource as the API answers it: numbers keep their text.
pub(in crate::pages::console) type Resource = BTreeMap<String, Box<RawValue>>;

/// The values of an action's fields in a resource.
pub(in crate::pages::console) fn of(action: &Action, resource: &Resource) -> Values {
    let mut values = Values::new();
    for input in action.fields {
        let Some(found) = found(input.name, resource) else { continue };
        if let (Kind::Money, Some(money)) = (input.kind, read::<MoneyValue>(&found)) {
            values.insert("currency".to_owned(), money.currency.to_string());
        }
        if let Some(text) = text(input, &found) {
            values.insert(input.name.to_owned(), text);
        }
    }
    values
}

fn read<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The field with this name; `monthly.price` is one of a field.
fn found(name: &str, resource: &Resource) -> Option<Box<RawValue>> {
    match name.split_once('.') {
        Some((outer, inner)) => found(inner, &read::<Resource>(resource.get(outer)?)?),
        None => resource.get(name).filter(|raw| raw.get() != "null").cloned(),
    }
}

fn text(input: &Input, raw: &RawValue) -> Option<String> {
    Some(match input.kind {
        Kind::Money => units(read::<MoneyValue>(raw)?.into()),
        Kind::Credits | Kind::Number | Kind::Flag => raw.get().to_owned(),
        Kind::Words | Kind::Several(_) => read::<Vec<String>>(raw)?.join(" "),
        Kind::Lines => read::<Vec<String>>(raw)?.join("\n"),
        Kind::Streaks => streaks::shown(raw.get())?,
        // As the browser's own field for times has it, which knows no zone.
        Kind::Moment => read::<String>(raw)?.chars().take("2026-12-31T23:59".len()).collect(),
        _ => read(raw)?,
    })
}
