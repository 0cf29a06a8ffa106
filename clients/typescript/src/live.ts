// Live events of wallets, over server-sent events: every browser and Node can read those with `fetch`.

import type { Event, EventData, WalletState } from "./events.ts";
import { pause, sleep } from "./transport.ts";
import { parseExact } from "./values.ts";

/** The stream shows a sign of life every 25 seconds. */
const SILENCE_MS = 60_000;
/** So long an event may be late; after that it counts as lost. */
const LATE_MS = 5_000;
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

/** What was seen of each wallet, and what came before its turn. */
class Progress {
  readonly #last = new Map<string, number>();
  #early = new Map<string, Map<number, Event>>();
  #missed = new Map<string, number>();

  /** Whether an event is awaited that others were faster than. */
  get isWaiting(): boolean {
    return [...this.#early.values()].some((early) => early.size > 0);
  }

  /** The events whose turn it is now. */
  take(message: Message): Event[] {
    const { type, timestamp, ...data } = message;
    const event: Event = { type, ...(timestamp && { timestamp }), data: data as EventData };
    if (type === STATE) return [{ ...event, missed: this.#catchUp(message.wallets ?? []) }];
    const { walletId, sequence } = event.data;
    if (walletId === undefined || sequence === undefined) return [event];
    let last = this.#last.get(walletId) ?? sequence - 1;
    if (sequence <= last) return [];
    const early = this.#early.get(walletId) ?? new Map<number, Event>();
    this.#early.set(walletId, early.set(sequence, event));
    const events: Event[] = [];
    for (let next = early.get(last + 1); next; next = early.get(last + 1)) {
      early.delete(++last);
      events.push(next);
    }
    this.#last.set(walletId, last);
    return events;
  }

  /** What came before its turn, when the connection is over. */
  flush(): Event[] {
    const events: Event[] = [];
    for (const [wallet, early] of this.#early) {
      for (const [sequence, event] of [...early].sort(([one], [other]) => one - other)) {
        this.#miss(wallet, sequence - (this.#last.get(wallet) ?? sequence) - 1);
        this.#last.set(wallet, sequence);
        events.push(event);
      }
    }
    this.#early = new Map();
    return events;
  }

  #catchUp(wallets: WalletState[]): Record<string, number> {
    for (const { walletId, sequence } of wallets) {
      this.#miss(walletId, sequence - (this.#last.get(walletId) ?? sequence));
      this.#last.set(walletId, sequence);
    }
    const missed = Object.fromEntries(this.#missed);
    this.#missed = new Map();
    return missed;
  }

  #miss(wallet: string, count: number): void {
    if (count > 0) this.#missed.set(wallet, (this.#missed.get(wallet) ?? 0) + count);
  }
}

export async function* listen(source: Source, signal?: AbortSignal, lateMs = LATE_MS): AsyncGenerator<Event> {
  const progress = new Progress();
  for (let failures = 0; !signal?.aborted; failures++) {
    // What the credential may not do ends the iteration here.
    const ticket = await source.ticket();
    const end = new AbortController();
    const stop = () => end.abort();
    signal?.addEventListener("abort", stop, { once: true });
    let late: ReturnType<typeof setTimeout> | undefined;
    try {
      for await (const message of messages(source, ticket, end)) {
        failures = 0;
        const events = progress.take(message);
        if (events.length > 0 || !progress.isWaiting) {
          clearTimeout(late);
          late = undefined;
        }
        if (progress.isWaiting) late ??= setTimeout(stop, lateMs);
        yield* events;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", stop);
      end.abort();
    }
    yield* progress.flush();
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
