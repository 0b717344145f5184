import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from '../../src/cloud/s3/listen.ts';

/**
 * A server at the wire that says what a test tells it to say, and remembers what it was asked. What it is not: it is no S3
 * store and no metadata service, it checks nothing, and it is on loopback, where nothing is ever slow or out of order by itself.
 */
export interface Wire {
  readonly url: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** `count` is 1 for the first request. An answer that is never given is a stall; it ends with the test. */
export async function startWire(
  answer: (response: ServerResponse, request: IncomingMessage, count: number) => void,
): Promise<Wire> {
  const asked: Asked[] = [];
  const { url, close } = await listen(
    (request, response) => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      request.resume();
      response.on('error', () => undefined);
      answer(response, request, asked.length);
    },
    { host: '127.0.0.1', port: 0 },
  );
  onTestFinished(close);
  return { url, asked, close };
}

/** A whole answer with its length. */
export function say(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

export function errorXml(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>on purpose</Message></Error>`;
}

/** A port of 127.0.0.1 where nobody listens at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
