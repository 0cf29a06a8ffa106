// What the API takes and answers. Written by clients/generate.py: do not change it by hand.

import type { Credits, GivenCredits, Money, Time } from "./values.ts";

/** The names of all fields that hold credits. */
export const CREDIT_FIELDS: ReadonlySet<string> = new Set([
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
]);

/** The types of all events. */
export const EVENT_TYPES = [
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
] as const;

export interface AcceptedInvitation {
  /** The invitation's `link`. */
  link: string;
  password: string;
}

export interface Account {
  userId: string;
  email: string | null;
  name: string | null;
  metadata: Record<string, string>;
  /** Whether the user administrates, with every right. */
  admin: boolean;
  walletId: string;
  createdAt: Time;
  /** Since when the user is kept out. */
  blockedAt: Time | null;
  blockReason: string | null;
  /** Since when the user's personal data is gone. */
  erasedAt: Time | null;
}

export interface Accounts {
  data: Account[];
  nextCursor: string | null;
}

/** What an administrator did about the user; not which administrator. */
export interface ActionOnUser {
  at: Time;
  /** Such as `user.block`. */
  action: string;
  reason: string | null;
}

export interface Adjustment {
  entryId: string;
  walletId: string;
  credits: Credits;
  /** The wallet's balance, right after it. */
  balance: Credits;
}

export interface ApiKey {
  apiKeyId: string;
  name: string;
  /** The key's first twelve characters. */
  prefix: string | null;
  scopes: ("read" | "spend" | "buy" | "manage" | "admin")[];
  /** Whose wallets it opens, as `user:` or `org:` and an id; null: everyone's. */
  walletsOf: string | null;
  createdAt: Time;
  /** When it ends by itself. */
  expiresAt: Time | null;
  /** To the minute. */
  lastUsedAt: Time | null;
  revokedAt: Time | null;
  /** How much may be spent with it; as much as there is where there is no limit. */
  limits: Limit[];
}

export interface ApiKeyWithSecret {
  apiKeyId: string;
  name: string;
  /** The key's first twelve characters. */
  prefix: string | null;
  scopes: ("read" | "spend" | "buy" | "manage" | "admin")[];
  /** Whose wallets it opens, as `user:` or `org:` and an id; null: everyone's. */
  walletsOf: string | null;
  createdAt: Time;
  /** When it ends by itself. */
  expiresAt: Time | null;
  /** To the minute. */
  lastUsedAt: Time | null;
  revokedAt: Time | null;
  /** How much may be spent with it; as much as there is where there is no limit. */
  limits: Limit[];
  /** The key itself. */
  apiKey: string;
}

export interface ApiKeys {
  data: ApiKey[];
  nextCursor: string | null;
}

export interface Attention {
  /** Events in quarantine: money that came and is credited to nobody until somebody decides. */
  quarantinedEvents: number;
  /** Jobs that could not be done. */
  deadLetters: number;
  /** Purchases in app stores whose buyers or products are unknown. */
  parkedPurchases: number;
  /** Wallets whose recharging waits for a card or a person. */
  pausedRecharges: number;
  /** Payments that the last reconciliation found paid at the provider and not credited here. */
  paidNotCredited: number;
  /** Webhook endpoints that fail, or were disabled because they did. */
  failingWebhookEndpoints: number;
  /** Jobs that are written and not yet published: a few, for moments. */
  outboxJobs: number;
  /** The age of the oldest of them. */
  outboxOldestSeconds: number;
  /** The longest that a job waited in a queue within the last five minutes. */
  queueWaitedSeconds: number;
}

export interface AuditLog {
  data: AuditedAction[];
  nextCursor: string | null;
}

export interface AuditedAction {
  actionId: string;
  /** `admin` for the configured key, `operator:`, `key:` or `user:` and the id, or `command line`. */
  actor: string;
  /** Such as `user.block`. */
  action: string;
  /** What it was done to: an id or a name. */
  subject: string;
  details: unknown;
  /** The address that the request came from; none of what was done at a command line. */
  address: string | null;
  at: Time;
}

export interface AutoRechargePause {
  at: Time;
  reason: "declined" | "card_refused" | "card_expired" | "card_removed" | "not_authenticated" | "charge_refused" | "money_taken_back" | "disputed" | "card_owner_left" | "by_owner" | "by_admin";
}

export interface BalanceAlerts {
  /** In credits. */
  levels: Credits[];
}

export interface BalanceThen {
  at: Time;
  balance: Credits;
}

export interface BatchedDebit {
  /** `user:` and an id, `org:` and an id, or the wallet's own id. */
  wallet: string;
  idempotencyKey: string;
  credits: GivenCredits;
  type?: string | null;
  description?: string | null;
  metadata?: Record<string, string>;
  memberId?: string | null;
}

export interface BelongsTo {
  type: "order" | "hold" | "grant" | "debit" | "transfer" | "adjustment";
  id: string;
}

export interface CancelSubscription {
  when: "now" | "period_end";
  /** Whether its last payment is given back. Goes with `now` only: what is given back does not last. */
  refund?: boolean;
  /** For the audit log. */
  reason: string;
}

export interface Capture {
  /** How many to spend; all that is still held unless given. */
  credits?: GivenCredits | null;
  /** Whether this ends the hold; it does unless this is false. */
  final?: boolean | null;
}

export interface CardSetup {
  paymentId: string;
  /** The page; null until it is open. */
  url: string | null;
  sessionId: string | null;
}

export interface ChangeSubscription {
  planId: string;
  interval?: "month" | "year";
  /** For the audit log. */
  reason?: string | null;
}

export interface CheckIn {
  enabled: boolean;
  creditsPerDay: Credits;
  /** By their days. */
  streakBonuses: StreakBonus[];
  timeZone: string;
}

export interface Checkout {
  mode: "payment" | "setup" | "subscription";
  status: "open" | "completed" | "failed" | "expired";
  /** What is granted once it is paid. */
  credits: Credits;
  checkoutId: string;
  /** The page; null until it is open, and once it is over. */
  checkoutUrl: string | null;
}

export interface CheckoutResult {
  mode: "payment" | "setup" | "subscription";
  status: "open" | "completed" | "failed" | "expired";
  /** What is granted once it is paid. */
  credits: Credits;
}

export interface Claim {
  /** Who gets it. */
  userId: string;
  /** How many were bought: needed for a purchase whose reason is `quantity_unknown`. */
  quantity?: number | null;
}

export interface Claimed {
  purchaseId: string;
  userId: string;
  /** Its payment, once it is credited. */
  paymentId: string | null;
}

export interface Clock {
  now: Time;
  /** How far that is ahead of real time. */
  aheadSeconds: number;
}

export interface ClockMove {
  /** How many seconds to pass. */
  advanceSeconds?: number;
  /** The time to move to, as RFC 3339 writes it; not before the present one. */
  to?: Time;
}

export interface ClockMoved {
  now: Time;
  /** How far that is ahead of real time. */
  aheadSeconds: number;
  /** Whether every process goes by it. One that hangs does when it no longer does. */
  inForce: boolean;
}

