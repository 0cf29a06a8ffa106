//! What travels: bodies as Samsar's clients send them, and its answers.

use std::collections::HashMap;

use common::clock::Timestamp;
use common::domain::payments::{Mode, Payment, State};
use common::money::{AmountError, parse_scaled};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::macros::format_description;

use super::error::SamsarError;
use crate::http::Call;
use crate::http::json::{self as body, Unreadable};

/// The fields of a request body, perhaps wrapped in `input`. What is no object has no fields.
#[derive(Debug, Default)]
pub(super) struct Fields(HashMap<String, Box<RawValue>>);

impl Fields {
    /// Reads a request's body; none at all has no fields.
    pub(super) fn read(call: &Call) -> Result<Self, Unreadable> {
        if call.body.is_empty() {
            return Ok(Self::default());
        }
        let whole: Box<RawValue> = body::read(call)?;
        let mut fields = object(&whole);
        let input = fields.remove("input").filter(|input| input.get() != "null");
        Ok(Self(input.map_or(fields, |input| object(&input))))
    }

    /// The first of these fields that is there and not null.
    fn any(&self, names: &[&str]) -> Option<&RawValue> {
        names.iter().filter_map(|name| self.0.get(*name)).map(AsRef::as_ref).find(|raw| raw.get() != "null")
    }

    /// The first of these fields that is a text with something in it.
    pub(super) fn text(&self, names: &[&str]) -> Option<String> {
        let text: String = serde_json::from_str(self.any(names)?.get()).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The number of credits to buy: a positive whole number, perhaps in quotes.
    pub(super) fn credits(&self) -> Result<i64, SamsarError> {
        let required = || SamsarError::bad_request("credits is required and must be a positive number.");
        let raw = self.any(&["credits", "credits_to_recharge", "creditsToRecharge"]).ok_or_else(required)?;
        let text = match serde_json::from_str::<String>(raw.get()) {
            Ok(quoted) => quoted.trim().to_owned(),
            Err(_) => raw.get().to_owned(),
        };
        match parse_scaled(&text, 0) {
            Ok(credits) if credits > 0 => Ok(credits),
            Ok(_) | Err(AmountError::NotANumber) => Err(required()),
            Err(_) if text.starts_with('-') => Err(required()),
            Err(AmountError::TooPrecise) => Err(SamsarError::bad_request("credits must be an integer.")),
            Err(AmountError::Overflow) => Err(too_many()),
        }
    }
}

/// More than Stripe charges at once.
pub(super) fn too_many() -> SamsarError {
    SamsarError::bad_request("credits must be at most 99999999.")
}

fn object(raw: &RawValue) -> HashMap<String, Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The body of `GET /v1/credits`: `lastTopUp`. What is not known is left out, but for `receiptUrl`.
pub(super) fn last_top_up(payment: &Payment) -> Value {
    json!({
        "id": payment.id.short_hex(),
        "amountPaidCents": payment.amount.minor,
        "currency": payment.amount.currency.upper(),
        "paymentType": payment.kind.as_str(),
        "paymentStatus": payment.payment_status.as_deref().unwrap_or("paid"),
        "billingReason": payment.kind.as_str(),
        "creditsApplied": payment.credits.to_json(),
        "paymentDate": moment(payment.completed_at.unwrap_or(payment.created_at)),
        "receiptUrl": payment.receipt_url,
        "receiptAvailable": payment.receipt_url.is_some(),
        "productSummary": payment.summary,
    })
}

/// The body of `POST /v1/credits/recharge`; the page's fields are null until it is open.
pub(super) fn recharge(payment: &Payment, session: Option<&str>, url: Option<&str>) -> Value {
    json!({
        "url": url,
        "checkoutSessionId": session,
        "paymentIntentId": payment.provider_payment,
        "paymentStatusEndpoint": "/v1/payment_status",
        "credits": payment.credits.to_json(),
        "amountUsd": dollars(payment.amount.minor),
        "amountCents": payment.amount.minor,
        "currency": payment.amount.currency.upper(),
    })
}

/// How a payment stands, in Samsar's words.
fn status(payment: &Payment) -> &'static str {
    let says = |field: &Option<String>, word: &str| field.as_deref() == Some(word);
    let paid = payment.state.is_paid()
        || says(&payment.payment_status, "paid")
        || says(&payment.payment_intent_status, "succeeded");
    let over = matches!(payment.state, State::Failed | State::Expired)
        || says(&payment.session_status, "expired")
        || says(&payment.payment_intent_status, "canceled");
    match (paid, over) {
        (true, _) => "succeeded",
        (false, true) => "failed",
        (false, false) => "pending",
    }
}

