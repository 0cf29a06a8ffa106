// What the client does by itself, against a server that is made up.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { ApiError, ConnectionFailed, type Event, InsufficientCredits, LimitReached, MissingScope, Purser, verifyWebhook, WebhookInvalid } from "../src/index.ts";
import { parseExact, stringifyExact } from "../src/values.ts";
import { type Answer, type Fake, withServer } from "./fake.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DEBIT = '{"debitId": "d1", "credits": 12.5, "balance": 9007199254740.993001, "available": 5, "new": 1}';
const refusal = (code: string) => ({ error: { code, message: "" } });

function client(fake: Fake, maxRetries = 5): Purser {
  return new Purser({ apiKey: "psk_test", baseUrl: fake.url, maxRetries });
}

test("credits are exact both ways", async () => {
  await withServer(() => ({ body: DEBIT }), async (fake) => {
    const body = { credits: "9007199254740.993001", metadata: { credits: "12" } };
    const done = await client(fake).createDebit("user:alice", body);
    assert.deepEqual([done.balance, done.available], ["9007199254740.993001", "5"]);
    assert.equal(fake.asked[0]?.path, "/purser/v1/wallets/user:alice/debits");
    assert.equal(fake.asked[0]?.body, '{"credits":9007199254740.993001,"metadata":{"credits":"12"}}');
    await assert.rejects(client(fake).createDebit("user:alice", { credits: "twelve" }), TypeError);
    await assert.rejects(client(fake).createDebit("user:alice", { credits: Number.NaN }), TypeError);
    assert.equal(fake.asked.length, 1);
  });
});

test("only amounts become text", () => {
  const text = '{"credits":[{"credits":1.50,"price":{"minor":150}}],"name":"\\"credits\\": 5","levels":[10,0.5]}';
  const expected = { credits: [{ credits: "1.50", price: { minor: 150 } }], name: '"credits": 5', levels: ["10", "0.5"] };
  assert.deepEqual(parseExact(text), expected);
  assert.equal(stringifyExact(expected), text);
  assert.equal(stringifyExact({ credits: 2, to: undefined, email: null }), '{"credits":2,"email":null}');
});

test("the same request comes again under the same key", async () => {
  const replies: Answer[] = [
    { breaks: true },
    { status: 503, body: refusal("unavailable"), headers: { "retry-after": "0" } },
    { status: 429, body: refusal("rate_limited"), headers: { "retry-after": "0" } },
    { status: 409, body: refusal("idempotency_key_in_use"), headers: { "retry-after": "0" } },
    { status: 502, body: "<html>", headers: { "retry-after": "0" } },
    { body: DEBIT },
  ];
  await withServer((number) => replies[number] ?? {}, async (fake) => {
    assert.equal((await client(fake).createDebit("me", { credits: 1 })).debitId, "d1");
    assert.equal(fake.asked.length, 6);
    assert.equal(new Set(fake.asked.map((one) => `${one.headers["idempotency-key"]} ${one.body}`)).size, 1);
  });
});

test("each request has a key of its own, and a given one is kept", async () => {
  await withServer(() => ({ body: DEBIT }), async (fake) => {
    const purser = client(fake);
    await purser.createDebit("me", { credits: 1 });
    await purser.createDebit("me", { credits: 1 });
    await purser.createDebit("me", { credits: 1 }, { idempotencyKey: "render-7" });
    const keys = fake.asked.map((one) => one.headers["idempotency-key"]);
    assert.equal(new Set(keys).size, 3);
    assert.equal(keys[2], "render-7");
  });
});

test("it gives up, and can be stopped", async () => {
  await withServer(() => ({ breaks: true }), async (fake) => {
    await assert.rejects(client(fake, 1).createDebit("me", { credits: 1 }), ConnectionFailed);
    assert.equal(fake.asked.length, 2);
    const signal = AbortSignal.timeout(50);
    await assert.rejects(client(fake).createDebit("me", { credits: 1 }, { signal }), { name: "TimeoutError" });
  });
});

test("a limit that is reached is described", async () => {
  const limit = { memberId: "bob", credits: 100, per: "day", left: 2.5, resetsAt: "2026-11-29T00:00:00.000Z" };
  const error = { code: "limit_reached", message: "Short.", limit };
  await withServer(() => ({ status: 402, body: { error } }), async (fake) => {
    await assert.rejects(client(fake).createDebit("org:1", { credits: 4, memberId: "bob" }), (caught) => {
      assert.ok(caught instanceof LimitReached);
      assert.deepEqual([caught.limit?.memberId, caught.limit?.left, caught.limit?.per], ["bob", "2.5", "day"]);
      return true;
    });
  });
});

