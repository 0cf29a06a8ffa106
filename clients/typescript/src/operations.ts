// One method for each operation of the API. Written by clients/generate.py: do not change it by hand.

import { type List, type RequestOptions, segment, Transport } from "./transport.ts";
import type {
  AcceptedInvitation,
  Account,
  Adjustment,
  ApiKey,
  ApiKeyWithSecret,
  Attention,
  AuditedAction,
  BalanceAlerts,
  BalanceThen,
  CancelSubscription,
  Capture,
  ChangeSubscription,
  CheckIn,
  Checkout,
  CheckoutResult,
  Claim,
  Claimed,
  Clock,
  ClockMove,
  ClockMoved,
  Coupon,
  CouponChange,
  CreditPrice,
  CurrentOperator,
  DeadLetter,
  DeadLetterDetail,
  Debit,
  DebitRefund,
  Debits,
  DiscardDeadLetter,
  DismissParkedPurchase,
  EndedHold,
  Entry,
  ExtendHold,
  FoundThing,
  GivenGrant,
  Grant,
  HandledProviderEvent,
  Hold,
  HoldRelease,
  Import,
  Limit,
  LiveTicket,
  NewAdjustment,
  NewApiKey,
  NewBalanceAlerts,
  NewCheckIn,
  NewCoupon,
  NewCreditPrice,
  NewDebit,
  NewDebits,
  NewGrant,
  NewHold,
  NewImport,
  NewLimit,
  NewLimits,
  NewLiveTicket,
  NewOperator,
  NewOrder,
  NewOrganization,
  NewOrganizationMade,
  NewPack,
  NewPlan,
  NewPortalSession,
  NewRedemption,
  NewRefund,
  NewRole,
  NewSession,
  NewTransfer,
  NewWebhookEndpoint,
  OpenedPortalSession,
  Operator,
  OperatorChange,
  OperatorInvitation,
  OperatorLink,
  OperatorPassword,
  OperatorSession,
  OperatorSignIn,
  OperatorSignedIn,
  Order,
  Organization,
  OrganizationDetails,
  OrganizationMember,
  Pack,
  ParkedPurchase,
  Plan,
  PlanOption,
  PortalLink,
  PortalSession,
  PortalSessionMade,
  Products,
  ProviderEventDetail,
  PutAutoRecharge,
  Reason,
  RechargeReason,
  Refund,
  RefundedDebit,
  RetryParkedPurchase,
  RetryProviderEvent,
  Session,
  SessionRecord,
  SettleProviderEvent,
  StatisticsInterval,
  Subscription,
  System,
  TimelineStep,
  Transfer,
  UserChange,
  UserExport,
  VoidGrant,
  VoidedGrant,
  Wallet,
  WalletRecharge,
  WebhookAccepted,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
} from "./types.ts";
import type { Time } from "./values.ts";

export class Operations extends Transport {
  /** Look at a wallet. What is in it, what of that is held or owed, and what lapses when. Takes the scope `read`. */
  getWallet(wallet: string, options?: RequestOptions): Promise<Wallet> {
    return this.call("GET", `/purser/v1/wallets/${segment(wallet)}`, { options });
  }

