// One method for each operation of the API. Written by clients/generate.py: do not change it by hand.

import { type List, type RequestOptions, segment, Transport } from "./transport.ts";
import type {
  Account,
  ApiKeyRecord,
  ApiKeyWithSecret,
  AuditedAction,
  BalanceAlertsX,
  CancelSubscription,
  Capture,
  ChangeSubscription,
  Claim,
  Claimed,
  Clock,
  ClockMove,
  ClockMoved,
  Coupon,
  CouponChange,
  CreditPrice,
  DeadLetter,
  DeadLetterDetail,
  Debit,
  DebitRefund,
  Debits,
  DiscardDeadLetter,
  DismissParkedPurchase,
  EndedHold,
  Entry,
  GivenGrant,
  HandledProviderEvent,
  Hold,
  LiveTicket,
  NewApiKey,
  NewCoupon,
  NewCreditPrice,
  NewDebit,
  NewDebits,
  NewGrant,
  NewHold,
  NewLiveTicket,
  NewOrder,
  NewPack,
  NewPlan,
  NewRedemption,
  NewRefund,
  NewWebhookEndpoint,
  Order,
  Pack,
  ParkedPurchase,
  Plan,
  Products,
  ProviderEventDetail,
  Reason,
  RechargeReason,
  Refund,
  RefundedDebit,
  RetryParkedPurchase,
  RetryProviderEvent,
  SessionRecord,
  SettleProviderEvent,
  Subscription,
  UserChange,
  Wallet,
  WalletRecharge,
  WebhookAccepted,
  WebhookEndpointWithSecret,
} from "./types.ts";
import type { Time } from "./values.ts";

export class Operations extends Transport {
  /** All users, ordered by id. */
  listUsers(query: { limit?: number; admin?: boolean } = {}, options?: RequestOptions): List<Account> {
    return this.pages("/purser/v1/users", "data", { query, options });
  }

  /** Look at a user. */
  getUser(userId: string, options?: RequestOptions): Promise<Account> {
    return this.call("GET", `/purser/v1/users/${segment(userId)}`, { options });
  }

  /** X. Takes the scope `spend`. */
  putUser(userId: string, body: UserChange, options?: RequestOptions): Promise<Account> {
    return this.call("PUT", `/purser/v1/users/${segment(userId)}`, { body, options });
  }

