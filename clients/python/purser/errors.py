"""One class for each error of the API. Written by clients/generate.py: do not change it by hand."""

from __future__ import annotations

from ._api_error import ApiError, ConnectionFailed, PurserError


class Unauthorized(ApiError):
    """401: the credential is missing or not valid. Send `Authorization: Bearer` with an API key, a session token or
    a token of your own.
    """

    code = "unauthorized"


class CredentialExpired(ApiError):
    """401: the credential has expired. Get a new one."""

    code = "credential_expired"


class UserNotRegistered(ApiError):
    """401: the token is genuine, but its user is not registered. Register the user, or set `JWT_REGISTERS_USERS`."""

    code = "user_not_registered"


class OriginNotAllowed(ApiError):
    """403: a cookie came from a page of a site that is not in `ALLOWED_ORIGINS`."""

    code = "origin_not_allowed"


class MissingScope(ApiError):
    """403: the credential lacks the scope that the message names."""

    code = "missing_scope"


class BoundCredential(ApiError):
    """403: the credential is for the wallets of one owner, and this concerns everyone's."""

    code = "bound_credential"


class NotAUser(ApiError):
    """403: the credential is no user's, and this API knows users only."""

    code = "not_a_user"


class RoleNotAllowed(ApiError):
    """403: the caller's role, as an operator or in the organization, does not allow this."""

    code = "role_not_allowed"


class SignInFailed(ApiError):
    """401: there is no such operator, or the password is wrong."""

    code = "sign_in_failed"


class TooManyAttempts(ApiError):
    """429: too many attempts to sign in. Wait as long as `Retry-After` says."""

    code = "too_many_attempts"


class InvitationInvalid(ApiError):
    """404: the link is unknown, used or expired: ask for another one."""

    code = "invitation_invalid"


class OperatorExists(ApiError):
    """409: there is an operator with this e-mail address."""

    code = "operator_exists"


class LastAdmin(ApiError):
    """409: an installation with operators keeps at least one admin who can sign in."""

    code = "last_admin"


class Forbidden(ApiError):
    """403: this is not allowed."""

    code = "forbidden"


class LiveMode(ApiError):
    """403: this exists in test mode only."""

    code = "live_mode"


class UnsupportedMediaType(ApiError):
    """415: the content type must be `application/json`."""

    code = "unsupported_media_type"


class InvalidJson(ApiError):
    """400: the body is not JSON."""

    code = "invalid_json"


class InvalidRequest(ApiError):
    """400: a field is missing, unknown or wrong; `param` names it."""

    code = "invalid_request"


class InvalidCredits(ApiError):
    """400: an amount of credits is not positive, not a number, too large, or has more than six decimals."""

    code = "invalid_credits"


class BadRequest(ApiError):
    """400: the path, the query or a header cannot be read."""

    code = "bad_request"


class InvalidIdempotencyKey(ApiError):
    """400: an `Idempotency-Key` has 1 to 255 printable ASCII characters, and there is one at most."""

    code = "invalid_idempotency_key"


class IdempotencyKeyInUse(ApiError):
    """409: the first request with this key is being worked on. Send it again in a moment."""

    code = "idempotency_key_in_use"


class IdempotencyKeyReused(ApiError):
    """409: this key was used for another request. Use a new key for each thing that you do."""

    code = "idempotency_key_reused"


class SecretAlreadyShown(ApiError):
    """409: the request was done before, and its answer showed a secret, which is shown only once."""

    code = "secret_already_shown"


class NotFound(ApiError):
    """404: there is no such thing, or it is not the caller's."""

    code = "not_found"


class MethodNotAllowed(ApiError):
    """405: the path does not take this method; `Allow` names those that it takes."""

    code = "method_not_allowed"


class Conflict(ApiError):
    """409: this conflicts with how things are; the message says how."""

    code = "conflict"


class Unprocessable(ApiError):
    """422: this cannot be done as asked; the message says why."""

    code = "unprocessable"


