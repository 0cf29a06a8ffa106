//! Request parameters: Stripe's bracket notation decoded, and read with its error messages.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::errors::{Answer, ApiError};

const DEEPEST_NESTING: usize = 12;

/// A level of decoded parameters: names to text or to further levels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    /// The name of this level, such as `line_items[0]`, for error messages.
    prefix: String,
    fields: Map<String, Value>,
}

impl Params {
    /// Decodes `a[b][0]=c&d=e`, from a query or a form.
    pub(crate) fn decode(encoded: &str) -> Answer<Self> {
        let mut fields = Map::new();
        for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(name);
            let segments = split_brackets(&name)
                .ok_or_else(|| ApiError::invalid(format!("Invalid parameter name: {name}")))?;
            insert(&mut fields, &segments, percent_decode(value))
                .ok_or_else(|| ApiError::invalid(format!("Invalid parameter: {name}")))?;
        }
        Ok(Self { prefix: String::new(), fields })
    }

    fn name(&self, field: &str) -> String {
        if self.prefix.is_empty() { field.to_owned() } else { format!("{}[{field}]", self.prefix) }
    }

    /// Refuses parameters that are not among the whitespace-separated `allowed` names.
    pub(crate) fn only(&self, allowed: &str) -> Answer<()> {
        let is_allowed = |field: &str| allowed.split_whitespace().any(|name| name == field);
        if self.has("payment_method_types") && !is_allowed("payment_method_types") {
            let message = "The payment_method_types parameter is no longer supported. Use dynamic payment \
                           methods or allowed_payment_method_types instead.";
            return Err(ApiError::invalid(message)
                .code("payment_method_types_no_longer_supported")
                .param("payment_method_types"));
        }
        for field in self.fields.keys() {
            if field != "expand" && !is_allowed(field) {
                let name = self.name(field);
                return Err(ApiError::invalid(format!("Received unknown parameter: {name}"))
                    .code("parameter_unknown")
                    .param(&name));
            }
        }
        Ok(())
    }

    /// Whether the parameter was sent at all.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The names of what was sent on this level.
    pub(crate) fn names(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    /// A text that cannot be unset.
    pub(crate) fn text(&self, field: &str) -> Answer<Option<String>> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                let name = self.name(field);
                let message = format!(
                    "You passed an empty string for '{name}'. We assume empty values are an attempt to unset \
                     a parameter; however '{name}' cannot be unset. You should remove '{name}' from your \
                     request or supply a non-empty value."
                );
                Err(ApiError::invalid(message).code("parameter_invalid_empty").param(&name))
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(field, "Invalid string")),
        }
    }

    /// A text that must be sent.
    pub(crate) fn required_text(&self, field: &str) -> Answer<String> {
        self.text(field)?.ok_or_else(|| ApiError::missing(&self.name(field)))
    }

    /// A text where the empty one means null; the outer `None` means "not sent".
    pub(crate) fn unsettable(&self, field: &str) -> Answer<Option<Value>> {
        match self.fields.get(field) {
            Some(Value::String(text)) if text.is_empty() => Ok(Some(Value::Null)),
            _ => Ok(self.text(field)?.map(Value::String)),
        }
    }

    /// A text out of a closed set.
    pub(crate) fn choice(&self, field: &str, choices: &[&str]) -> Answer<Option<String>> {
        let text = self.text(field)?;
        match &text {
            Some(text) if !choices.contains(&text.as_str()) => {
                let message = format!("must be one of {}", choices.join(", "));
                Err(self.wrong(field, &format!("Invalid {}: {message}", self.name(field))))
            }
            _ => Ok(text),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&self, field: &str) -> Answer<Option<i64>> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let name = self.name(field);
            ApiError::invalid(format!("Invalid integer: {text}"))
                .code("parameter_invalid_integer")
                .param(&name)
        })
    }

    /// A whole number that must be sent.
    pub(crate) fn required_integer(&self, field: &str) -> Answer<i64> {
        self.integer(field)?.ok_or_else(|| ApiError::missing(&self.name(field)))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, field: &str) -> Answer<Option<bool>> {
        match self.text(field)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.wrong(field, &format!("Invalid boolean: {other}"))),
        }
    }

    /// The parameters below `field`; absent if it was not sent or sent empty.
    pub(crate) fn nested(&self, field: &str) -> Answer<Option<Self>> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::Object(fields)) => {
                Ok(Some(Self { prefix: self.name(field), fields: fields.clone() }))
            }
            Some(_) => Err(self.wrong(field, "Invalid object")),
        }
    }

    /// The elements of an array of objects, in order.
    pub(crate) fn elements(&self, field: &str) -> Answer<Vec<Self>> {
        let Some(array) = self.nested(field)? else { return Ok(Vec::new()) };
        array
            .in_order()
            .into_iter()
            .map(|index| array.nested(&index).map(Option::unwrap_or_default))
            .collect()
    }

    /// The elements of an array of texts, in order.
    pub(crate) fn texts(&self, field: &str) -> Answer<Vec<String>> {
        let Some(array) = self.nested(field)? else { return Ok(Vec::new()) };
        array.in_order().into_iter().map(|index| array.required_text(&index)).collect()
    }

    fn in_order(&self) -> Vec<String> {
        let by_number: BTreeMap<u64, &String> =
            self.fields.keys().filter_map(|key| Some((key.parse().ok()?, key))).collect();
        by_number.into_values().cloned().collect()
    }

    /// `metadata` merged into `current`: an empty value removes a key, an empty map removes all.
    pub(crate) fn metadata(&self, current: Option<&Value>) -> Answer<Value> {
        let mut merged = current.and_then(Value::as_object).cloned().unwrap_or_default();
        match self.fields.get("metadata") {
            None => {}
            Some(Value::String(text)) if text.is_empty() => merged.clear(),
            Some(Value::Object(fields)) => {
                for (key, value) in fields {
                    self.merge_metadata(&mut merged, key, value)?;
                }
            }
            Some(_) => return Err(self.wrong("metadata", "Invalid hash")),
        }
        if merged.len() > 50 {
            return Err(self.wrong("metadata", "Metadata can have at most 50 keys"));
        }
        Ok(Value::Object(merged))
    }

    fn merge_metadata(&self, merged: &mut Map<String, Value>, key: &str, value: &Value) -> Answer<()> {
        let Value::String(text) = value else {
            return Err(self.wrong("metadata", "Metadata values must be strings"));
        };
        if key.chars().count() > 40 || text.chars().count() > 500 {
            let message = "Metadata keys can have at most 40 characters and values at most 500";
            return Err(self.wrong("metadata", message));
        }
        if text.is_empty() {
            merged.remove(key);
        } else {
            merged.insert(key.to_owned(), value.clone());
        }
        Ok(())
    }

    /// These parameters as the only element of an array, with a default for one of them.
    pub(crate) fn as_only_element_of(&self, array: &str, field: &str, default: &str) -> Self {
        let mut element = self.fields.clone();
        element.entry(field.to_owned()).or_insert_with(|| default.into());
        let fields = serde_json::json!({ array: { "0": element } });
        Self { prefix: String::new(), fields: fields.as_object().cloned().unwrap_or_default() }
    }

    /// These parameters except some.
    pub(crate) fn without(&self, removed: &[&str]) -> Self {
        let kept = self.fields.iter().filter(|(field, _)| !removed.contains(&field.as_str()));
        let fields = kept.map(|(field, value)| (field.clone(), value.clone())).collect();
        Self { prefix: self.prefix.clone(), fields }
    }

    /// What was sent below `field`, as JSON: arrays where all names are numbers, flags as booleans.
    pub(crate) fn echo(&self, field: &str) -> Value {
        self.fields.get(field).map_or(Value::Null, as_json)
    }

    fn wrong(&self, field: &str, message: &str) -> ApiError {
        ApiError::invalid(message).param(&self.name(field))
    }
}

