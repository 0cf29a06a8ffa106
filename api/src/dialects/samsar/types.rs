//! Bodies as Samsar's clients send them, and its answers.

use std::borrow::Cow;
use std::collections::HashMap;

use billing::payments::{Mode, Payment, Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::{AmountError, parse_scaled};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::macros::format_description;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::call::Call;
use crate::http::json::read_json;
use crate::http::values::{Amount, Moment, one_of};
use crate::problem::Problem;

/// The fields of a request body, perhaps wrapped in `input`. A body that is no object has no fields.
#[derive(Debug, Default)]
pub(super) struct Fields(HashMap<String, Box<RawValue>>);

impl Fields {
    /// Reads a request's body; an empty one has no fields.
    pub(super) fn read(call: &Call) -> Result<Self, Problem> {
        if call.body.is_empty() {
            return Ok(Self::default());
        }
        let whole: Box<RawValue> = read_json(call)?;
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

    /// The first of these fields that is there, as a whole number of 10^-`decimals`.
    pub(super) fn number(&self, names: &[&str], decimals: i32) -> Option<Number> {
        let raw = self.any(names)?;
        let text = match serde_json::from_str::<String>(raw.get()) {
            Ok(quoted) => quoted.trim().to_owned(),
            Err(_) => raw.get().to_owned(),
        };
        Some(parse_scaled(&text, decimals).map_or(Number::Wrong, Number::Is))
    }

    /// The first of these fields that is there, as yes or no.
    pub(super) fn flag(&self, names: &[&str]) -> Result<Option<bool>, Problem> {
        match self.any(names).map(|raw| raw.get().trim_matches('"')) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => {
                let name = names.first().copied().unwrap_or_default();
                Err(Problem::invalid(format!("{name} must be true or false.")))
            }
        }
    }

    /// The number of credits to buy: a positive whole number, perhaps in quotes.
    pub(super) fn credits(&self) -> Result<i64, Problem> {
        let required = || Problem::invalid("credits is required and must be a positive number.");
        let raw = self.any(&["credits", "credits_to_recharge", "creditsToRecharge"]).ok_or_else(required)?;
        let text = match serde_json::from_str::<String>(raw.get()) {
            Ok(quoted) => quoted.trim().to_owned(),
            Err(_) => raw.get().to_owned(),
        };
        match parse_scaled(&text, 0) {
            Ok(credits) if credits > 0 => Ok(credits),
            Ok(_) | Err(AmountError::NotANumber) => Err(required()),
            Err(_) if text.starts_with('-') => Err(required()),
            Err(AmountError::TooPrecise) => Err(Problem::invalid("credits must be an integer.")),
            Err(AmountError::Overflow) => Err(too_many()),
        }
    }
}

/// A field that should be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Is(i64),
    /// No number, too many decimals, or too large.
    Wrong,
}

/// More than Stripe charges at once.
pub(super) fn too_many() -> Problem {
    Problem::invalid("credits must be at most 99999999.")
}

fn object(raw: &RawValue) -> HashMap<String, Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// What `POST /v1/credits/recharge` takes: the number of credits, a positive whole number, under one of three names.
#[derive(ToSchema)]
#[schema(as = samsar::RechargeFields)]
#[allow(dead_code, reason = "it describes what `Fields` reads")]
pub(super) struct RechargeFields {
    credits: Option<WholeNumber>,
    credits_to_recharge: Option<WholeNumber>,
    #[schema(rename = "creditsToRecharge")]
    credits_to_recharge_too: Option<WholeNumber>,
    /// All fields may be wrapped in this one.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
}

/// What `POST /v1/payment_status` takes: the id of a payment, unless the query has it.
#[derive(ToSchema)]
#[schema(as = samsar::StatusFields, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what `Fields` reads")]
pub(super) struct StatusFields {
    checkout_session_id: Option<String>,
    payment_intent_id: Option<String>,
    setup_intent_id: Option<String>,
    payment_id: Option<String>,
    /// All fields may be wrapped in this one.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
}

/// A whole number, perhaps in quotes.
pub(super) struct WholeNumber;

impl PartialSchema for WholeNumber {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::Integer, Type::String]);
        RefOr::T(ObjectBuilder::new().schema_type(types).build().into())
    }
}

