//! Why a request is not answered as asked: one type for all APIs. Handlers return a [`Problem`]; the group of endpoints
//! that owns the path words it for its clients.

mod codes;
mod domain;

use std::borrow::Cow;

use billing::coupons::CouponRefusal;
use kernel::money::Credits;
use ledger::limits::ReachedLimit;
use warp::http::StatusCode;
use warp::reply::Response;

pub use codes::ErrorCode;

/// After this many seconds a limit has a free place again, whatever it is, and an outage may be over.
const RETRY_AFTER_SECONDS: u16 = 1;

#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: ProblemKind,
    code: Option<ErrorCode>,
    /// The field, parameter or header that is wrong.
    pub param: Option<Box<str>>,
    /// The request's, once it is known.
    pub request_id: Option<Box<str>>,
    pub message: Cow<'static, str>,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u16>,
    pub shortage: Option<Shortage>,
    /// For the log; never shown.
    pub cause: Option<String>,
}

/// What is wrong. Each API words every kind in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    CredentialMissing,
    /// The credential is unknown, withdrawn or not genuine.
    CredentialInvalid,
    CredentialExpired,
    /// A cookie came from a page of a site that may not call.
    OriginNotAllowed,
    UnsupportedMediaType,
    NotJson,
    IdempotencyKeyInvalid,
    /// The first request with the key is still being worked on.
    IdempotencyKeyInUse,
    /// The key was used for another request.
    IdempotencyKeyReused,
    CouponRefused(CouponRefusal),
    Invalid,
    PaymentRequired,
    Forbidden,
    NotFound,
    Conflict,
    Unprocessable,
    /// The payment provider refuses an order, with this status.
    ProviderRefused(StatusCode),
    /// Trying again later may succeed.
    Unavailable,
    Internal,
    Server(Failure),
}

/// What the server finds wrong with a request outside of any handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    NotFound,
    MethodNotAllowed,
    /// The path, the query or a needed header cannot be read.
    BadRequest,
    /// The body did not arrive in time.
    Timeout,
    TooLarge,
    TooManyRequests,
    Internal,
}

/// What leaves less than was asked for.
#[derive(Clone, Debug)]
pub enum Shortage {
    /// The wallet.
    Credits {
        available: Credits,
        needed: Credits,
    },
    Limit(Box<ReachedLimit>),
}

impl ProblemKind {
    /// Status, code and message, where neither the problem nor an API has its own.
    fn usual(self) -> (StatusCode, ErrorCode, &'static str) {
        match self {
            Self::CredentialMissing => {
                (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, "A credential is missing.")
            }
            Self::CredentialInvalid => {
                (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, "The credential is not valid.")
            }
            Self::CredentialExpired => {
                (StatusCode::UNAUTHORIZED, ErrorCode::CredentialExpired, "The credential has expired.")
            }
            Self::OriginNotAllowed => (
                StatusCode::FORBIDDEN,
                ErrorCode::OriginNotAllowed,
                "Forms, and requests with a cookie, must come from an allowed origin.",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::UnsupportedMediaType,
                "The content type must be application/json.",
            ),
            Self::NotJson => (StatusCode::BAD_REQUEST, ErrorCode::InvalidJson, "The body is not valid JSON."),
            Self::IdempotencyKeyInvalid => (
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidIdempotencyKey,
                "Idempotency-Key must have 1 to 255 printable ASCII characters.",
            ),
            Self::IdempotencyKeyInUse => (
                StatusCode::CONFLICT,
                ErrorCode::IdempotencyKeyInUse,
                "A request with this Idempotency-Key is being worked on.",
            ),
            Self::IdempotencyKeyReused => (
                StatusCode::CONFLICT,
                ErrorCode::IdempotencyKeyReused,
                "This Idempotency-Key was used for another request.",
            ),
            Self::CouponRefused(_) => {
                (StatusCode::BAD_REQUEST, ErrorCode::InvalidCoupon, "This coupon is not accepted.")
            }
            Self::Invalid => {
                (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, "The request is not valid.")
            }
            Self::PaymentRequired => {
                (StatusCode::PAYMENT_REQUIRED, ErrorCode::InsufficientCredits, "Credits are short.")
            }
            Self::Forbidden => (StatusCode::FORBIDDEN, ErrorCode::Forbidden, "This is not allowed."),
            Self::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is no such thing."),
            Self::Conflict => {
                (StatusCode::CONFLICT, ErrorCode::Conflict, "This conflicts with the present state.")
            }
            Self::Unprocessable => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Unprocessable, "This cannot be done as asked.")
            }
            Self::ProviderRefused(status) => {
                (status, ErrorCode::ProviderRefused, "The payment provider refuses the order.")
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                "This cannot be done now: try again in a moment.",
            ),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "Something went wrong on our side.")
            }
            Self::Server(failure) => failure.usual(),
        }
    }
}

impl Failure {
    fn usual(self) -> (StatusCode, ErrorCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is nothing at this path."),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                ErrorCode::MethodNotAllowed,
                "This path does not take this method.",
            ),
            Self::BadRequest => {
                (StatusCode::BAD_REQUEST, ErrorCode::BadRequest, "The request cannot be read.")
            }
            Self::Timeout => (
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::RequestTimeout,
                "The request body did not arrive in time.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::BodyTooLarge,
                "The request body is larger than 1 MiB.",
            ),
            Self::TooManyRequests => {
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, "Too many requests: wait a moment.")
            }
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "Something went wrong on our side.")
            }
        }
    }
}

impl Problem {
    pub fn new(kind: ProblemKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            code: None,
            param: None,
            request_id: None,
            message: message.into(),
            retry_after: None,
            shortage: None,
            cause: None,
        }
    }

    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemKind::Invalid, message)
    }

    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemKind::Forbidden, message)
    }

    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemKind::NotFound, message)
    }

    pub fn conflict(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemKind::Conflict, message).coded(code)
    }

    /// Trying again later may succeed.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER_SECONDS),
            ..Self::from(ProblemKind::Unavailable).caused_by(cause)
        }
    }

    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::from(ProblemKind::Internal).caused_by(cause)
    }

    /// Names the field, parameter or header that is wrong.
    #[must_use]
    pub fn about(mut self, param: impl Into<Box<str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Replaces the usual code of the kind.
    #[must_use]
    pub fn coded(mut self, code: ErrorCode) -> Self {
        self.code = Some(code);
        self
    }

    #[must_use]
    pub fn caused_by(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Asks the client to try again in a moment.
    #[must_use]
    pub fn retry_soon(mut self) -> Self {
        self.retry_after = Some(RETRY_AFTER_SECONDS);
        self
    }

    /// Asks the client to try again after a while.
    #[must_use]
    pub fn retry_in(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.kind.usual().0
    }

    pub fn code(&self) -> ErrorCode {
        self.code.unwrap_or(self.kind.usual().1)
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        Self::new(kind, kind.usual().2)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let problem = Self::from(ProblemKind::Server(failure));
        if failure == Failure::TooManyRequests { problem.retry_soon() } else { problem }
    }
}

/// A response without a body that carries the problem to where it is worded.
impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut response = Self::default();
        *response.status_mut() = problem.status();
        response.extensions_mut().insert(problem);
        response
    }
}