class RequestTimeout(ApiError):
    """408: the body did not arrive in time."""

    code = "request_timeout"


class BodyTooLarge(ApiError):
    """413: the body is larger than 1 MiB."""

    code = "body_too_large"


class RateLimited(ApiError):
    """429: too many requests. Wait as long as `Retry-After` says."""

    code = "rate_limited"


class Unavailable(ApiError):
    """503: this cannot be done now. Send the same request with the same key again after `Retry-After`."""

    code = "unavailable"


class Internal(ApiError):
    """500: something went wrong here. Send the same request with the same key again; tell us the `requestId` if it
    stays.
    """

    code = "internal"


class WalletNotFound(ApiError):
    """404: there is no such wallet, or it is not open to the caller."""

    code = "wallet_not_found"


class InsufficientCredits(ApiError):
    """402: fewer credits are available than needed; `available` and `needed` say how many. Nothing was spent."""

    code = "insufficient_credits"


class LimitReached(ApiError):
    """402: a limit of the member or the API key leaves less than was asked for; `limit` says whose it is, what is
    left of it and when it begins anew. Nothing was spent.
    """

    code = "limit_reached"


class UserBlocked(ApiError):
    """409: the user whose wallet it is was blocked."""

    code = "user_blocked"


class HoldCaptured(ApiError):
    """409: the hold was captured before."""

    code = "hold_captured"


class HoldReleased(ApiError):
    """409: the hold was released before."""

    code = "hold_released"


class HoldExpired(ApiError):
    """409: the hold ended by itself."""

    code = "hold_expired"


class NotADebit(ApiError):
    """409: only debits and captures can be given back."""

    code = "not_a_debit"


class MoreThanLeft(ApiError):
    """409: more is to be given back than is left of the debit."""

    code = "more_than_left"


class AmountOutOfRange(ApiError):
    """409: the balance would be too large to count."""

    code = "amount_out_of_range"


class SameWallet(ApiError):
    """400: a transfer needs two wallets."""

    code = "same_wallet"


class UserExists(ApiError):
    """409: there is a user with this id, but with other fields."""

    code = "user_exists"


class UserNotFound(ApiError):
    """404: there is no user with this id."""

    code = "user_not_found"


class UserErased(ApiError):
    """409: the user was erased, which is for good."""

    code = "user_erased"


class NoOwner(ApiError):
    """409: the organization has no owner who could buy for it: name one first."""

    code = "no_owner"


class LastOwner(ApiError):
    """409: an organization keeps at least one owner."""

    code = "last_owner"


class ProviderRefused(ApiError):
    """The payment provider refuses; the message has its words."""

    code = "provider_refused"


class InvalidCoupon(ApiError):
    """400: the coupon is not accepted; the message says why."""

    code = "invalid_coupon"


class TooManyOpenOrders(ApiError):
    """429: the user has as many unpaid orders as one may have."""

    code = "too_many_open_orders"


class AlreadySubscribed(ApiError):
    """409: the wallet has a subscription already: change its plan, or end it first."""

    code = "already_subscribed"


class NoSubscription(ApiError):
    """404: there is no subscription."""

    code = "no_subscription"


class UrlNotAllowed(ApiError):
    """400: an address to return to is not on a site of `RETURN_URL_ORIGINS`."""

    code = "url_not_allowed"


class NoCreditPrice(ApiError):
    """409: credits have no price in this currency: set one in the catalog."""

    code = "no_credit_price"


class CreemProductMissing(ApiError):
    """400: the pack or plan has no product at Creem."""

    code = "creem_product_missing"


class OrderNotPaid(ApiError):
    """409: the order is not paid, so there is nothing to give back."""

    code = "order_not_paid"


class AlreadyRefunded(ApiError):
    """409: all of the order's money is back, or on its way back."""

    code = "already_refunded"


class RefundExceedsPayment(ApiError):
    """409: more is to go back than is left of the payment."""

    code = "refund_exceeds_payment"