impl ToSchema for WholeNumber {
    fn name() -> Cow<'static, str> {
        "samsar.WholeNumber".into()
    }
}

/// The body of `GET /v1/credits`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::Credits)]
pub(super) struct CreditsBody<'a> {
    pub(super) remaining_credits: Amount,
    /// Null before the first.
    #[schema(required)]
    pub(super) last_top_up: Option<TopUp<'a>>,
}

/// A payment that added credits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::TopUp)]
pub(super) struct TopUp<'a> {
    id: String,
    amount_paid_cents: i64,
    /// An ISO 4217 code in upper case.
    currency: String,
    payment_type: &'static str,
    /// `paid`; once money went back `refunded`, `partially_refunded` or `disputed`.
    payment_status: &'a str,
    billing_reason: &'static str,
    credits_applied: Amount,
    #[schema(value_type = Option<Moment>, required)]
    payment_date: Option<String>,
    /// Of its invoice; left out, as the three that follow, where it has none: one-off purchases have one if the
    /// installation asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stripe_invoice_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stripe_invoice_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    invoice_pdf_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hosted_invoice_url: Option<&'a str>,
    /// The receipt or else the invoice.
    #[schema(required)]
    receipt_url: Option<&'a str>,
    receipt_available: bool,
    product_summary: &'a str,
}

/// The body of `POST /v1/credits/recharge`. The page's fields are null until it is open.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::Recharge)]
pub(super) struct RechargeBody<'a> {
    /// The payment page.
    #[schema(required)]
    pub(super) url: Option<&'a str>,
    #[schema(required)]
    pub(super) checkout_session_id: Option<&'a str>,
    #[schema(required)]
    pub(super) payment_intent_id: Option<&'a str>,
    /// Where to ask how the payment stands.
    pub(super) payment_status_endpoint: &'a str,
    pub(super) credits: Amount,
    #[schema(value_type = Amount)]
    pub(super) amount_usd: Value,
    pub(super) amount_cents: i64,
    /// An ISO 4217 code in upper case.
    pub(super) currency: String,
    /// With 202: `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) status: Option<&'static str>,
    /// With 202: the order, to ask how it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    pub(super) payment_id: Option<PaymentId>,
}

/// The body of `payment_status`. Asked by a PaymentIntent it says nothing of sessions and saved cards, asked by a
/// SetupIntent nothing of payments.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::PaymentStatus)]
pub(super) struct PaymentStatus<'a> {
    #[schema(schema_with = status_schema)]
    pub(super) status: &'static str,
    #[schema(schema_with = mode_schema)]
    pub(super) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) checkout_session_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) session_status: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) payment_status: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) payment_intent_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) payment_intent_status: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) setup_intent_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) setup_intent_status: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub(super) amount_cents: Option<Option<i64>>,
    /// An ISO 4217 code in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) currency: Option<Option<&'a str>>,
    /// Asked by `paymentId`: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    pub(super) payment_id: Option<PaymentId>,
    /// Asked by `paymentId`: the payment page, once it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) url: Option<Option<&'a str>>,
}

fn status_schema() -> Object {
    one_of(&["pending", "succeeded", "failed"])
}

fn mode_schema() -> Object {
    one_of(Mode::NAMES)
}

/// The last top-up of `GET /v1/credits`. What is not known is left out, but for `receiptUrl`.
pub(super) fn last_top_up(payment: &Payment) -> TopUp<'_> {
    let invoice = payment.progress.invoice.as_ref().filter(|_| payment.provider == Provider::Stripe);
    let (pdf, page) = (
        invoice.and_then(|invoice| invoice.pdf_url.as_deref()),
        invoice.and_then(|invoice| invoice.page_url.as_deref()),
    );
    let receipt_url = payment.progress.receipt_url.as_deref().or(pdf).or(page);
    TopUp {
        id: payment.id.short_hex(),
        amount_paid_cents: payment.amount.minor,
        currency: payment.amount.currency.upper(),
        payment_type: payment.kind.as_str(),
        payment_status: top_up_status(payment),
        billing_reason: payment.kind.as_str(),
        credits_applied: Amount(payment.credits),
        payment_date: moment(payment.completed_at.unwrap_or(payment.created_at)),
        stripe_invoice_id: invoice.map(|invoice| invoice.id.as_str()),
        stripe_invoice_number: invoice.and_then(|invoice| invoice.number.as_deref()),
        invoice_pdf_url: pdf,
        hosted_invoice_url: page,
        receipt_url,
        receipt_available: receipt_url.is_some(),
        product_summary: &payment.summary,
    }
}

