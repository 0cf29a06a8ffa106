//! The native API's errors, and which of them each error of the domain becomes.

use billing::app_stores::ClaimError;
use billing::catalog::CatalogError;
use identity::IdentityError;
use kernel::database;
use kernel::money::{AmountError, Credits};
use ledger::Refusal;
use ledger::holds::{HoldError, HoldState};
use outgoing_webhooks::WebhookError;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use crate::auth::AuthError;
use crate::http::json::Unreadable;
use crate::http::values::Amount;
use crate::http::{Response, answer, with_cause};

/// An error as callers see it, with its cause for the log where it is ours.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    shortage: Option<Shortage>,
    cause: Option<String>,
}

/// How many credits are missing.
#[derive(Clone, Copy, Debug)]
struct Shortage {
    available: Credits,
    needed: Credits,
}

/// What callers get.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = native::Error)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = native::ErrorDetail)]
struct ErrorDetail {
    /// For programs, such as `insufficient_credits`.
    code: &'static str,
    /// For people.
    message: String,
    /// With `insufficient_credits`: what can be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    available: Option<Amount>,
    /// With `insufficient_credits`: what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    needed: Option<Amount>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), shortage: None, cause: None }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// Trying again later may succeed.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        let message = "This cannot be done now: try again in a moment.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        error.cause = Some(cause.to_string());
        error
    }

    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "Something went wrong on our side.";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message);
        error.cause = Some(cause.to_string());
        error
    }

    /// The status and body that are sent.
    pub(super) fn shown(&self) -> (StatusCode, ErrorBody) {
        let error = ErrorDetail {
            code: self.code,
            message: self.message.clone(),
            available: self.shortage.map(|shortage| Amount(shortage.available)),
            needed: self.shortage.map(|shortage| Amount(shortage.needed)),
        };
        (self.status, ErrorBody { error })
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        let (status, body) = error.shown();
        let mut response = answer(status, &body);
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        match error.cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |code, message| Self::new(StatusCode::UNAUTHORIZED, code, message);
        match error {
            AuthError::Missing => unauthorized("unauthorized", "A credential is missing."),
            AuthError::Invalid => unauthorized("unauthorized", "The credential is not valid."),
            AuthError::Expired => unauthorized("credential_expired", "The credential has expired."),
            AuthError::ForeignOrigin => {
                let message = "Requests with a cookie must come from an allowed origin.";
                Self::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
            }
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for ApiError {
    fn from(error: Unreadable) -> Self {
        let message = error.to_string();
        match error {
            Unreadable::ContentType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
            }
            Unreadable::Syntax => Self::bad_request("invalid_json", message),
            Unreadable::Shape(_) => Self::bad_request("invalid_request", message),
        }
    }
}

impl From<AmountError> for ApiError {
    fn from(error: AmountError) -> Self {
        let message = match error {
            AmountError::NotANumber => "credits must be a number",
            AmountError::TooPrecise => "credits must have at most six decimals",
            AmountError::Overflow => "credits are out of range",
        };
        Self::bad_request("invalid_credits", message)
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient { available, needed } => {
                let message = format!("{needed} credits are needed, {available} are available.");
                let mut error = Self::new(StatusCode::PAYMENT_REQUIRED, "insufficient_credits", message);
                error.shortage = Some(Shortage { available, needed });
                error
            }
            Refusal::BadAmount => Self::bad_request("invalid_credits", "credits are out of range"),
            Refusal::NoWallet | Refusal::NoGrant => Self::internal(refusal),
        }
    }
}

impl From<HoldError> for ApiError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Refused(refusal) => refusal.into(),
            HoldError::NotFound => Self::not_found("There is no such hold."),
            HoldError::Ended(state) => {
                let code = match state {
                    HoldState::Active | HoldState::Captured => "hold_captured",
                    HoldState::Released => "hold_released",
                    HoldState::Expired => "hold_expired",
                };
                Self::conflict(code, format!("The hold is already {}.", state.as_str()))
            }
            HoldError::Reused => super::idempotent::reused(),
            HoldError::InUse => super::idempotent::in_use(),
            HoldError::Database(error) => error.into(),
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::UserExists(_) => {
                Self::conflict("user_exists", "There is a user with this id, but with other fields.")
            }
            IdentityError::NoUser(id) => {
                Self::new(StatusCode::NOT_FOUND, "user_not_found", format!("There is no user {id}."))
            }
            IdentityError::NoMember => Self::not_found("There is no such organization or member."),
            IdentityError::LastOwner => Self::conflict(
                "last_owner",
                "An organization keeps at least one owner: name another one first.",
            ),
            IdentityError::NoApiKey => Self::not_found("There is no such API key."),
            IdentityError::Invalid(message) => Self::bad_request("invalid_request", message),
            IdentityError::Database(error) => error.into(),
        }
    }
}

impl From<ClaimError> for ApiError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::NoPurchase => Self::not_found("There is no such purchase."),
            ClaimError::NoUser(id) => IdentityError::NoUser(id.to_string()).into(),
            ClaimError::Claimed => {
                Self::conflict("purchase_claimed", "This purchase belongs to another user already.")
            }
            ClaimError::Refunded => Self::conflict(
                "purchase_refunded",
                "This purchase was refunded: nothing is left to be credited.",
            ),
            ClaimError::NoPack(product) => Self::conflict(
                "unknown_product",
                format!(
                    "No pack has the storeProductId {product}: add it to one, and the purchase is credited."
                ),
            ),
            ClaimError::Database(error) => error.into(),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        let message = error.to_string();
        match error {
            WebhookError::NoEndpoint | WebhookError::NoDelivery => Self::not_found(message),
            WebhookError::Disabled => Self::conflict("webhook_endpoint_disabled", message),
            WebhookError::TooMany(_) => Self::conflict("too_many_webhook_endpoints", message),
            WebhookError::Invalid(_) => Self::bad_request("invalid_request", message),
            WebhookError::Database(error) => error.into(),
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::PackExists(_) => Self::conflict("pack_exists", message),
            CatalogError::NoPack(_) => Self::not_found(message),
            CatalogError::StoreProductTaken => Self::conflict("store_product_taken", message),
            CatalogError::Invalid(_) => Self::bad_request("invalid_request", message),
            CatalogError::Database(error) => error.into(),
        }
    }
}
