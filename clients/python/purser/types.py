"""What the API takes and answers. Written by clients/generate.py: do not change it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from ._values import Credits, Money

#: The names of all fields that hold credits.
CREDIT_FIELDS = frozenset({
    "available",
    "balance",
    "balanceAfter",
    "bonusCredits",
    "captured",
    "credits",
    "creditsPerDay",
    "creditsReversed",
    "creditsShortfall",
    "debt",
    "granted",
    "held",
    "lapsed",
    "left",
    "level",
    "levels",
    "needed",
    "outstanding",
    "remaining",
    "spent",
    "thresholdCredits",
    "used",
    "voided",
})

#: The types of all events.
EVENT_TYPES = (
    "wallet.changed",
    "balance.low",
    "grant.expired",
    "grant.expiring",
    "limit.reached",
    "order.created",
    "order.paid",
    "order.failed",
    "order.expired",
    "order.refunded",
    "credits.added",
    "credits.removed",
    "credits.restored",
    "payment.failed",
    "payment.expired",
    "subscription.updated",
    "auto_recharge.enabled",
    "auto_recharge.succeeded",
    "auto_recharge.cap_warning",
    "auto_recharge.failed",
    "auto_recharge.paused",
    "auto_recharge.resumed",
    "auto_recharge.action_required",
    "auto_recharge.skipped",
    "auto_recharge.amount_too_small",
    "endpoint.test",
)


@dataclass(frozen=True, kw_only=True)
class Account:
    user_id: str
    email: str | None
    name: str | None
    metadata: dict[str, str]
    #: Whether the user administrates, with every right.
    admin: bool
    wallet_id: str
    created_at: datetime
    #: Since when the user is kept out.
    blocked_at: datetime | None
    block_reason: str | None
    #: Since when the user's personal data is gone.
    erased_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Accounts:
    data: list[Account]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ActionOnUser:
    """What an administrator did about the user; not which administrator."""
    at: datetime
    #: Such as `user.block`.
    action: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    entry_id: str
    wallet_id: str
    credits: Decimal
    #: The wallet's balance, right after it.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    api_key_id: str
    name: str
    #: The key's first twelve characters.
    prefix: str | None
    scopes: list[Literal["read", "spend", "buy", "manage", "admin"]]
    #: Whose wallets it opens, as `user:` or `org:` and an id; null: everyone's.
    wallets_of: str | None
    created_at: datetime
    #: When it ends by itself.
    expires_at: datetime | None
    #: To the minute.
    last_used_at: datetime | None
    revoked_at: datetime | None
    #: How much may be spent with it; as much as there is where there is no limit.
    limits: list[Limit]


@dataclass(frozen=True, kw_only=True)
class ApiKeyWithSecret:
    api_key_id: str
    name: str
    #: The key's first twelve characters.
    prefix: str | None
    scopes: list[Literal["read", "spend", "buy", "manage", "admin"]]
    #: Whose wallets it opens, as `user:` or `org:` and an id; null: everyone's.
    wallets_of: str | None
    created_at: datetime
    #: When it ends by itself.
    expires_at: datetime | None
    #: To the minute.
    last_used_at: datetime | None
    revoked_at: datetime | None
    #: How much may be spent with it; as much as there is where there is no limit.
    limits: list[Limit]
    #: The key itself.
    api_key: str


@dataclass(frozen=True, kw_only=True)
class ApiKeys:
    data: list[ApiKey]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Attention:
    #: Events in quarantine: money that came and is credited to nobody until somebody decides.
    quarantined_events: int
    #: Jobs that could not be done.
    dead_letters: int
    #: Purchases in app stores whose buyers or products are unknown.
    parked_purchases: int
    #: Wallets whose recharging waits for a card or a person.
    paused_recharges: int
    #: Payments that the last reconciliation found paid at the provider and not credited here.
    paid_not_credited: int
    #: Webhook endpoints that fail, or were disabled because they did.
    failing_webhook_endpoints: int
    #: Jobs that are written and not yet published: a few, for moments.
    outbox_jobs: int
    #: The age of the oldest of them.
    outbox_oldest_seconds: int
    #: The longest that a job waited in a queue within the last five minutes.
    queue_waited_seconds: int


@dataclass(frozen=True, kw_only=True)
class AuditLog:
    data: list[AuditedAction]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class AuditedAction:
    action_id: str
    #: `admin` for the configured key, `operator:`, `key:` or `user:` and the id, or `command line`.
    actor: str
    #: Such as `user.block`.
    action: str
    #: What it was done to: an id or a name.
    subject: str
    details: Any
    #: The address that the request came from; none of what was done at a command line.
    address: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AutoRechargePause:
    at: datetime
    reason: Literal["declined", "card_refused", "card_expired", "card_removed", "not_authenticated", "charge_refused", "money_taken_back", "disputed", "card_owner_left", "by_owner", "by_admin"]


@dataclass(frozen=True, kw_only=True)
class BalanceAlerts:
    #: In credits.
    levels: list[Decimal]


@dataclass(frozen=True, kw_only=True)
class BalanceThen:
    at: datetime
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class BatchedDebit:
    #: `user:` and an id, `org:` and an id, or the wallet's own id.
    wallet: str
    idempotency_key: str
    credits: Credits
    type: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] | None = None
    member_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class BelongsTo:
    type: Literal["order", "hold", "grant", "debit", "transfer", "adjustment"]
    id: str


@dataclass(frozen=True, kw_only=True)
class CardSetup:
    payment_id: str
    #: The page; null until it is open.
    url: str | None
    session_id: str | None


@dataclass(frozen=True, kw_only=True)
class CheckIn:
    enabled: bool
    credits_per_day: Decimal
    #: By their days.
    streak_bonuses: list[StreakBonus]
    time_zone: str


@dataclass(frozen=True, kw_only=True)
class Checkout:
    mode: Literal["payment", "setup", "subscription"]
    status: Literal["open", "completed", "failed", "expired"]
    #: What is granted once it is paid.
    credits: Decimal
    checkout_id: str
    #: The page; null until it is open, and once it is over.
    checkout_url: str | None


@dataclass(frozen=True, kw_only=True)
class CheckoutResult:
    mode: Literal["payment", "setup", "subscription"]
    status: Literal["open", "completed", "failed", "expired"]
    #: What is granted once it is paid.
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Claimed:
    purchase_id: str
    user_id: str
    #: Its payment, once it is credited.
    payment_id: str | None


@dataclass(frozen=True, kw_only=True)
class Clock:
    now: datetime
    #: How far that is ahead of real time.
    ahead_seconds: int


@dataclass(frozen=True, kw_only=True)
class ClockMoved:
    now: datetime
    #: How far that is ahead of real time.
    ahead_seconds: int
    #: Whether every process goes by it. One that hangs does when it no longer does.
    in_force: bool


@dataclass(frozen=True, kw_only=True)
class ContradictedOrder:
    order_id: str
    state: Literal["created", "pending", "completed", "failed", "expired", "refunded", "partially_refunded", "disputed"]
    provider: Literal["stripe", "creem", "revenuecat", "manual"]
    amount: Money
    credits: Decimal
    livemode: bool
    user_id: str
    wallet_id: str
    #: The page that was opened for it.
    session: str | None
    #: The payment at the provider.
    provider_payment: str | None
    #: The provider's customer.
    customer: str | None
    mode: Literal["payment", "setup", "subscription"] | None = None
    summary: str
    created_at: datetime
    #: When it was paid.
    completed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Coupon:
    coupon_id: str
    code: str
    percent: int | None
    amount_off: Money | None
    bonus_credits: Decimal | None
    credits: Decimal | None
    max_redemptions: int | None
    max_per_user: int | None
    #: Orders that use it and have not ended unpaid.
    redemptions: int
    expires_at: datetime | None
    expires_after_days: int | None
    plan_ids: list[str]
    pack_ids: list[str]
    active: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Coupons:
    data: list[Coupon]
    #: Where the next page begins; null on the last one.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class CreditOffer:
    credits: Decimal
    price: Money


@dataclass(frozen=True, kw_only=True)
class CreditPrice:
    #: An ISO 4217 code in lower case.
    currency: str
    credits: Decimal
    #: In the smallest unit of the currency.
    minor: int


@dataclass(frozen=True, kw_only=True)
class CreditPrices:
    data: list[CreditPrice]


@dataclass(frozen=True, kw_only=True)
class CreditsAndMoney:
    credits: Decimal
    #: One amount for each currency, in the order of the currencies.
    money: list[Money]


@dataclass(frozen=True, kw_only=True)
class CurrentOperator:
    session_id: str
    operator: Operator


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    id: str
    #: Which role of the workers was to do it.
    role: str
    #: The job's name; null if the message is no job.
    kind: str | None
    #: Why nobody could.
    reason: str
    #: How often it was tried and failed; outages do not count.
    attempts: int
    died_at: datetime
    state: Literal["waiting", "replayed", "discarded"]
    #: When it was replayed or discarded.
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeadLetterCount:
    role: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class DeadLetterDetail:
    id: str
    #: Which role of the workers was to do it.
    role: str
    #: The job's name; null if the message is no job.
    kind: str | None
    #: Why nobody could.
    reason: str
    #: How often it was tried and failed; outages do not count.
    attempts: int
    died_at: datetime
    state: Literal["waiting", "replayed", "discarded"]
    #: When it was replayed or discarded.
    settled_at: datetime | None
    #: What may be seen of its message; null if that is nothing, or it is settled and its message forgotten.
    message: Any | None


@dataclass(frozen=True, kw_only=True)
class DeadLetters:
    data: list[DeadLetter]
    counts: list[DeadLetterCount]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Debit:
    #: The ledger's entry.
    debit_id: str
    #: How many were spent.
    credits: Decimal
    #: What is left, right after it.
    balance: Decimal
    #: What of it no hold keeps.
    available: Decimal


@dataclass(frozen=True, kw_only=True)
class DebitOutcomeError:
    error: ErrorDetail


@dataclass(frozen=True, kw_only=True)
class Debits:
    data: list[Debit | DebitOutcomeError]


@dataclass(frozen=True, kw_only=True)
class EndedHold:
    hold_id: str
    state: Literal["active", "captured", "released", "expired"]
    #: How many were spent.
    captured: Decimal
    #: The ledger's entry; null when nothing was spent.
    debit_id: str | None
    #: What the wallet has left.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Entries:
    data: list[Entry]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    entry_id: str
    wallet_id: str
    #: What it was for, in a word, such as `purchase`, `usage`, `expiry`.
    type: str
    #: Signed: what was spent is negative.
    credits: Decimal
    balance_after: Decimal
    #: For people.
    description: str | None
    metadata: dict[str, str]
    #: Who did it, or for whom it was done…
    member_id: str | None
    #: …and with which API key.
    api_key_id: str | None
    #: What it belongs to; null for a debit, which is a thing of its own.
    belongs_to: BelongsTo | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ErrorDetail:
    code: Literal["unauthorized", "credential_expired", "user_not_registered", "origin_not_allowed", "missing_scope", "bound_credential", "not_a_user", "role_not_allowed", "sign_in_failed", "too_many_attempts", "invitation_invalid", "operator_exists", "last_admin", "forbidden", "live_mode", "unsupported_media_type", "invalid_json", "invalid_request", "invalid_credits", "bad_request", "invalid_idempotency_key", "idempotency_key_in_use", "idempotency_key_reused", "secret_already_shown", "not_found", "method_not_allowed", "conflict", "unprocessable", "request_timeout", "body_too_large", "rate_limited", "unavailable", "internal", "wallet_not_found", "insufficient_credits", "limit_reached", "user_blocked", "hold_captured", "hold_released", "hold_expired", "not_a_debit", "more_than_left", "amount_out_of_range", "same_wallet", "user_exists", "user_not_found", "user_erased", "no_owner", "last_owner", "provider_refused", "invalid_coupon", "too_many_open_orders", "already_subscribed", "no_subscription", "url_not_allowed", "no_credit_price", "creem_product_missing", "order_not_paid", "already_refunded", "refund_exceeds_payment", "partial_refund_not_supported", "refund_at_the_store", "not_paid_in_money", "auto_recharge_paused", "checkin_disabled", "already_checked_in", "pack_exists", "plan_exists", "coupon_exists", "store_product_taken", "provider_price_taken", "purchase_claimed", "purchase_refunded", "purchase_dismissed", "quantity_unknown", "quantity_known", "not_quarantined", "no_order", "already_credited", "not_paid", "other_mode", "payment_of_another_order", "not_understood", "subscription_not_active", "subscription_ends", "plan_not_sold", "plan_not_at_provider", "other_currency", "unknown_product", "already_settled", "cannot_be_replayed", "too_many_webhook_endpoints", "webhook_endpoint_disabled", "too_many_live_connections", "ticket_invalid", "link_invalid", "clock_not_backwards"]
    #: For people.
    message: str
    #: The field, parameter or header that is wrong, such as `items[0].quantity`.
    param: str | None = None
    #: Names the request in the log; the header `x-request-id` has it too.
    request_id: str
    #: With `insufficient_credits`: what can be spent.
    available: Decimal | None = None
    #: With `insufficient_credits`: what was asked for.
    needed: Decimal | None = None
    #: With `limit_reached`: which limit.
    limit: ReachedLimit | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    data: list[FoundThing]


@dataclass(frozen=True, kw_only=True)
class FoundThing:
    type: Literal["user", "organization", "order", "subscription", "provider_event", "debit", "entry", "grant", "hold"]
    #: Its id here.
    id: str
    #: For people: a name, what was bought, the type of an event.
    title: str | None
    #: How it stands, of an order or a subscription.
    state: str | None
    wallet_id: str | None
    user_id: str | None
    email: str | None
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class GivenGrant:
    grant_id: str
    wallet_id: str
    kind: Literal["paid", "promotional"]
    source: Literal["purchase", "plan", "checkin", "coupon", "manual", "store", "promotion"]
    #: How much was given.
    credits: Decimal
    #: How much is left.
    remaining: Decimal
    priority: int
    #: When it lapses, if ever.
    expires_at: datetime | None
    created_at: datetime
    #: The order that it belongs to.
    order_id: str | None
    voided_at: datetime | None
    metadata: dict[str, str]
    #: The wallet's balance, right after it.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Grant:
    grant_id: str
    wallet_id: str
    kind: Literal["paid", "promotional"]
    source: Literal["purchase", "plan", "checkin", "coupon", "manual", "store", "promotion"]
    #: How much was given.
    credits: Decimal
    #: How much is left.
    remaining: Decimal
    priority: int
    #: When it lapses, if ever.
    expires_at: datetime | None
    created_at: datetime
    #: The order that it belongs to.
    order_id: str | None
    voided_at: datetime | None
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Grants:
    data: list[Grant]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class HandledProviderEvent:
    #: Such as `stripe:evt_1`.
    id: str
    provider: Literal["stripe", "creem", "revenuecat", "manual"]
    #: Its id at the provider.
    event_id: str
    type: str
    #: The object at the provider that it is about.
    object_id: str | None
    #: The order that it is about.
    order_id: str | None
    state: Literal["open", "credited", "dismissed", "applied", "no_change", "ignored", "sent_to_verify"]
    #: Why, such as how it contradicts its order.
    reason: str | None
    received_at: datetime
    handled_at: datetime
    #: When an operator credited its order or dismissed it.
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Hold:
    hold_id: str
    #: Who placed it.
    user_id: str
    #: How many are, or were, reserved.
    credits: Decimal
    #: How many were spent.
    captured: Decimal
    #: How many are still reserved.
    held: Decimal
    state: Literal["active", "captured", "released", "expired"]
    #: The word for the entry of what is captured.
    type: str
    #: For people.
    description: str | None
    metadata: dict[str, str]
    created_at: datetime
    #: When it ends by itself.
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Holds:
    data: list[Hold]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Import:
    data: list[ImportOutcome]


@dataclass(frozen=True, kw_only=True)
class ImportDifference:
    #: The field in which the user differs.
    field: str
    #: What was sent.
    given: str
    #: What is there; null if there is none.
    found: str | None


@dataclass(frozen=True, kw_only=True)
class ImportOutcome:
    user_id: str
    outcome: Literal["created", "completed", "unchanged", "different", "refused"]
    #: In what the user who is there differs.
    differences: list[ImportDifference] | None = None
    #: Why the user is refused.
    error: ErrorDetail | None = None


@dataclass(frozen=True, kw_only=True)
class ImportedUser:
    #: 1 to 128 characters.
    user_id: str
    #: Where receipts go.
    email: str | None = None
    #: For people.
    name: str | None = None
    #: The opening balance; none unless given.
    credits: Credits | None = None
    kind: Literal["paid", "promotional"] | None = None
    #: When it lapses; never unless given.
    expires_at: datetime | None = None
    #: The customer that the user is at Stripe, with the cards saved there.
    stripe_customer_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Lapsing:
    credits: Decimal
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Limit:
    #: How many may be spent.
    credits: Decimal
    per: Literal["day", "month"]
    #: How many were spent in the present day or month, or are held since.
    used: Decimal
    #: How many may be spent before it ends.
    left: Decimal
    #: When the next one begins.
    resets_at: datetime


@dataclass(frozen=True, kw_only=True)
class LiveTicket:
    ticket: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Member:
    user_id: str
    role: Literal["owner", "admin", "member", "viewer"]


@dataclass(frozen=True, kw_only=True)
class Migration:
    number: int
    name: str
    applied_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewLimit:
    #: How many may be spent; none with 0.
    credits: Credits
    per: Literal["day", "month"]


@dataclass(frozen=True, kw_only=True)
class NewOrderItem:
    """Packs of one kind."""
    pack_id: str
    #: One unless given.
    quantity: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewOrganizationMade:
    org_id: str
    wallet_id: str


@dataclass(frozen=True, kw_only=True)
class NewPlanPeriod:
    price: Money
    #: How many; more than none.
    credits: Credits


@dataclass(frozen=True, kw_only=True)
class NewStreakBonus:
    #: So many days in a row.
    days: int
    #: Whole credits, at most a million.
    credits: Credits


@dataclass(frozen=True, kw_only=True)
class OpenedPortalSession:
    portal_session_id: str
    #: A credential like a session's token.
    session_token: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Operator:
    operator_id: str
    email: str
    name: str
    role: Literal["viewer", "support", "finance", "admin"]
    created_at: datetime
    #: Since when the operator has a password; null before the invitation is accepted.
    accepted_at: datetime | None
    #: Since when the operator is kept out.
    disabled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OperatorLink:
    operator_id: str
    email: str
    name: str
    role: Literal["viewer", "support", "finance", "admin"]
    created_at: datetime
    #: Since when the operator has a password; null before the invitation is accepted.
    accepted_at: datetime | None
    #: Since when the operator is kept out.
    disabled_at: datetime | None
    #: The link itself.
    url: str
    #: When it ends.
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class OperatorSession:
    session_id: str
    created_at: datetime
    #: To the minute.
    last_seen_at: datetime
    #: When it ends, if it is used until then; it ends two hours after its last use.
    expires_at: datetime
    #: Where the operator signed in.
    address: str | None
    user_agent: str | None
    #: Whether it is the session of this request.
    current: bool


@dataclass(frozen=True, kw_only=True)
class OperatorSessions:
    data: list[OperatorSession]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class OperatorSignedIn:
    session_id: str
    #: The token itself.
    session_token: str
    expires_at: datetime
    operator: Operator


@dataclass(frozen=True, kw_only=True)
class Operators:
    data: list[Operator]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Order:
    order_id: str
    #: Its number, which some APIs show as its id.
    number: int
    wallet_id: str
    #: Who buys.
    user_id: str
    #: The organization whose wallet it is.
    org_id: str | None
    status: Literal["pending", "paid", "failed", "expired", "refunded", "partially_refunded", "disputed"]
    kind: Literal["one_time", "auto_recharge", "subscription"]
    provider: Literal["stripe", "creem", "revenuecat", "manual"]
    #: The provider's own id of the payment, once there is one.
    provider_payment: str | None
    #: For people.
    summary: str
    items: list[OrderItem]
    #: The plan, for a period of one.
    plan_id: str | None
    interval: Literal["month", "year"] | None
    #: What it grants, without what a coupon adds.
    credits: Decimal
    #: What a coupon adds, or a code gives.
    bonus_credits: Decimal
    #: For how many days the credits last from when they are paid; null: for good, or as long as the plan says.
    expires_after_days: int | None
    #: What is to be paid, after a coupon and before tax that the provider adds.
    amount: Money
    #: What a coupon took off.
    discount: Money
    #: What the buyer was charged, with tax, once the provider has said so.
    charged: Money | None
    #: Where the buyer pays, while that is possible.
    checkout_url: str | None
    #: Why it failed.
    failure: str | None
    #: The provider's page with the receipt. Anyone who has the address can read it.
    receipt_url: str | None
    #: The host application's own id.
    reference: str | None
    metadata: dict[str, str]
    created_at: datetime
    #: Until when it can be paid.
    expires_at: datetime
    paid_at: datetime | None
    #: Money back by refunds, as the provider counts, which may be with tax.
    refunded: Money
    #: Money back by disputes.
    withdrawn: Money
    #: Credits that are taken back.
    credits_reversed: Decimal
    #: Credits that had been spent before their money went back, and are forgiven.
    credits_shortfall: Decimal
    #: What the provider tells of refunds and disputes.
    reversals: list[Reversal]
    #: The refunds that were asked for here.
    refunds: list[Refund]


@dataclass(frozen=True, kw_only=True)
class OrderItem:
    """A line of an order."""
    #: The pack, if it is one of the catalog.
    pack_id: str | None
    name: str
    quantity: int
    #: Of one.
    credits: Decimal
    #: Of one, before a coupon.
    price: Money


@dataclass(frozen=True, kw_only=True)
class Orders:
    data: list[Order]
    #: Where the next page begins; null on the last one.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Organization:
    org_id: str
    name: str
    wallet_id: str
    role: Literal["owner", "admin", "member", "viewer"] | None


@dataclass(frozen=True, kw_only=True)
class OrganizationDetails:
    org_id: str
    name: str
    wallet_id: str
    role: Literal["owner", "admin", "member", "viewer"] | None
    members: list[OrganizationMember]


@dataclass(frozen=True, kw_only=True)
class OrganizationMember:
    user_id: str
    role: Literal["owner", "admin", "member", "viewer"]
    #: How much of the organization's credits the member may spend; null: as much as there is.
    limit: Limit | None


@dataclass(frozen=True, kw_only=True)
class Organizations:
    data: list[Organization]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack. Put back as it is, it stays as it is."""
    pack_id: str
    name: str
    description: str
    credits: Decimal
    price: Money
    #: For how many days the credits last from when they are paid; null: for good.
    expires_after_days: int | None
    #: The APIs that sell it; all, if none is named.
    dialects: list[str]
    #: The address of a payment link at Stripe that sells it.
    stripe_payment_link: str | None
    #: Its id in app stores.
    store_product_id: str | None
    #: The product at Creem that sells it.
    creem_product_id: str | None
    #: Whether it is for sale.
    active: bool
    #: Lower ones are listed first.
    sort_order: int


