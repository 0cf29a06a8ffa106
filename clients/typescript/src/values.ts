// Amounts, and values to and from JSON. Credits are exact, and so are text: JavaScript's numbers have 15 digits and
// round sums such as 0.1 + 0.2.

import { CREDIT_FIELDS } from "./types.ts";

/** Credits in an answer: a decimal number as text, such as "2500" or "0.25". */
export type Credits = string;

/** Credits that are given to the API: exact as text; a number counts as it prints. At most six decimals. */
export type GivenCredits = string | number;

/** A time, as RFC 3339 writes it: "2026-11-28T08:00:00.000Z". `new Date(time)` reads it. */
export type Time = string;

/** So many of the currency's smallest unit: `{minor: 2500, currency: "usd"}` is 25 dollars. */
export interface Money {
  minor: number;
  currency: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

/** Parses JSON; fields of credits become text, digit by digit. */
export function parseExact(text: string): unknown {
  let field = "";
  const quoted = text.replace(TOKEN, (token) => {
    if (!token.startsWith('"')) return CREDIT_FIELDS.has(field) ? `"${token}"` : token;
    if (token.endsWith(":")) field = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
    return token;
  });
  return JSON.parse(quoted);
}

/** Writes JSON; text in fields of credits becomes a number, digit by digit. What is undefined is left out. */
export function stringifyExact(value: unknown, field = ""): string {
  if (Array.isArray(value)) return `[${value.map((part) => stringifyExact(part, field)).join(",")}]`;
  // The names in metadata are the caller's.
  if (field === "metadata") return JSON.stringify(value);
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    const given = Object.entries(value).filter(([, part]) => part !== undefined);
    return `{${given.map(([name, part]) => `${JSON.stringify(name)}:${stringifyExact(part, name)}`).join(",")}}`;
  }
  if (CREDIT_FIELDS.has(field) && (typeof value === "string" || typeof value === "number")) {
    const text = String(value);
    if (!DECIMAL.test(text)) throw new TypeError(`${field}: "${text}" is no number of credits`);
    return text;
  }
  return JSON.stringify(value);
}
