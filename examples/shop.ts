// A shop in one file: sells credits, spends them with a hold, gives some back, and shows the balance as it changes.
//
//   set -a; . target/dev/env             # while `cargo dev` runs: PURSER_URL and PURSER_API_KEY
//   (cd clients/typescript && npm install && npm run build)
//   npm install --no-save ./clients/typescript
//   node examples/shop.ts                # Node 22.18 or newer; pay on the page that it shows, with 4242 4242 4242 4242

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { type Event, InsufficientCredits, Purser, verifyWebhook, type WalletState } from "@purser/client";

const purser = new Purser();
const user = process.argv[2] ?? `buyer-${randomUUID().slice(0, 6)}`;
const wallet = `user:${user}`;
const cart = `cart-${randomUUID().slice(0, 6)}`;

/** Where Purser says what happened. What is not genuine is refused. */
function webhooks(secret: () => string, tell: (event: Event) => void) {
  const seen = new Set<string>();
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      const event = await verifyWebhook(Buffer.concat(chunks), request.headers, secret());
      // A message may come twice, under one id.
      if (event.id && !seen.has(event.id)) {
        seen.add(event.id);
        tell(event);
      }
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(400).end(String(error));
    }
  });
}

async function showBalance(signal: AbortSignal): Promise<void> {
  for await (const { type, data } of purser.live(wallet, { signal })) {
    if (type === "wallet.state") console.log(`live: ${(data.wallets as WalletState[])[0]?.balance} credits`);
    if (type === "wallet.changed") console.log(`live: ${data.balance} credits (${data.reason})`);
  }
}

/** The work, whose price is known only afterwards. */
function render(credits: number): number {
  return credits - 20;
}

const listening = new AbortController();
let secret = "";
let isPaid: (event: Event) => void;
const paid = new Promise<Event>((resolve) => (isPaid = resolve));
const server = webhooks(() => secret, (event) => {
  if (event.data.reference === cart) isPaid(event);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
const endpoint = await purser.createWebhookEndpoint({ url, eventTypes: ["order.paid"] });
secret = endpoint.secret;

await purser.putUser(user, {});
const shown = showBalance(listening.signal);
const placed = await purser.createOrder({ wallet, credits: 500, reference: cart }, { idempotencyKey: cart });
const order = await purser.waitForCheckout(placed);
console.log(`pay here: ${order.checkoutUrl}`);
const { data } = await paid;
console.log(`${data.reference} is paid: ${data.credits} credits`);

// Reserve the most that it can cost, then take what it did cost.
const hold = await purser.createHold(wallet, { credits: 50, description: "One video" });
const captured = await purser.captureHold(hold.holdId, { credits: render(50) });
console.log(`rendered for ${captured.captured}, ${captured.balance} are left`);

// The buyer was not content with something: they get half of it back.
const picture = { credits: 10, description: "One picture" };
const debit = await purser.createDebit(wallet, picture, { idempotencyKey: `${cart}-picture` });
const back = await purser.refundDebit(debit.debitId, { credits: 5 });
console.log(`gave ${back.credits} back, ${back.balance} are left`);
try {
  await purser.createDebit(wallet, { credits: 10_000 });
} catch (error) {
  if (!(error instanceof InsufficientCredits)) throw error;
  console.log(`10000 are too many: ${error.available} can be spent`);
}
await purser.deleteWebhookEndpoint(endpoint.endpointId);
listening.abort();
await shown;
server.close();