class PartialRefundNotSupported(ApiError):
    """409: the provider gives back the whole of a payment only."""

    code = "partial_refund_not_supported"


class RefundAtTheStore(ApiError):
    """409: the store gives the money back; its credits follow."""

    code = "refund_at_the_store"


class NotPaidInMoney(ApiError):
    """409: the order was not paid in money: take its credits back instead."""

    code = "not_paid_in_money"


class AutoRechargePaused(ApiError):
    """409: recharging waits for a card or an operator; the message says for which."""

    code = "auto_recharge_paused"


class CheckinDisabled(ApiError):
    """403: there are no check-ins here."""

    code = "checkin_disabled"


class AlreadyCheckedIn(ApiError):
    """409: the user has checked in today."""

    code = "already_checked_in"


class PackExists(ApiError):
    """409: there is a pack with this id."""

    code = "pack_exists"


class PlanExists(ApiError):
    """409: there is a plan with this id."""

    code = "plan_exists"


class CouponExists(ApiError):
    """409: there is a coupon with this code."""

    code = "coupon_exists"


class StoreProductTaken(ApiError):
    """409: another pack is sold as this product in app stores."""

    code = "store_product_taken"


class ProviderPriceTaken(ApiError):
    """409: another plan is sold at this price of the provider."""

    code = "provider_price_taken"


class PurchaseClaimed(ApiError):
    """409: the purchase belongs to another user already."""

    code = "purchase_claimed"


class PurchaseRefunded(ApiError):
    """409: the purchase was refunded."""

    code = "purchase_refunded"


class PurchaseDismissed(ApiError):
    """409: the purchase was dismissed."""

    code = "purchase_dismissed"


class QuantityUnknown(ApiError):
    """409: say with `quantity` how many were bought."""

    code = "quantity_unknown"


class QuantityKnown(ApiError):
    """409: the store says that another number was bought."""

    code = "quantity_known"


class NotQuarantined(ApiError):
    """409: the event is not in quarantine: it was handled."""

    code = "not_quarantined"


class NoOrder(ApiError):
    """409: the event names no order that exists."""

    code = "no_order"


class AlreadyCredited(ApiError):
    """409: the order is credited already."""

    code = "already_credited"


class NotPaid(ApiError):
    """409: the event does not say that money has arrived."""

    code = "not_paid"


class OtherMode(ApiError):
    """409: one is about test money, the other about real money."""

    code = "other_mode"


class PaymentOfAnotherOrder(ApiError):
    """409: the event's payment is the payment of another order."""

    code = "payment_of_another_order"


class NotUnderstood(ApiError):
    """409: what the event says was not kept: apply it again first."""

    code = "not_understood"


class SubscriptionNotActive(ApiError):
    """409: only an active subscription can be moved to another plan."""

    code = "subscription_not_active"


class SubscriptionEnds(ApiError):
    """409: the subscription ends with its period."""

    code = "subscription_ends"


class PlanNotSold(ApiError):
    """409: the plan is not sold, or not for such a period."""

    code = "plan_not_sold"


class PlanNotAtProvider(ApiError):
    """409: the plan has no price or product of its own at the provider."""

    code = "plan_not_at_provider"


class OtherCurrency(ApiError):
    """409: the plan has another currency than the subscription."""

    code = "other_currency"


class UnknownProduct(ApiError):
    """409: no pack is sold as this product: add its `storeProductId` to one."""

    code = "unknown_product"


class AlreadySettled(ApiError):
    """409: this was decided before."""

    code = "already_settled"


class CannotBeReplayed(ApiError):
    """409: the message cannot be sent to any queue again."""

    code = "cannot_be_replayed"


class TooManyWebhookEndpoints(ApiError):
    """409: there are as many webhook endpoints as there may be."""

    code = "too_many_webhook_endpoints"


class WebhookEndpointDisabled(ApiError):
    """409: the webhook endpoint is disabled: enable it first."""

    code = "webhook_endpoint_disabled"


class TooManyLiveConnections(ApiError):
    """429: the user has as many live connections as one may have."""

    code = "too_many_live_connections"