/// The body of `payment_status` for a session. All fields are present.
pub(super) fn session_status(payment: &Payment) -> Value {
    let charges = payment.mode != Mode::Setup;
    json!({
        "status": status(payment),
        "mode": payment.mode.as_str(),
        "checkoutSessionId": payment.provider_session,
        "sessionStatus": payment.session_status,
        "paymentStatus": payment.payment_status,
        "paymentIntentId": payment.provider_payment,
        "paymentIntentStatus": payment.payment_intent_status,
        "setupIntentId": null,
        "setupIntentStatus": null,
        "amountCents": charges.then_some(payment.amount.minor),
        "currency": charges.then(|| payment.amount.currency.as_str()),
    })
}

/// The body of `payment_status` for a PaymentIntent.
pub(super) fn intent_status(payment: &Payment) -> Value {
    json!({
        "status": status(payment),
        "mode": "payment",
        "paymentIntentId": payment.provider_payment,
        "paymentIntentStatus": payment.payment_intent_status,
        "amountCents": payment.amount.minor,
        "currency": payment.amount.currency.as_str(),
    })
}

/// Cents as dollars, exactly: 25, 25.5, 0.99.
fn dollars(cents: i64) -> Value {
    let text = format!("{}.{:02}", cents.div_euclid(100), cents.rem_euclid(100));
    let text = text.trim_end_matches('0').trim_end_matches('.');
    // The text is a JSON number.
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A time with milliseconds, as JavaScript writes it.
fn moment(at: Timestamp) -> Option<String> {
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(text: &str) -> Fields {
        let mut fields = object(&RawValue::from_string(text.to_owned()).unwrap());
        let input = fields.remove("input").filter(|input| input.get() != "null");
        Fields(input.map_or(fields, |input| object(&input)))
    }

    fn credits(text: &str) -> Result<i64, String> {
        fields(text).credits().map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn credits_are_read_from_all_their_names_and_forms() {
        for text in [
            r#"{"credits": 2500}"#,
            r#"{"credits": "2500"}"#,
            r#"{"credits": 2500.0}"#,
            r#"{"credits": "2.5e3"}"#,
            r#"{"credits_to_recharge": 2500}"#,
            r#"{"creditsToRecharge": " 2500 "}"#,
            r#"{"credits": null, "creditsToRecharge": 2500}"#,
            r#"{"input": {"credits": 2500}}"#,
            r#"{"input": null, "credits": 2500}"#,
        ] {
            assert_eq!(credits(text), Ok(2500), "{text}");
        }
    }

    #[test]
    fn the_two_complaints_are_told_apart() {
        for text in [
            "{}",
            "[]",
            "7",
            r#"{"credits": 0}"#,
            r#"{"credits": -5}"#,
            r#"{"credits": -0.5}"#,
            r#"{"credits": "many"}"#,
            r#"{"credits": ""}"#,
            r#"{"credits": [5]}"#,
            r#"{"input": {"amount": 5}, "credits": 5}"#,
        ] {
            assert!(credits(text).is_err_and(|error| error.contains("positive number")), "{text}");
        }
        assert!(credits(r#"{"credits": 2.5}"#).is_err_and(|error| error.contains("must be an integer")));
        assert!(credits(r#"{"credits": 1e30}"#).is_err_and(|error| error.contains("at most")));
    }

    #[test]
    fn dollars_have_no_more_digits_than_needed() {
        for (cents, text) in [(2_500, "25"), (2_550, "25.5"), (99, "0.99"), (50, "0.5"), (100_000, "1000")] {
            assert_eq!(dollars(cents).to_string(), text);
        }
    }

    #[test]
    fn times_have_milliseconds() {
        let at = time::macros::datetime!(2024-09-12 10:08:11.000456 UTC);
        assert_eq!(moment(at).as_deref(), Some("2024-09-12T10:08:11.000Z"));
    }
}
