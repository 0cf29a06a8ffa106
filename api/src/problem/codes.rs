//! The catalogue of error codes: every error that this system's own API answers has one of them.

/// Declares the codes with what they mean.
macro_rules! error_codes {
    ($($name:ident => $text:literal: $meaning:literal,)+) => {
        /// Why a request is refused, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $name,)+
        }

        impl ErrorCode {
            /// All of them, as they are sent.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// As it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

error_codes! {
    Unauthorized => "unauthorized":
        "401: the credential is missing or not valid. Send `Authorization: Bearer` with an API key, a session token \
         or a token of your own.",
    CredentialExpired => "credential_expired": "401: the credential has expired. Get a new one.",
    UserNotRegistered => "user_not_registered":
        "401: the token is genuine, but its user is not registered. Register the user, or set \
         `JWT_REGISTERS_USERS`.",
    OriginNotAllowed => "origin_not_allowed":
        "403: a cookie came from a page of a site that is not in `ALLOWED_ORIGINS`.",
    MissingScope => "missing_scope": "403: the credential lacks the scope that the message names.",
    BoundCredential => "bound_credential":
        "403: the credential is for the wallets of one owner, and this concerns everyone's.",
    NotAUser => "not_a_user": "403: the credential is no user's, and this API knows users only.",
    RoleNotAllowed => "role_not_allowed":
        "403: the caller's role, as an operator or in the organization, does not allow this.",
    SignInFailed => "sign_in_failed": "401: there is no such operator, or the password is wrong.",
    TooManyAttempts => "too_many_attempts":
        "429: too many attempts to sign in. Wait as long as `Retry-After` says.",
    InvitationInvalid => "invitation_invalid": "404: the link is unknown, used or expired: ask for another one.",
    OperatorExists => "operator_exists": "409: there is an operator with this e-mail address.",
    LastAdmin => "last_admin": "409: an installation with operators keeps at least one admin who can sign in.",
    Forbidden => "forbidden": "403: this is not allowed.",
    LiveMode => "live_mode": "403: this exists in test mode only.",
    UnsupportedMediaType => "unsupported_media_type": "415: the content type must be `application/json`.",
    InvalidJson => "invalid_json": "400: the body is not JSON.",
    InvalidRequest => "invalid_request": "400: a field is missing, unknown or wrong; `param` names it.",
    InvalidCredits => "invalid_credits":
        "400: an amount of credits is not positive, not a number, too large, or has more than six decimals.",
    BadRequest => "bad_request": "400: the path, the query or a header cannot be read.",
    InvalidIdempotencyKey => "invalid_idempotency_key":
        "400: an `Idempotency-Key` has 1 to 255 printable ASCII characters, and there is one at most.",
    IdempotencyKeyInUse => "idempotency_key_in_use":
        "409: the first request with this key is being worked on. Send it again in a moment.",
    IdempotencyKeyReused => "idempotency_key_reused":
        "409: this key was used for another request. Use a new key for each thing that you do.",
    SecretAlreadyShown => "secret_already_shown":
        "409: the request was done before, and its answer showed a secret, which is shown only once.",
    NotFound => "not_found": "404: there is no such thing, or it is not the caller's.",
    MethodNotAllowed => "method_not_allowed":
        "405: the path does not take this method; `Allow` names those that it takes.",
    Conflict => "conflict": "409: this conflicts with how things are; the message says how.",
    Unprocessable => "unprocessable": "422: this cannot be done as asked; the message says why.",
    RequestTimeout => "request_timeout": "408: the body did not arrive in time.",
    BodyTooLarge => "body_too_large": "413: the body is larger than 1 MiB.",
    RateLimited => "rate_limited": "429: too many requests. Wait as long as `Retry-After` says.",
    Unavailable => "unavailable":
        "503: this cannot be done now. Send the same request with the same key again after `Retry-After`.",
    Internal => "internal":
        "500: something went wrong here. Send the same request with the same key again; tell us the `requestId` if it \
         stays.",
    WalletNotFound => "wallet_not_found": "404: there is no such wallet, or it is not open to the caller.",
    InsufficientCredits => "insufficient_credits":
        "402: fewer credits are available than needed; `available` and `needed` say how many. Nothing was spent.",
    LimitReached => "limit_reached":
        "402: a limit of the member or the API key leaves less than was asked for; `limit` says whose it is, what is \
         left of it and when it begins anew. Nothing was spent.",
    UserBlocked => "user_blocked": "409: the user whose wallet it is was blocked.",
    HoldCaptured => "hold_captured": "409: the hold was captured before.",
    HoldReleased => "hold_released": "409: the hold was released before.",
    HoldExpired => "hold_expired": "409: the hold ended by itself.",
    NotADebit => "not_a_debit": "409: only debits and captures can be given back.",
    MoreThanLeft => "more_than_left": "409: more is to be given back than is left of the debit.",
    AmountOutOfRange => "amount_out_of_range": "409: the balance would be too large to count.",
    SameWallet => "same_wallet": "400: a transfer needs two wallets.",
    UserExists => "user_exists": "409: there is a user with this id, but with other fields.",
    UserNotFound => "user_not_found": "404: there is no user with this id.",
    UserErased => "user_erased": "409: the user was erased, which is for good.",
    NoOwner => "no_owner": "409: the organization has no owner who could buy for it: name one first.",
    LastOwner => "last_owner": "409: an organization keeps at least one owner.",
    ProviderRefused => "provider_refused": "The payment provider refuses; the message has its words.",
    InvalidCoupon => "invalid_coupon": "400: the coupon is not accepted; the message says why.",
    TooManyOpenOrders => "too_many_open_orders": "429: the user has as many unpaid orders as one may have.",
    AlreadySubscribed => "already_subscribed":
        "409: the wallet has a subscription already: change its plan, or end it first.",
    NoSubscription => "no_subscription": "404: there is no subscription.",
    UrlNotAllowed => "url_not_allowed": "400: an address to return to is not on a site of `RETURN_URL_ORIGINS`.",
    NoCreditPrice => "no_credit_price": "409: credits have no price in this currency: set one in the catalog.",
    CreemProductMissing => "creem_product_missing": "400: the pack or plan has no product at Creem.",
    OrderNotPaid => "order_not_paid": "409: the order is not paid, so there is nothing to give back.",
    AlreadyRefunded => "already_refunded": "409: all of the order's money is back, or on its way back.",
    RefundExceedsPayment => "refund_exceeds_payment": "409: more is to go back than is left of the payment.",
    PartialRefundNotSupported =>
        "partial_refund_not_supported": "409: the provider gives back the whole of a payment only.",
    RefundAtTheStore => "refund_at_the_store": "409: the store gives the money back; its credits follow.",
    NotPaidInMoney => "not_paid_in_money": "409: the order was not paid in money: take its credits back instead.",
    AutoRechargePaused => "auto_recharge_paused":
        "409: recharging waits for a card or an operator; the message says for which.",
    CheckinDisabled => "checkin_disabled": "403: there are no check-ins here.",
    AlreadyCheckedIn => "already_checked_in": "409: the user has checked in today.",
    PackExists => "pack_exists": "409: there is a pack with this id.",
    PlanExists => "plan_exists": "409: there is a plan with this id.",
    CouponExists => "coupon_exists": "409: there is a coupon with this code.",
    StoreProductTaken => "store_product_taken": "409: another pack is sold as this product in app stores.",
    ProviderPriceTaken => "provider_price_taken": "409: another plan is sold at this price of the provider.",
    PurchaseClaimed => "purchase_claimed": "409: the purchase belongs to another user already.",
    PurchaseRefunded => "purchase_refunded": "409: the purchase was refunded.",
    PurchaseDismissed => "purchase_dismissed": "409: the purchase was dismissed.",
    QuantityUnknown => "quantity_unknown": "409: say with `quantity` how many were bought.",
    QuantityKnown => "quantity_known": "409: the store says that another number was bought.",
    NotQuarantined => "not_quarantined": "409: the event is not in quarantine: it was handled.",
    NoOrder => "no_order": "409: the event names no order that exists.",
    AlreadyCredited => "already_credited": "409: the order is credited already.",
    NotPaid => "not_paid": "409: the event does not say that money has arrived.",
    OtherMode => "other_mode": "409: one is about test money, the other about real money.",
    PaymentOfAnotherOrder => "payment_of_another_order": "409: the event's payment is the payment of another order.",
    NotUnderstood => "not_understood": "409: what the event says was not kept: apply it again first.",
    SubscriptionNotActive => "subscription_not_active":
        "409: only an active subscription can be moved to another plan.",
    SubscriptionEnds => "subscription_ends": "409: the subscription ends with its period.",
    PlanNotSold => "plan_not_sold": "409: the plan is not sold, or not for such a period.",
    PlanNotAtProvider => "plan_not_at_provider": "409: the plan has no price or product of its own at the provider.",
    OtherCurrency => "other_currency": "409: the plan has another currency than the subscription.",
    UnknownProduct => "unknown_product": "409: no pack is sold as this product: add its `storeProductId` to one.",
    AlreadySettled => "already_settled": "409: this was decided before.",
    CannotBeReplayed => "cannot_be_replayed": "409: the message cannot be sent to any queue again.",
    TooManyWebhookEndpoints => "too_many_webhook_endpoints":
        "409: there are as many webhook endpoints as there may be.",
    WebhookEndpointDisabled => "webhook_endpoint_disabled": "409: the webhook endpoint is disabled: enable it first.",
    TooManyLiveConnections => "too_many_live_connections":
        "429: the user has as many live connections as one may have.",
    TicketInvalid => "ticket_invalid": "401: the ticket is unknown, used or expired: get another one.",
    LinkInvalid => "link_invalid": "401: the link was opened before, or its time is up: get another one.",
    ClockNotBackwards => "clock_not_backwards": "409: the test clock does not go backwards.",
}
