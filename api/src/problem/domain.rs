//! The problem that each error of the domain becomes.

use billing::app_stores::ClaimError;
use billing::catalog::CatalogError;
use billing::catalog::cart::CartError;
use billing::checkins::CheckinError;
use billing::coupons::{CouponError, CouponRefusal, RedeemError};
use billing::packages::PackageError;
use billing::payments::ordering::{AdmissionError, OrderError};
use billing::payments::superseding::SubscribeError;
use billing::plans::PlanError;
use identity::IdentityError;
use identity::operators::OperatorError;
use kernel::clock::to_rfc3339;
use kernel::database;
use kernel::money::AmountError;
use ledger::Refusal;
use ledger::holds::{HoldError, HoldState};
use ledger::limits::{LimitStatus, Whose};
use messaging::dead_letters::LetterError;
use outgoing_webhooks::WebhookError;

use super::{ErrorCode, Failure, Problem, ProblemKind, Shortage};

/// When orders may have been paid, or expired, whose number is limited.
const OPEN_ORDERS_RETRY_SECONDS: u16 = 60;

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<AmountError> for Problem {
    fn from(error: AmountError) -> Self {
        let message = match error {
            AmountError::NotANumber => "credits must be a number",
            AmountError::TooPrecise => "credits must have at most six decimals",
            AmountError::Overflow => "credits are out of range",
        };
        Self::invalid(message).coded(ErrorCode::InvalidCredits)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient { available, needed } => {
                let message = format!("{needed} credits are needed, {available} are available.");
                let shortage = Some(Shortage::Credits { available, needed });
                Self { shortage, ..Self::new(ProblemKind::PaymentRequired, message) }
            }
            Refusal::LimitReached(reached) => {
                let whose = match reached.whose {
                    Whose::Member { .. } => "member",
                    Whose::ApiKey(_) => "API key",
                };
                let LimitStatus { per, credits, left, resets_at, .. } = reached.limit;
                let message = format!(
                    "The {whose} may spend {credits} credits a {}: {left} are left until {}.",
                    per.as_str(),
                    to_rfc3339(resets_at)
                );
                let problem = Self::new(ProblemKind::PaymentRequired, message).coded(ErrorCode::LimitReached);
                Self { shortage: Some(Shortage::Limit(reached)), ..problem }
            }
            Refusal::BadAmount => Self::invalid("credits are out of range").coded(ErrorCode::InvalidCredits),
            Refusal::NoWallet | Refusal::NoGrant => Self::internal(refusal),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Refused(refusal) => refusal.into(),
            HoldError::NotFound => Self::not_found("There is no such hold."),
            HoldError::Ended(state) => {
                let code = match state {
                    HoldState::Active | HoldState::Captured => ErrorCode::HoldCaptured,
                    HoldState::Released => ErrorCode::HoldReleased,
                    HoldState::Expired => ErrorCode::HoldExpired,
                };
                Self::conflict(code, format!("The hold is already {}.", state.as_str()))
            }
            HoldError::Reused => ProblemKind::IdempotencyKeyReused.into(),
            HoldError::InUse => ProblemKind::IdempotencyKeyInUse.into(),
            HoldError::Database(error) => error.into(),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::UserExists(_) => {
                Self::conflict(ErrorCode::UserExists, "There is a user with this id, but with other fields.")
            }
            IdentityError::NoUser(id) => {
                Self::not_found(format!("There is no user {id}.")).coded(ErrorCode::UserNotFound)
            }
            IdentityError::NoMember => Self::not_found("There is no such organization or member."),
            IdentityError::LastOwner => Self::conflict(
                ErrorCode::LastOwner,
                "An organization keeps at least one owner: name another one first.",
            ),
            IdentityError::NoSession => Self::not_found("There is no such session."),
            IdentityError::Erased => {
                Self::conflict(ErrorCode::UserErased, "This user was erased, which is for good.")
            }
            IdentityError::NoApiKey => Self::not_found("There is no such API key."),
            IdentityError::Invalid { field, message } => Self::invalid(message).about(field),
            IdentityError::Database(error) => error.into(),
        }
    }
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NoOperator => Self::not_found("There is no such operator."),
            OperatorError::NoSession => Self::not_found("There is no such session."),
            OperatorError::EmailTaken => {
                Self::conflict(ErrorCode::OperatorExists, "There is an operator with this e-mail address.")
            }
            OperatorError::LastAdmin => Self::conflict(
                ErrorCode::LastAdmin,
                "This is the last admin: make another operator one first.",
            ),
            OperatorError::NoLink => {
                Self::not_found("This link was used, or its time is over: ask an admin for another one.")
                    .coded(ErrorCode::InvitationInvalid)
            }
            OperatorError::NotSignedIn => {
                Self::new(ProblemKind::CredentialInvalid, "The e-mail address or the password is wrong.")
                    .coded(ErrorCode::SignInFailed)
            }
            OperatorError::TooManyAttempts { seconds } => {
                Self::new(ProblemKind::Server(Failure::TooManyRequests), "Too many attempts: wait a while.")
                    .coded(ErrorCode::TooManyAttempts)
                    .retry_in(seconds)
            }
            OperatorError::Busy => Self::unavailable(error),
            OperatorError::Invalid { field, message } => Self::invalid(message).about(field),
            OperatorError::Database(error) => error.into(),
        }
    }
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::NoPurchase => Self::not_found("There is no such purchase."),
            ClaimError::NoUser(id) => IdentityError::NoUser(id.to_string()).into(),
            ClaimError::Claimed => {
                Self::conflict(ErrorCode::PurchaseClaimed, "This purchase belongs to another user already.")
            }
            ClaimError::Refunded => Self::conflict(
                ErrorCode::PurchaseRefunded,
                "This purchase was refunded: nothing is left to be credited.",
            ),
            ClaimError::Dismissed => {
                Self::conflict(ErrorCode::PurchaseDismissed, "This purchase was dismissed: nobody gets it.")
            }
            ClaimError::NoQuantity => Self::conflict(
                ErrorCode::QuantityUnknown,
                "The price of this purchase is that of several: say with `quantity` how many were bought.",
            ),
            ClaimError::OtherQuantity { told, given } => Self::conflict(
                ErrorCode::QuantityKnown,
                format!("The store says that {told} were bought, not {given}."),
            ),
            ClaimError::NoPack(product) => Self::conflict(
                ErrorCode::UnknownProduct,
                format!(
                    "No pack has the storeProductId {product}: add it to one, and the purchase is credited."
                ),
            ),
            ClaimError::Database(error) => error.into(),
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let message = error.to_string();
        match error {
            WebhookError::NoEndpoint | WebhookError::NoDelivery => Self::not_found(message),
            WebhookError::Disabled => Self::conflict(ErrorCode::WebhookEndpointDisabled, message),
            WebhookError::TooMany(_) => Self::conflict(ErrorCode::TooManyWebhookEndpoints, message),
            WebhookError::Invalid(_) => Self::invalid(message),
            WebhookError::Database(error) => error.into(),
        }
    }
}

