//! The body of an operation, from what a form sent: only what is filled in, and amounts exactly as they were written.

use std::collections::BTreeMap;

use kernel::money::Credits;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::{Action, Input, Kind, Values};
use crate::problem::Problem;

pub(in crate::pages::console) fn of(
    action: &Action,
    values: &Values,
) -> Result<BTreeMap<&'static str, Box<RawValue>>, Problem> {
    let mut body = BTreeMap::new();
    for input in action.fields {
        let value = values.get(input.name).map_or("", String::as_str);
        if let Some(written) = written(input, value, values)? {
            body.insert(input.name, written);
        }
    }
    Ok(body)
}

fn written(input: &Input, value: &str, values: &Values) -> Result<Option<Box<RawValue>>, Problem> {
    // Spaces around a password are part of it.
    let value = if matches!(input.kind, Kind::Secret) { value } else { value.trim() };
    let wrong = |what: &str| Problem::invalid(format!("{}: {what}", input.label)).about(input.name);
    if value.is_empty() && !matches!(input.kind, Kind::Flag | Kind::Several(_) | Kind::Words) {
        return if input.is_required { Err(wrong("fill this in")) } else { Ok(None) };
    }
    Ok(match input.kind {
        Kind::ReasonInQuery => None,
        Kind::Text | Kind::Reason | Kind::Choice(_) | Kind::Secret => Some(raw(&value)?),
        Kind::Flag => Some(raw(&(value == "true"))?),
        Kind::Several(_) | Kind::Words => Some(raw(&value.split_whitespace().collect::<Vec<_>>())?),
        Kind::Credits => {
            let credits: Credits =
                plain(value).parse().map_err(|_| wrong("a number with at most six decimals"))?;
            Some(RawValue::from_string(credits.to_string()).map_err(Problem::internal)?)
        }
        Kind::Number => Some(raw(&value.parse::<i64>().map_err(|_| wrong("a whole number"))?)?),
        Kind::Money => {
            let minor: i64 = value.parse().map_err(|_| wrong("a whole number of cents"))?;
            let currency = values.get("currency").map_or("usd", String::as_str);
            Some(raw(&json!({"minor": minor, "currency": currency}))?)
        }
    })
}

/// Without the separators that people may copy along.
fn plain(value: &str) -> String {
    value.replace(',', "").replace('−', "-")
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    to_raw_value(value).map_err(Problem::internal)
}
