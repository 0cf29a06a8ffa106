// Requests: who asks, how often, and what is made of the answer.

import { ApiError, ConnectionFailed, type ErrorFields, PurserError } from "./api_error.ts";
import { BY_CODE, IdempotencyKeyInUse } from "./errors.ts";
import { parseExact, stringifyExact } from "./values.ts";

/** Answers after which the same request may succeed. A proxy that lost the API says 502 or 504. */
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

export interface Options {
  /** PURSER_API_KEY unless given. */
  apiKey?: string;
  /** PURSER_URL unless given. */
  baseUrl?: string;
  /** How long one attempt may take; 30 seconds unless given. */
  timeoutMs?: number;
  /** How often a request is sent again after an outage; 5 times unless given. */
  maxRetries?: number;
  /** Another `fetch`, such as one with a proxy. */
  fetch?: typeof fetch;
}

export interface RequestOptions {
  /** For a POST: what was done under this key is not done again. A new one unless given. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface Page<T> {
  data: T[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

/** A list. `for await` goes through it, and asks for its pages as they are needed. */
export class List<T> implements AsyncIterable<T> {
  readonly #fetch: (cursor?: string) => Promise<Page<T>>;

  constructor(fetchPage: (cursor?: string) => Promise<Page<T>>) {
    this.#fetch = fetchPage;
  }

  /** One page: the first, or the one at this cursor. */
  page(cursor?: string): Promise<Page<T>> {
    return this.#fetch(cursor);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const page = await this.#fetch(cursor);
      yield* page.data;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}

interface Given {
  body?: unknown;
  query?: Readonly<Record<string, unknown>>;
  options?: RequestOptions | undefined;
}

/** What sends requests. See `Purser`. */
export class Transport {
  readonly #key: string;
  readonly #base: string;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #fetch: typeof fetch;

  /** The key and the address come from PURSER_API_KEY and PURSER_URL unless they are given. */
  constructor(options: Options = {}) {
    const key = options.apiKey ?? environment("PURSER_API_KEY");
    const base = options.baseUrl ?? environment("PURSER_URL");
    if (!key) throw new TypeError("there is no API key: set PURSER_API_KEY, or give apiKey");
    if (!base) throw new TypeError("there is no address: set PURSER_URL, or give baseUrl");
    this.#key = key;
    this.#base = base.replace(/\/+$/, "");
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#maxRetries = options.maxRetries ?? 5;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  protected async call<T>(method: string, path: string, { body, query, options }: Given): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    // The same at every attempt: however often it is sent, it is done once.
    if (method === "POST") headers["idempotency-key"] = options?.idempotencyKey ?? crypto.randomUUID();
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = { method, headers, ...(body !== undefined && { body: stringifyExact(body) }) };
    const text = await this.#send(path + parameters(query), request, options?.signal);
    return (text === "" ? undefined : parseExact(text)) as T;
  }

  protected pages<T>(path: string, items: string, { query, options }: Given): List<T> {
    return new List<T>(async (cursor) => {
      type Found = Record<string, T[]> & { nextCursor?: string | null };
      const found = await this.call<Found>("GET", path, { query: { ...query, cursor }, options });
      return { data: found[items] ?? [], nextCursor: found.nextCursor ?? null };
    });
  }

  /** A stream, which stays open until `signal` says otherwise. */
  protected stream(path: string, signal: AbortSignal): Promise<Response> {
    return this.#fetch(this.#base + path, { signal });
  }

  async #send(path: string, request: RequestInit, signal?: AbortSignal): Promise<string> {
    for (let retries = 0; ; retries++) {
      const isLast = retries >= this.#maxRetries;
      let wait: number | undefined;
      try {
        const timeout = AbortSignal.timeout(this.#timeoutMs);
        const until = signal ? AbortSignal.any([signal, timeout]) : timeout;
        const response = await this.#fetch(this.#base + path, { ...request, signal: until });
        const text = await response.text();
        if (response.ok) return text;
        const failure = failureOf(response.status, text);
        const isUnderWay = failure instanceof IdempotencyKeyInUse;
        if (isLast || !(AGAIN.has(response.status) || isUnderWay)) throw failure;
        wait = retryAfter(response);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof PurserError) throw error;
        if (isLast) throw new ConnectionFailed(`${request.method} ${path}: ${String(error)}`, { cause: error });
      }
      await sleep(wait ?? pause(retries), signal);
    }
  }
}

/** How long to wait before another attempt: longer each time, and not all clients at once. */
export function pause(retries: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** retries) * (0.5 + Math.random() / 2);
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}

/** The error that an answer is. */
export function failureOf(status: number, text: string): ApiError {
  let fields: ErrorFields = { code: "unknown", message: text.slice(0, 200) };
  try {
    fields = (parseExact(text) as { error?: ErrorFields }).error ?? fields;
  } catch {
    // It comes from somebody between, such as a proxy.
  }
  const Kind = BY_CODE[fields.code] ?? ApiError;
  return new Kind(status, fields);
}

/** A part of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":");
}

function parameters(query: Readonly<Record<string, unknown>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number.parseFloat(response.headers.get("retry-after") ?? "");
  return Number.isFinite(seconds) ? Math.min(LONGEST_WAIT_MS, Math.max(0, seconds * 1000)) : undefined;
}

function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name];
}
