//! Objects as Stripe would show them, kept by id in the order they were created. Fields that begin with
//! an underscore are the emulator's own and never leave it.

use std::collections::{BTreeMap, HashMap};

use rand::RngExt;
use serde_json::Value;

use super::errors::{Answer, ApiError};

/// All objects, by the prefix of their ids.
#[derive(Default)]
pub(crate) struct Store {
    tables: BTreeMap<&'static str, Table>,
    /// The connected account whose objects are made and seen now; the platform's own if there is none.
    pub(crate) account: Option<String>,
}

#[derive(Default)]
struct Table {
    rows: Vec<Value>,
    by_id: HashMap<String, usize>,
}

/// The prefixes of ids, with the names of what they stand for in error messages.
const KINDS: [(&str, &str); 25] = [
    ("bps", "billing_portal.session"),
    ("cbtxn", "customer balance transaction"),
    ("ch", "charge"),
    ("cs", "checkout.session"),
    ("cus", "customer"),
    ("di", "discount"),
    ("dp", "dispute"),
    ("evt", "event"),
    ("il", "line_item"),
    ("in", "invoice"),
    ("inpay", "invoice_payment"),
    ("issfr", "early_fraud_warning"),
    ("pi", "payment_intent"),
    ("plink", "payment link"),
    ("pm", "PaymentMethod"),
    ("price", "price"),
    ("prod", "product"),
    ("promo", "promotion code"),
    ("re", "refund"),
    ("seti", "setupintent"),
    ("si", "subscription_item"),
    ("sub", "subscription"),
    ("txn", "balance transaction"),
    ("we", "webhook endpoint"),
    ("coupon", "coupon"),
];

impl Store {
    /// Adds an object; its table follows from `prefix`.
    pub(crate) fn insert(&mut self, prefix: &'static str, mut object: Value) {
        if let Some(account) = &self.account {
            object["_of_account"] = account.as_str().into();
        }
        let table = self.tables.entry(prefix).or_default();
        let id = text(&object, "id").unwrap_or_default().to_owned();
        table.by_id.insert(id, table.rows.len());
        table.rows.push(object);
    }

    /// Whether an object is one of the account that is looked at. Webhook endpoints are everybody's.
    fn sees(&self, prefix: &str, object: &Value) -> bool {
        prefix == "we" || text(object, "_of_account") == self.account.as_deref()
    }

    /// The object of an id, of whichever account.
    pub(crate) fn of_any_account(&self, prefix: &str, id: &str) -> Option<&Value> {
        let table = self.tables.get(prefix)?;
        table.by_id.get(id).map(|position| &table.rows[*position])
    }

    /// The connected account that an object belongs to.
    pub(crate) fn account_of(&self, id: &str) -> Option<String> {
        let object = self.of_any_account(prefix_of(id)?, id)?;
        text(object, "_of_account").map(str::to_owned)
    }

    pub(crate) fn get(&self, prefix: &str, id: &str) -> Option<&Value> {
        self.of_any_account(prefix, id).filter(|object| self.sees(prefix, object))
    }

    pub(crate) fn get_mut(&mut self, prefix: &str, id: &str) -> Option<&mut Value> {
        self.get(prefix, id)?;
        let table = self.tables.get_mut(prefix)?;
        table.by_id.get(id).map(|position| &mut table.rows[*position])
    }

    /// The object, or Stripe's 404.
    pub(crate) fn find(&self, prefix: &str, id: &str) -> Answer<&Value> {
        self.get(prefix, id).ok_or_else(|| no_such(prefix, id))
    }

    /// The object that a parameter names, or a 400-style "No such …" about that parameter.
    pub(crate) fn named_by(&self, param: &str, prefix: &str, id: &str) -> Answer<&Value> {
        self.get(prefix, id).ok_or_else(|| {
            let message = no_such(prefix, id);
            ApiError::invalid(message.message()).code("resource_missing").param(param)
        })
    }

    /// A copy of an object that is known to exist, or null.
    pub(crate) fn copy(&self, prefix: &str, id: &str) -> Value {
        self.get(prefix, id).cloned().unwrap_or_default()
    }

    /// Changes fields of an object that is known to exist.
    pub(crate) fn change<const N: usize>(&mut self, prefix: &str, id: &str, fields: [(&str, Value); N]) {
        if let Some(object) = self.get_mut(prefix, id) {
            for (field, value) in fields {
                object[field] = value;
            }
        }
    }

    /// All objects of a kind, the newest first.
    pub(crate) fn newest_first<'a>(&'a self, prefix: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let shared = prefix == "we";
        let rows = self.tables.get(prefix).into_iter().flat_map(|table| table.rows.iter().rev());
        rows.filter(move |row| shared || text(row, "_of_account") == self.account.as_deref())
    }
}

fn no_such(prefix: &str, id: &str) -> ApiError {
    let what = KINDS.iter().find(|(known, _)| *known == prefix).map_or(prefix, |(_, name)| *name);
    ApiError::no_such(what, id)
}

/// The prefix of the table that an id belongs to.
pub(crate) fn prefix_of(id: &str) -> Option<&'static str> {
    let beginning = id.split('_').next()?;
    KINDS.iter().map(|(prefix, _)| *prefix).find(|prefix| *prefix == beginning)
}

/// A fresh id such as `pi_3Qx…`. Random, so that ids do not repeat when the emulator is restarted.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", random_text(24))
}

/// Random letters and digits.
pub(crate) fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect()
}

/// A text field of an object.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}

/// A text field of an object as its own string; empty if it is null.
pub(crate) fn owned(object: &Value, field: &str) -> String {
    text(object, field).unwrap_or_default().to_owned()
}

/// A whole number of an object; 0 if it is null.
pub(crate) fn integer(object: &Value, field: &str) -> i64 {
    object.get(field).and_then(Value::as_i64).unwrap_or_default()
}

/// A flag of an object; false if it is null.
pub(crate) fn flag(object: &Value, field: &str) -> bool {
    object.get(field).and_then(Value::as_bool).unwrap_or_default()
}

/// The object as callers may see it.
pub(crate) fn visible(object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .iter()
            .filter(|(field, _)| !field.starts_with('_'))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
