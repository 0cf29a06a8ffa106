// A server that answers what it is told to, and keeps what it was asked.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Hang up instead. */
  breaks?: boolean;
}

export interface Asked {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Fake {
  url: string;
  asked: Asked[];
}

/** Runs `work` while a server answers by `reply`, which gets how often it was asked before. */
export async function withServer(
  reply: (number: number, asked: Asked) => Answer,
  work: (fake: Fake) => Promise<void>,
): Promise<void> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one: Asked = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      const answer = reply(asked.push(one) - 1, one);
      if (answer.breaks) {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status ?? 200, answer.headers);
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? null));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