export interface ContradictedOrder {
  orderId: string;
  state: "created" | "pending" | "completed" | "failed" | "expired" | "refunded" | "partially_refunded" | "disputed";
  provider: "stripe" | "creem" | "revenuecat" | "manual";
  amount: Money;
  credits: Credits;
  livemode: boolean;
  userId: string;
  walletId: string;
  /** The page that was opened for it. */
  session: string | null;
  /** The payment at the provider. */
  providerPayment: string | null;
  /** The provider's customer. */
  customer: string | null;
  mode?: "payment" | "setup" | "subscription" | null;
  summary: string;
  createdAt: Time;
  /** When it was paid. */
  completedAt: Time | null;
}

export interface Coupon {
  couponId: string;
  code: string;
  percent: number | null;
  amountOff: Money | null;
  bonusCredits: Credits | null;
  credits: Credits | null;
  maxRedemptions: number | null;
  maxPerUser: number | null;
  /** Orders that use it and have not ended unpaid. */
  redemptions: number;
  expiresAt: Time | null;
  expiresAfterDays: number | null;
  planIds: string[];
  packIds: string[];
  active: boolean;
  createdAt: Time;
}

/** All that can be changed: what is left out is as for a new coupon. */
export interface CouponChange {
  /** Not below how many use it already. */
  maxRedemptions?: number | null;
  maxPerUser?: number | null;
  expiresAt?: Time | null;
  expiresAfterDays?: number | null;
  planIds?: string[];
  packIds?: string[];
  active?: boolean | null;
}

