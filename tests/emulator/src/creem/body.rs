//! The fields of a JSON body or a query, read with the error messages of Creem's validation.

use serde_json::{Map, Value};

use super::errors::{Answer, ApiError};
use crate::stripe::parameters::percent_decode;

/// Named values of one level.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a JSON object; an empty body is an empty one.
    pub(crate) fn of_body(body: &str) -> Answer<Self> {
        if body.trim().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_str(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(ApiError::bad_request("The body must be a JSON object")),
            Err(error) => Err(ApiError::bad_request(error.to_string())),
        }
    }

    /// Reads `a=b&c=d`; every value is a text.
    pub(crate) fn of_query(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (percent_decode(name), percent_decode(value).into())).collect())
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Refuses fields that are not among the whitespace-separated `allowed` names.
    pub(crate) fn only(&self, allowed: &str) -> Answer<()> {
        match self.0.keys().find(|name| !allowed.split_whitespace().any(|known| known == *name)) {
            Some(name) => Err(ApiError::bad_request(format!("property {name} should not exist"))),
            None => Ok(()),
        }
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Answer<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(ApiError::bad_request(format!("{name} should not be empty"))),
            Some(_) => Err(ApiError::bad_request(format!("{name} must be a string"))),
        }
    }

    /// A text that must be sent.
    pub(crate) fn required_text(&self, name: &str) -> Answer<String> {
        self.text(name)?.ok_or_else(|| ApiError::bad_request(format!("The '{name}' field is required.")))
    }

    /// A whole number between two bounds, both included.
    pub(crate) fn whole(&self, name: &str, least: i64, most: i64) -> Answer<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        let number =
            number.ok_or_else(|| ApiError::bad_request(format!("{name} must be an integer number")))?;
        if number < least {
            return Err(ApiError::bad_request(format!("{name} must not be less than {least}")));
        }
        if number > most {
            return Err(ApiError::bad_request(format!("{name} must not be greater than {most}")));
        }
        Ok(Some(number))
    }

    /// A text out of a closed set.
    pub(crate) fn choice(&self, name: &str, choices: &[&str]) -> Answer<Option<String>> {
        let text = self.text(name)?;
        match &text {
            Some(text) if !choices.contains(&text.as_str()) => {
                let choices = choices.join(", ");
                let message = format!("{name} must be one of the following values: {choices}");
                Err(ApiError::bad_request(message))
            }
            _ => Ok(text),
        }
    }

    /// A text out of a closed set that must be sent.
    pub(crate) fn required_choice(&self, name: &str, choices: &[&str]) -> Answer<String> {
        let choice = self.choice(name, choices)?;
        choice.ok_or_else(|| ApiError::bad_request(format!("The '{name}' field is required.")))
    }

    /// A JSON object.
    pub(crate) fn nested(&self, name: &str) -> Answer<Option<Self>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(_) => Err(ApiError::bad_request(format!("{name} must be an object"))),
        }
    }

    /// An array of texts.
    pub(crate) fn texts(&self, name: &str) -> Answer<Vec<String>> {
        let refused = || ApiError::bad_request(format!("each value in {name} must be a string"));
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(refused)).collect()
            }
            Some(_) => Err(ApiError::bad_request(format!("{name} must be an array"))),
        }
    }

    /// An address that a browser can be sent to.
    pub(crate) fn url(&self, name: &str) -> Answer<Option<String>> {
        let url = self.text(name)?;
        let valid = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        match url.as_ref().is_none_or(valid) {
            true => Ok(url),
            false => Err(ApiError::bad_request(format!("{name} must be a URL address"))),
        }
    }

    /// All fields as they were sent.
    pub(crate) fn into_value(self) -> Value {
        self.0.into()
    }
}
