import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { holdContinue } from './send.ts';

/** A TCP address (port 0: any free one) or a Unix socket's path. */
export type Where = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Listening {
  /** `http://127.0.0.1:8080`, or `unix:/path/of/socket`. */
  readonly url: string;
  /** Breaks what is still going on. */
  close(): Promise<void>;
}

export interface Deadlines {
  /** For the head of a request. */
  readonly headersMs: number;
  /** For a whole request, body included: 5 GiB must get through. */
  readonly requestMs: number;
  /** For a socket on which nothing moves. */
  readonly idleMs: number;
  /** Between two requests on one socket. */
  readonly keepAliveMs: number;
}

const DEADLINES: Deadlines = { headersMs: 20_000, requestMs: 3_600_000, idleMs: 120_000, keepAliveMs: 20_000 };

/** Rejects with the system's error (EADDRINUSE, EACCES ...). */
export async function listen(
  handler: RequestListener,
  where: Where,
  deadlines: Deadlines = DEADLINES,
): Promise<Listening> {
  const server = createServer({ requestTimeout: deadlines.requestMs, headersTimeout: deadlines.headersMs }, handler);
  server.timeout = deadlines.idleMs;
  server.keepAliveTimeout = deadlines.keepAliveMs;
  server.on('checkContinue', (request, response) => {
    holdContinue(request);
    handler(request, response);
  });
  await started(server, where);
  return { url: urlOf(server.address()), close: () => closed(server) };
}

function started(server: Server, where: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function urlOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
