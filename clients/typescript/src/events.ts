// What is told, live and by webhook.

/** Something that happened. Ignore the types that you do not know: there will be more. */
export interface Event {
  /** Such as `credits.added`; all are in `EVENT_TYPES`. */
  type: string;
  /** When; not with `wallet.state`. */
  timestamp?: string;
  /** The `webhook-id` of a webhook: one that you have seen is a repetition. */
  id?: string;
  /** Its fields, credits as text. */
  data: EventData;
  /** With the live event `wallet.state`: how many events of each wallet you have not seen since the state before. */
  missed?: Record<string, number>;
}

export interface EventData {
  walletId?: string;
  /** Its place among the events of its wallet: of two, the larger is the later. */
  sequence?: number;
  /** With an event about an order: your own id of it. */
  reference?: string;
  [field: string]: unknown;
}

/** A wallet as `wallet.state` tells it, in `data.wallets`. */
export interface WalletState {
  walletId: string;
  balance: string;
  available: string;
  held: string;
  debt: string;
  sequence: number;
}
