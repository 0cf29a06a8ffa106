//! Samsar's credits API (`/v1/credits`, `/v1/credits/recharge`, `/v1/payment_status`, `/v1/enable_autorecharge`,
//! `/v1/auto_recharge/threshold`, and the same under `/v2`).
//!
//! One credit costs one US cent. Any credential is accepted where Samsar has its API key; a missing or bad one is a
//! 401. Bodies may be wrapped in `input`. Beyond Samsar: a payment page that takes long is answered with 202 and a
//! `paymentId` to poll, and an `Idempotency-Key` makes a repeated recharge the same order.

mod auto_recharge;
mod buy_credits;
mod routes;
mod status;
mod types;
mod words;

use billing::payments::Dialect;

use crate::http::description::named_schema;
use crate::http::group::{ApiGroup, is_under};
use words::word;

/// Everything under `/v1` and `/v2`.
pub(super) const GROUP: ApiGroup = ApiGroup {
    name: "samsar",
    about: "Samsar's credits API, each path under `/v1` and `/v2`. One credit costs one US cent. Bodies may be wrapped \
            in `input`. Errors are `{\"message\"}`. Beyond Samsar: a payment page that takes long is answered with 202 \
            and a `paymentId` to poll, and an `Idempotency-Key` makes a repeated recharge the same order.",
    dialect: Some(Dialect::Samsar),
    owns: |path| is_under(path, "/v1") || is_under(path, "/v2"),
    endpoints: routes::endpoints,
    word,
    error: Some(named_schema::<words::ErrorBody>),
};
