//! The body of an operation, from what a form sent: only what is filled in, and amounts exactly as they were written.

use std::collections::BTreeMap;

use kernel::money::Currency;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::numbers::{credits, minor, plain};
use super::{Action, Input, Kind, Values, streaks};
use crate::http::values::Amount;
use crate::pages::form::{lines, utc};
use crate::pages::format::decimals;
use crate::problem::Problem;

/// A field of a body, or several in one.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::pages::console) enum Node {
    Value(Box<RawValue>),
    Fields(BTreeMap<&'static str, Node>),
}

pub(in crate::pages::console) fn of(
    action: &Action,
    values: &Values,
) -> Result<BTreeMap<&'static str, Node>, Problem> {
    let mut body = BTreeMap::new();
    for input in action.fields {
        let value = values.get(input.name).map_or("", String::as_str);
        let Some(written) = written(input, value, values)? else { continue };
        match input.name.split_once('.') {
            None => {
                body.insert(input.name, Node::Value(written));
            }
            Some((outer, inner)) => {
                let node = body.entry(outer).or_insert_with(|| Node::Fields(BTreeMap::new()));
                if let Node::Fields(fields) = node {
                    fields.insert(inner, Node::Value(written));
                }
            }
        }
    }
    Ok(body)
}

fn written(input: &Input, value: &str, values: &Values) -> Result<Option<Box<RawValue>>, Problem> {
    // Spaces around a password are part of it.
    let value = if matches!(input.kind, Kind::Secret) { value } else { value.trim() };
    let wrong = |what: &str| Problem::invalid(format!("{}: {what}", input.label)).about(input.name);
    let may_be_empty = matches!(
        input.kind,
        Kind::Flag | Kind::Is(_) | Kind::Several(_) | Kind::Words | Kind::Lines | Kind::Streaks
    );
    if value.is_empty() && !may_be_empty {
        return if input.is_required { Err(wrong("fill this in")) } else { Ok(None) };
    }
    Ok(match input.kind {
        Kind::ReasonInQuery | Kind::Currency => None,
        Kind::Text | Kind::Reason | Kind::Choice(_) | Kind::Secret => Some(raw(&value)?),
        Kind::Flag => Some(raw(&(value == "true"))?),
        Kind::Is(value) => Some(raw(&value)?),
        Kind::Several(_) | Kind::Words => Some(raw(&value.split_whitespace().collect::<Vec<_>>())?),
        Kind::Lines => Some(raw(&lines(value).collect::<Vec<_>>())?),
        Kind::Streaks => {
            let bonuses = streaks::read(value);
            Some(raw(&bonuses.ok_or_else(|| wrong("days and credits, one bonus a line, such as 7 20"))?)?)
        }
        Kind::Credits => {
            let credits =
                credits(value).ok_or_else(|| wrong("a number with at most six decimals, such as 1234.5"))?;
            Some(raw(&Amount(credits))?)
        }
        Kind::Number => Some(raw(&value.parse::<i64>().map_err(|_| wrong("a whole number"))?)?),
        Kind::Moment => Some(raw(&utc(value))?),
        Kind::Money | Kind::Minor => {
            let code = values.get("currency").map(|code| code.trim().to_lowercase());
            let currency: Currency =
                code.unwrap_or_default().parse().map_err(|_| wrong("there is no such currency"))?;
            let minor = plain(value)
                .and_then(|number| minor(&number, decimals(currency)))
                .ok_or_else(|| wrong("an amount such as 9.90, as the currency has it"))?;
            match input.kind {
                Kind::Minor => Some(raw(&minor)?),
                _ => Some(raw(&json!({"minor": minor, "currency": currency.as_str()}))?),
            }
        }
    })
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    to_raw_value(value).map_err(Problem::internal)
}
