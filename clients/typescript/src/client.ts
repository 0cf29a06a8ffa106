// The client.

import { PurserError } from "./api_error.ts";
import type { Event } from "./events.ts";
import { listen } from "./live.ts";
import { Operations } from "./operations.ts";
import { failureOf, type RequestOptions, sleep } from "./transport.ts";
import type { Order } from "./types.ts";

/**
 * Purser's API.
 *
 * A wallet is named `user:alice`, `org:5`, by its own id, or `me` for the key's own. Every request is sent again after an
 * outage, under the same idempotency key, so that it is done once.
 */
export class Purser extends Operations {
  /**
   * The events of a wallet as they happen, without end; without a wallet, of all that the key may see. The first is
   * `wallet.state`, with every wallet's balance. The events of a wallet come in their order, and each once. When the
   * connection breaks, or one stays away for five seconds, a new one is opened, and `wallet.state` comes again: its
   * `missed` says how many events of each wallet were not seen. Takes the scope `read`.
   */
  live(wallet?: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<Event> {
    const ticket = async () => (await this.createLiveTicket(wallet === undefined ? {} : { wallet }, options)).ticket;
    const open = (of: string, signal: AbortSignal) =>
      this.stream(`/purser/v1/events?ticket=${encodeURIComponent(of)}`, signal);
    return listen({ ticket, open, failure: failureOf }, options.signal);
  }

  /**
   * The order once its page is open: `checkoutUrl` is where the buyer pays. A slow provider takes a moment. Throws when it
   * takes longer than the timeout, or the order has failed.
   */
  async waitForCheckout(order: Order, options: RequestOptions & { timeoutMs?: number } = {}): Promise<Order> {
    const deadline = Date.now() + (options.timeoutMs ?? 30_000);
    while (order.checkoutUrl === null && order.status === "pending") {
      if (Date.now() > deadline) {
        throw new PurserError(`the page of order ${order.orderId} is not open yet: ask for the order later`);
      }
      await sleep(250, options.signal);
      order = await this.getOrder(order.orderId, options);
    }
    if (order.checkoutUrl === null && (order.status === "failed" || order.status === "expired")) {
      throw new PurserError(`order ${order.orderId} is ${order.status}: ${order.failure ?? "it was not paid"}`);
    }
    return order;
  }
}