@dataclass(frozen=True, kw_only=True)
class PackOffer:
    pack_id: str
    name: str
    description: str
    credits: Decimal
    price: Money
    #: For how many days the credits last from when they are paid; null: for good.
    expires_after_days: int | None
    providers: list[Literal["stripe", "creem"]]


@dataclass(frozen=True, kw_only=True)
class Packs:
    data: list[Pack]
    #: Always null: they are few, and all on one page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ParkedPurchase:
    purchase_id: str
    #: As RevenueCat spells it, such as `APP_STORE`.
    store: str
    #: The store's own id.
    transaction_id: str
    product_id: str
    #: `PRODUCTION` or `SANDBOX`.
    environment: str
    #: What RevenueCat calls the buyer.
    buyers: list[str]
    #: When it was bought.
    bought_at: datetime | None
    #: When it was first told of.
    created_at: datetime
    #: How many were bought, where that is told.
    quantity: int | None
    reason: Literal["buyer_or_product_unknown", "quantity_unknown"]


@dataclass(frozen=True, kw_only=True)
class ParkedPurchases:
    data: list[ParkedPurchase]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class PeriodOffer:
    """What is paid for a period, and what it grants."""
    price: Money
    credits: Decimal
    providers: list[Literal["stripe", "creem"]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan. Put back as it is, it stays as it is."""
    plan_id: str
    name: str
    description: str
    monthly: PlanPeriod
    #: Null: not sold by the year.
    yearly: PlanPeriod | None
    features: list[str]
    #: Whether what is left at the end of a period stays.
    rollover: bool
    #: The price at Stripe; null: it is made when it is sold.
    stripe_price_monthly: str | None
    stripe_price_yearly: str | None
    #: The product at Creem; null: not sold over Creem.
    creem_product_monthly: str | None
    creem_product_yearly: str | None
    active: bool
    #: Lower ones are listed first.
    sort_order: int


@dataclass(frozen=True, kw_only=True)
class PlanOffer:
    plan_id: str
    name: str
    description: str
    features: list[str]
    #: Whether what is left at the end of a period stays.
    rollover: bool
    monthly: PeriodOffer
    #: Null: not sold by the year.
    yearly: PeriodOffer | None


@dataclass(frozen=True, kw_only=True)
class PlanOption:
    plan_id: str
    name: str
    interval: Literal["month", "year"]
    #: What a period costs from then on.
    price: Money
    #: What a period grants.
    credits: Decimal
    #: About what is charged at once: the price for the rest of the period, or for a whole one that begins now if
    #: it has another length, less what the rest costs as it is. Below zero: what the next payments cost less. The
    #: provider reckons to the second, and adds taxes.
    due: Money
    #: When a whole period is charged for the next time.
    renews_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    data: list[PlanOption]


@dataclass(frozen=True, kw_only=True)
class PlanPeriod:
    """What a paid period costs and grants."""
    price: Money
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Plans:
    data: list[Plan]
    #: Always null: they are few, and all on one page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class PortalSession:
    portal_session_id: str
    wallet_id: str
    #: As which user; null for an organization's own.
    user_id: str | None
    return_url: str
    locale: str | None
    created_at: datetime
    #: Null while the link waits to be opened.
    opened_at: datetime | None
    #: Of the link, or once it is open of the session.
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class PortalSessionMade:
    portal_session_id: str
    #: The link.
    url: str
    #: Until when it can be opened.
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class PortalSessions:
    data: list[PortalSession]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Process:
    """Processes of one service at one address."""
    #: `api`, `worker` or `scheduler`; empty of another.
    service: str
    version: str
    address: str | None
    #: To the database.
    connections: int
    #: When the oldest of them was opened.
    connected_since: datetime


@dataclass(frozen=True, kw_only=True)
class Products:
    packs: list[PackOffer]
    plans: list[PlanOffer]
    #: What any amount costs, by currency: so many credits for so much, and a started smallest unit counts as a
    #: whole.
    credits: list[CreditOffer]


@dataclass(frozen=True, kw_only=True)
class ProviderEventDetail:
    #: Such as `stripe:evt_1`.
    id: str
    provider: Literal["stripe", "creem", "revenuecat", "manual"]
    #: Its id at the provider.
    event_id: str
    type: str
    #: The object at the provider that it is about.
    object_id: str | None
    #: The order that it is about.
    order_id: str | None
    state: Literal["open", "credited", "dismissed", "applied", "no_change", "ignored", "sent_to_verify"]
    #: Why, such as how it contradicts its order.
    reason: str | None
    received_at: datetime
    handled_at: datetime
    #: When an operator credited its order or dismissed it.
    settled_at: datetime | None
    #: The event as it came; null where it was not kept, because nobody has to look at it.
    text: str | None
    #: What it says.
    said: ProviderEventSaid | None
    #: What was expected: the order that it is about, as it is now.
    order: ContradictedOrder | None


@dataclass(frozen=True, kw_only=True)
class ProviderEventSaid:
    #: Whether it says that money has arrived.
    is_paid: bool
    amount: Money | None
    livemode: bool
    #: The order that it names.
    order_id: str | None
    #: The buyer that it names.
    user_id: str | None
    #: The page.
    session: str | None
    #: The payment at the provider.
    provider_payment: str | None
    #: The subscription at the provider.
    subscription: str | None
    #: The provider's customer.
    customer: str | None
    mode: Literal["payment", "setup", "subscription"] | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderEventsPage:
    data: list[HandledProviderEvent]
    #: The `cursor` of the next page; null on the last one.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Queue:
    name: str
    #: That wait to be taken.
    messages: int
    consumers: int
    #: The longest wait of a job lately, as the workers say that took it; null if none was taken yet, and of queues
    #: that are no role's.
    waited_seconds: int | None
    #: When a job was taken for the last time, to ten seconds or so.
    taken_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ReachedLimit:
    """The limit that refuses a request."""
    #: The member whose limit it is.
    member_id: str | None = None
    #: The key whose limit it is.
    api_key_id: str | None = None
    #: How many may be spent.
    credits: Decimal
    per: Literal["day", "month"]
    #: How many of them are left.
    left: Decimal
    #: When it begins anew.
    resets_at: datetime


@dataclass(frozen=True, kw_only=True)
class RechargeRun:
    run_id: str
    state: Literal["reserved", "charging", "unknown", "requires_action", "succeeded", "failed"]
    amount: Money
    #: Why it failed, in a word.
    failure: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ReconciliationRun:
    #: Differences between the providers' books and ours.
    findings: int
    #: Of these, payments that are credited to nobody.
    paid_not_credited: int


@dataclass(frozen=True, kw_only=True)
class Refund:
    """A refund that was asked for."""
    refund_id: str
    order_id: str
    state: Literal["requested", "done", "refused", "unclear"]
    #: With tax, as it was charged.
    amount: Money
    reason: str
    #: Why it is refused, in the provider's words, or unclear.
    refusal: str | None
    #: Its id at the provider, where the provider tells one.
    provider_refund: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class RefundedDebit:
    #: The entry that gave it back.
    entry_id: str
    debit_id: str
    #: How much was given back.
    credits: Decimal
    #: How much of the debit can still be given back.
    left: Decimal
    #: The wallet's balance, right after it.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Reversal:
    #: The provider's id of it.
    id: str
    kind: Literal["refund", "dispute", "total", "warning"]
    standing: Literal["announced", "taken", "restored"]
    #: The provider's word for how it stands.
    status: str
    #: How much it is about; null: all.
    amount: Money | None


@dataclass(frozen=True, kw_only=True)
class SavedCard:
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, kw_only=True)
class ScheduleRun:
    name: str
    every_seconds: int
    #: To ten seconds or so.
    last_run_at: datetime
    #: Why it failed; null: it did not.
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Session:
    session_id: str
    #: The token itself.
    session_token: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    session_id: str
    created_at: datetime
    expires_at: datetime
    scopes: list[Literal["read", "spend", "buy"]]


@dataclass(frozen=True, kw_only=True)
class Sessions:
    data: list[SessionRecord]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    interval: Literal["hour", "day", "month"]
    #: Every interval, also those in which nothing happened.
    data: list[StatisticsInterval]
    total: StatisticsFigures


@dataclass(frozen=True, kw_only=True)
class StatisticsFigures:
    #: What was paid for, and the money that came.
    sold: CreditsAndMoney
    #: Given by codes, check-ins and by hand, less what was taken off by hand.
    granted: Decimal
    #: Debits and captures, less what was given back of them.
    spent: Decimal
    lapsed: Decimal
    #: What was taken back because its money went back, and that money: refunds and disputes, less what came again.
    refunded: CreditsAndMoney


@dataclass(frozen=True, kw_only=True)
class StatisticsInterval:
    #: What was paid for, and the money that came.
    sold: CreditsAndMoney
    #: Given by codes, check-ins and by hand, less what was taken off by hand.
    granted: Decimal
    #: Debits and captures, less what was given back of them.
    spent: Decimal
    lapsed: Decimal
    #: What was taken back because its money went back, and that money: refunds and disputes, less what came again.
    refunded: CreditsAndMoney
    starts_at: datetime
    ends_at: datetime
    #: What all wallets had at its end, less what they owed.
    outstanding: Decimal


@dataclass(frozen=True, kw_only=True)
class StreakBonus:
    days: int
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription, as far as the provider's word of it has come."""
    subscription_id: str
    wallet_id: str
    user_id: str
    #: The order that began it.
    payment_id: str
    #: `stripe` or `creem`.
    provider: str
    provider_subscription: str
    plan_id: str
    interval: Literal["month", "year"]
    #: What a period costs, in the currency's smallest unit.
    price_minor: int
    #: An ISO 4217 code in lower case.
    currency: str
    #: What a period grants.
    credits: Decimal
    state: Literal["incomplete", "active", "past_due", "paused", "canceled"]
    #: Whether another one of the wallet bills at the same time.
    doubled: bool
    cancel_at_period_end: bool
    current_period_end: datetime | None
    created_at: datetime
    canceled_at: datetime | None
    #: The last time that its end was asked for.
    ending: SubscriptionEnding | None
    #: The last time that a move to another plan was asked for.
    change: SubscriptionChange | None


@dataclass(frozen=True, kw_only=True)
class SubscriptionChange:
    plan_id: str
    interval: Literal["month", "year"]
    state: Literal["asked", "done", "refused"]
    refusal: str | None
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class SubscriptionEnding:
    when: Literal["now", "period_end"]
    refund: bool
    state: Literal["asked", "ended", "done", "refused", "unclear"]
    #: Why it is refused, or unclear.
    refusal: str | None
    #: The payment that is given back, by its id at the provider.
    refund_of: str | None
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Subscriptions:
    data: list[Subscription]


@dataclass(frozen=True, kw_only=True)
class System:
    #: Of the process that answers.
    version: str
    #: `test` or `live`.
    mode: str
    processes: list[Process]
    #: Null while the broker is away.
    queues: list[Queue] | None
    #: The last run of each entry of the schedule, by name.
    schedule: list[ScheduleRun]
    #: The last reconciliation; null before the first.
    reconciliation: ReconciliationRun | None
    #: The newest ten.
    migrations: list[Migration]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    data: list[TimelineStep]


@dataclass(frozen=True, kw_only=True)
class TimelineStep:
    """One thing that happened."""
    at: datetime
    type: Literal["order", "provider_event", "decision", "refund", "entry", "delivery"]
    #: Of the order, the event, the action, the refund, the entry or the delivery.
    id: str
    #: What happened: the type of the event, the action, the entry or the message; of an order how it stands.
    what: str
    #: How it stands: of an event, a refund or a delivery.
    state: str | None
    #: Why: of an event that was not applied, and what people gave as their reason.
    reason: str | None
    #: Who decided it, as the audit log names them.
    actor: str | None
    #: Of an entry.
    credits: Decimal | None
    #: The balance after an entry.
    balance: Decimal | None
    #: Of an order or a refund.
    amount: Money | None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    transfer_id: str
    credits: Decimal
    from_: TransferSide
    to: TransferSide


@dataclass(frozen=True, kw_only=True)
class TransferSide:
    #: The ledger's entry.
    entry_id: str
    #: The wallet's balance, right after it.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class UserExport:
    """All that is kept of a user. Of one who was erased it has what is left."""
    profile: Account
    wallet: Wallet
    #: Null if it was never set up. Of the saved card it has the last four digits.
    auto_recharge: WalletRecharge | None
    organizations: list[Organization]
    entries: list[Entry]
    #: What the user did in wallets of organizations, or what was done for the user there.
    entries_in_organizations: list[Entry]
    grants: list[Grant]
    holds: list[Hold]
    orders: list[Order]
    subscriptions: list[Subscription]
    #: Those that have not ended, without their tokens.
    sessions: list[SessionRecord]
    #: Without the keys themselves.
    api_keys: list[ApiKey]
    audit_log: list[ActionOnUser]


@dataclass(frozen=True, kw_only=True)
class VoidedGrant:
    grant_id: str
    wallet_id: str
    kind: Literal["paid", "promotional"]
    source: Literal["purchase", "plan", "checkin", "coupon", "manual", "store", "promotion"]
    #: How much was given.
    credits: Decimal
    #: How much is left.
    remaining: Decimal
    priority: int
    #: When it lapses, if ever.
    expires_at: datetime | None
    created_at: datetime
    #: The order that it belongs to.
    order_id: str | None
    voided_at: datetime | None
    metadata: dict[str, str]
    #: How many credits left the wallet.
    voided: Decimal
    #: The wallet's balance, right after it.
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Wallet:
    wallet_id: str
    #: The user whose own it is.
    user_id: str | None
    #: The organization whose it is.
    org_id: str | None
    #: Everything in it, what is held included, less what is owed.
    balance: Decimal
    #: What can be spent now.
    available: Decimal
    #: What holds keep.
    held: Decimal
    #: What is owed: the next credits pay it first.
    debt: Decimal
    #: What lapses when if it is not spent before, the soonest first; at most 20 moments.
    lapsing: list[Lapsing]


@dataclass(frozen=True, kw_only=True)
class WalletRecharge:
    wallet_id: str
    #: Who set it up last.
    user_id: str
    #: The organization whose wallet it is.
    org_id: str | None
    #: Who saved the card.
    card_user_id: str | None
    enabled: bool
    state: Literal["off", "needs_card", "paused", "recharging", "cooling_down", "monthly_cap_reached", "active"]
    threshold_credits: Decimal
    #: How much each time.
    amount: Money
    #: Null: no cap.
    max_monthly: Money | None
    #: What is charged, or being charged, in this calendar month (UTC).
    spent_this_month: Money
    #: What the cap leaves; null: no cap.
    left_this_month: Money | None
    #: When the next month begins.
    resets_at: datetime
    #: Why it waits for the user.
    pause: AutoRechargePause | None
    #: After a decline, or a charge: not before this.
    next_attempt_at: datetime | None
    card: SavedCard | None
    #: When it was last switched on.
    consented_at: datetime | None
    last_run: RechargeRun | None
    #: Where a card can be saved, if that was asked for.
    setup: CardSetup | None = None


@dataclass(frozen=True, kw_only=True)
class WalletRecharges:
    data: list[WalletRecharge]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class WebhookAccepted:
    delivery_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookAttempt:
    number: int
    #: What the endpoint answered, if it did.
    response_status: int | None
    #: What went wrong.
    failure: str | None
    duration_ms: int
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveries:
    data: list[WebhookDelivery]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    delivery_id: str
    #: The `webhook-id`.
    message_id: str
    type: str
    state: Literal["pending", "delivered", "failed"]
    #: When it is tried again, while it is pending.
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None
    #: Oldest first.
    attempts: list[WebhookAttempt]


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
    endpoint_id: str
    url: str
    #: The types of messages that it is sent; none named: all.
    event_types: list[str]
    enabled: bool
    #: Why it is not enabled.
    disabled_reason: str | None
    #: How many attempts failed since the last one that did not.
    consecutive_failures: int
    #: When the first of them did.
    failing_since: datetime | None
    #: Until when the secret before the present one signs as well.
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointWithSecret:
    endpoint_id: str
    url: str
    #: The types of messages that it is sent; none named: all.
    event_types: list[str]
    enabled: bool
    #: Why it is not enabled.
    disabled_reason: str | None
    #: How many attempts failed since the last one that did not.
    consecutive_failures: int
    #: When the first of them did.
    failing_since: datetime | None
    #: Until when the secret before the present one signs as well.
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
    #: What signs the messages: `whsec_` and the key in base64.
    secret: str


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoints:
    data: list[WebhookEndpoint]
