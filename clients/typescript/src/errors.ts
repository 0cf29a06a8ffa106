// One class for each error of the API. Written by clients/generate.py: do not change it by hand.

import { ApiError } from "./api_error.ts";

/** 401: the credential is missing or not valid. Send `Authorization: Bearer` with an API key, a session token or a token of your own. */
export class Unauthorized extends ApiError {}
/** 401: the credential has expired. Get a new one. */
export class CredentialExpired extends ApiError {}
/** 401: the token is genuine, but its user is not registered. Register the user, or set `JWT_REGISTERS_USERS`. */
export class UserNotRegistered extends ApiError {}
/** 403: a cookie came from a page of a site that is not in `ALLOWED_ORIGINS`. */
export class OriginNotAllowed extends ApiError {}
/** 403: the credential lacks the scope that the message names. */
export class MissingScope extends ApiError {}
/** 403: the credential is for the wallets of one owner, and this concerns everyone's. */
export class BoundCredential extends ApiError {}
/** 403: the credential is no user's, and this API knows users only. */
export class NotAUser extends ApiError {}
/** 403: the caller's role, as an operator or in the organization, does not allow this. */
export class RoleNotAllowed extends ApiError {}
/** 401: there is no such operator, or the password is wrong. */
export class SignInFailed extends ApiError {}
/** 429: too many attempts to sign in. Wait as long as `Retry-After` says. */
export class TooManyAttempts extends ApiError {}
/** 404: the link is unknown, used or expired: ask for another one. */
export class InvitationInvalid extends ApiError {}
/** 409: there is an operator with this e-mail address. */
export class OperatorExists extends ApiError {}
/** 409: an installation with operators keeps at least one admin who can sign in. */
export class LastAdmin extends ApiError {}
/** 403: this is not allowed. */
export class Forbidden extends ApiError {}
/** 403: this exists in test mode only. */
export class LiveMode extends ApiError {}
/** 415: the content type must be `application/json`. */
export class UnsupportedMediaType extends ApiError {}
/** 400: the body is not JSON. */
export class InvalidJson extends ApiError {}
/** 400: a field is missing, unknown or wrong; `param` names it. */
export class InvalidRequest extends ApiError {}
/** 400: an amount of credits is not positive, not a number, too large, or has more than six decimals. */
export class InvalidCredits extends ApiError {}
/** 400: the path, the query or a header cannot be read. */
export class BadRequest extends ApiError {}
/** 400: an `Idempotency-Key` has 1 to 255 printable ASCII characters, and there is one at most. */
export class InvalidIdempotencyKey extends ApiError {}
/** 409: the first request with this key is being worked on. Send it again in a moment. */
export class IdempotencyKeyInUse extends ApiError {}
/** 409: this key was used for another request. Use a new key for each thing that you do. */
export class IdempotencyKeyReused extends ApiError {}
/** 409: the request was done before, and its answer showed a secret, which is shown only once. */
export class SecretAlreadyShown extends ApiError {}
/** 404: there is no such thing, or it is not the caller's. */
export class NotFound extends ApiError {}
/** 405: the path does not take this method; `Allow` names those that it takes. */
export class MethodNotAllowed extends ApiError {}
/** 409: this conflicts with how things are; the message says how. */
export class Conflict extends ApiError {}
/** 422: this cannot be done as asked; the message says why. */
export class Unprocessable extends ApiError {}
/** 408: the body did not arrive in time. */
export class RequestTimeout extends ApiError {}
/** 413: the body is larger than 1 MiB. */
export class BodyTooLarge extends ApiError {}
/** 429: too many requests. Wait as long as `Retry-After` says. */
export class RateLimited extends ApiError {}
/** 503: this cannot be done now. Send the same request with the same key again after `Retry-After`. */
export class Unavailable extends ApiError {}
/** 500: something went wrong here. Send the same request with the same key again; tell us the `requestId` if it stays. */
export class Internal extends ApiError {}
/** 404: there is no such wallet, or it is not open to the caller. */
export class WalletNotFound extends ApiError {}
/** 402: fewer credits are available than needed; `available` and `needed` say how many. Nothing was spent. */
export class InsufficientCredits extends ApiError {}
/** 402: a limit of the member or the API key leaves less than was asked for; `limit` says whose it is, what is left of it and when it begins anew. Nothing was spent. */
export class LimitReached extends ApiError {}
/** 409: the user whose wallet it is was blocked. */
export class UserBlocked extends ApiError {}
/** 409: the hold was captured before. */
export class HoldCaptured extends ApiError {}
/** 409: the hold was released before. */
export class HoldReleased extends ApiError {}
/** 409: the hold ended by itself. */
export class HoldExpired extends ApiError {}
/** 409: only debits and captures can be given back. */
export class NotADebit extends ApiError {}
/** 409: more is to be given back than is left of the debit. */
export class MoreThanLeft extends ApiError {}
/** 409: the balance would be too large to count. */
export class AmountOutOfRange extends ApiError {}
/** 400: a transfer needs two wallets. */
export class SameWallet extends ApiError {}
/** 409: there is a user with this id, but with other fields. */
export class UserExists extends ApiError {}
/** 404: there is no user with this id. */
export class UserNotFound extends ApiError {}
/** 409: the user was erased, which is for good. */
export class UserErased extends ApiError {}
/** 409: the organization has no owner who could buy for it: name one first. */
export class NoOwner extends ApiError {}
/** 409: an organization keeps at least one owner. */
export class LastOwner extends ApiError {}
/** The payment provider refuses; the message has its words. */
export class ProviderRefused extends ApiError {}
/** 400: the coupon is not accepted; the message says why. */
export class InvalidCoupon extends ApiError {}
/** 429: the user has as many unpaid orders as one may have. */
export class TooManyOpenOrders extends ApiError {}
/** 409: the wallet has a subscription already: change its plan, or end it first. */
export class AlreadySubscribed extends ApiError {}
/** 404: there is no subscription. */
export class NoSubscription extends ApiError {}
/** 400: an address to return to is not on a site of `RETURN_URL_ORIGINS`. */
export class UrlNotAllowed extends ApiError {}
/** 409: credits have no price in this currency: set one in the catalog. */
export class NoCreditPrice extends ApiError {}
/** 400: the pack or plan has no product at Creem. */
export class CreemProductMissing extends ApiError {}
/** 409: the order is not paid, so there is nothing to give back. */
export class OrderNotPaid extends ApiError {}
/** 409: all of the order's money is back, or on its way back. */
export class AlreadyRefunded extends ApiError {}
/** 409: more is to go back than is left of the payment. */
export class RefundExceedsPayment extends ApiError {}
/** 409: the provider gives back the whole of a payment only. */
export class PartialRefundNotSupported extends ApiError {}
/** 409: the store gives the money back; its credits follow. */
export class RefundAtTheStore extends ApiError {}
/** 409: the order was not paid in money: take its credits back instead. */
export class NotPaidInMoney extends ApiError {}
/** 409: recharging waits for a card or an operator; the message says for which. */
export class AutoRechargePaused extends ApiError {}
/** 403: there are no check-ins here. */
export class CheckinDisabled extends ApiError {}
/** 409: the user has checked in today. */
export class AlreadyCheckedIn extends ApiError {}
/** 409: there is a pack with this id. */
export class PackExists extends ApiError {}
/** 409: there is a plan with this id. */
export class PlanExists extends ApiError {}
/** 409: there is a coupon with this code. */
export class CouponExists extends ApiError {}
/** 409: another pack is sold as this product in app stores. */
export class StoreProductTaken extends ApiError {}
/** 409: another plan is sold at this price of the provider. */
export class ProviderPriceTaken extends ApiError {}
/** 409: the purchase belongs to another user already. */
export class PurchaseClaimed extends ApiError {}
/** 409: the purchase was refunded. */
export class PurchaseRefunded extends ApiError {}
/** 409: the purchase was dismissed. */
export class PurchaseDismissed extends ApiError {}
/** 409: say with `quantity` how many were bought. */
export class QuantityUnknown extends ApiError {}
/** 409: the store says that another number was bought. */
export class QuantityKnown extends ApiError {}
/** 409: the event is not in quarantine: it was handled. */
export class NotQuarantined extends ApiError {}
/** 409: the event names no order that exists. */
export class NoOrder extends ApiError {}
/** 409: the order is credited already. */
export class AlreadyCredited extends ApiError {}
/** 409: the event does not say that money has arrived. */
export class NotPaid extends ApiError {}
/** 409: one is about test money, the other about real money. */
export class OtherMode extends ApiError {}
/** 409: the event's payment is the payment of another order. */
export class PaymentOfAnotherOrder extends ApiError {}
/** 409: what the event says was not kept: apply it again first. */
export class NotUnderstood extends ApiError {}
/** 409: only an active subscription can be moved to another plan. */
export class SubscriptionNotActive extends ApiError {}
/** 409: the subscription ends with its period. */
export class SubscriptionEnds extends ApiError {}
/** 409: the plan is not sold, or not for such a period. */
export class PlanNotSold extends ApiError {}
/** 409: the plan has no price or product of its own at the provider. */
export class PlanNotAtProvider extends ApiError {}
/** 409: the plan has another currency than the subscription. */
export class OtherCurrency extends ApiError {}
/** 409: no pack is sold as this product: add its `storeProductId` to one. */
export class UnknownProduct extends ApiError {}
/** 409: this was decided before. */
export class AlreadySettled extends ApiError {}
/** 409: the message cannot be sent to any queue again. */
export class CannotBeReplayed extends ApiError {}
/** 409: there are as many webhook endpoints as there may be. */
export class TooManyWebhookEndpoints extends ApiError {}
/** 409: the webhook endpoint is disabled: enable it first. */
export class WebhookEndpointDisabled extends ApiError {}
/** 429: the user has as many live connections as one may have. */
export class TooManyLiveConnections extends ApiError {}
/** 401: the ticket is unknown, used or expired: get another one. */
export class TicketInvalid extends ApiError {}
/** 401: the link was opened before, or its time is up: get another one. */
export class LinkInvalid extends ApiError {}
/** 409: the test clock does not go backwards. */
export class ClockNotBackwards extends ApiError {}

