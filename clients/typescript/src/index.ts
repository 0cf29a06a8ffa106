// The client of Purser: prepaid credits for your product.

export { ApiError, ConnectionFailed, PurserError } from "./api_error.ts";
export { Purser } from "./client.ts";
export * from "./errors.ts";
export type { Event, EventData, WalletState } from "./events.ts";
export { List, type Options, type Page, type RequestOptions } from "./transport.ts";
export * from "./types.ts";
export type { Credits, GivenCredits, Money, Time } from "./values.ts";
export { type VerifyOptions, verifyWebhook, WebhookInvalid } from "./webhooks.ts";