class TicketInvalid(ApiError):
    """401: the ticket is unknown, used or expired: get another one."""

    code = "ticket_invalid"


class LinkInvalid(ApiError):
    """401: the link was opened before, or its time is up: get another one."""

    code = "link_invalid"


class ClockNotBackwards(ApiError):
    """409: the test clock does not go backwards."""

    code = "clock_not_backwards"


#: The classes by their codes.
BY_CODE: dict[str, type[ApiError]] = {
    "unauthorized": Unauthorized,
    "credential_expired": CredentialExpired,
    "user_not_registered": UserNotRegistered,
    "origin_not_allowed": OriginNotAllowed,
    "missing_scope": MissingScope,
    "bound_credential": BoundCredential,
    "not_a_user": NotAUser,
    "role_not_allowed": RoleNotAllowed,
    "sign_in_failed": SignInFailed,
    "too_many_attempts": TooManyAttempts,
    "invitation_invalid": InvitationInvalid,
    "operator_exists": OperatorExists,
    "last_admin": LastAdmin,
    "forbidden": Forbidden,
    "live_mode": LiveMode,
    "unsupported_media_type": UnsupportedMediaType,
    "invalid_json": InvalidJson,
    "invalid_request": InvalidRequest,
    "invalid_credits": InvalidCredits,
    "bad_request": BadRequest,
    "invalid_idempotency_key": InvalidIdempotencyKey,
    "idempotency_key_in_use": IdempotencyKeyInUse,
    "idempotency_key_reused": IdempotencyKeyReused,
    "secret_already_shown": SecretAlreadyShown,
    "not_found": NotFound,
    "method_not_allowed": MethodNotAllowed,
    "conflict": Conflict,
    "unprocessable": Unprocessable,
    "request_timeout": RequestTimeout,
    "body_too_large": BodyTooLarge,
    "rate_limited": RateLimited,
    "unavailable": Unavailable,
    "internal": Internal,
    "wallet_not_found": WalletNotFound,
    "insufficient_credits": InsufficientCredits,
    "limit_reached": LimitReached,
    "user_blocked": UserBlocked,
    "hold_captured": HoldCaptured,
    "hold_released": HoldReleased,
    "hold_expired": HoldExpired,
    "not_a_debit": NotADebit,
    "more_than_left": MoreThanLeft,
    "amount_out_of_range": AmountOutOfRange,
    "same_wallet": SameWallet,
    "user_exists": UserExists,
    "user_not_found": UserNotFound,
    "user_erased": UserErased,
    "no_owner": NoOwner,
    "last_owner": LastOwner,
    "provider_refused": ProviderRefused,
    "invalid_coupon": InvalidCoupon,
    "too_many_open_orders": TooManyOpenOrders,
    "already_subscribed": AlreadySubscribed,
    "no_subscription": NoSubscription,
    "url_not_allowed": UrlNotAllowed,
    "no_credit_price": NoCreditPrice,
    "creem_product_missing": CreemProductMissing,
    "order_not_paid": OrderNotPaid,
    "already_refunded": AlreadyRefunded,
    "refund_exceeds_payment": RefundExceedsPayment,
    "partial_refund_not_supported": PartialRefundNotSupported,
    "refund_at_the_store": RefundAtTheStore,
    "not_paid_in_money": NotPaidInMoney,
    "auto_recharge_paused": AutoRechargePaused,
    "checkin_disabled": CheckinDisabled,
    "already_checked_in": AlreadyCheckedIn,
    "pack_exists": PackExists,
    "plan_exists": PlanExists,
    "coupon_exists": CouponExists,
    "store_product_taken": StoreProductTaken,
    "provider_price_taken": ProviderPriceTaken,
    "purchase_claimed": PurchaseClaimed,
    "purchase_refunded": PurchaseRefunded,
    "purchase_dismissed": PurchaseDismissed,
    "quantity_unknown": QuantityUnknown,
    "quantity_known": QuantityKnown,
    "not_quarantined": NotQuarantined,
    "no_order": NoOrder,
    "already_credited": AlreadyCredited,
    "not_paid": NotPaid,
    "other_mode": OtherMode,
    "payment_of_another_order": PaymentOfAnotherOrder,
    "not_understood": NotUnderstood,
    "subscription_not_active": SubscriptionNotActive,
    "subscription_ends": SubscriptionEnds,
    "plan_not_sold": PlanNotSold,
    "plan_not_at_provider": PlanNotAtProvider,
    "other_currency": OtherCurrency,
    "unknown_product": UnknownProduct,
    "already_settled": AlreadySettled,
    "cannot_be_replayed": CannotBeReplayed,
    "too_many_webhook_endpoints": TooManyWebhookEndpoints,
    "webhook_endpoint_disabled": WebhookEndpointDisabled,
    "too_many_live_connections": TooManyLiveConnections,
    "ticket_invalid": TicketInvalid,
    "link_invalid": LinkInvalid,
    "clock_not_backwards": ClockNotBackwards,
}