export interface Coupons {
  data: Coupon[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

export interface CreditOffer {
  credits: Credits;
  price: Money;
}

export interface CreditPrice {
  /** An ISO 4217 code in lower case. */
  currency: string;
  credits: Credits;
  /** In the smallest unit of the currency. */
  minor: number;
}

export interface CreditPrices {
  data: CreditPrice[];
}

export interface CreditsAndMoney {
  credits: Credits;
  /** One amount for each currency, in the order of the currencies. */
  money: Money[];
}

export interface CurrentOperator {
  sessionId: string;
  operator: Operator;
}

export interface DeadLetter {
  id: string;
  /** Which role of the workers was to do it. */
  role: string;
  /** The job's name; null if the message is no job. */
  kind: string | null;
  /** Why nobody could. */
  reason: string;
  /** How often it was tried and failed; outages do not count. */
  attempts: number;
  diedAt: Time;
  state: "waiting" | "replayed" | "discarded";
  /** When it was replayed or discarded. */
  settledAt: Time | null;
}

export interface DeadLetterCount {
  role: string;
  reason: string;
  count: number;
}

export interface DeadLetterDetail {
  id: string;
  /** Which role of the workers was to do it. */
  role: string;
  /** The job's name; null if the message is no job. */
  kind: string | null;
  /** Why nobody could. */
  reason: string;
  /** How often it was tried and failed; outages do not count. */
  attempts: number;
  diedAt: Time;
  state: "waiting" | "replayed" | "discarded";
  /** When it was replayed or discarded. */
  settledAt: Time | null;
  /** What may be seen of its message; null if that is nothing, or it is settled and its message forgotten. */
  message: unknown | null;
}

export interface DeadLetters {
  data: DeadLetter[];
  counts: DeadLetterCount[];
  nextCursor: string | null;
}

export interface Debit {
  /** The ledger's entry. */
  debitId: string;
  /** How many were spent. */
  credits: Credits;
  /** What is left, right after it. */
  balance: Credits;
  /** What of it no hold keeps. */
  available: Credits;
}

export interface DebitOutcomeError {
  error: ErrorDetail;
}

export interface DebitRefund {
  /** How much of it; all that is left unless given. */
  credits?: GivenCredits | null;
  /** Why, for the audit log: needed of operators. */
  reason?: string;
  /** At most 20 texts of yours. */
  metadata?: Record<string, string>;
}

export interface Debits {
  data: (Debit | DebitOutcomeError)[];
}

export interface DiscardDeadLetter {
  /** Why, for the record. */
  reason: string;
}

export interface DismissParkedPurchase {
  /** Why, for the record. */
  reason: string;
}

export interface EndedHold {
  holdId: string;
  state: "active" | "captured" | "released" | "expired";
  /** How many were spent. */
  captured: Credits;
  /** The ledger's entry; null when nothing was spent. */
  debitId: string | null;
  /** What the wallet has left. */
  balance: Credits;
}

export interface Entries {
  data: Entry[];
  nextCursor: string | null;
}

export interface Entry {
  entryId: string;
  walletId: string;
  /** What it was for, in a word, such as `purchase`, `usage`, `expiry`. */
  type: string;
  /** Signed: what was spent is negative. */
  credits: Credits;
  balanceAfter: Credits;
  /** For people. */
  description: string | null;
  metadata: Record<string, string>;
  /** Who did it, or for whom it was done… */
  memberId: string | null;
  /** …and with which API key. */
  apiKeyId: string | null;
  /** What it belongs to; null for a debit, which is a thing of its own. */
  belongsTo: BelongsTo | null;
  createdAt: Time;
}

export interface ErrorDetail {
  code: "unauthorized" | "credential_expired" | "user_not_registered" | "origin_not_allowed" | "missing_scope" | "bound_credential" | "not_a_user" | "role_not_allowed" | "sign_in_failed" | "too_many_attempts" | "invitation_invalid" | "operator_exists" | "last_admin" | "forbidden" | "live_mode" | "unsupported_media_type" | "invalid_json" | "invalid_request" | "invalid_credits" | "bad_request" | "invalid_idempotency_key" | "idempotency_key_in_use" | "idempotency_key_reused" | "secret_already_shown" | "not_found" | "method_not_allowed" | "conflict" | "unprocessable" | "request_timeout" | "body_too_large" | "rate_limited" | "unavailable" | "internal" | "wallet_not_found" | "insufficient_credits" | "limit_reached" | "user_blocked" | "hold_captured" | "hold_released" | "hold_expired" | "not_a_debit" | "more_than_left" | "amount_out_of_range" | "same_wallet" | "user_exists" | "user_not_found" | "user_erased" | "no_owner" | "last_owner" | "provider_refused" | "invalid_coupon" | "too_many_open_orders" | "already_subscribed" | "no_subscription" | "url_not_allowed" | "no_credit_price" | "creem_product_missing" | "order_not_paid" | "already_refunded" | "refund_exceeds_payment" | "partial_refund_not_supported" | "refund_at_the_store" | "not_paid_in_money" | "auto_recharge_paused" | "checkin_disabled" | "already_checked_in" | "pack_exists" | "plan_exists" | "coupon_exists" | "store_product_taken" | "provider_price_taken" | "purchase_claimed" | "purchase_refunded" | "purchase_dismissed" | "quantity_unknown" | "quantity_known" | "not_quarantined" | "no_order" | "already_credited" | "not_paid" | "other_mode" | "payment_of_another_order" | "not_understood" | "subscription_not_active" | "subscription_ends" | "plan_not_sold" | "plan_not_at_provider" | "other_currency" | "unknown_product" | "already_settled" | "cannot_be_replayed" | "too_many_webhook_endpoints" | "webhook_endpoint_disabled" | "too_many_live_connections" | "ticket_invalid" | "link_invalid" | "clock_not_backwards";
  /** For people. */
  message: string;
  /** The field, parameter or header that is wrong, such as `items[0].quantity`. */
  param?: string;
  /** Names the request in the log; the header `x-request-id` has it too. */
  requestId: string;
  /** With `insufficient_credits`: what can be spent. */
  available?: Credits;
  /** With `insufficient_credits`: what was asked for. */
  needed?: Credits;
  /** With `limit_reached`: which limit. */
  limit?: ReachedLimit;
}

export interface ExtendHold {
  /** How long it lasts from now on. */
  ttlSeconds: number;
}

export interface Found {
  data: FoundThing[];
}

export interface FoundThing {
  type: "user" | "organization" | "order" | "subscription" | "provider_event" | "debit" | "entry" | "grant" | "hold";
  /** Its id here. */
  id: string;
  /** For people: a name, what was bought, the type of an event. */
  title: string | null;
  /** How it stands, of an order or a subscription. */
  state: string | null;
  walletId: string | null;
  userId: string | null;
  email: string | null;
  at: Time | null;
}

export interface GivenGrant {
  grantId: string;
  walletId: string;
  kind: "paid" | "promotional";
  source: "purchase" | "plan" | "checkin" | "coupon" | "manual" | "store" | "promotion";
  /** How much was given. */
  credits: Credits;
  /** How much is left. */
  remaining: Credits;
  priority: number;
  /** When it lapses, if ever. */
  expiresAt: Time | null;
  createdAt: Time;
  /** The order that it belongs to. */
  orderId: string | null;
  voidedAt: Time | null;
  metadata: Record<string, string>;
  /** The wallet's balance, right after it. */
  balance: Credits;
}

export interface Grant {
  grantId: string;
  walletId: string;
  kind: "paid" | "promotional";
  source: "purchase" | "plan" | "checkin" | "coupon" | "manual" | "store" | "promotion";
  /** How much was given. */
  credits: Credits;
  /** How much is left. */
  remaining: Credits;
  priority: number;
  /** When it lapses, if ever. */
  expiresAt: Time | null;
  createdAt: Time;
  /** The order that it belongs to. */
  orderId: string | null;
  voidedAt: Time | null;
  metadata: Record<string, string>;
}

export interface Grants {
  data: Grant[];
  nextCursor: string | null;
}

export interface HandledProviderEvent {
  /** Such as `stripe:evt_1`. */
  id: string;
  provider: "stripe" | "creem" | "revenuecat" | "manual";
  /** Its id at the provider. */
  eventId: string;
  type: string;
  /** The object at the provider that it is about. */
  objectId: string | null;
  /** The order that it is about. */
  orderId: string | null;
  state: "open" | "credited" | "dismissed" | "applied" | "no_change" | "ignored" | "sent_to_verify";
  /** Why, such as how it contradicts its order. */
  reason: string | null;
  receivedAt: Time;
  handledAt: Time;
  /** When an operator credited its order or dismissed it. */
  settledAt: Time | null;
}

export interface Hold {
  holdId: string;
  /** Who placed it. */
  userId: string;
  /** How many are, or were, reserved. */
  credits: Credits;
  /** How many were spent. */
  captured: Credits;
  /** How many are still reserved. */
  held: Credits;
  state: "active" | "captured" | "released" | "expired";
  /** The word for the entry of what is captured. */
  type: string;
  /** For people. */
  description: string | null;
  metadata: Record<string, string>;
  createdAt: Time;
  /** When it ends by itself. */
  expiresAt: Time;
}

export interface HoldRelease {
  /** Why, for the audit log: needed of operators. */
  reason?: string;
}

export interface Holds {
  data: Hold[];
  nextCursor: string | null;
}

export interface Import {
  data: ImportOutcome[];
}

export interface ImportDifference {
  /** The field in which the user differs. */
  field: string;
  /** What was sent. */
  given: string;
  /** What is there; null if there is none. */
  found: string | null;
}

export interface ImportOutcome {
  userId: string;
  outcome: "created" | "completed" | "unchanged" | "different" | "refused";
  /** In what the user who is there differs. */
  differences?: ImportDifference[];
  /** Why the user is refused. */
  error?: ErrorDetail;
}

export interface ImportedUser {
  /** 1 to 128 characters. */
  userId: string;
  /** Where receipts go. */
  email?: string | null;
  /** For people. */
  name?: string | null;
  /** The opening balance; none unless given. */
  credits?: GivenCredits | null;
  kind?: "paid" | "promotional";
  /** When it lapses; never unless given. */
  expiresAt?: Time | null;
  /** The customer that the user is at Stripe, with the cards saved there. */
  stripeCustomerId?: string | null;
}

export interface Lapsing {
  credits: Credits;
  at: Time;
}

export interface Limit {
  /** How many may be spent. */
  credits: Credits;
  per: "day" | "month";
  /** How many were spent in the present day or month, or are held since. */
  used: Credits;
  /** How many may be spent before it ends. */
  left: Credits;
  /** When the next one begins. */
  resetsAt: Time;
}

export interface LiveTicket {
  ticket: string;
  expiresAt: Time;
}

export interface Member {
  userId: string;
  role: "owner" | "admin" | "member" | "viewer";
}

export interface Migration {
  number: number;
  name: string;
  appliedAt: Time;
}

export interface NewAdjustment {
  /** What is added, or if negative taken; not zero. */
  credits: GivenCredits;
  /** Why: for the audit log, and shown with the entry. */
  reason: string;
}

export interface NewApiKey {
  /** What it is for, for people. */
  name: string;
  scopes: ("read" | "spend" | "buy" | "manage" | "admin")[];
  /** Whose wallets it opens: `user:` or `org:` and an id; everyone's unless given. */
  walletsOf?: string | null;
  /** When it ends by itself; never unless given. */
  expiresAt?: Time | null;
  /** How much may be spent with it, of all wallets together: at most one limit per day and one per month. */
  limits?: NewLimit[];
}

export interface NewBalanceAlerts {
  /** In credits, each more than none; an empty list ends the alerts. */
  levels: GivenCredits[];
}

export interface NewCheckIn {
  /** Whether users may check in. */
  enabled: boolean;
  /** What a day gives: whole credits, at most a million. */
  creditsPerDay: GivenCredits;
  /** All bonuses: those that are not listed end. */
  streakBonuses?: NewStreakBonus[];
  /** Where days begin, by its IANA name. */
  timeZone: string;
}

export interface NewCoupon {
  /** What the buyer types; small letters count as capital ones. */
  code: string;
  /** So many per cent off the price. */
  percent?: number | null;
  /** So much off the price, and no more than the price. */
  amountOff?: Money | null;
  /** So many credits with what is bought. */
  bonusCredits?: GivenCredits | null;
  /** So many credits at once, without buying anything. */
  credits?: GivenCredits | null;
  /** How many orders may use it; no limit unless given. */
  maxRedemptions?: number | null;
  /** How many orders of one user may use it; no limit unless given. */
  maxPerUser?: number | null;
  /** From when on it is not accepted. */
  expiresAt?: Time | null;
  /** For how many days the credits last that it gives; for good unless given. */
  expiresAfterDays?: number | null;
  /** The plans that it is good for; everything, if neither plans nor packs are named. */
  planIds?: string[];
  /** The packs that it is good for. */
  packIds?: string[];
  /** Whether it is accepted; yes unless given. */
  active?: boolean | null;
}

export interface NewCreditPrice {
  /** How many credits… */
  credits: GivenCredits;
  /** …for so much, in the smallest unit of the currency. */
  minor: number;
}

export interface NewDebit {
  /** How many; more than none. */
  credits: GivenCredits;
  /** What it was for, in a word of yours; `usage` unless given. */
  type?: string | null;
  /** For people, shown in the history. */
  description?: string | null;
  /** At most 20 texts of yours. */
  metadata?: Record<string, string>;
  /** The member of the organization for whom its credits are spent. */
  memberId?: string | null;
}

export interface NewDebits {
  debits: BatchedDebit[];
}

export interface NewGrant {
  /** How many; more than none. */
  credits: GivenCredits;
  kind: "paid" | "promotional";
  /** When they lapse; never unless this or `expiresAfterDays` is given. */
  expiresAt?: Time | null;
  /** In how many days they lapse. */
  expiresAfterDays?: number | null;
  /** Lower numbers are spent first among grants that lapse together; 50 for gifts and 100 for what was paid for unless given. */
  priority?: number | null;
  /** For the audit log, and for people if there is no description. */
  reason: string;
  /** For people, shown in the history. */
  description?: string | null;
  /** At most 20 texts of yours. */
  metadata?: Record<string, string>;
}

export interface NewHold {
  /** How many; more than none. */
  credits: GivenCredits;
  /** How long the hold lasts at the most; 900 unless given. */
  ttlSeconds?: number | null;
  /** The word for the ledger's entry of what is captured; `hold_captured` unless given. */
  type?: string | null;
  /** For people; also on the ledger's entry. */
  description?: string | null;
  /** At most 20 texts of yours; also on the ledger's entries. */
  metadata?: Record<string, string>;
  /** The member of the organization for whom its credits are reserved: needed where a server reserves an organization's. */
  memberId?: string | null;
}

export interface NewImport {
  /** Names the import: letters, digits, `_`, `.` and `-`. */
  name: string;
  /** Only says what would become of each user. */
  dryRun?: boolean;
  /** Also gives users who are there already what they lack: an opening balance of this import, an e-mail address, a name, a customer at Stripe. */
  completeExisting?: boolean;
  users: ImportedUser[];
}

export interface NewLimit {
  /** How many may be spent; none with 0. */
  credits: GivenCredits;
  per: "day" | "month";
}

export interface NewLimits {
  /** At most one limit per day and one per month; none: as much as there is. */
  limits: NewLimit[];
}

export interface NewLiveTicket {
  /** The wallet to listen to: `me`, `user:ID`, `org:ID` or its id. */
  wallet?: string | null;
}

export interface NewOperator {
  email: string;
  name: string;
  role: "viewer" | "support" | "finance" | "admin";
  /** Why, for the audit log: needed of operators. */
  reason?: string;
}

export interface NewOrder {
  /** `user:ID`, `org:ID`, a wallet's id, or `me`. */
  wallet: string;
  packId?: string | null;
  /** Of `packId`; one unless given. */
  quantity?: number | null;
  /** Several packs, in one currency. */
  items?: NewOrderItem[] | null;
  /** Any amount, at the price of the catalog. */
  credits?: GivenCredits | null;
  planId?: string | null;
  interval?: "month" | "year";
  provider?: "stripe" | "creem";
  /** An ISO 4217 code. What is sold in another currency is refused; `credits` need it where they have several prices. */
  currency?: string | null;
  /** A code that the buyer has. */
  coupon?: string | null;
  /** Where the buyer goes after paying, on an allowed site; the configured page unless given. */
  successUrl?: string | null;
  /** Where the buyer goes after giving up; as `successUrl` unless given. Creem has no such address. */
  cancelUrl?: string | null;
  /** The host application's own id. It comes back with the order. */
  reference?: string | null;
  /** Up to 20 texts of up to 500 characters, by names of up to 40 letters, digits, `_`, `.` and `-`. */
  metadata?: Record<string, string>;
}

/** Packs of one kind. */
export interface NewOrderItem {
  packId: string;
  /** One unless given. */
  quantity?: number;
}

export interface NewOrganization {
  name: string;
  members?: Member[];
}

export interface NewOrganizationMade {
  orgId: string;
  walletId: string;
}

export interface NewPack {
  /** Needed when a pack is added; the path has it when one is replaced. */
  packId?: string | null;
  name: string;
  description?: string;
  /** How many; more than none. */
  credits: GivenCredits;
  price: Money;
  /** For how many days the credits last from when they are paid; for good unless given. */
  expiresAfterDays?: number | null;
  /** The APIs that sell it, by their names; `native` is this one. All, if none is named. */
  dialects?: string[];
  /** The address of a payment link at Stripe that sells it. */
  stripePaymentLink?: string | null;
  /** Its id in app stores. */
  storeProductId?: string | null;
  /** The product at Creem that sells it; without it the pack is not sold over Creem. */
  creemProductId?: string | null;
  /** Whether it is for sale; yes unless given. */
  active?: boolean;
  /** Lower ones are listed first. */
  sortOrder?: number;
}

export interface NewPlan {
  /** Needed when a plan is added; the path has it when one is replaced. */
  planId?: string | null;
  name: string;
  description?: string;
  monthly: NewPlanPeriod;
  /** In the currency of a month; not sold by the year unless given. */
  yearly?: NewPlanPeriod | null;
  features?: string[];
  /** Whether what is left at the end of a period stays; no unless given. */
  rollover?: boolean;
  stripePriceMonthly?: string | null;
  stripePriceYearly?: string | null;
  /** Without it the plan is not sold over Creem. */
  creemProductMonthly?: string | null;
  creemProductYearly?: string | null;
  /** Whether it is for sale; yes unless given. */
  active?: boolean | null;
  /** Lower ones are listed first. */
  sortOrder?: number;
}

export interface NewPlanPeriod {
  price: Money;
  /** How many; more than none. */
  credits: GivenCredits;
}

export interface NewPortalSession {
  /** `user:ID`, `org:ID`, or a wallet's id. */
  wallet: string;
  /** The member as whom an organization's wallet is seen; without it, it is the organization itself. */
  memberId?: string | null;
  /** Where the page's way back leads, on an allowed site. */
  returnUrl: string;
  /** The page's language: `en`, `de` or `tr`; that of the browser unless given. */
  locale?: string | null;
}

export interface NewRedemption {
  /** `user:ID`, `org:ID`, a wallet's id, or `me`. */
  wallet: string;
  /** Small letters count as capital ones. */
  code: string;
}

export interface NewRefund {
  /** How much, in smallest units, with tax as it was charged; all that is left unless given. */
  minor?: number | null;
  /** For the audit log. */
  reason: string;
}

export interface NewRole {
  role: "owner" | "admin" | "member" | "viewer";
  /** How much of the organization's credits the member may spend; null: as much as there is. Left out, it is as it was, and a new member has none. */
  limit?: NewLimit | null;
}

export interface NewSession {
  userId: string;
  /** How long it lasts; a day unless given. */
  ttlSeconds?: number | null;
  scopes?: ("read" | "spend" | "buy")[];
}

export interface NewStreakBonus {
  /** So many days in a row. */
  days: number;
  /** Whole credits, at most a million. */
  credits: GivenCredits;
}

export interface NewTransfer {
  /** `user:` and an id, `org:` and an id, or the wallet's own id. */
  from: string;
  /** As `from`. */
  to: string;
  /** How many; more than none, and available. */
  credits: GivenCredits;
  /** On both entries and in the audit log. */
  reason: string;
  /** At most 20 texts of yours. */
  metadata?: Record<string, string>;
}

export interface NewWebhookEndpoint {
  /** An HTTPS address that is reached over the internet. */
  url: string;
  eventTypes?: ("wallet.changed" | "balance.low" | "grant.expired" | "grant.expiring" | "limit.reached" | "order.created" | "order.paid" | "order.failed" | "order.expired" | "order.refunded" | "credits.added" | "credits.removed" | "credits.restored" | "payment.failed" | "payment.expired" | "subscription.updated" | "auto_recharge.enabled" | "auto_recharge.succeeded" | "auto_recharge.cap_warning" | "auto_recharge.failed" | "auto_recharge.paused" | "auto_recharge.resumed" | "auto_recharge.action_required" | "auto_recharge.skipped" | "auto_recharge.amount_too_small")[];
  /** Whether it is sent any. */
  enabled?: boolean;
}

export interface OpenedPortalSession {
  portalSessionId: string;
  /** A credential like a session's token. */
  sessionToken: string;
  expiresAt: Time;
}

export interface Operator {
  operatorId: string;
  email: string;
  name: string;
  role: "viewer" | "support" | "finance" | "admin";
  createdAt: Time;
  /** Since when the operator has a password; null before the invitation is accepted. */
  acceptedAt: Time | null;
  /** Since when the operator is kept out. */
  disabledAt: Time | null;
}

export interface OperatorChange {
  name?: string;
  role?: "viewer" | "support" | "finance" | "admin";
  /** Whether the operator is kept out. */
  disabled?: boolean;
  /** Why, for the audit log. */
  reason: string;
}

export interface OperatorInvitation {
  /** The invitation's `link`. */
  link: string;
}

export interface OperatorLink {
  operatorId: string;
  email: string;
  name: string;
  role: "viewer" | "support" | "finance" | "admin";
  createdAt: Time;
  /** Since when the operator has a password; null before the invitation is accepted. */
  acceptedAt: Time | null;
  /** Since when the operator is kept out. */
  disabledAt: Time | null;
  /** The link itself. */
  url: string;
  /** When it ends. */
  expiresAt: Time;
}

export interface OperatorPassword {
  /** The present one. */
  password: string;
  newPassword: string;
}

export interface OperatorSession {
  sessionId: string;
  createdAt: Time;
  /** To the minute. */
  lastSeenAt: Time;
  /** When it ends, if it is used until then; it ends two hours after its last use. */
  expiresAt: Time;
  /** Where the operator signed in. */
  address: string | null;
  userAgent: string | null;
  /** Whether it is the session of this request. */
  current: boolean;
}

export interface OperatorSessions {
  data: OperatorSession[];
  nextCursor: string | null;
}

export interface OperatorSignIn {
  email?: string;
  password?: string;
  /** Instead of them: the `link` of a sign-in link. */
  link?: string;
}

export interface OperatorSignedIn {
  sessionId: string;
  /** The token itself. */
  sessionToken: string;
  expiresAt: Time;
  operator: Operator;
}

export interface Operators {
  data: Operator[];
  nextCursor: string | null;
}

export interface Order {
  orderId: string;
  /** Its number, which some APIs show as its id. */
  number: number;
  walletId: string;
  /** Who buys. */
  userId: string;
  /** The organization whose wallet it is. */
  orgId: string | null;
  status: "pending" | "paid" | "failed" | "expired" | "refunded" | "partially_refunded" | "disputed";
  kind: "one_time" | "auto_recharge" | "subscription";
  provider: "stripe" | "creem" | "revenuecat" | "manual";
  /** The provider's own id of the payment, once there is one. */
  providerPayment: string | null;
  /** For people. */
  summary: string;
  items: OrderItem[];
  /** The plan, for a period of one. */
  planId: string | null;
  interval: "month" | "year" | null;
  /** What it grants, without what a coupon adds. */
  credits: Credits;
  /** What a coupon adds, or a code gives. */
  bonusCredits: Credits;
  /** For how many days the credits last from when they are paid; null: for good, or as long as the plan says. */
  expiresAfterDays: number | null;
  /** What is to be paid, after a coupon and before tax that the provider adds. */
  amount: Money;
  /** What a coupon took off. */
  discount: Money;
  /** What the buyer was charged, with tax, once the provider has said so. */
  charged: Money | null;
  /** Where the buyer pays, while that is possible. */
  checkoutUrl: string | null;
  /** Why it failed. */
  failure: string | null;
  /** The provider's page with the receipt. Anyone who has the address can read it. */
  receiptUrl: string | null;
  /** The host application's own id. */
  reference: string | null;
  metadata: Record<string, string>;
  createdAt: Time;
  /** Until when it can be paid. */
  expiresAt: Time;
  paidAt: Time | null;
  /** Money back by refunds, as the provider counts, which may be with tax. */
  refunded: Money;
  /** Money back by disputes. */
  withdrawn: Money;
  /** Credits that are taken back. */
  creditsReversed: Credits;
  /** Credits that had been spent before their money went back, and are forgiven. */
  creditsShortfall: Credits;
  /** What the provider tells of refunds and disputes. */
  reversals: Reversal[];
  /** The refunds that were asked for here. */
  refunds: Refund[];
}

/** A line of an order. */
export interface OrderItem {
  /** The pack, if it is one of the catalog. */
  packId: string | null;
  name: string;
  quantity: number;
  /** Of one. */
  credits: Credits;
  /** Of one, before a coupon. */
  price: Money;
}

export interface Orders {
  data: Order[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

export interface Organization {
  orgId: string;
  name: string;
  walletId: string;
  role: "owner" | "admin" | "member" | "viewer" | null;
}

export interface OrganizationDetails {
  orgId: string;
  name: string;
  walletId: string;
  role: "owner" | "admin" | "member" | "viewer" | null;
  members: OrganizationMember[];
}

export interface OrganizationMember {
  userId: string;
  role: "owner" | "admin" | "member" | "viewer";
  /** How much of the organization's credits the member may spend; null: as much as there is. */
  limit: Limit | null;
}

export interface Organizations {
  data: Organization[];
  nextCursor: string | null;
}

/** A pack. Put back as it is, it stays as it is. */
export interface Pack {
  packId: string;
  name: string;
  description: string;
  credits: Credits;
  price: Money;
  /** For how many days the credits last from when they are paid; null: for good. */
  expiresAfterDays: number | null;
  /** The APIs that sell it; all, if none is named. */
  dialects: string[];
  /** The address of a payment link at Stripe that sells it. */
  stripePaymentLink: string | null;
  /** Its id in app stores. */
  storeProductId: string | null;
  /** The product at Creem that sells it. */
  creemProductId: string | null;
  /** Whether it is for sale. */
  active: boolean;
  /** Lower ones are listed first. */
  sortOrder: number;
}

export interface PackOffer {
  packId: string;
  name: string;
  description: string;
  credits: Credits;
  price: Money;
  /** For how many days the credits last from when they are paid; null: for good. */
  expiresAfterDays: number | null;
  providers: ("stripe" | "creem")[];
}

export interface Packs {
  data: Pack[];
  /** Always null: they are few, and all on one page. */
  nextCursor: string | null;
}

export interface ParkedPurchase {
  purchaseId: string;
  /** As RevenueCat spells it, such as `APP_STORE`. */
  store: string;
  /** The store's own id. */
  transactionId: string;
  productId: string;
  /** `PRODUCTION` or `SANDBOX`. */
  environment: string;
  /** What RevenueCat calls the buyer. */
  buyers: string[];
  /** When it was bought. */
  boughtAt: Time | null;
  /** When it was first told of. */
  createdAt: Time;
  /** How many were bought, where that is told. */
  quantity: number | null;
  reason: "buyer_or_product_unknown" | "quantity_unknown";
}

export interface ParkedPurchases {
  data: ParkedPurchase[];
  nextCursor: string | null;
}

/** What is paid for a period, and what it grants. */
export interface PeriodOffer {
  price: Money;
  credits: Credits;
  providers: ("stripe" | "creem")[];
}

/** A plan. Put back as it is, it stays as it is. */
export interface Plan {
  planId: string;
  name: string;
  description: string;
  monthly: PlanPeriod;
  /** Null: not sold by the year. */
  yearly: PlanPeriod | null;
  features: string[];
  /** Whether what is left at the end of a period stays. */
  rollover: boolean;
  /** The price at Stripe; null: it is made when it is sold. */
  stripePriceMonthly: string | null;
  stripePriceYearly: string | null;
  /** The product at Creem; null: not sold over Creem. */
  creemProductMonthly: string | null;
  creemProductYearly: string | null;
  active: boolean;
  /** Lower ones are listed first. */
  sortOrder: number;
}

export interface PlanOffer {
  planId: string;
  name: string;
  description: string;
  features: string[];
  /** Whether what is left at the end of a period stays. */
  rollover: boolean;
  monthly: PeriodOffer;
  /** Null: not sold by the year. */
  yearly: PeriodOffer | null;
}

export interface PlanOption {
  planId: string;
  name: string;
  interval: "month" | "year";
  /** What a period costs from then on. */
  price: Money;
  /** What a period grants. */
  credits: Credits;
  /** About what is charged at once: the price for the rest of the period, or for a whole one that begins now if it has another length, less what the rest costs as it is. Below zero: what the next payments cost less. The provider reckons to the second, and adds taxes. */
  due: Money;
  /** When a whole period is charged for the next time. */
  renewsAt: Time | null;
}

export interface PlanOptions {
  data: PlanOption[];
}

/** What a paid period costs and grants. */
export interface PlanPeriod {
  price: Money;
  credits: Credits;
}

export interface Plans {
  data: Plan[];
  /** Always null: they are few, and all on one page. */
  nextCursor: string | null;
}

export interface PortalLink {
  /** What the link ends with. */
  link: string;
}

export interface PortalSession {
  portalSessionId: string;
  walletId: string;
  /** As which user; null for an organization's own. */
  userId: string | null;
  returnUrl: string;
  locale: string | null;
  createdAt: Time;
  /** Null while the link waits to be opened. */
  openedAt: Time | null;
  /** Of the link, or once it is open of the session. */
  expiresAt: Time;
}

export interface PortalSessionMade {
  portalSessionId: string;
  /** The link. */
  url: string;
  /** Until when it can be opened. */
  expiresAt: Time;
}

export interface PortalSessions {
  data: PortalSession[];
  nextCursor: string | null;
}

/** Processes of one service at one address. */
export interface Process {
  /** `api`, `worker` or `scheduler`; empty of another. */
  service: string;
  version: string;
  address: string | null;
  /** To the database. */
  connections: number;
  /** When the oldest of them was opened. */
  connectedSince: Time;
}

export interface Products {
  packs: PackOffer[];
  plans: PlanOffer[];
  /** What any amount costs, by currency: so many credits for so much, and a started smallest unit counts as a whole. */
  credits: CreditOffer[];
}

export interface ProviderEventDetail {
  /** Such as `stripe:evt_1`. */
  id: string;
  provider: "stripe" | "creem" | "revenuecat" | "manual";
  /** Its id at the provider. */
  eventId: string;
  type: string;
  /** The object at the provider that it is about. */
  objectId: string | null;
  /** The order that it is about. */
  orderId: string | null;
  state: "open" | "credited" | "dismissed" | "applied" | "no_change" | "ignored" | "sent_to_verify";
  /** Why, such as how it contradicts its order. */
  reason: string | null;
  receivedAt: Time;
  handledAt: Time;
  /** When an operator credited its order or dismissed it. */
  settledAt: Time | null;
  /** The event as it came; null where it was not kept, because nobody has to look at it. */
  text: string | null;
  /** What it says. */
  said: ProviderEventSaid | null;
  /** What was expected: the order that it is about, as it is now. */
  order: ContradictedOrder | null;
}

export interface ProviderEventSaid {
  /** Whether it says that money has arrived. */
  isPaid: boolean;
  amount: Money | null;
  livemode: boolean;
  /** The order that it names. */
  orderId: string | null;
  /** The buyer that it names. */
  userId: string | null;
  /** The page. */
  session: string | null;
  /** The payment at the provider. */
  providerPayment: string | null;
  /** The subscription at the provider. */
  subscription: string | null;
  /** The provider's customer. */
  customer: string | null;
  mode?: "payment" | "setup" | "subscription" | null;
}

export interface ProviderEventsPage {
  data: HandledProviderEvent[];
  /** The `cursor` of the next page; null on the last one. */
  nextCursor: string | null;
}

export interface PutAutoRecharge {
  /** To switch it on is the consent to be charged. Left out, it is as it was: off, until it is switched on. */
  enabled?: boolean | null;
  /** Charges when strictly less can be spent; 0: never. */
  thresholdCredits?: GivenCredits | null;
  /** How much each time, in US dollars: between 50 and 99,999,999 cents. */
  amount?: Money | null;
  /** At most this in a calendar month (UTC); null: no cap. */
  maxMonthly?: Money | null;
  /** Asks for a page to save another card. */
  requestSetup?: boolean;
  /** The member of an organization who agrees to be charged for it: needed where a server switches it on. */
  memberId?: string | null;
}

export interface Queue {
  name: string;
  /** That wait to be taken. */
  messages: number;
  consumers: number;
  /** The longest wait of a job lately, as the workers say that took it; null if none was taken yet, and of queues that are no role's. */
  waitedSeconds: number | null;
  /** When a job was taken for the last time, to ten seconds or so. */
  takenAt: Time | null;
}

/** The limit that refuses a request. */
export interface ReachedLimit {
  /** The member whose limit it is. */
  memberId?: string;
  /** The key whose limit it is. */
  apiKeyId?: string;
  /** How many may be spent. */
  credits: Credits;
  per: "day" | "month";
  /** How many of them are left. */
  left: Credits;
  /** When it begins anew. */
  resetsAt: Time;
}

export interface Reason {
  /** For the audit log. */
  reason: string;
}

export interface RechargeReason {
  /** For the audit log: needed where a server or an operator decides. */
  reason?: string | null;
}

export interface RechargeRun {
  runId: string;
  state: "reserved" | "charging" | "unknown" | "requires_action" | "succeeded" | "failed";
  amount: Money;
  /** Why it failed, in a word. */
  failure: string | null;
  at: Time;
}

export interface ReconciliationRun {
  /** Differences between the providers' books and ours. */
  findings: number;
  /** Of these, payments that are credited to nobody. */
  paidNotCredited: number;
}

/** A refund that was asked for. */
export interface Refund {
  refundId: string;
  orderId: string;
  state: "requested" | "done" | "refused" | "unclear";
  /** With tax, as it was charged. */
  amount: Money;
  reason: string;
  /** Why it is refused, in the provider's words, or unclear. */
  refusal: string | null;
  /** Its id at the provider, where the provider tells one. */
  providerRefund: string | null;
  createdAt: Time;
}

export interface RefundedDebit {
  /** The entry that gave it back. */
  entryId: string;
  debitId: string;
  /** How much was given back. */
  credits: Credits;
  /** How much of the debit can still be given back. */
  left: Credits;
  /** The wallet's balance, right after it. */
  balance: Credits;
}

export interface RetryParkedPurchase {
  /** Why, for the record. */
  reason?: string | null;
}

export interface RetryProviderEvent {
  /** Why, for the record. */
  reason?: string | null;
}

export interface Reversal {
  /** The provider's id of it. */
  id: string;
  kind: "refund" | "dispute" | "total" | "warning";
  standing: "announced" | "taken" | "restored";
  /** The provider's word for how it stands. */
  status: string;
  /** How much it is about; null: all. */
  amount: Money | null;
}

export interface SavedCard {
  brand: string;
  last4: string;
  expMonth: number;
  expYear: number;
}

export interface ScheduleRun {
  name: string;
  everySeconds: number;
  /** To ten seconds or so. */
  lastRunAt: Time;
  /** Why it failed; null: it did not. */
  failure: string | null;
}

export interface Session {
  sessionId: string;
  /** The token itself. */
  sessionToken: string;
  expiresAt: Time;
}

export interface SessionRecord {
  sessionId: string;
  createdAt: Time;
  expiresAt: Time;
  scopes: ("read" | "spend" | "buy")[];
}

export interface Sessions {
  data: SessionRecord[];
  nextCursor: string | null;
}

export interface SettleProviderEvent {
  /** Why, for the record. */
  reason: string;
}

export interface Statistics {
  interval: "hour" | "day" | "month";
  /** Every interval, also those in which nothing happened. */
  data: StatisticsInterval[];
  total: StatisticsFigures;
}

export interface StatisticsFigures {
  /** What was paid for, and the money that came. */
  sold: CreditsAndMoney;
  /** Given by codes, check-ins and by hand, less what was taken off by hand. */
  granted: Credits;
  /** Debits and captures, less what was given back of them. */
  spent: Credits;
  lapsed: Credits;
  /** What was taken back because its money went back, and that money: refunds and disputes, less what came again. */
  refunded: CreditsAndMoney;
}

export interface StatisticsInterval {
  /** What was paid for, and the money that came. */
  sold: CreditsAndMoney;
  /** Given by codes, check-ins and by hand, less what was taken off by hand. */
  granted: Credits;
  /** Debits and captures, less what was given back of them. */
  spent: Credits;
  lapsed: Credits;
  /** What was taken back because its money went back, and that money: refunds and disputes, less what came again. */
  refunded: CreditsAndMoney;
  startsAt: Time;
  endsAt: Time;
  /** What all wallets had at its end, less what they owed. */
  outstanding: Credits;
}

export interface StreakBonus {
  days: number;
  credits: Credits;
}

/** A subscription, as far as the provider's word of it has come. */
export interface Subscription {
  subscriptionId: string;
  walletId: string;
  userId: string;
  /** The order that began it. */
  paymentId: string;
  /** `stripe` or `creem`. */
  provider: string;
  providerSubscription: string;
  planId: string;
  interval: "month" | "year";
  /** What a period costs, in the currency's smallest unit. */
  priceMinor: number;
  /** An ISO 4217 code in lower case. */
  currency: string;
  /** What a period grants. */
  credits: Credits;
  state: "incomplete" | "active" | "past_due" | "paused" | "canceled";
  /** Whether another one of the wallet bills at the same time. */
  doubled: boolean;
  cancelAtPeriodEnd: boolean;
  currentPeriodEnd: Time | null;
  createdAt: Time;
  canceledAt: Time | null;
  /** The last time that its end was asked for. */
  ending: SubscriptionEnding | null;
  /** The last time that a move to another plan was asked for. */
  change: SubscriptionChange | null;
}

export interface SubscriptionChange {
  planId: string;
  interval: "month" | "year";
  state: "asked" | "done" | "refused";
  refusal: string | null;
  askedAt: Time;
}

export interface SubscriptionEnding {
  when: "now" | "period_end";
  refund: boolean;
  state: "asked" | "ended" | "done" | "refused" | "unclear";
  /** Why it is refused, or unclear. */
  refusal: string | null;
  /** The payment that is given back, by its id at the provider. */
  refundOf: string | null;
  askedAt: Time;
}

export interface Subscriptions {
  data: Subscription[];
}

export interface System {
  /** Of the process that answers. */
  version: string;
  /** `test` or `live`. */
  mode: string;
  processes: Process[];
  /** Null while the broker is away. */
  queues: Queue[] | null;
  /** The last run of each entry of the schedule, by name. */
  schedule: ScheduleRun[];
  /** The last reconciliation; null before the first. */
  reconciliation: ReconciliationRun | null;
  /** The newest ten. */
  migrations: Migration[];
}

export interface Timeline {
  data: TimelineStep[];
}

/** One thing that happened. */
export interface TimelineStep {
  at: Time;
  type: "order" | "provider_event" | "decision" | "refund" | "entry" | "delivery";
  /** Of the order, the event, the action, the refund, the entry or the delivery. */
  id: string;
  /** What happened: the type of the event, the action, the entry or the message; of an order how it stands. */
  what: string;
  /** How it stands: of an event, a refund or a delivery. */
  state: string | null;
  /** Why: of an event that was not applied, and what people gave as their reason. */
  reason: string | null;
  /** Who decided it, as the audit log names them. */
  actor: string | null;
  /** Of an entry. */
  credits: Credits | null;
  /** The balance after an entry. */
  balance: Credits | null;
  /** Of an order or a refund. */
  amount: Money | null;
}

export interface Transfer {
  transferId: string;
  credits: Credits;
  from: TransferSide;
  to: TransferSide;
}

export interface TransferSide {
  /** The ledger's entry. */
  entryId: string;
  /** The wallet's balance, right after it. */
  balance: Credits;
}

export interface UserChange {
  /** Where receipts go; null removes it. */
  email?: string | null;
  /** For people; null removes it. */
  name?: string | null;
  /** Replaces what was there: at most 20 texts. */
  metadata?: Record<string, string> | null;
  /** Whether the user administrates, with every right. */
  admin?: boolean | null;
}

/** All that is kept of a user. Of one who was erased it has what is left. */
export interface UserExport {
  profile: Account;
  wallet: Wallet;
  /** Null if it was never set up. Of the saved card it has the last four digits. */
  autoRecharge: WalletRecharge | null;
  organizations: Organization[];
  entries: Entry[];
  /** What the user did in wallets of organizations, or what was done for the user there. */
  entriesInOrganizations: Entry[];
  grants: Grant[];
  holds: Hold[];
  orders: Order[];
  subscriptions: Subscription[];
  /** Those that have not ended, without their tokens. */
  sessions: SessionRecord[];
  /** Without the keys themselves. */
  apiKeys: ApiKey[];
  auditLog: ActionOnUser[];
}

export interface VoidGrant {
  /** For the audit log. */
  reason: string;
}

export interface VoidedGrant {
  grantId: string;
  walletId: string;
  kind: "paid" | "promotional";
  source: "purchase" | "plan" | "checkin" | "coupon" | "manual" | "store" | "promotion";
  /** How much was given. */
  credits: Credits;
  /** How much is left. */
  remaining: Credits;
  priority: number;
  /** When it lapses, if ever. */
  expiresAt: Time | null;
  createdAt: Time;
  /** The order that it belongs to. */
  orderId: string | null;
  voidedAt: Time | null;
  metadata: Record<string, string>;
  /** How many credits left the wallet. */
  voided: Credits;
  /** The wallet's balance, right after it. */
  balance: Credits;
}

export interface Wallet {
  walletId: string;
  /** The user whose own it is. */
  userId: string | null;
  /** The organization whose it is. */
  orgId: string | null;
  /** Everything in it, what is held included, less what is owed. */
  balance: Credits;
  /** What can be spent now. */
  available: Credits;
  /** What holds keep. */
  held: Credits;
  /** What is owed: the next credits pay it first. */
  debt: Credits;
  /** What lapses when if it is not spent before, the soonest first; at most 20 moments. */
  lapsing: Lapsing[];
}

export interface WalletRecharge {
  walletId: string;
  /** Who set it up last. */
  userId: string;
  /** The organization whose wallet it is. */
  orgId: string | null;
  /** Who saved the card. */
  cardUserId: string | null;
  enabled: boolean;
  state: "off" | "needs_card" | "paused" | "recharging" | "cooling_down" | "monthly_cap_reached" | "active";
  thresholdCredits: Credits;
  /** How much each time. */
  amount: Money;
  /** Null: no cap. */
  maxMonthly: Money | null;
  /** What is charged, or being charged, in this calendar month (UTC). */
  spentThisMonth: Money;
  /** What the cap leaves; null: no cap. */
  leftThisMonth: Money | null;
  /** When the next month begins. */
  resetsAt: Time;
  /** Why it waits for the user. */
  pause: AutoRechargePause | null;
  /** After a decline, or a charge: not before this. */
  nextAttemptAt: Time | null;
  card: SavedCard | null;
  /** When it was last switched on. */
  consentedAt: Time | null;
  lastRun: RechargeRun | null;
  /** Where a card can be saved, if that was asked for. */
  setup?: CardSetup;
}

export interface WalletRecharges {
  data: WalletRecharge[];
  nextCursor: string | null;
}

export interface WebhookAccepted {
  deliveryId: string;
}

export interface WebhookAttempt {
  number: number;
  /** What the endpoint answered, if it did. */
  responseStatus: number | null;
  /** What went wrong. */
  failure: string | null;
  durationMs: number;
  endedAt: Time;
}

export interface WebhookDeliveries {
  data: WebhookDelivery[];
  nextCursor: string | null;
}

export interface WebhookDelivery {
  deliveryId: string;
  /** The `webhook-id`. */
  messageId: string;
  type: string;
  state: "pending" | "delivered" | "failed";
  /** When it is tried again, while it is pending. */
  nextAttemptAt: Time | null;
  createdAt: Time;
  deliveredAt: Time | null;
  /** Oldest first. */
  attempts: WebhookAttempt[];
}

export interface WebhookEndpoint {
  endpointId: string;
  url: string;
  /** The types of messages that it is sent; none named: all. */
  eventTypes: string[];
  enabled: boolean;
  /** Why it is not enabled. */
  disabledReason: string | null;
  /** How many attempts failed since the last one that did not. */
  consecutiveFailures: number;
  /** When the first of them did. */
  failingSince: Time | null;
  /** Until when the secret before the present one signs as well. */
  previousSecretUntil: Time | null;
  createdAt: Time;
  updatedAt: Time;
}

export interface WebhookEndpointWithSecret {
  endpointId: string;
  url: string;
  /** The types of messages that it is sent; none named: all. */
  eventTypes: string[];
  enabled: boolean;
  /** Why it is not enabled. */
  disabledReason: string | null;
  /** How many attempts failed since the last one that did not. */
  consecutiveFailures: number;
  /** When the first of them did. */
  failingSince: Time | null;
  /** Until when the secret before the present one signs as well. */
  previousSecretUntil: Time | null;
  createdAt: Time;
  updatedAt: Time;
  /** What signs the messages: `whsec_` and the key in base64. */
  secret: string;
}

export interface WebhookEndpoints {
  data: WebhookEndpoint[];
}