test("what is refused is not sent again", async () => {
  const error = { code: "insufficient_credits", message: "Short.", available: 2.5, needed: 4, requestId: "r1" };
  await withServer(() => ({ status: 402, body: { error } }), async (fake) => {
    await assert.rejects(client(fake).createDebit("me", { credits: 4 }), (caught) => {
      assert.ok(caught instanceof InsufficientCredits && caught instanceof ApiError);
      assert.deepEqual([caught.available, caught.needed, caught.status], ["2.5", "4", 402]);
      assert.deepEqual([caught.code, caught.requestId, caught.name], ["insufficient_credits", "r1", "InsufficientCredits"]);
      return true;
    });
    assert.equal(fake.asked.length, 1);
  });
  for (const [body, code] of [[refusal("brand_new"), "brand_new"], ["<html>", "unknown"]]) {
    await withServer(() => ({ status: 400, body }), async (fake) => {
      await assert.rejects(client(fake).getClock(), (caught) => caught instanceof ApiError && caught.code === code);
    });
  }
});

test("all pages are gone through", async () => {
  const reply = (number: number) => ({
    body: { data: [{ actionId: String(number) }], nextCursor: number === 0 ? "c&2" : null },
  });
  await withServer(reply, async (fake) => {
    const found = [];
    for await (const action of client(fake).getAuditLog({ limit: 1 })) found.push(action.actionId);
    assert.deepEqual(found, ["0", "1"]);
    assert.match(fake.asked[1]?.path ?? "", /limit=1&cursor=c%262$/);
  });
});

function signed(body: string, id = "m1", timestamp = "1000"): Record<string, string> {
  const key = Buffer.from(SECRET.slice(6), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "Webhook-Id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,bm9uZQ== v1,${signature}` };
}

test("webhooks are verified", async () => {
  const body = '{"type":"credits.added","timestamp":"2026-11-28T08:00:00Z","data":{"walletId":"w","credits":5,"sequence":3}}';
  const headers = signed(body);
  const other = `whsec_${"AAAA".repeat(8)}`;
  const event = await verifyWebhook(new TextEncoder().encode(body), headers, [other, SECRET], { now: 1200 });
  const expected = { walletId: "w", credits: "5", sequence: 3 };
  assert.deepEqual([event.type, event.id, event.data], ["credits.added", "m1", expected]);
  await verifyWebhook(body, new Headers(headers), SECRET, { toleranceSeconds: null });
  for (const [text, secret, now] of [[`${body} `, SECRET, 1000], [body, other, 1000], [body, SECRET, 1301]] as const) {
    await assert.rejects(verifyWebhook(text, headers, secret, { now }), WebhookInvalid);
  }
  for (const name of Object.keys(headers)) {
    const fewer = Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
    await assert.rejects(verifyWebhook(body, fewer, SECRET, { now: 1000 }), WebhookInvalid);
  }
  // The example of the specification's own libraries, which is no event.
  const example = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const genuine = await verifyWebhook('{"test": 2432232314}', example, SECRET, { now: 1614265330 }).catch(String);
  assert.match(JSON.stringify(genuine), /no event/);
});

test("the state comes first, and gaps are seen", async () => {
  const told = (number: number) =>
    `event: wallet.changed\ndata: {"type":"wallet.changed","walletId":"w","sequence":${number},"balance":${number}}\n\n`;
  const state = (number: number) => {
    const wallet = `{"walletId":"w","balance":${number},"available":0,"held":0,"debt":0,"sequence":${number}}`;
    return `: connected\n\nevent: wallet.state\ndata: {"type":"wallet.state","wallets":[${wallet}]}\n\n`;
  };
  const streams = [
    // Repetitions and old ones; one before its turn; then a gap.
    state(1) + told(3) + told(2) + told(2) + told(1) + told(4) + told(7),
    // More happened meanwhile; then the server stops.
    `${state(9)}${told(10)}event: stream.closed\ndata: {"reason":"stopping"}\n\n${told(11)}`,
    state(10),
  ];
  const reply = (number: number, { method }: { method: string }): Answer =>
    method === "POST"
      ? { status: 201, body: { ticket: `t${number}`, expiresAt: "2026-11-28T08:00:00Z" } }
      : { body: streams.shift() ?? "", headers: { "content-type": "text/event-stream" } };
  await withServer(reply, async (fake) => {
    const events: Event[] = [];
    for await (const event of client(fake).live("user:alice")) if (events.push(event) === 8) break;
    assert.deepEqual(
      events.map((event) => [event.type, event.data.sequence, event.missed]),
      [
        ["wallet.state", undefined, {}],
        ["wallet.changed", 2, undefined],
        ["wallet.changed", 3, undefined],
        ["wallet.changed", 4, undefined],
        ["wallet.changed", 7, undefined],
        ["wallet.state", undefined, { w: 4 }],
        ["wallet.changed", 10, undefined],
        ["wallet.state", undefined, {}],
      ],
    );
    assert.equal(events[1]?.data.balance, "2");
    assert.equal(fake.asked.find((one) => one.method === "GET")?.path, "/purser/v1/events?ticket=t0");
  });
  await withServer(() => ({ status: 403, body: refusal("missing_scope") }), async (fake) => {
    await assert.rejects(client(fake).live("user:alice").next(), MissingScope);
  });
});