impl From<LetterError> for Problem {
    fn from(error: LetterError) -> Self {
        let message = error.to_string();
        match error {
            LetterError::NotFound => Self::not_found("There is no such dead letter."),
            LetterError::Settled(_) => Self::conflict(ErrorCode::AlreadySettled, message),
            LetterError::NotText | LetterError::NoRole(_) => {
                Self::conflict(ErrorCode::CannotBeReplayed, message)
            }
            LetterError::Database(error) => error.into(),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::PackExists(_) => Self::conflict(ErrorCode::PackExists, message),
            CatalogError::NoPack(_) => Self::not_found(message),
            CatalogError::StoreProductTaken => Self::conflict(ErrorCode::StoreProductTaken, message),
            CatalogError::Invalid(_) => Self::invalid(message),
            CatalogError::Database(error) => error.into(),
        }
    }
}

impl From<CartError> for Problem {
    fn from(error: CartError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Exists(_) => Self::conflict(ErrorCode::PlanExists, message),
            PlanError::ProviderPriceTaken => Self::conflict(ErrorCode::ProviderPriceTaken, message),
            PlanError::NoPlan(_) => Self::not_found(message),
            PlanError::Invalid(_) => Self::invalid(message),
            PlanError::Database(error) => error.into(),
        }
    }
}

impl From<CouponError> for Problem {
    fn from(error: CouponError) -> Self {
        let message = error.to_string();
        match error {
            CouponError::Unknown => Self::not_found("There is no such coupon."),
            CouponError::Exists(_) => Self::conflict(ErrorCode::CouponExists, message),
            CouponError::Invalid(_) => Self::invalid(message),
            CouponError::Database(error) => error.into(),
        }
    }
}

impl From<CouponRefusal> for Problem {
    fn from(reason: CouponRefusal) -> Self {
        Self::new(ProblemKind::CouponRefused(reason), reason.to_string())
    }
}

impl From<RedeemError> for Problem {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Refused(reason) => reason.into(),
            RedeemError::Database(error) => error.into(),
        }
    }
}

impl From<AdmissionError> for Problem {
    fn from(error: AdmissionError) -> Self {
        let message = error.to_string();
        match error {
            AdmissionError::TooManyOpen(_) => {
                Self::new(ProblemKind::Server(Failure::TooManyRequests), message)
                    .coded(ErrorCode::TooManyOpenOrders)
                    .retry_in(OPEN_ORDERS_RETRY_SECONDS)
            }
            AdmissionError::Database(error) => error.into(),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Coupon(reason) => reason.into(),
            OrderError::PlacedBefore => ProblemKind::IdempotencyKeyInUse.into(),
            OrderError::Database(error) => error.into(),
        }
    }
}

impl From<SubscribeError> for Problem {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Subscribed => Self::conflict(
                ErrorCode::AlreadySubscribed,
                "There is a subscription already: change its plan, or end it first.",
            ),
            SubscribeError::Database(error) => error.into(),
        }
    }
}

impl From<PackageError> for Problem {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Invalid(message) => Self::invalid(message),
            PackageError::Order(error) => error.into(),
            PackageError::Database(error) => error.into(),
        }
    }
}

impl From<CheckinError> for Problem {
    fn from(error: CheckinError) -> Self {
        match error {
            CheckinError::Disabled => {
                Self::forbidden("There are no check-ins here.").coded(ErrorCode::CheckinDisabled)
            }
            CheckinError::AlreadyCheckedIn { .. } => {
                Self::conflict(ErrorCode::AlreadyCheckedIn, "You have checked in today: come back tomorrow.")
            }
            CheckinError::Invalid(message) => Self::invalid(message),
            CheckinError::Database(error) => error.into(),
        }
    }
}