/** The classes by their codes. */
export const BY_CODE: Readonly<Record<string, typeof ApiError>> = {
  unauthorized: Unauthorized,
  credential_expired: CredentialExpired,
  user_not_registered: UserNotRegistered,
  origin_not_allowed: OriginNotAllowed,
  missing_scope: MissingScope,
  bound_credential: BoundCredential,
  not_a_user: NotAUser,
  role_not_allowed: RoleNotAllowed,
  sign_in_failed: SignInFailed,
  too_many_attempts: TooManyAttempts,
  invitation_invalid: InvitationInvalid,
  operator_exists: OperatorExists,
  last_admin: LastAdmin,
  forbidden: Forbidden,
  live_mode: LiveMode,
  unsupported_media_type: UnsupportedMediaType,
  invalid_json: InvalidJson,
  invalid_request: InvalidRequest,
  invalid_credits: InvalidCredits,
  bad_request: BadRequest,
  invalid_idempotency_key: InvalidIdempotencyKey,
  idempotency_key_in_use: IdempotencyKeyInUse,
  idempotency_key_reused: IdempotencyKeyReused,
  secret_already_shown: SecretAlreadyShown,
  not_found: NotFound,
  method_not_allowed: MethodNotAllowed,
  conflict: Conflict,
  unprocessable: Unprocessable,
  request_timeout: RequestTimeout,
  body_too_large: BodyTooLarge,
  rate_limited: RateLimited,
  unavailable: Unavailable,
  internal: Internal,
  wallet_not_found: WalletNotFound,
  insufficient_credits: InsufficientCredits,
  limit_reached: LimitReached,
  user_blocked: UserBlocked,
  hold_captured: HoldCaptured,
  hold_released: HoldReleased,
  hold_expired: HoldExpired,
  not_a_debit: NotADebit,
  more_than_left: MoreThanLeft,
  amount_out_of_range: AmountOutOfRange,
  same_wallet: SameWallet,
  user_exists: UserExists,
  user_not_found: UserNotFound,
  user_erased: UserErased,
  no_owner: NoOwner,
  last_owner: LastOwner,
  provider_refused: ProviderRefused,
  invalid_coupon: InvalidCoupon,
  too_many_open_orders: TooManyOpenOrders,
  already_subscribed: AlreadySubscribed,
  no_subscription: NoSubscription,
  url_not_allowed: UrlNotAllowed,
  no_credit_price: NoCreditPrice,
  creem_product_missing: CreemProductMissing,
  order_not_paid: OrderNotPaid,
  already_refunded: AlreadyRefunded,
  refund_exceeds_payment: RefundExceedsPayment,
  partial_refund_not_supported: PartialRefundNotSupported,
  refund_at_the_store: RefundAtTheStore,
  not_paid_in_money: NotPaidInMoney,
  auto_recharge_paused: AutoRechargePaused,
  checkin_disabled: CheckinDisabled,
  already_checked_in: AlreadyCheckedIn,
  pack_exists: PackExists,
  plan_exists: PlanExists,
  coupon_exists: CouponExists,
  store_product_taken: StoreProductTaken,
  provider_price_taken: ProviderPriceTaken,
  purchase_claimed: PurchaseClaimed,
  purchase_refunded: PurchaseRefunded,
  purchase_dismissed: PurchaseDismissed,
  quantity_unknown: QuantityUnknown,
  quantity_known: QuantityKnown,
  not_quarantined: NotQuarantined,
  no_order: NoOrder,
  already_credited: AlreadyCredited,
  not_paid: NotPaid,
  other_mode: OtherMode,
  payment_of_another_order: PaymentOfAnotherOrder,
  not_understood: NotUnderstood,
  subscription_not_active: SubscriptionNotActive,
  subscription_ends: SubscriptionEnds,
  plan_not_sold: PlanNotSold,
  plan_not_at_provider: PlanNotAtProvider,
  other_currency: OtherCurrency,
  unknown_product: UnknownProduct,
  already_settled: AlreadySettled,
  cannot_be_replayed: CannotBeReplayed,
  too_many_webhook_endpoints: TooManyWebhookEndpoints,
  webhook_endpoint_disabled: WebhookEndpointDisabled,
  too_many_live_connections: TooManyLiveConnections,
  ticket_invalid: TicketInvalid,
  link_invalid: LinkInvalid,
  clock_not_backwards: ClockNotBackwards,
};
