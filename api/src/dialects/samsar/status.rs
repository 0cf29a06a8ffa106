//! The status of a payment, from Purser's own record: ids that callers send never reach the provider. A record that may
//! be stale is refreshed in the background, for the next poll.

use billing::payments::store::{customer, payment_by_id, payment_by_provider_id};
use billing::payments::{Mode, Payment, Provider};
use sqlx::PgConnection;
use warp::http::StatusCode;

use super::types::{self, Fields, PaymentStatus};
use crate::checkout::refresh;
use crate::http::call::Call;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const SESSION: &[&str] = &[
    "checkoutSessionId",
    "checkout_session_id",
    "sessionId",
    "session_id",
    "paymentSessionId",
    "setupSessionId",
    "setup_session_id",
];
const PAYMENT_INTENT: &[&str] = &["paymentIntentId", "payment_intent_id", "payment_intent"];
const SETUP_INTENT: &[&str] = &["setupIntentId", "setup_intent_id", "setup_intent"];
const PAYMENT: &[&str] = &["paymentId", "payment_id"];

#[derive(Debug, PartialEq, Eq)]
enum Lookup {
    Session(String),
    PaymentIntent(String),
    SetupIntent(String),
    /// By Purser's own id, for orders whose page is not open yet.
    Payment(String),
}

pub(super) async fn payment_status(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let fields = if call.method.is_safe() { Fields::default() } else { Fields::read(&call)? };
    let lookup = lookup(&fields, &call).ok_or_else(|| {
        Problem::invalid("checkoutSessionId (or paymentIntentId/setupIntentId) is required.")
    })?;
    let mut connection = api.pool.acquire().await?;
    let found = find(&mut connection, &lookup).await?;
    let own = found.as_ref().filter(|payment| payment.user_id == principal.user_id);
    let Some(payment) = own else {
        if found.is_some() {
            return Err(lookup.foreign());
        }
        if customer(&mut connection, Provider::Stripe, principal.wallet_id).await?.is_none() {
            return Err(Problem::not_found("Stripe customer not found for user."));
        }
        return Err(lookup.unknown());
    };
    refresh(&api, &mut connection, payment).await?;
    Ok(answer(StatusCode::OK, &lookup.describe(payment)))
}

/// The first identifier, by kind and then by spelling, of the body and then of the query.
fn lookup(fields: &Fields, call: &Call) -> Option<Lookup> {
    let of = |names: &[&str]| {
        let in_query = || names.iter().filter_map(|name| call.parameter(name)).find(|text| !text.is_empty());
        fields.text(names).or_else(|| in_query().map(str::to_owned))
    };
    of(SESSION)
        .map(Lookup::Session)
        .or_else(|| of(PAYMENT_INTENT).map(Lookup::PaymentIntent))
        .or_else(|| of(SETUP_INTENT).map(Lookup::SetupIntent))
        .or_else(|| of(PAYMENT).map(Lookup::Payment))
}

async fn find(connection: &mut PgConnection, lookup: &Lookup) -> Result<Option<Payment>, sqlx::Error> {
    Ok(match lookup {
        Lookup::Session(id) => payment_by_provider_id(connection, id)
            .await?
            .filter(|payment| payment.provider_session.as_ref() == Some(id)),
        Lookup::PaymentIntent(id) => payment_by_provider_id(connection, id)
            .await?
            .filter(|payment| payment.provider_payment.as_ref() == Some(id) && payment.mode != Mode::Setup),
        Lookup::SetupIntent(id) => payment_by_provider_id(connection, id)
            .await?
            .filter(|payment| payment.provider_payment.as_ref() == Some(id) && payment.mode == Mode::Setup),
        Lookup::Payment(id) => match id.parse() {
            Ok(id) => payment_by_id(connection, id).await?,
            Err(_) => None,
        },
    })
}

impl Lookup {
    fn foreign(&self) -> Problem {
        let message = match self {
            Self::Session(_) => "Checkout session does not belong to this user.",
            Self::PaymentIntent(_) => "Payment intent does not belong to this user.",
            Self::SetupIntent(_) => "Setup intent does not belong to this user.",
            Self::Payment(_) => "Payment does not belong to this user.",
        };
        Problem::forbidden(message)
    }

    /// As Stripe words it.
    fn unknown(&self) -> Problem {
        let message = match self {
            Self::Session(id) => format!("No such checkout.session: {id}"),
            Self::PaymentIntent(id) => format!("No such payment_intent: '{id}'"),
            Self::SetupIntent(id) => format!("No such setupintent: '{id}'"),
            Self::Payment(id) => format!("No such payment: '{id}'"),
        };
        Problem::not_found(message)
    }

    fn describe<'a>(&self, payment: &'a Payment) -> PaymentStatus<'a> {
        match self {
            Self::Session(_) => types::session_status(payment),
            Self::SetupIntent(_) => types::setup_status(payment),
            Self::PaymentIntent(_) => types::intent_status(payment),
            Self::Payment(_) => PaymentStatus {
                payment_id: Some(payment.id),
                url: Some(payment.checkout_url.as_deref()),
                ..types::session_status(payment)
            },
        }
    }
}
