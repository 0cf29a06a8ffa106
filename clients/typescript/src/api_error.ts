// What goes wrong.

import type { ReachedLimit } from "./types.ts";

/** Anything that this package throws about the API. */
export class PurserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * The API did not answer, however often it was asked. Whether the request was done is unknown: send it again with the
 * same idempotency key to find out.
 */
export class ConnectionFailed extends PurserError {}

/** What the API says of an error. */
export interface ErrorFields {
  code: string;
  message: string;
  param?: string;
  requestId?: string;
  available?: string;
  needed?: string;
  limit?: ReachedLimit;
}

/** The API refuses. Its subclasses tell the codes apart. */
export class ApiError extends PurserError {
  readonly status: number;
  readonly code: string;
  /** The field, parameter or header that is wrong. */
  readonly param: string | undefined;
  /** Names the request in the API's log. */
  readonly requestId: string | undefined;
  /** With `InsufficientCredits`: what can be spent… */
  readonly available: string | undefined;
  /** …and what was asked for. */
  readonly needed: string | undefined;
  /** With `LimitReached`: whose limit it is, what is left of it, and when it begins anew. */
  readonly limit: ReachedLimit | undefined;

  constructor(status: number, fields: ErrorFields) {
    super(`${status} ${fields.code}: ${fields.message}`);
    this.status = status;
    this.code = fields.code;
    this.param = fields.param;
    this.requestId = fields.requestId;
    this.available = fields.available;
    this.needed = fields.needed;
    this.limit = fields.limit;
  }
}
