// What the API takes and answers. Written by clients/generate.py: do not change it by hand.

import type { Credits, GivenCredits, Money, Time } from "./values.ts";

/** The names of all fields that hold credits. */
export const CREDIT_FIELDS: ReadonlySet<string> = new Set([
  "available",
  "balance",
  "bonusCredits",
  "captured",
  "credits",
  "creditsReversed",
  "creditsShortfall",
  "debt",
  "held",
  "left",
  "levels",
  "needed",
  "thresholdCredits",
]);

/** The types of all events. */
export const EVENT_TYPES = [
] as const;

export interface Account {
  userId: string;
  email: string | null;
  /** Whether the user may call the admin API. */
  admin: boolean;
  walletId: string;
  createdAt: Time;
  /** Since when the user is kept out. */
  blockedAt: Time | null;
  blockReason: string | null;
  /** Since when the user's personal data is gone. */
  erasedAt: Time | null;
  name?: string | null;
  metadata?: Record<string, string>;
}

export interface Accounts {
  data: Account[];
  nextCursor: string | null;
}

export interface ApiKeyRecord {
  apiKeyId: string;
  createdAt: Time;
  revokedAt: Time | null;
}

export interface ApiKeyWithSecret {
  apiKey: string;
  apiKeyId: string;
}

export interface ApiKeys {
  data: ApiKeyRecord[];
  nextCursor: string | null;
}

export interface AuditLog {
  data: AuditedAction[];
  nextCursor: string | null;
}

export interface AuditedAction {
  actionId: string;
  /** `admin` for the configured key, `user:` and the id for a user, or `command line`. */
  actor: string;
  /** Such as `user.block`. */
  action: string;
  /** What it was done to: an id or a name. */
  subject: string;
  details: unknown;
  at: Time;
}

export interface AutoRechargePause {
  at: Time;
  reason: "declined" | "card_refused" | "card_expired" | "card_removed" | "not_authenticated" | "charge_refused" | "money_taken_back" | "disputed" | "card_owner_left" | "by_owner" | "by_admin";
}

export interface BalanceAlertsX {
  levels: Credits[];
}

export interface BatchedDebit {
  wallet: string;
  idempotencyKey: string;
  credits: GivenCredits;
}

export interface CancelSubscription {
  when: "now" | "period_end";
  /** Whether its last payment is given back. Goes with `now` only: what is given back does not last. */
  refund?: boolean;
  /** For the audit log. */
  reason: string;
}

export interface Capture {
  credits?: GivenCredits | null;
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
  deadLetters: DeadLetter[];
  counts: DeadLetterCount[];
  nextCursor: string | null;
}

export interface Debit {
  debitId: string;
  credits: Credits;
  balance: Credits;
  available: Credits;
}

export interface DebitOutcomeError {
  error: ErrorDetail;
}

export interface DebitRefund {
  credits?: GivenCredits | null;
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
  transactionId: string | null;
  /** What the wallet has left. */
  balance: Credits;
}

export interface Entries {
  data: Entry[];
  nextCursor: string | null;
}

export interface Entry {
  entryId: string;
  type: string;
  credits: Credits;
  metadata: Record<string, string>;
  description: string | null;
  createdAt?: Time;
}

export interface ErrorDetail {
  /** For programs, such as `insufficient_credits`. */
  code: string;
  /** For people. */
  message: string;
  /** With `insufficient_credits`: what can be spent. */
  available?: Credits;
  /** With `insufficient_credits`: what was asked for. */
  needed?: Credits;
}

export interface GivenGrant {
  grantId: string;
  credits: Credits;
  expiresAt: Time | null;
  balance: Credits;
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
  /** How many of them were spent. */
  captured: Credits;
  state: "active" | "captured" | "released" | "expired";
  /** The word for the entry of what is captured. */
  type: string;
  /** For people. */
  description?: string | null;
  /** When it ends by itself. */
  expiresAt: Time;
}

export interface Holds {
  /** Newest first. */
  data: Hold[];
}

export interface LiveTicket {
  ticket: string;
  expiresAt: Time;
}

export interface NewApiKey {
  name: string;
  scopes: ("read" | "spend")[];
  walletsOf?: string | null;
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
  credits: GivenCredits;
  type?: string | null;
  description?: string | null;
  metadata?: Record<string, string>;
  memberId?: string | null;
}

export interface NewDebits {
  debits: BatchedDebit[];
}

export interface NewGrant {
  credits: GivenCredits;
  kind: "paid" | "promotional";
  expiresAfterDays?: number | null;
  reason: string;
}

export interface NewHold {
  credits: GivenCredits;
  ttlSeconds?: number | null;
  type?: string | null;
  description?: string | null;
  memberId?: string | null;
}

export interface NewLiveTicket {
  wallet?: string | null;
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

export interface NewRedemption {
  /** `user:ID`, `org:ID`, a wallet's id, or `me`. */
  wallet: string;
  /** Small letters count as capital ones. */
  code: string;
}

export interface NewRefund {
  /** How much, in the smallest unit of the order's currency, with tax as it was charged; all that is left unless given. */
  minor?: number | null;
  /** For the audit log. */
  reason: string;
}

export interface NewWebhookEndpoint {
  /** An HTTPS address that is reached over the internet. */
  url: string;
  /** The types of messages that it is sent, such as `credits.added`; all unless given. */
  eventTypes?: string[];
  /** Whether it is sent any. */
  enabled?: boolean;
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
  purchases: ParkedPurchase[];
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

export interface Reason {
  /** For the audit log. */
  reason: string;
}

export interface RechargeReason {
  /** For the audit log. */
  reason: string;
}

export interface RechargeRun {
  runId: string;
  state: "reserved" | "charging" | "unknown" | "requires_action" | "succeeded" | "failed";
  amountCents: number;
  /** Why it failed, in a word. */
  failure: string | null;
  at: Time;
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
  entryId: string;
  debitId: string;
  credits: Credits;
  left: Credits;
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
  /** The last time that an administrator had it ended. */
  ending: SubscriptionEnding | null;
  /** The last time that an administrator had it moved to another plan. */
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

export interface UserChange {
  email?: string | null;
  name?: string | null;
  metadata?: Record<string, string> | null;
}

export interface Wallet {
  walletId: string;
  userId: string | null;
  orgId: string | null;
  balance: Credits;
  available: Credits;
  held: Credits;
  debt: Credits;
}

export interface WalletRecharge {
  enabled: boolean;
  state: "off" | "needs_card" | "paused" | "recharging" | "cooling_down" | "monthly_cap_reached" | "active";
  thresholdCredits: Credits;
  amountCents: number;
  /** An ISO 4217 code in lower case. */
  currency: string;
  /** Null: no cap. */
  maxMonthlyCents: number | null;
  /** What is charged, or being charged, in this calendar month (UTC). */
  spentThisMonthCents: number;
  /** What the cap leaves; null: no cap. */
  leftThisMonthCents: number | null;
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
  walletId: string;
  /** Who set it up last. */
  userId: string;
  /** The organization whose wallet it is. */
  orgId: string | null;
  /** Who saved the card. */
  cardUserId: string | null;
}

export interface WebhookAccepted {
  deliveryId: string;
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