fn as_json(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.as_str() {
            "" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => value.clone(),
        },
        Value::Object(fields) if fields.keys().all(|key| key.parse::<u64>().is_ok()) => {
            let level = Params { prefix: String::new(), fields: fields.clone() };
            level.in_order().iter().map(|key| as_json(&fields[key])).collect()
        }
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), as_json(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// `a[b][]` is `a`, `b`, and an empty segment, which stands for the next number.
fn split_brackets(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[') else { return Some(vec![name]) };
    let mut segments = vec![first];
    segments.extend(rest.strip_suffix(']')?.split("]["));
    (segments.len() <= DEEPEST_NESTING).then_some(segments)
}

fn insert(fields: &mut Map<String, Value>, segments: &[&str], value: String) -> Option<()> {
    let (first, rest) = segments.split_first()?;
    let key = if first.is_empty() { fields.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        fields.insert(key, Value::String(value));
        return Some(());
    }
    let level = fields.entry(key).or_insert_with(|| Value::Object(Map::new()));
    insert(level.as_object_mut()?, rest, value)
}

/// Decodes `%41` and `+`; what is not valid UTF-8 afterwards is replaced.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escaped = bytes.get(position + 1..position + 3).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match (bytes[position], escaped) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                position += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        position += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn brackets_nest_and_numbers_order_arrays() {
        let params =
            Params::decode("items[10][price]=b&items[2][price]=a&metadata[a+b]=c%20d&expand[]=x&expand[]=y")
                .expect("it decodes");
        let prices: Vec<String> = params
            .elements("items")
            .expect("an array")
            .iter()
            .map(|item| item.required_text("price").expect("a price"))
            .collect();
        assert_eq!(prices, ["a", "b"]);
        assert_eq!(params.metadata(None).expect("metadata"), serde_json::json!({"a b": "c d"}));
        assert_eq!(params.texts("expand").expect("an array"), ["x", "y"]);
    }

    #[test]
    fn an_error_names_the_nested_parameter() {
        let params = Params::decode("line_items[0][quantity]=two").expect("it decodes");
        let item = params.elements("line_items").expect("an array").remove(0);
        let error = item.integer("quantity").expect_err("two is not a number");
        assert_eq!(error.body()["error"]["param"], "line_items[0][quantity]");
        assert_eq!(error.body()["error"]["code"], "parameter_invalid_integer");
    }
}
