// Live events of wallets, over server-sent events: every browser and Node can read those with `fetch`.

import type { Event, EventData, WalletState } from "./events.ts";
import { pause, sleep } from "./transport.ts";
import { parseExact } from "./values.ts";

/** The stream shows a sign of life every 25 seconds. */
const SILENCE_MS = 60_000;
/** Between connections that are opened anew because events were lost. */
const BETWEEN_GAPS_MS = 1_000;
const STATE = "wallet.state";

/** What a stream needs of the client. */
export interface Source {
  ticket(): Promise<string>;
  open(ticket: string, signal: AbortSignal): Promise<Response>;
  failure(status: number, text: string): Error;
}

interface Message {
  type: string;
  timestamp?: string;
  wallets?: WalletState[];
  [field: string]: unknown;
}

/** What was seen of each wallet. */
class Progress {
  #last = new Map<string, number>();
  #missed = new Map<string, number>();

  /** The event to show, if it is news, and whether none is missing before it. */
  take(message: Message): { event: Event | null; isWhole: boolean } {
    const { type, timestamp, ...data } = message;
    const event: Event = { type, ...(timestamp && { timestamp }), data: data as EventData };
    if (type === STATE) return { event: { ...event, missed: this.#catchUp(message.wallets ?? []) }, isWhole: true };
    const { walletId, sequence } = event.data;
    if (walletId === undefined || sequence === undefined) return { event, isWhole: true };
    const last = this.#last.get(walletId);
    if (last !== undefined && sequence <= last) return { event: null, isWhole: true };
    this.#last.set(walletId, sequence);
    const gap = last === undefined ? 0 : sequence - last - 1;
    if (gap > 0) this.#missed.set(walletId, (this.#missed.get(walletId) ?? 0) + gap);
    return { event, isWhole: gap === 0 };
  }

  #catchUp(wallets: WalletState[]): Record<string, number> {
    const missed = this.#missed;
    this.#missed = new Map();
    for (const { walletId, sequence } of wallets) {
      const since = sequence - (this.#last.get(walletId) ?? sequence);
      if (since > 0) missed.set(walletId, (missed.get(walletId) ?? 0) + since);
      this.#last.set(walletId, sequence);
    }
    return Object.fromEntries(missed);
  }
}

export async function* listen(source: Source, signal?: AbortSignal): AsyncGenerator<Event> {
  const progress = new Progress();
  for (let failures = 0; !signal?.aborted; failures++) {
    // What the credential may not do ends the iteration here.
    const ticket = await source.ticket();
    const end = new AbortController();
    const stop = () => end.abort();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for await (const message of messages(source, ticket, end)) {
        failures = 0;
        const { event, isWhole } = progress.take(message);
        if (event) yield event;
        if (!isWhole) {
          await sleep(BETWEEN_GAPS_MS, signal);
          break;
        }
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      end.abort();
    }
    await sleep(pause(failures), signal).catch(() => undefined);
  }
}

async function* messages(source: Source, ticket: string, end: AbortController): AsyncGenerator<Message> {
  let silence = setTimeout(() => end.abort(), SILENCE_MS);
  try {
    const response = await source.open(ticket, end.signal);
    if (!response.ok) {
      const text = await response.text();
      // The ticket was too old, or there is no place: another try with another ticket.
      if ([401, 429, 503].includes(response.status)) return;
      throw source.failure(response.status, text);
    }
    let rest = "";
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => end.abort(), SILENCE_MS);
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const lines = block.split(/\r?\n/);
        const of = (field: string) =>
          lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ""));
        if (of("event").includes("stream.closed")) return;
        const data = of("data");
        if (data.length > 0) yield parseExact(data.join("\n")) as Message;
      }
    }
  } finally {
    clearTimeout(silence);
  }
}