/// How a top-up was paid, in the provider's word, and whether its money went back.
fn top_up_status(payment: &Payment) -> &str {
    match payment.state {
        State::Refunded | State::PartiallyRefunded | State::Disputed => payment.state.as_str(),
        _ => payment.progress.payment_status.as_deref().unwrap_or("paid"),
    }
}

/// The body of `POST /v1/credits/recharge`; the page's fields are null until it is open.
pub(super) fn recharge<'a>(
    payment: &'a Payment,
    session: Option<&'a str>,
    url: Option<&'a str>,
) -> RechargeBody<'a> {
    RechargeBody {
        url,
        checkout_session_id: session,
        payment_intent_id: payment.provider_payment.as_deref(),
        payment_status_endpoint: "/v1/payment_status",
        credits: Amount(payment.credits),
        amount_usd: dollars(payment.amount.minor),
        amount_cents: payment.amount.minor,
        currency: payment.amount.currency.upper(),
        status: None,
        payment_id: None,
    }
}

/// The status of a payment, in Samsar's words.
fn status(payment: &Payment) -> &'static str {
    let says = |field: &Option<String>, word: &str| field.as_deref() == Some(word);
    let paid = payment.state.is_paid()
        || says(&payment.progress.payment_status, "paid")
        || says(&payment.progress.payment_intent_status, "succeeded");
    let over = matches!(payment.state, State::Failed | State::Expired)
        || says(&payment.progress.session_status, "expired")
        || says(&payment.progress.payment_intent_status, "canceled");
    match (paid, over) {
        (true, _) => "succeeded",
        (false, true) => "failed",
        (false, false) => "pending",
    }
}

/// The body of `payment_status` for a session.
pub(super) fn session_status(payment: &Payment) -> PaymentStatus<'_> {
    let session = PaymentStatus {
        mode: payment.mode.as_str(),
        checkout_session_id: Some(payment.provider_session.as_deref()),
        session_status: Some(payment.progress.session_status.as_deref()),
        payment_status: Some(payment.progress.payment_status.as_deref()),
        setup_intent_id: Some(None),
        setup_intent_status: Some(None),
        ..intent_status(payment)
    };
    if payment.mode != Mode::Setup {
        return session;
    }
    PaymentStatus {
        payment_intent_id: Some(None),
        payment_intent_status: Some(None),
        setup_intent_id: session.payment_intent_id,
        setup_intent_status: session.payment_intent_status,
        amount_cents: Some(None),
        currency: Some(None),
        ..session
    }
}

/// The body of `payment_status` for a SetupIntent.
pub(super) fn setup_status(payment: &Payment) -> PaymentStatus<'_> {
    let intent = intent_status(payment);
    PaymentStatus {
        mode: Mode::Setup.as_str(),
        setup_intent_id: intent.payment_intent_id,
        setup_intent_status: intent.payment_intent_status,
        payment_intent_id: None,
        payment_intent_status: None,
        amount_cents: None,
        currency: None,
        ..intent
    }
}

/// The body of `payment_status` for a PaymentIntent.
pub(super) fn intent_status(payment: &Payment) -> PaymentStatus<'_> {
    PaymentStatus {
        status: status(payment),
        mode: Mode::Payment.as_str(),
        checkout_session_id: None,
        session_status: None,
        payment_status: None,
        payment_intent_id: Some(payment.provider_payment.as_deref()),
        payment_intent_status: Some(payment.progress.payment_intent_status.as_deref()),
        setup_intent_id: None,
        setup_intent_status: None,
        amount_cents: Some(Some(payment.amount.minor)),
        currency: Some(Some(payment.amount.currency.as_str())),
        payment_id: None,
        url: None,
    }
}

/// Cents as dollars, exactly: 25, 25.5, 0.99.
pub(super) fn dollars(cents: i64) -> Value {
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