__all__ = [
    "ApiError",
    "BY_CODE",
    "ConnectionFailed",
    "PurserError",
    "Unauthorized",
    "CredentialExpired",
    "UserNotRegistered",
    "OriginNotAllowed",
    "MissingScope",
    "BoundCredential",
    "NotAUser",
    "RoleNotAllowed",
    "SignInFailed",
    "TooManyAttempts",
    "InvitationInvalid",
    "OperatorExists",
    "LastAdmin",
    "Forbidden",
    "LiveMode",
    "UnsupportedMediaType",
    "InvalidJson",
    "InvalidRequest",
    "InvalidCredits",
    "BadRequest",
    "InvalidIdempotencyKey",
    "IdempotencyKeyInUse",
    "IdempotencyKeyReused",
    "SecretAlreadyShown",
    "NotFound",
    "MethodNotAllowed",
    "Conflict",
    "Unprocessable",
    "RequestTimeout",
    "BodyTooLarge",
    "RateLimited",
    "Unavailable",
    "Internal",
    "WalletNotFound",
    "InsufficientCredits",
    "LimitReached",
    "UserBlocked",
    "HoldCaptured",
    "HoldReleased",
    "HoldExpired",
    "NotADebit",
    "MoreThanLeft",
    "AmountOutOfRange",
    "SameWallet",
    "UserExists",
    "UserNotFound",
    "UserErased",
    "NoOwner",
    "LastOwner",
    "ProviderRefused",
    "InvalidCoupon",
    "TooManyOpenOrders",
    "AlreadySubscribed",
    "NoSubscription",
    "UrlNotAllowed",
    "NoCreditPrice",
    "CreemProductMissing",
    "OrderNotPaid",
    "AlreadyRefunded",
    "RefundExceedsPayment",
    "PartialRefundNotSupported",
    "RefundAtTheStore",
    "NotPaidInMoney",
    "AutoRechargePaused",
    "CheckinDisabled",
    "AlreadyCheckedIn",
    "PackExists",
    "PlanExists",
    "CouponExists",
    "StoreProductTaken",
    "ProviderPriceTaken",
    "PurchaseClaimed",
    "PurchaseRefunded",
    "PurchaseDismissed",
    "QuantityUnknown",
    "QuantityKnown",
    "NotQuarantined",
    "NoOrder",
    "AlreadyCredited",
    "NotPaid",
    "OtherMode",
    "PaymentOfAnotherOrder",
    "NotUnderstood",
    "SubscriptionNotActive",
    "SubscriptionEnds",
    "PlanNotSold",
    "PlanNotAtProvider",
    "OtherCurrency",
    "UnknownProduct",
    "AlreadySettled",
    "CannotBeReplayed",
    "TooManyWebhookEndpoints",
    "WebhookEndpointDisabled",
    "TooManyLiveConnections",
    "TicketInvalid",
    "LinkInvalid",
    "ClockNotBackwards",
]
