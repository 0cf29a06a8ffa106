// The client against a running system in test mode, at PURSER_URL, with a key for everything in PURSER_API_KEY.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type Event, HoldCaptured, IdempotencyKeyReused, InsufficientCredits, MissingScope, Purser, Unauthorized, verifyWebhook,
  WebhookInvalid,
} from "../src/index.ts";
import { type Asked, withServer } from "./fake.ts";

const skip = process.env["PURSER_URL"] ? false : "PURSER_URL is not set: start `cargo dev`";
const again = { timeout: 60_000, skip };

async function user(purser: Purser, credits?: string) {
  const id = `ts-${crypto.randomUUID().slice(0, 8)}`;
  const { walletId } = await purser.putUser(id, { name: "Alice", metadata: { team: "red" } });
  const wallet = `user:${id}`;
  if (credits) await purser.createGrant(wallet, { credits, kind: "promotional", reason: "A check" });
  return { id, wallet, walletId };
}

test("users are changed field by field", again, async () => {
  const purser = new Purser();
  const { id } = await user(purser);
  await purser.putUser(id, { email: "alice@example.com" });
  const changed = await purser.putUser(id, { name: null });
  assert.deepEqual([changed.email, changed.name, changed.metadata], ["alice@example.com", null, { team: "red" }]);
});

test("credits are spent once and given back", again, async () => {
  const purser = new Purser();
  const { id, wallet } = await user(purser, "1000000.000001");
  const options = { idempotencyKey: `render-${id}` };
  const body = { credits: "0.1", description: "One render", metadata: { credits: "7" } };
  const first = await purser.createDebit(wallet, body, options);
  assert.deepEqual(await purser.createDebit(wallet, body, options), first);
  assert.equal(first.balance, "999999.900001");
  await assert.rejects(purser.createDebit(wallet, { credits: 2 }, options), IdempotencyKeyReused);
  const back = await purser.refundDebit(first.debitId, { credits: "0.04" });
  assert.deepEqual([back.left, back.balance], ["0.06", "999999.940001"]);
  await assert.rejects(purser.createDebit(wallet, { credits: 2_000_000 }), (error) => {
    assert.ok(error instanceof InsufficientCredits);
    assert.deepEqual([error.available, error.needed], ["999999.940001", "2000000"]);
    return true;
  });
  const entries = [];
  for await (const entry of purser.listEntries(wallet, { limit: 1 })) entries.push(entry);
  assert.deepEqual(entries.map((entry) => entry.credits), ["0.04", "-0.1", "1000000.000001"]);
  assert.deepEqual(entries[1]?.metadata, { credits: "7" });
});

test("holds are captured in part", again, async () => {
  const purser = new Purser();
  const { wallet } = await user(purser, "100");
  const hold = await purser.createHold(wallet, { credits: 50, ttlSeconds: 600 });
  const { balance, available, held } = await purser.getWallet(wallet);
  assert.deepEqual([balance, available, held], ["100", "50", "50"]);
  const ended = await purser.captureHold(hold.holdId, { credits: 12.5 });
  assert.deepEqual([ended.captured, ended.balance], ["12.5", "87.5"]);
  await assert.rejects(purser.releaseHold(hold.holdId), HoldCaptured);
});

test("many debits at once each have their end", again, async () => {
  const purser = new Purser();
  const { id, wallet } = await user(purser, "10");
  const { data } = await purser.batchDebit({
    debits: [
      { wallet, credits: 4, idempotencyKey: `a-${id}` },
      { wallet, credits: "100", idempotencyKey: `b-${id}` },
    ],
  });
  assert.deepEqual(
    data.map((outcome) => ("error" in outcome ? outcome.error.code : outcome.balance)),
    ["6", "insufficient_credits"],
  );
});

test("a key does what it was made for", again, async () => {
  const purser = new Purser();
  const { wallet, walletId } = await user(purser);
  const made = await purser.createApiKey({ name: "Reader", scopes: ["read"], walletsOf: wallet });
  const reader = new Purser({ apiKey: made.apiKey });
  assert.equal((await reader.getWallet("me")).walletId, walletId);
  await assert.rejects(reader.createDebit("me", { credits: 1 }), MissingScope);
  await purser.deleteApiKey(made.apiKeyId);
  await assert.rejects(reader.getWallet("me"), Unauthorized);
});

test("an order has a page", again, async () => {
  const purser = new Purser();
  const { id, wallet } = await user(purser);
  const placed = await purser.createOrder({ wallet, credits: 500, currency: "usd", reference: `cart-${id}` });
  const order = await purser.waitForCheckout(placed);
  assert.match(order.checkoutUrl ?? "", /^http/);
  assert.deepEqual([order.status, order.credits, order.amount], ["pending", "500", { minor: 500, currency: "usd" }]);
  const { data } = await purser.listOrders({ reference: `cart-${id}` }).page();
  assert.deepEqual(data.map((one) => one.orderId), [order.orderId]);
});

test("changes are heard", again, async () => {
  const purser = new Purser();
  const { wallet, walletId } = await user(purser);
  const seen: Event[] = [];
  for await (const event of purser.live(wallet)) {
    seen.push(event);
    if (event.type === "wallet.state") {
      await purser.createGrant(wallet, { credits: "2.5", kind: "promotional", reason: "A check" });
    }
    if (event.type === "wallet.changed") break;
  }
  assert.equal(seen[0]?.type, "wallet.state");
  assert.deepEqual([seen.at(-1)?.data.balance, seen.at(-1)?.data.walletId], ["2.5", walletId]);
});

test("webhooks are ours", again, async () => {
  const purser = new Purser();
  let arrived: (asked: Asked) => void = () => {};
  const came = new Promise<Asked>((resolve) => (arrived = resolve));
  const take = (_: number, asked: Asked) => {
    arrived(asked);
    return { status: 200 };
  };
  await withServer(take, async (fake) => {
    const made = await purser.createWebhookEndpoint({ url: `${fake.url}/hook`, eventTypes: ["credits.added"] });
    await purser.testWebhookEndpoint(made.endpointId);
    const { body, headers } = await came;
    await purser.deleteWebhookEndpoint(made.endpointId);
    const event = await verifyWebhook(body, headers, made.secret, { toleranceSeconds: null });
    assert.equal(event.type, "endpoint.test");
    await assert.rejects(verifyWebhook(`${body} `, headers, made.secret, { toleranceSeconds: null }), WebhookInvalid);
  });
});
