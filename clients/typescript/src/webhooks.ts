// Verification of the webhooks that Purser sends, which are signed as https://www.standardwebhooks.com has it.

import { PurserError } from "./api_error.ts";
import type { Event, EventData } from "./events.ts";
import { parseExact } from "./values.ts";

/** Seconds by which a message may be older or newer than now. */
const TOLERANCE_SECONDS = 300;

/** The message does not come from Purser, or is too old. Answer 400 and do nothing. */
export class WebhookInvalid extends PurserError {}

export interface VerifyOptions {
  /** null if the time does not count, as when the test clock was moved. */
  toleranceSeconds?: number | null;
  /** The present time in seconds since 1970, for tests. */
  now?: number;
}

/**
 * The event that a webhook tells of; throws `WebhookInvalid` when it is not genuine.
 *
 * @param body As it came, before anything has parsed it.
 * @param headers Of the request: those of `fetch`, or those of Node.
 * @param secret The endpoint's secret, `whsec_…`; several while you replace it.
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  secret: string | readonly string[],
  { toleranceSeconds = TOLERANCE_SECONDS, now = Date.now() / 1000 }: VerifyOptions = {},
): Promise<Event> {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => header(headers, `webhook-${name}`));
  if (!id || !timestamp || !signatures) throw new WebhookInvalid("a webhook header is missing");
  if (!/^\d+$/.test(timestamp)) throw new WebhookInvalid("webhook-timestamp is no number");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const prefix = new TextEncoder().encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(prefix.length + bytes.length);
  content.set(prefix);
  content.set(bytes, prefix.length);
  let isGenuine = false;
  for (const one of typeof secret === "string" ? [secret] : secret) {
    const key = await crypto.subtle.importKey("raw", keyOf(one), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const given of signatures.split(" ")) {
      const signature = given.startsWith("v1,") ? base64(given.slice(3)) : null;
      // Compares in constant time.
      if (signature && (await crypto.subtle.verify("HMAC", key, signature, content))) isGenuine = true;
    }
  }
  if (!isGenuine) throw new WebhookInvalid("no signature is right");
  if (toleranceSeconds !== null && Math.abs(now - Number(timestamp)) > toleranceSeconds) {
    throw new WebhookInvalid("the message is too old, or the clocks differ");
  }
  try {
    const message = parseExact(new TextDecoder().decode(bytes)) as { type: string; timestamp: string; data?: EventData };
    if (typeof message.type === "string") {
      return { type: message.type, timestamp: message.timestamp, id, data: message.data ?? {} };
    }
  } catch {
    // As below.
  }
  throw new WebhookInvalid("the body is no event");
}

function header(headers: Headers | Readonly<Record<string, string | string[] | undefined>>, name: string): string | null {
  if (headers instanceof Headers) return headers.get(name);
  const value = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const key = base64(secret.replace(/^whsec_/, ""));
  if (!key) throw new TypeError("a secret is `whsec_` and the key in base64");
  return key;
}

function base64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