  /**
   * Erase a user's personal data. For good: e-mail, credentials, memberships and cards go, and the user stays out.
   * What was bought and spent stays in the books under the user's id.
   */
  deleteUser(userId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/users/${segment(userId)}`, { options });
  }

  /** Keep a user out. The user's sessions, keys and tokens stop working, and saved cards are let go. */
  blockUser(userId: string, body: Reason, options?: RequestOptions): Promise<Account> {
    return this.call("POST", `/purser/v1/users/${segment(userId)}/block`, { body, options });
  }

  /**
   * Let a blocked user in again. Their sessions and keys work as before. Cards that were let go have to be saved
   * again.
   */
  unblockUser(userId: string, body: Reason, options?: RequestOptions): Promise<Account> {
    return this.call("POST", `/purser/v1/users/${segment(userId)}/unblock`, { body, options });
  }

  /** A user's sessions that have not ended, newest first. */
  listUserSessions(userId: string, query: { limit?: number } = {}, options?: RequestOptions): List<SessionRecord> {
    return this.pages(`/purser/v1/users/${segment(userId)}/sessions`, "data", { query, options });
  }

  /** End all sessions of a user. */
  deleteUserSessions(userId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/users/${segment(userId)}/sessions`, { options });
  }

  /** End a session. At once, and with it live connections that were opened with it. */
  deleteSession(sessionId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/sessions/${segment(sessionId)}`, { options });
  }

  /** A user's API keys, withdrawn ones too, newest first. */
  listUserApiKeys(userId: string, query: { limit?: number } = {}, options?: RequestOptions): List<ApiKeyRecord> {
    return this.pages(`/purser/v1/users/${segment(userId)}/api-keys`, "data", { query, options });
  }

  /** Withdraw an API key. It ends at once, and so do live connections that were opened with it. */
  deleteApiKey(apiKeyId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/api-keys/${segment(apiKeyId)}`, { options });
  }

  /** What administrators did, newest first. */
  getAuditLog(query: { limit?: number } = {}, options?: RequestOptions): List<AuditedAction> {
    return this.pages("/purser/v1/audit-log", "data", { query, options });
  }

  /** How a wallet is recharged. */
  getAutoRecharge(walletId: string, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("GET", `/purser/v1/wallets/${segment(walletId)}/auto-recharge`, { options });
  }

  /** Stop recharging a wallet. Until an administrator resumes it. What is being charged already is not unmade. */
  pauseAutoRecharge(walletId: string, body: RechargeReason, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("POST", `/purser/v1/wallets/${segment(walletId)}/auto-recharge/pause`, { body, options });
  }

  /** Resume recharging a wallet. Whatever it waits for. Without a card nothing is charged. */
  resumeAutoRecharge(walletId: string, body: RechargeReason, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("POST", `/purser/v1/wallets/${segment(walletId)}/auto-recharge/resume`, { body, options });
  }

  /** The subscriptions of a wallet. Those that are not over first, then the newest first; 200 at most. */
  listSubscriptions(walletId: string, options?: RequestOptions): List<Subscription> {
    return this.pages(`/purser/v1/wallets/${segment(walletId)}/subscriptions`, "data", { options });
  }

  /**
   * End a subscription at its provider. With its period, or now; then with `refund` its last payment is given back
   * as well, as far as that has not happened, and the credits follow the money. A subscription's money is given back
   * once, however often that is asked for. What the provider refuses is 409 in its words, and in the subscription's
   * `ending`.
   */
  cancelSubscription(
    subscriptionId: string,
    body: CancelSubscription,
    options?: RequestOptions,
  ): Promise<Subscription> {
    return this.call("POST", `/purser/v1/subscriptions/${segment(subscriptionId)}/cancel`, { body, options });
  }

  /**
   * Move a subscription to another plan. The provider charges the difference for the rest of the period at once, or
   * keeps it for the next payment; what is paid is credited. If the payment fails, nothing changes. The plan must
   * have a price or product of its own at the provider, in the same currency.
   */
  changeSubscription(
    subscriptionId: string,
    body: ChangeSubscription,
    options?: RequestOptions,
  ): Promise<Subscription> {
    return this.call("POST", `/purser/v1/subscriptions/${segment(subscriptionId)}/change`, { body, options });
  }

  /**
   * Events of providers, and what became of them. Newest first. Those in state `open` contradict their orders:
   * nothing was credited, and an operator credits the order, has the event applied again, or dismisses it.
   */
  listProviderEvents(
    query: { state?: string; provider?: string; limit?: number } = {},
    options?: RequestOptions,
  ): List<HandledProviderEvent> {
    return this.pages("/purser/v1/provider-events", "data", { query, options });
  }

  /**
   * An event, what it says, and the order that it is about. What came and what was expected, side by side. The text
   * has personal data of the buyer.
   */
  getProviderEvent(id: string, options?: RequestOptions): Promise<ProviderEventDetail> {
    return this.call("GET", `/purser/v1/provider-events/${segment(id)}`, { options });
  }

  /**
   * Credit the order of an event in quarantine as paid. The order counts as paid with what the event says was paid,
   * and grants what was ordered. It is refused if there is no order, or the order is credited already.
   */
  creditProviderEvent(id: string, body: SettleProviderEvent, options?: RequestOptions): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/credit`, { body, options });
  }

  /**
   * Have an event in quarantine applied again, after a repair. It goes through the queue, and leaves the quarantine
   * if it agrees with its order now.
   */
  retryProviderEvent(id: string, body?: RetryProviderEvent, options?: RequestOptions): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/retry`, { body, options });
  }

  /** Take an event out of quarantine without crediting anything. */
  dismissProviderEvent(
    id: string,
    body: SettleProviderEvent,
    options?: RequestOptions,
  ): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/dismiss`, { body, options });
  }

  /** All packs, also those that are not for sale. */
  listPacks(options?: RequestOptions): List<Pack> {
    return this.pages("/purser/v1/catalog/packs", "data", { options });
  }

  /** Add a pack. */
  createPack(body: NewPack, options?: RequestOptions): Promise<Pack> {
    return this.call("POST", "/purser/v1/catalog/packs", { body, options });
  }

  /** A pack. */
  getPack(packId: string, options?: RequestOptions): Promise<Pack> {
    return this.call("GET", `/purser/v1/catalog/packs/${segment(packId)}`, { options });
  }

  /** Replace a pack. With `active` false it is sold no more. Orders that were placed keep what was ordered. */
  putPack(packId: string, body: NewPack, options?: RequestOptions): Promise<Pack> {
    return this.call("PUT", `/purser/v1/catalog/packs/${segment(packId)}`, { body, options });
  }

  /** All plans, also those that are not for sale. */
  listPlans(options?: RequestOptions): List<Plan> {
    return this.pages("/purser/v1/catalog/plans", "data", { options });
  }

  /** Add a plan. */
  createPlan(body: NewPlan, options?: RequestOptions): Promise<Plan> {
    return this.call("POST", "/purser/v1/catalog/plans", { body, options });
  }

  /** A plan. */
  getPlan(planId: string, options?: RequestOptions): Promise<Plan> {
    return this.call("GET", `/purser/v1/catalog/plans/${segment(planId)}`, { options });
  }

  /** Replace a plan. With `active` false it is sold no more. Subscriptions keep the terms that they were made with. */
  putPlan(planId: string, body: NewPlan, options?: RequestOptions): Promise<Plan> {
    return this.call("PUT", `/purser/v1/catalog/plans/${segment(planId)}`, { body, options });
  }

  /** All coupons, the newest first. */
  listCoupons(query: { limit?: number } = {}, options?: RequestOptions): List<Coupon> {
    return this.pages("/purser/v1/catalog/coupons", "data", { query, options });
  }

  /**
   * Add a coupon. One of `percent`, `amountOff` and `bonusCredits` goes with an order; `credits` gives its credits
   * at once, to whoever redeems the code.
   */
  createCoupon(body: NewCoupon, options?: RequestOptions): Promise<Coupon> {
    return this.call("POST", "/purser/v1/catalog/coupons", { body, options });
  }

  /** A coupon. */
  getCoupon(couponId: string, options?: RequestOptions): Promise<Coupon> {
    return this.call("GET", `/purser/v1/catalog/coupons/${segment(couponId)}`, { options });
  }

  /**
   * Change a coupon. All but its code and what it does, which are for good: with `active` false it is accepted no
   * more. Orders that use it keep what it gave them.
   */
  putCoupon(couponId: string, body: CouponChange, options?: RequestOptions): Promise<Coupon> {
    return this.call("PUT", `/purser/v1/catalog/coupons/${segment(couponId)}`, { body, options });
  }

  /** What any amount of credits costs, by currency. */
  listCreditPrices(options?: RequestOptions): List<CreditPrice> {
    return this.pages("/purser/v1/catalog/credit-prices", "data", { options });
  }

  /**
   * Set what credits cost in a currency. So many credits for so many smallest units. Auto-recharge and purchases of
   * any amount go by it from now on; orders that were placed keep their price.
   */
  putCreditPrice(currency: string, body: NewCreditPrice, options?: RequestOptions): Promise<CreditPrice> {
    return this.call("PUT", `/purser/v1/catalog/credit-prices/${segment(currency)}`, { body, options });
  }

  /**
   * Jobs that nobody could do and that wait for an operator. Newest first, without their messages; and how many
   * there are, by role and reason.
   */
  listDeadLetters(query: { limit?: number; role?: string } = {}, options?: RequestOptions): List<DeadLetter> {
    return this.pages("/purser/v1/dead-letters", "deadLetters", { query, options });
  }

  /**
   * A job that nobody could do, with what may be seen of its message. Ids, types and states only: never texts,
   * addresses or links.
   */
  getDeadLetter(id: string, options?: RequestOptions): Promise<DeadLetterDetail> {
    return this.call("GET", `/purser/v1/dead-letters/${segment(id)}`, { options });
  }

  /** Have a dead letter done again. It goes back to its queue. Should it fail again, it is a new dead letter. */
  retryDeadLetter(id: string, options?: RequestOptions): Promise<DeadLetter> {
    return this.call("POST", `/purser/v1/dead-letters/${segment(id)}/retry`, { options });
  }

  /** Give a dead letter up. Its message is forgotten. That it was, by whom and why stays on record. */
  dismissDeadLetter(id: string, body: DiscardDeadLetter, options?: RequestOptions): Promise<DeadLetter> {
    return this.call("POST", `/purser/v1/dead-letters/${segment(id)}/dismiss`, { body, options });
  }

  /**
   * Purchases in app stores that wait for their buyers or products. Oldest first. A purchase of several waits for
   * somebody who says how many they are.
   */
  listParkedPurchases(query: { limit?: number } = {}, options?: RequestOptions): List<ParkedPurchase> {
    return this.pages("/purser/v1/parked-purchases", "purchases", { query, options });
  }

  /** A purchase in an app store. */
  getParkedPurchase(purchaseId: string, options?: RequestOptions): Promise<ParkedPurchase> {
    return this.call("GET", `/purser/v1/parked-purchases/${segment(purchaseId)}`, { options });
  }

  /** Give a parked purchase to a user. */
  claimParkedPurchase(purchaseId: string, body: Claim, options?: RequestOptions): Promise<Claimed> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/claim`, { body, options });
  }

  /** Have a parked purchase looked at again. It is credited if its buyer and its product are known now. */
  retryParkedPurchase(
    purchaseId: string,
    body?: RetryParkedPurchase,
    options?: RequestOptions,
  ): Promise<ParkedPurchase> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/retry`, { body, options });
  }

  /** Decide that nobody gets a parked purchase. */
  dismissParkedPurchase(
    purchaseId: string,
    body: DismissParkedPurchase,
    options?: RequestOptions,
  ): Promise<ParkedPurchase> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/dismiss`, { body, options });
  }

  /** What is for sale. Packs and plans in the order to show them in, and what any amount of credits costs. */
  listProducts(options?: RequestOptions): Promise<Products> {
    return this.call("GET", "/purser/v1/products", { options });
  }

  /**
   * Orders, the newest first. Those for which all holds that is given. Unless a wallet is named they are
   * everybody's, or those of the one wallet that the credential is for.
   */
  listOrders(
    query: { limit?: number; wallet?: string; status?: string; reference?: string } = {},
    options?: RequestOptions,
  ): List<Order> {
    return this.pages("/purser/v1/orders", "data", { query, options });
  }

  /**
   * Buy something for a wallet. A pack, several packs, an amount of credits, or a plan: exactly one of `packId`,
   * `items`, `credits` and `planId`. Send the buyer to `checkoutUrl`; the credits arrive once the provider says that
   * it is paid. If the page takes long, or with `Prefer: respond-async`, the answer is 202: ask at `Location` for
   * the order. Sent again with its `Idempotency-Key`, it is the same order for ever.
   */
  createOrder(body: NewOrder, options?: RequestOptions): Promise<Order> {
    return this.call("POST", "/purser/v1/orders", { body, options });
  }

  /**
   * An order, with its refunds and disputes. While it is open, asking has the provider asked too, every few seconds
   * at most.
   */
  getOrder(orderId: string, options?: RequestOptions): Promise<Order> {
    return this.call("GET", `/purser/v1/orders/${segment(orderId)}`, { options });
  }

  /**
   * Give money of an order back. All that is left, or a part; the credits follow as with any refund. In all never
   * more goes back than was paid, and with its `Idempotency-Key` a request gives back once, for ever. What the
   * provider refuses is 409 in its words, and in the order's `refunds`. Creem gives back all that is left only.
   */
  refundOrder(orderId: string, body: NewRefund, options?: RequestOptions): Promise<Refund> {
    return this.call("POST", `/purser/v1/orders/${segment(orderId)}/refund`, { body, options });
  }

  /**
   * Redeem a code that gives credits. Makes an order without a price, which a worker credits at once. A coupon that
   * goes with a purchase is used with an order instead.
   */
  createRedemption(body: NewRedemption, options?: RequestOptions): Promise<Order> {
    return this.call("POST", "/purser/v1/redemptions", { body, options });
  }

  /** The time of an installation in test mode. In live mode there is no test clock: the answer is 403. */
  getClock(options?: RequestOptions): Promise<Clock> {
    return this.call("GET", "/purser/v1/test/clock", { options });
  }

  /**
   * Let time pass, in test mode. Moves the time of the whole installation forward: of the API, the workers and the
   * scheduler, and of the provider emulator, if it runs beside them under `cargo dev`. Expiry, renewals, holds,
   * months and retries come as if the time had passed. Send either `advanceSeconds` or `to`. The answer comes when
   * every process goes by the new time, after ten seconds at the latest, with `inForce` false then; sent again with
   * the same key, the request waits on. What becomes due happens after the answer. Timeouts, limits of requests and
   * the pauses after which the broker delivers a failed job again stay real. To see renewals one by one, advance in
   * steps of a day. In live mode the answer is 403.
   */
  clock(body: ClockMove, options?: RequestOptions): Promise<ClockMoved> {
    return this.call("POST", "/purser/v1/test/clock", { body, options });
  }

  /** X. Takes the scope `spend`. */
  createDebit(wallet: string, body: NewDebit, options?: RequestOptions): Promise<Debit> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/debits`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  batchDebit(body: NewDebits, options?: RequestOptions): Promise<Debits> {
    return this.call("POST", "/purser/v1/debits/batch", { body, options });
  }

  /** X. Takes the scope `spend`. */
  refundDebit(debitId: string, body?: DebitRefund, options?: RequestOptions): Promise<RefundedDebit> {
    return this.call("POST", `/purser/v1/debits/${segment(debitId)}/refund`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  createLiveTicket(body?: NewLiveTicket, options?: RequestOptions): Promise<LiveTicket> {
    return this.call("POST", "/purser/v1/live-tickets", { body, options });
  }

  /** X. Takes the scope `spend`. */
  putBalanceAlerts(wallet: string, body: BalanceAlertsX, options?: RequestOptions): Promise<BalanceAlertsX> {
    return this.call("PUT", `/purser/v1/wallets/${segment(wallet)}/balance-alerts`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  getWallet(wallet: string, options?: RequestOptions): Promise<Wallet> {
    return this.call("GET", `/purser/v1/wallets/${segment(wallet)}`, { options });
  }

  /** X. Takes the scope `spend`. */
  listHolds(wallet: string, options?: RequestOptions): List<Hold> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/holds`, "data", { options });
  }

  /** X. Takes the scope `spend`. */
  createHold(wallet: string, body: NewHold, options?: RequestOptions): Promise<Hold> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/holds`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  captureHold(holdId: string, body?: Capture, options?: RequestOptions): Promise<EndedHold> {
    return this.call("POST", `/purser/v1/holds/${segment(holdId)}/capture`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  releaseHold(holdId: string, options?: RequestOptions): Promise<EndedHold> {
    return this.call("POST", `/purser/v1/holds/${segment(holdId)}/release`, { options });
  }

  /** X. Takes the scope `spend`. */
  createGrant(wallet: string, body: NewGrant, options?: RequestOptions): Promise<GivenGrant> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/grants`, { body, options });
  }

  /** X. Takes the scope `spend`. */
  listEntries(wallet: string, query: { limit?: number; type?: string } = {}, options?: RequestOptions): List<Entry> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/entries`, "data", { query, options });
  }

  /** X. Takes the scope `spend`. */
  createApiKey(body: NewApiKey, options?: RequestOptions): Promise<ApiKeyWithSecret> {
    return this.call("POST", "/purser/v1/api-keys", { body, options });
  }

  /** X. Takes the scope `spend`. */
  createWebhookEndpoint(body: NewWebhookEndpoint, options?: RequestOptions): Promise<WebhookEndpointWithSecret> {
    return this.call("POST", "/purser/v1/webhook-endpoints", { body, options });
  }

  /** X. Takes the scope `spend`. */
  deleteWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/webhook-endpoints/${segment(endpointId)}`, { options });
  }

  /** X. Takes the scope `spend`. */
  testWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<WebhookAccepted> {
    return this.call("POST", `/purser/v1/webhook-endpoints/${segment(endpointId)}/test`, { options });
  }
}