  /** What moved in a wallet, newest first. Takes the scope `read`. */
  listEntries(
    wallet: string,
    query: { limit?: number; type?: string; memberId?: string; from?: Time; to?: Time } = {},
    options?: RequestOptions,
  ): List<Entry> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/entries`, "data", { query, options });
  }

  /** The balance of a wallet at a moment. Takes the scope `read`. */
  getBalance(wallet: string, query: { at?: Time } = {}, options?: RequestOptions): Promise<BalanceThen> {
    return this.call("GET", `/purser/v1/wallets/${segment(wallet)}/balance`, { query, options });
  }

  /** Grants of a wallet, newest first. Takes the scope `read`. */
  listGrants(wallet: string, query: { limit?: number; open?: boolean } = {}, options?: RequestOptions): List<Grant> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/grants`, "data", { query, options });
  }

  /**
   * Give credits. A debt of the wallet is paid from them first. What is given is in the audit log. Takes the scope
   * `manage`.
   */
  createGrant(wallet: string, body: NewGrant, options?: RequestOptions): Promise<GivenGrant> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/grants`, { body, options });
  }

  /** Look at a grant. Takes the scope `read`. */
  getGrant(grantId: string, options?: RequestOptions): Promise<Grant> {
    return this.call("GET", `/purser/v1/grants/${segment(grantId)}`, { options });
  }

  /**
   * Take back what is left of a grant. What a hold needs of it stays for that hold alone. To void it again changes
   * nothing. Takes the scope `manage`.
   */
  voidGrant(grantId: string, body: VoidGrant, options?: RequestOptions): Promise<VoidedGrant> {
    return this.call("POST", `/purser/v1/grants/${segment(grantId)}/void`, { body, options });
  }

  /**
   * Correct a balance. Adds credits, or with a negative amount takes them: they must be available. Who did it and
   * why is in the audit log, and the reason is shown with the entry. Takes the scope `manage`.
   */
  createAdjustment(wallet: string, body: NewAdjustment, options?: RequestOptions): Promise<Adjustment> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/adjustments`, { body, options });
  }

  /**
   * Spend credits. Grants that lapse first are spent first. When credits are short nothing is debited. Takes the
   * scope `spend`.
   */
  createDebit(wallet: string, body: NewDebit, options?: RequestOptions): Promise<Debit> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/debits`, { body, options });
  }

  /**
   * Spend credits of many wallets. Up to 1,000 debits, each on its own: one that is refused keeps no other from
   * being done. Each has an idempotency key of its own, so that the whole request can be sent again. Takes the scope
   * `spend`.
   */
  batchDebit(body: NewDebits, options?: RequestOptions): Promise<Debits> {
    return this.call("POST", "/purser/v1/debits/batch", { body, options });
  }

  /** Look at a debit. Takes the scope `read`. */
  getDebit(debitId: string, options?: RequestOptions): Promise<Entry> {
    return this.call("GET", `/purser/v1/debits/${segment(debitId)}`, { options });
  }

  /**
   * Give a debit back. In whole, or in parts with `credits`: never more in all than was taken. The credits go back
   * into the grants that they came from and lapse when those do. Takes the scope `spend`.
   */
  refundDebit(debitId: string, body?: DebitRefund, options?: RequestOptions): Promise<RefundedDebit> {
    return this.call("POST", `/purser/v1/debits/${segment(debitId)}/refund`, { body, options });
  }

  /**
   * Move credits from one wallet to another. In one transaction. The credits lapse when they would have lapsed in
   * the wallet they come from. Takes the scope `manage`.
   */
  createTransfer(body: NewTransfer, options?: RequestOptions): Promise<Transfer> {
    return this.call("POST", "/purser/v1/transfers", { body, options });
  }

  /**
   * Holds of a wallet, newest first. Of an organization: owners and admins see all, and may release them; members
   * see their own open ones. Takes the scope `read`.
   */
  listHolds(wallet: string, query: { limit?: number; state?: string } = {}, options?: RequestOptions): List<Hold> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/holds`, "data", { query, options });
  }

  /**
   * Reserve credits. A hold keeps credits from being spent by others, and from lapsing, until it is captured, is
   * released, or ends by itself. The same `Idempotency-Key` answers the same hold, as it is then; after a refusal it
   * may be used again. Takes the scope `spend`.
   */
  createHold(wallet: string, body: NewHold, options?: RequestOptions): Promise<Hold> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/holds`, { body, options });
  }

  /**
   * Spend what is held. Spends all that is held, or less with `credits`; the rest is free again, or stays held for
   * another capture where `final` is false. Nothing may be spent of it too, and more where this installation lets
   * wallets owe it. A hold is captured by who placed it, before it ends by itself; the same `Idempotency-Key`
   * answers the same. Takes the scope `spend`.
   */
  captureHold(holdId: string, body?: Capture, options?: RequestOptions): Promise<EndedHold> {
    return this.call("POST", `/purser/v1/holds/${segment(holdId)}/capture`, { body, options });
  }

  /** Give back what is held. Takes the scope `spend`. */
  releaseHold(holdId: string, body?: HoldRelease, options?: RequestOptions): Promise<EndedHold> {
    return this.call("POST", `/purser/v1/holds/${segment(holdId)}/release`, { body, options });
  }

  /** Have a hold last longer. From now on for `ttlSeconds`; a hold is never made shorter. Takes the scope `spend`. */
  extendHold(holdId: string, body: ExtendHold, options?: RequestOptions): Promise<Hold> {
    return this.call("POST", `/purser/v1/holds/${segment(holdId)}/extend`, { body, options });
  }

  /** Look at a hold. Takes the scope `read`. */
  getHold(holdId: string, options?: RequestOptions): Promise<Hold> {
    return this.call("GET", `/purser/v1/holds/${segment(holdId)}`, { options });
  }

  /** Wallets that were ever to be recharged, by id. Takes the scope `read`. */
  listAutoRecharges(query: { limit?: number; paused?: boolean } = {}, options?: RequestOptions): List<WalletRecharge> {
    return this.pages("/purser/v1/auto-recharge", "data", { query, options });
  }

  /** How a wallet is recharged by itself. Takes the scope `read`. */
  getAutoRecharge(wallet: string, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("GET", `/purser/v1/wallets/${segment(wallet)}/auto-recharge`, { options });
  }

  /**
   * Have a wallet recharged by itself. Charges the saved card when less than the threshold can be spent, and never
   * more in a calendar month (UTC) than the cap: the last charge is smaller where the cap leaves less, and when it
   * leaves less than Stripe's minimum the month's charges are over. Fields that are left out stay as they are.
   * Without a saved card the answer has a page on which to save one; when that takes long it is 202, and the page is
   * in a later answer. Takes the scope `buy`.
   */
  putAutoRecharge(wallet: string, body: PutAutoRecharge, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("PUT", `/purser/v1/wallets/${segment(wallet)}/auto-recharge`, { body, options });
  }

  /**
   * Stop recharging a wallet. What is being charged already is not unmade. The card stays saved unless it is removed
   * as well. Takes the scope `buy`.
   */
  deleteAutoRecharge(
    wallet: string,
    query: { removeCard?: boolean } = {},
    options?: RequestOptions,
  ): Promise<WalletRecharge> {
    return this.call("DELETE", `/purser/v1/wallets/${segment(wallet)}/auto-recharge`, { query, options });
  }

  /**
   * Have recharging wait. Until it is resumed: by its owner what its owner paused, by a server or an operator what
   * they paused. What is being charged already is not unmade. Takes the scope `buy`.
   */
  pauseAutoRecharge(wallet: string, body?: RechargeReason, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/auto-recharge/pause`, { body, options });
  }

  /**
   * Have recharging go on. For a server or an operator whatever it waits for, for its owner where that is theirs to
   * decide. Without a card nothing is charged. Takes the scope `buy`.
   */
  resumeAutoRecharge(wallet: string, body?: RechargeReason, options?: RequestOptions): Promise<WalletRecharge> {
    return this.call("POST", `/purser/v1/wallets/${segment(wallet)}/auto-recharge/resume`, { body, options });
  }

  /**
   * Get a ticket for one live connection. Good for one connection within a minute, for addresses, in which no
   * credential may stand. The connection ends with the credential that the ticket was made with. Without `wallet` it
   * tells of all wallets that the caller may see; a server that acts for everyone names one. Takes the scope `read`.
   */
  createLiveTicket(body?: NewLiveTicket, options?: RequestOptions): Promise<LiveTicket> {
    return this.call("POST", "/purser/v1/live-tickets", { body, options });
  }

  /** Users, ordered by id. Takes the scope `read`. */
  listUsers(query: { limit?: number; query?: string; admin?: boolean } = {}, options?: RequestOptions): List<Account> {
    return this.pages("/purser/v1/users", "data", { query, options });
  }

  /** Look at a user. Takes the scope `read`. */
  getUser(userId: string, options?: RequestOptions): Promise<Account> {
    return this.call("GET", `/purser/v1/users/${segment(userId)}`, { options });
  }

  /**
   * Make a user, or change one. With a wallet, `user:` and the id. What is left out stays as it is. What a new user
   * bought in app stores before is credited. To make a user an administrator takes the scope `admin`.
   */
  putUser(userId: string, body: UserChange, options?: RequestOptions): Promise<Account> {
    return this.call("PUT", `/purser/v1/users/${segment(userId)}`, { body, options });
  }

  /**
   * Erase a user's personal data. For good: e-mail, credentials, memberships and cards go, and the user stays out.
   * What was bought and spent stays in the books under the user's id. Takes the scope `manage`.
   */
  deleteUser(userId: string, query: { reason?: string } = {}, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/users/${segment(userId)}`, { query, options });
  }

  /**
   * Keep a user out. The user's sessions, keys and tokens stop working, and saved cards are let go. Takes the scope
   * `manage`.
   */
  blockUser(userId: string, body: Reason, options?: RequestOptions): Promise<Account> {
    return this.call("POST", `/purser/v1/users/${segment(userId)}/block`, { body, options });
  }

  /**
   * Let a blocked user in again. Their sessions and keys work as before. Cards that were let go have to be saved
   * again. Takes the scope `manage`.
   */
  unblockUser(userId: string, body: Reason, options?: RequestOptions): Promise<Account> {
    return this.call("POST", `/purser/v1/users/${segment(userId)}/unblock`, { body, options });
  }

  /**
   * Import users with their credits. Up to 1,000 users in one transaction; send the next ones with the same `name`.
   * A user gets an opening balance once for each `name`, so the same request can be sent again. Who is there already
   * stays as they are: what differs is reported, and nothing of it applied. A user who is refused keeps no other
   * from being imported; `dryRun` tells beforehand. Each opening balance is told as `wallet.changed`. Takes the
   * scope `manage`.
   */
  createImport(body: NewImport, options?: RequestOptions): Promise<Import> {
    return this.call("POST", "/purser/v1/imports", { body, options });
  }

  /**
   * All that is kept of a user. For people who ask what is known of them. Of organizations it has what the user did
   * there. No secret is in it. That it was read is in the audit log. If the answer breaks off it is no JSON: ask
   * again. Takes the scope `manage`.
   */
  getUserExport(userId: string, options?: RequestOptions): Promise<UserExport> {
    return this.call("GET", `/purser/v1/users/${segment(userId)}/export`, { options });
  }

  /**
   * Open a login session for a user. Its token is for the user's browser or app, and is shown in this answer only: a
   * repetition with the same key does not show it again. Takes the scope `manage`.
   */
  createSession(body: NewSession, options?: RequestOptions): Promise<Session> {
    return this.call("POST", "/purser/v1/sessions", { body, options });
  }

  /** End a session. It ends at once, and so do live connections that were opened with it. Takes the scope `manage`. */
  deleteSession(sessionId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/sessions/${segment(sessionId)}`, { options });
  }

  /** A user's sessions that have not ended, newest first. Takes the scope `manage`. */
  listUserSessions(userId: string, query: { limit?: number } = {}, options?: RequestOptions): List<SessionRecord> {
    return this.pages(`/purser/v1/users/${segment(userId)}/sessions`, "data", { query, options });
  }

  /** End all sessions of a user. Takes the scope `manage`. */
  deleteUserSessions(userId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/users/${segment(userId)}/sessions`, { options });
  }

  /**
   * Make a link to a customer's wallet page. Send the customer there: the link opens the page once, within ten
   * minutes. The session that it opens lasts two hours and is good for this wallet alone, with the scopes `read` and
   * `buy`. For an organization `memberId` says as which of its members; without it, it is the organization's own.
   * Takes the scope `manage`.
   */
  createPortalSession(body: NewPortalSession, options?: RequestOptions): Promise<PortalSessionMade> {
    return this.call("POST", "/purser/v1/portal-sessions", { body, options });
  }

  /**
   * Who looks at a wallet's page. Links that wait to be opened and sessions that have not ended, the newest first.
   * Takes the scope `manage`.
   */
  listPortalSessions(wallet: string, query: { limit?: number } = {}, options?: RequestOptions): List<PortalSession> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/portal-sessions`, "data", { query, options });
  }

  /**
   * End a session of a wallet page. At once, opened or not, and its live connections with it. Takes the scope
   * `manage`.
   */
  deletePortalSession(portalSessionId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/portal-sessions/${segment(portalSessionId)}`, { options });
  }

  /**
   * Open a wallet page's session with its link. As the page does. The secret is what the link ends with. It is good
   * once.
   */
  openPortalSession(body: PortalLink, options?: RequestOptions): Promise<OpenedPortalSession> {
    return this.call("POST", "/purser/v1/portal-sessions/open", { body, options });
  }

  /** The session of the wallet page that asks. Takes the scope `read`. */
  getPortalSession(options?: RequestOptions): Promise<PortalSession> {
    return this.call("GET", "/purser/v1/portal-session", { options });
  }

  /** All API keys, revoked ones too, newest first. Takes the scope `admin`. */
  listApiKeys(query: { limit?: number } = {}, options?: RequestOptions): List<ApiKey> {
    return this.pages("/purser/v1/api-keys", "data", { query, options });
  }

  /**
   * Make an API key. With some scopes, for everyone's wallets or with `walletsOf` for those of one user or
   * organization. A key of a user is that user in every API. The key is shown in this answer only: a repetition with
   * the same `Idempotency-Key` does not show it again. Takes the scope `admin`.
   */
  createApiKey(body: NewApiKey, options?: RequestOptions): Promise<ApiKeyWithSecret> {
    return this.call("POST", "/purser/v1/api-keys", { body, options });
  }

  /** Look at an API key. Takes the scope `admin`. */
  getApiKey(apiKeyId: string, options?: RequestOptions): Promise<ApiKey> {
    return this.call("GET", `/purser/v1/api-keys/${segment(apiKeyId)}`, { options });
  }

  /**
   * Revoke an API key. It ends at once, and so do live connections that were opened with it. Takes the scope
   * `admin`.
   */
  deleteApiKey(apiKeyId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/api-keys/${segment(apiKeyId)}`, { options });
  }

  /**
   * Limit what is spent with an API key. Of all wallets together, in a day, a month, or both, of UTC; instead of the
   * limits that it had, and at once. What was counted before stays counted. Takes the scope `admin`.
   */
  putApiKeyLimits(apiKeyId: string, body: NewLimits, options?: RequestOptions): Promise<ApiKey> {
    return this.call("PUT", `/purser/v1/api-keys/${segment(apiKeyId)}/limits`, { body, options });
  }

  /** API keys of a user, revoked ones too, newest first. Takes the scope `admin`. */
  listUserApiKeys(userId: string, query: { limit?: number } = {}, options?: RequestOptions): List<ApiKey> {
    return this.pages(`/purser/v1/users/${segment(userId)}/api-keys`, "data", { query, options });
  }

  /**
   * Find a user, an order, or what else has an id. By the beginning of a user's id, by an e-mail address; by the id
   * of a wallet, an organization (`org:7`), an order, a subscription, a debit, a grant or a hold; by the provider's
   * id of a payment, a session, an invoice, a subscription, a customer or an event; by your reference. At most ten
   * of each. Takes the scope `read`.
   */
  getSearch(query: { query: string }, options?: RequestOptions): List<FoundThing> {
    return this.pages("/purser/v1/search", "data", { query, options });
  }

  /** What needs a person. Everything is zero while all is well. Takes the scope `read`. */
  getAttention(options?: RequestOptions): Promise<Attention> {
    return this.call("GET", "/purser/v1/attention", { options });
  }

  /** The processes, queues, schedule and migrations of this installation. Takes the scope `read`. */
  getSystem(options?: RequestOptions): Promise<System> {
    return this.call("GET", "/purser/v1/system", { options });
  }

  /** What administrators did, newest first. Takes the scope `admin`. */
  getAuditLog(
    query: { limit?: number; actor?: string; action?: string; subject?: string; from?: Time; to?: Time } = {},
    options?: RequestOptions,
  ): List<AuditedAction> {
    return this.pages("/purser/v1/audit-log", "data", { query, options });
  }

  /**
   * What was sold, spent, granted, lapsed and refunded. Of all wallets together, for each hour, day or month in UTC.
   * The figures agree with the ledger at any moment: what is outstanding changes by `sold` and `granted`, less
   * `spent`, `lapsed` and `refunded`. Takes the scope `read`.
   */
  getStatistics(
    query: { from?: Time; to?: Time; interval?: "hour" | "day" | "month" } = {},
    options?: RequestOptions,
  ): List<StatisticsInterval> {
    return this.pages("/purser/v1/statistics", "data", { query, options });
  }

  /** All operators, the newest first. Takes the scope `admin`. */
  listOperators(query: { limit?: number } = {}, options?: RequestOptions): List<Operator> {
    return this.pages("/purser/v1/operators", "data", { query, options });
  }

  /**
   * Invite an operator. The link is for the operator and works once: on its page they choose a password. It is shown
   * in this answer only, and ends after three days. Takes the scope `admin`.
   */
  createOperator(body: NewOperator, options?: RequestOptions): Promise<OperatorLink> {
    return this.call("POST", "/purser/v1/operators", { body, options });
  }

  /**
   * Invite an operator again. With another link, in place of the one before: for one who lost it, or the password.
   * Accepting it sets another password and ends the operator's sessions. Takes the scope `admin`.
   */
  inviteOperator(operatorId: string, options?: RequestOptions): Promise<OperatorLink> {
    return this.call("POST", `/purser/v1/operators/${segment(operatorId)}/invite`, { options });
  }

  /**
   * Get a link that signs an operator in, in test mode. It works once, within twelve hours. In live mode the answer
   * is 403. Takes the scope `admin`.
   */
  signInLinkOperator(operatorId: string, options?: RequestOptions): Promise<OperatorLink> {
    return this.call("POST", `/purser/v1/operators/${segment(operatorId)}/sign-in-link`, { options });
  }

  /** Look at an operator. Takes the scope `admin`. */
  getOperator(operatorId: string, options?: RequestOptions): Promise<Operator> {
    return this.call("GET", `/purser/v1/operators/${segment(operatorId)}`, { options });
  }

  /**
   * Change an operator, disable one, or enable one again. What is left out stays as it is. Who is disabled is signed
   * out at once. The last admin who can sign in stays one. Takes the scope `admin`.
   */
  putOperator(operatorId: string, body: OperatorChange, options?: RequestOptions): Promise<Operator> {
    return this.call("PUT", `/purser/v1/operators/${segment(operatorId)}`, { body, options });
  }

  /**
   * Remove an operator. What the operator did stays in the audit log. The last admin cannot be removed. Takes the
   * scope `admin`.
   */
  deleteOperator(operatorId: string, query: { reason: string }, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/operators/${segment(operatorId)}`, { query, options });
  }

  /**
   * An operator's sessions that have not ended, newest first. An operator sees their own, an admin those of all.
   * Takes the scope `read`.
   */
  listOperatorSessions(
    operatorId: string,
    query: { limit?: number } = {},
    options?: RequestOptions,
  ): List<OperatorSession> {
    return this.pages(`/purser/v1/operators/${segment(operatorId)}/sessions`, "data", { query, options });
  }

  /** Who is signed in. Takes the scope `read`. */
  getOperatorSession(options?: RequestOptions): Promise<CurrentOperator> {
    return this.call("GET", "/purser/v1/operator-session", { options });
  }

  /**
   * End an operator's session. An operator ends their own, an admin anybody's. `current` signs out. Takes the scope
   * `read`.
   */
  deleteOperatorSession(sessionId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/operator-sessions/${segment(sessionId)}`, { options });
  }

  /**
   * Sign in as an operator. With an e-mail address and a password, or with a sign-in link's `link`. The token is the
   * credential of the operator; it ends after twelve hours, or two hours after its last use. Attempts are bounded by
   * account and by address.
   */
  createOperatorSession(body: OperatorSignIn, options?: RequestOptions): Promise<OperatorSignedIn> {
    return this.call("POST", "/purser/v1/operator-sessions", { body, options });
  }

  /** See whose invitation it is. It can still be accepted afterwards. */
  lookUpOperatorInvitation(body: OperatorInvitation, options?: RequestOptions): Promise<Operator> {
    return this.call("POST", "/purser/v1/operator-invitations/look-up", { body, options });
  }

  /** Accept an invitation. Once: it sets the operator's password, and ends the sessions of before. */
  acceptOperatorInvitation(body: AcceptedInvitation, options?: RequestOptions): Promise<Operator> {
    return this.call("POST", "/purser/v1/operator-invitations/accept", { body, options });
  }

  /** Change the password of who is signed in. All other sessions of the operator end. Takes the scope `read`. */
  putOperatorPassword(body: OperatorPassword, options?: RequestOptions): Promise<void> {
    return this.call("PUT", "/purser/v1/operator-password", { body, options });
  }

  /**
   * The subscriptions of a wallet. Those that are not over first, then the newest first; 200 at most. Takes the
   * scope `read`.
   */
  listSubscriptions(wallet: string, options?: RequestOptions): List<Subscription> {
    return this.pages(`/purser/v1/wallets/${segment(wallet)}/subscriptions`, "data", { options });
  }

  /**
   * End a subscription at its provider. With its period, as who buys for the wallet may have it; a server needs the
   * scope `manage`, and it may also end it now; then with `refund` its last payment is given back as well, as far as
   * that has not happened, and the credits follow the money. A subscription's money is given back once, however
   * often that is asked for. What the provider refuses is 409 in its words, and in the subscription's `ending`.
   */
  cancelSubscription(
    subscriptionId: string,
    body: CancelSubscription,
    options?: RequestOptions,
  ): Promise<Subscription> {
    return this.call("POST", `/purser/v1/subscriptions/${segment(subscriptionId)}/cancel`, { body, options });
  }

  /**
   * Move a subscription to another plan. As who buys for the wallet may have it; a server needs the scope `manage`.
   * The provider charges the difference for the rest of the period at once, or keeps it for the next payment; what
   * is paid is credited. If the payment fails, nothing changes. The plan must have a price or product of its own at
   * the provider, in the same currency.
   */
  changeSubscription(
    subscriptionId: string,
    body: ChangeSubscription,
    options?: RequestOptions,
  ): Promise<Subscription> {
    return this.call("POST", `/purser/v1/subscriptions/${segment(subscriptionId)}/change`, { body, options });
  }

  /**
   * What a subscription can be moved to, and what that costs. The plans that are sold for a month or a year and have
   * a price or product of their own at the provider, in the same currency. None while the subscription is not
   * active, or ends. Takes the scope `read`.
   */
  listSubscriptionPlans(subscriptionId: string, options?: RequestOptions): List<PlanOption> {
    return this.pages(`/purser/v1/subscriptions/${segment(subscriptionId)}/plans`, "data", { options });
  }

  /**
   * Events of providers, and what became of them. Newest first. Those in state `open` contradict their orders:
   * nothing was credited, and an operator credits the order, has the event applied again, or dismisses it. Takes the
   * scope `admin`.
   */
  listProviderEvents(
    query: { state?: string; provider?: string; limit?: number } = {},
    options?: RequestOptions,
  ): List<HandledProviderEvent> {
    return this.pages("/purser/v1/provider-events", "data", { query, options });
  }

  /**
   * An event, what it says, and the order that it is about. What came and what was expected, side by side. The text
   * has personal data of the buyer. Takes the scope `admin`.
   */
  getProviderEvent(id: string, options?: RequestOptions): Promise<ProviderEventDetail> {
    return this.call("GET", `/purser/v1/provider-events/${segment(id)}`, { options });
  }

  /**
   * Credit the order of an event in quarantine as paid. The order counts as paid with what the event says was paid,
   * and grants what was ordered. It is refused if there is no order, or the order is credited already. Takes the
   * scope `admin`.
   */
  creditProviderEvent(id: string, body: SettleProviderEvent, options?: RequestOptions): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/credit`, { body, options });
  }

  /**
   * Have an event in quarantine applied again, after a repair. It goes through the queue, and leaves the quarantine
   * if it agrees with its order now. Takes the scope `admin`.
   */
  retryProviderEvent(id: string, body?: RetryProviderEvent, options?: RequestOptions): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/retry`, { body, options });
  }

  /** Take an event out of quarantine without crediting anything. Takes the scope `admin`. */
  dismissProviderEvent(
    id: string,
    body: SettleProviderEvent,
    options?: RequestOptions,
  ): Promise<HandledProviderEvent> {
    return this.call("POST", `/purser/v1/provider-events/${segment(id)}/dismiss`, { body, options });
  }

  /** All packs, also those that are not for sale. Takes the scope `manage`. */
  listPacks(options?: RequestOptions): List<Pack> {
    return this.pages("/purser/v1/catalog/packs", "data", { options });
  }

  /** Add a pack. Takes the scope `manage`. */
  createPack(body: NewPack, options?: RequestOptions): Promise<Pack> {
    return this.call("POST", "/purser/v1/catalog/packs", { body, options });
  }

  /** Look at a pack. Takes the scope `manage`. */
  getPack(packId: string, options?: RequestOptions): Promise<Pack> {
    return this.call("GET", `/purser/v1/catalog/packs/${segment(packId)}`, { options });
  }

  /**
   * Replace a pack. With `active` false it is sold no more. Orders that were placed keep what was ordered. Takes the
   * scope `manage`.
   */
  putPack(packId: string, body: NewPack, options?: RequestOptions): Promise<Pack> {
    return this.call("PUT", `/purser/v1/catalog/packs/${segment(packId)}`, { body, options });
  }

  /** All plans, also those that are not for sale. Takes the scope `manage`. */
  listPlans(options?: RequestOptions): List<Plan> {
    return this.pages("/purser/v1/catalog/plans", "data", { options });
  }

  /** Add a plan. Takes the scope `manage`. */
  createPlan(body: NewPlan, options?: RequestOptions): Promise<Plan> {
    return this.call("POST", "/purser/v1/catalog/plans", { body, options });
  }

  /** Look at a plan. Takes the scope `manage`. */
  getPlan(planId: string, options?: RequestOptions): Promise<Plan> {
    return this.call("GET", `/purser/v1/catalog/plans/${segment(planId)}`, { options });
  }

  /**
   * Replace a plan. With `active` false it is sold no more. Subscriptions keep the terms that they were made with.
   * Takes the scope `manage`.
   */
  putPlan(planId: string, body: NewPlan, options?: RequestOptions): Promise<Plan> {
    return this.call("PUT", `/purser/v1/catalog/plans/${segment(planId)}`, { body, options });
  }

  /** All coupons, the newest first. Takes the scope `manage`. */
  listCoupons(query: { limit?: number } = {}, options?: RequestOptions): List<Coupon> {
    return this.pages("/purser/v1/catalog/coupons", "data", { query, options });
  }

  /**
   * Add a coupon. One of `percent`, `amountOff` and `bonusCredits` goes with an order; `credits` gives its credits
   * at once, to whoever redeems the code. Takes the scope `manage`.
   */
  createCoupon(body: NewCoupon, options?: RequestOptions): Promise<Coupon> {
    return this.call("POST", "/purser/v1/catalog/coupons", { body, options });
  }

  /** Look at a coupon. Takes the scope `manage`. */
  getCoupon(couponId: string, options?: RequestOptions): Promise<Coupon> {
    return this.call("GET", `/purser/v1/catalog/coupons/${segment(couponId)}`, { options });
  }

  /**
   * Change a coupon. All but its code and what it does, which are for good: with `active` false it is accepted no
   * more. Orders that use it keep what it gave them. Takes the scope `manage`.
   */
  putCoupon(couponId: string, body: CouponChange, options?: RequestOptions): Promise<Coupon> {
    return this.call("PUT", `/purser/v1/catalog/coupons/${segment(couponId)}`, { body, options });
  }

  /** What users get for checking in once a day. Takes the scope `manage`. */
  getCheckIn(options?: RequestOptions): Promise<CheckIn> {
    return this.call("GET", "/purser/v1/catalog/check-in", { options });
  }

  /**
   * Set what users get for checking in. From the next check-in on. A streak's bonus is given once, on the day that
   * makes the streak so long. A change of the time zone gives nobody a second check-in on one day. Takes the scope
   * `manage`.
   */
  putCheckIn(body: NewCheckIn, options?: RequestOptions): Promise<CheckIn> {
    return this.call("PUT", "/purser/v1/catalog/check-in", { body, options });
  }

  /** What any amount of credits costs, by currency. Takes the scope `manage`. */
  listCreditPrices(options?: RequestOptions): List<CreditPrice> {
    return this.pages("/purser/v1/catalog/credit-prices", "data", { options });
  }

  /**
   * Set what credits cost in a currency. So many credits for so many smallest units. Auto-recharge and purchases of
   * any amount go by it from now on; orders that were placed keep their price. Takes the scope `manage`.
   */
  putCreditPrice(currency: string, body: NewCreditPrice, options?: RequestOptions): Promise<CreditPrice> {
    return this.call("PUT", `/purser/v1/catalog/credit-prices/${segment(currency)}`, { body, options });
  }

  /**
   * Jobs that nobody could do and that wait for an operator. Newest first, without their messages; and how many
   * there are, by role and reason. Takes the scope `admin`.
   */
  listDeadLetters(query: { limit?: number; role?: string } = {}, options?: RequestOptions): List<DeadLetter> {
    return this.pages("/purser/v1/dead-letters", "data", { query, options });
  }

  /**
   * A job that nobody could do, with what may be seen of its message. Ids, types and states only: never texts,
   * addresses or links. Takes the scope `admin`.
   */
  getDeadLetter(id: string, options?: RequestOptions): Promise<DeadLetterDetail> {
    return this.call("GET", `/purser/v1/dead-letters/${segment(id)}`, { options });
  }

  /**
   * Have a dead letter done again. It goes back to its queue. Should it fail again, it is a new dead letter. Takes
   * the scope `admin`.
   */
  retryDeadLetter(id: string, options?: RequestOptions): Promise<DeadLetter> {
    return this.call("POST", `/purser/v1/dead-letters/${segment(id)}/retry`, { options });
  }

  /**
   * Give a dead letter up. Its message is forgotten. That it was, by whom and why stays on record. Takes the scope
   * `admin`.
   */
  dismissDeadLetter(id: string, body: DiscardDeadLetter, options?: RequestOptions): Promise<DeadLetter> {
    return this.call("POST", `/purser/v1/dead-letters/${segment(id)}/dismiss`, { body, options });
  }

  /**
   * Purchases in app stores that wait for their buyers or products. Oldest first. A purchase of several waits for
   * somebody who says how many they are. Takes the scope `admin`.
   */
  listParkedPurchases(query: { limit?: number } = {}, options?: RequestOptions): List<ParkedPurchase> {
    return this.pages("/purser/v1/parked-purchases", "data", { query, options });
  }

  /** A purchase in an app store. Takes the scope `admin`. */
  getParkedPurchase(purchaseId: string, options?: RequestOptions): Promise<ParkedPurchase> {
    return this.call("GET", `/purser/v1/parked-purchases/${segment(purchaseId)}`, { options });
  }

  /** Give a parked purchase to a user. Takes the scope `admin`. */
  claimParkedPurchase(purchaseId: string, body: Claim, options?: RequestOptions): Promise<Claimed> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/claim`, { body, options });
  }

  /**
   * Have a parked purchase looked at again. It is credited if its buyer and its product are known now. Takes the
   * scope `admin`.
   */
  retryParkedPurchase(
    purchaseId: string,
    body?: RetryParkedPurchase,
    options?: RequestOptions,
  ): Promise<ParkedPurchase> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/retry`, { body, options });
  }

  /** Decide that nobody gets a parked purchase. Takes the scope `admin`. */
  dismissParkedPurchase(
    purchaseId: string,
    body: DismissParkedPurchase,
    options?: RequestOptions,
  ): Promise<ParkedPurchase> {
    return this.call("POST", `/purser/v1/parked-purchases/${segment(purchaseId)}/dismiss`, { body, options });
  }

  /** Organizations, ordered by id. All of them; for a user, their own. Takes the scope `read`. */
  listOrganizations(query: { limit?: number } = {}, options?: RequestOptions): List<Organization> {
    return this.pages("/purser/v1/organizations", "data", { query, options });
  }

  /** Make an organization. With a wallet that its members share: `org:` and its id. Takes the scope `manage`. */
  createOrganization(body: NewOrganization, options?: RequestOptions): Promise<NewOrganizationMade> {
    return this.call("POST", "/purser/v1/organizations", { body, options });
  }

  /** Look at an organization. Takes the scope `read`. */
  getOrganization(orgId: string, options?: RequestOptions): Promise<OrganizationDetails> {
    return this.call("GET", `/purser/v1/organizations/${segment(orgId)}`, { options });
  }

  /**
   * Give a user a role in an organization. As a new member, or instead of another role. Owners and admins buy and
   * spend, members spend, viewers see. An organization that has an owner keeps one. What a viewer to be holds of its
   * credits is released. Owners and admins may do it themselves, with the session of a wallet page; only owners
   * decide who is an owner. Takes the scope `manage`.
   */
  putOrganizationMember(
    orgId: string,
    userId: string,
    body: NewRole,
    options?: RequestOptions,
  ): Promise<OrganizationMember> {
    return this.call("PUT", `/purser/v1/organizations/${segment(orgId)}/members/${segment(userId)}`, { body, options });
  }

  /**
   * Take a user out of an organization. An organization that has an owner keeps one. What the user holds of its
   * credits is released. Takes the scope `manage`.
   */
  deleteOrganizationMember(orgId: string, userId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/organizations/${segment(orgId)}/members/${segment(userId)}`, { options });
  }

  /**
   * Limit what a member spends. Of the organization's credits, in a day or a month of UTC; instead of another limit,
   * and at once. What was counted before stays counted. In a session with the scope `buy`, owners limit everybody,
   * and admins members and viewers. A server does with the scope `manage`.
   */
  putMemberLimit(orgId: string, userId: string, body: NewLimit, options?: RequestOptions): Promise<Limit> {
    return this.call("PUT", `/purser/v1/organizations/${segment(orgId)}/members/${segment(userId)}/limit`, { body, options });
  }

  /**
   * Take a member's limit away. The member spends as much as there is. In a session with the scope `buy`, owners
   * limit everybody, and admins members and viewers. A server does with the scope `manage`.
   */
  deleteMemberLimit(orgId: string, userId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/organizations/${segment(orgId)}/members/${segment(userId)}/limit`, { options });
  }

  /** The levels below which a balance is told of. Takes the scope `read`. */
  listBalanceAlerts(wallet: string, options?: RequestOptions): Promise<BalanceAlerts> {
    return this.call("GET", `/purser/v1/wallets/${segment(wallet)}/balance-alerts`, { options });
  }

  /**
   * Choose the levels below which a balance is told of. When the balance falls below a level, live connections and
   * webhook endpoints get `balance.low`: once, and again after it has risen to the level and fallen below it anew.
   * Of several levels that are passed at once the lowest is told. For an organization owners and admins choose.
   * Takes the scope `buy`.
   */
  putBalanceAlerts(wallet: string, body: NewBalanceAlerts, options?: RequestOptions): Promise<BalanceAlerts> {
    return this.call("PUT", `/purser/v1/wallets/${segment(wallet)}/balance-alerts`, { body, options });
  }

  /** All webhook endpoints, without their secrets. Takes the scope `admin`. */
  listWebhookEndpoints(options?: RequestOptions): List<WebhookEndpoint> {
    return this.pages("/purser/v1/webhook-endpoints", "data", { options });
  }

  /**
   * Add an address that is told what happens to wallets. Messages are signed as Standard Webhooks has it, with the
   * headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. A message may come more than once, always
   * under the same `webhook-id`, and in any order: of the events of one wallet, the one with the larger `sequence`
   * is the later one. It is one more than that of the event before, of whatever type: an endpoint that takes all
   * types sees by it what is still to come. `webhooks` describes them all. The secret is shown in this answer only.
   * Takes the scope `admin`.
   */
  createWebhookEndpoint(body: NewWebhookEndpoint, options?: RequestOptions): Promise<WebhookEndpointWithSecret> {
    return this.call("POST", "/purser/v1/webhook-endpoints", { body, options });
  }

  /** Look at a webhook endpoint. Takes the scope `admin`. */
  getWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<WebhookEndpoint> {
    return this.call("GET", `/purser/v1/webhook-endpoints/${segment(endpointId)}`, { options });
  }

  /**
   * Replace a webhook endpoint. One that was disabled, also by itself, is told again once `enabled` is true. Takes
   * the scope `admin`.
   */
  putWebhookEndpoint(
    endpointId: string,
    body: NewWebhookEndpoint,
    options?: RequestOptions,
  ): Promise<WebhookEndpoint> {
    return this.call("PUT", `/purser/v1/webhook-endpoints/${segment(endpointId)}`, { body, options });
  }

  /** Delete a webhook endpoint with its deliveries. Takes the scope `admin`. */
  deleteWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<void> {
    return this.call("DELETE", `/purser/v1/webhook-endpoints/${segment(endpointId)}`, { options });
  }

  /**
   * Give a webhook endpoint another secret. For a day messages are signed with both. The secret is shown in this
   * answer only. Takes the scope `admin`.
   */
  rotateSecretWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<WebhookEndpointWithSecret> {
    return this.call("POST", `/purser/v1/webhook-endpoints/${segment(endpointId)}/rotate-secret`, { options });
  }

  /**
   * Send a message to try a webhook endpoint. Its type is `endpoint.test`. How it went is among the endpoint's
   * deliveries. Takes the scope `admin`.
   */
  testWebhookEndpoint(endpointId: string, options?: RequestOptions): Promise<WebhookAccepted> {
    return this.call("POST", `/purser/v1/webhook-endpoints/${segment(endpointId)}/test`, { options });
  }

  /**
   * What was delivered to a webhook endpoint, or could not be. Newest first, kept for 30 days. Takes the scope
   * `admin`.
   */
  listWebhookEndpointDeliveries(
    endpointId: string,
    query: { limit?: number; state?: string } = {},
    options?: RequestOptions,
  ): List<WebhookDelivery> {
    return this.pages(`/purser/v1/webhook-endpoints/${segment(endpointId)}/deliveries`, "data", { query, options });
  }

  /** Send a message again. Under the same `webhook-id`, whether it was delivered or not. Takes the scope `admin`. */
  replayWebhookDelivery(deliveryId: string, options?: RequestOptions): Promise<WebhookAccepted> {
    return this.call("POST", `/purser/v1/webhook-deliveries/${segment(deliveryId)}/replay`, { options });
  }

  /**
   * What is for sale. Packs and plans in the order to show them in, and what any amount of credits costs. Takes the
   * scope `read`.
   */
  listProducts(options?: RequestOptions): Promise<Products> {
    return this.call("GET", "/purser/v1/products", { options });
  }

  /**
   * Orders, the newest first. Those for which all holds that is given. Unless a wallet is named they are
   * everybody's, or those of the one wallet that the credential is for. Takes the scope `read`.
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
   * the order. Sent again with its `Idempotency-Key`, it is the same order for ever. Takes the scope `buy`.
   */
  createOrder(body: NewOrder, options?: RequestOptions): Promise<Order> {
    return this.call("POST", "/purser/v1/orders", { body, options });
  }

  /**
   * An order, with its refunds and disputes. While it is open, asking has the provider asked too, every few seconds
   * at most. Takes the scope `read`.
   */
  getOrder(orderId: string, options?: RequestOptions): Promise<Order> {
    return this.call("GET", `/purser/v1/orders/${segment(orderId)}`, { options });
  }

  /**
   * Give money of an order back. All that is left, or a part; the credits follow as with any refund. In all never
   * more goes back than was paid, and with its `Idempotency-Key` a request gives back once, for ever. What the
   * provider refuses is 409 in its words, and in the order's `refunds`. Creem gives back all that is left only.
   * Takes the scope `manage`.
   */
  refundOrder(orderId: string, body: NewRefund, options?: RequestOptions): Promise<Refund> {
    return this.call("POST", `/purser/v1/orders/${segment(orderId)}/refund`, { body, options });
  }

  /**
   * The story of an order. What was ordered, what the provider told of it, what was decided by hand, which credits
   * moved, and what your server was told, in the order in which it happened: at most 200 of each. Takes the scope
   * `read`.
   */
  getOrderTimeline(orderId: string, options?: RequestOptions): List<TimelineStep> {
    return this.pages(`/purser/v1/orders/${segment(orderId)}/timeline`, "data", { options });
  }

  /**
   * How a payment page stands. That of an order, whose id it has, or one on which a card is saved
   * (`setup.paymentId`). While it is open, asking has the provider asked too, every few seconds at most. Takes the
   * scope `read`.
   */
  getCheckout(checkoutId: string, options?: RequestOptions): Promise<Checkout> {
    return this.call("GET", `/purser/v1/checkouts/${segment(checkoutId)}`, { options });
  }

  /**
   * What came of a payment page, for the page that buyers come back to. The session's id is in the address that the
   * provider sends the buyer back to; who knows it may know this.
   */
  getCheckoutResult(sessionId: string, options?: RequestOptions): Promise<CheckoutResult> {
    return this.call("GET", `/purser/v1/checkout-results/${segment(sessionId)}`, { options });
  }

  /**
   * Redeem a code that gives credits. Makes an order without a price, which a worker credits at once. A coupon that
   * goes with a purchase is used with an order instead. Takes the scope `buy`.
   */
  createRedemption(body: NewRedemption, options?: RequestOptions): Promise<Order> {
    return this.call("POST", "/purser/v1/redemptions", { body, options });
  }

  /**
   * The time of an installation in test mode. In live mode there is no test clock: the answer is 403. Takes the
   * scope `admin`.
   */
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
   * steps of a day. In live mode the answer is 403. Takes the scope `admin`.
   */
  clock(body: ClockMove, options?: RequestOptions): Promise<ClockMoved> {
    return this.call("POST", "/purser/v1/test/clock", { body, options });
  }
}
