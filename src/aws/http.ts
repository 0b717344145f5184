import http from 'node:http';
import https from 'node:https';
import { HauloutError } from '../lib/errors.ts';
import type { BucketOrigin } from './location.ts';

/**
 * No wait without an end. All in milliseconds; `total` bounds one request, its body included. A body that trickles keeps every
 * deadline but the last: in each `rateWindow` it must bring `rateBytes`.
 */
export interface Deadlines {
  readonly connect: number;
  readonly headers: number;
  readonly idle: number;
  readonly total: number;
  readonly rateWindow: number;
  readonly rateBytes: number;
}

export const READ_DEADLINES: Deadlines = {
  connect: 5_000,
  headers: 10_000,
  idle: 15_000,
  total: 900_000,
  rateWindow: 30_000,
  rateBytes: 30 * 1024,
};

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its length stands in the headers. */
  readonly body?: Uint8Array;
}

/** Keep-alive connections to one store: a new connection per object is most of what a reader would spend. */
export class Wire {
  readonly #origin: BucketOrigin;
  readonly #deadlines: Deadlines;
  readonly #agent: http.Agent;

  constructor(origin: BucketOrigin, deadlines: Deadlines, connections: number) {
    this.#origin = origin;
    this.#deadlines = deadlines;
    const settings = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections, timeout: deadlines.idle };
    this.#agent = origin.protocol === 'https:' ? new https.Agent(settings) : new http.Agent(settings);
  }

  /**
   * Sends a request and resolves with the answer's head. Redirects are answers like any other.
   * The caller must read or destroy the body; it fails by itself when it stalls or the total deadline passes.
   */
  send(request: WireRequest): Promise<http.IncomingMessage> {
    const module = this.#origin.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const outgoing = module.request({
        agent: this.#agent,
        hostname: this.#origin.hostname,
        port: this.#origin.port,
        method: request.method,
        path: request.path,
        headers: request.headers,
      });
      let begun: http.IncomingMessage | undefined;
      const fail = (what: string, after: number) =>
        (begun ?? outgoing).destroy(timedOut(this.#origin.host, what, after));
      const connecting = setTimeout(fail, this.#deadlines.connect, 'the connection', this.#deadlines.connect);
      const total = setTimeout(fail, this.#deadlines.total, 'the whole answer', this.#deadlines.total);
      let answering: NodeJS.Timeout | undefined;
      const connected = () => {
        clearTimeout(connecting);
        answering ??= setTimeout(fail, this.#deadlines.headers, 'the first byte', this.#deadlines.headers);
      };
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) connected();
        else socket.once(this.#origin.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      });
      outgoing.once('response', (answer) => {
        clearTimeout(answering);
        begun = answer;
        answer.setTimeout(this.#deadlines.idle, () =>
          answer.destroy(timedOut(this.#origin.host, 'more bytes', this.#deadlines.idle)),
        );
        const rate = this.#watchRate(answer);
        answer.once('close', () => {
          clearTimeout(total);
          clearInterval(rate);
        });
        resolve(answer);
      });
      outgoing.on('error', (error) => {
        clearTimeout(connecting);
        clearTimeout(answering);
        clearTimeout(total);
        reject(error);
      });
      outgoing.end(request.body);
    });
  }

  /** By the socket's own count, so that the body stays the caller's to read. */
  #watchRate(answer: http.IncomingMessage): NodeJS.Timeout {
    const { rateWindow, rateBytes } = this.#deadlines;
    let before = answer.socket.bytesRead;
    return setInterval(() => {
      const { bytesRead } = answer.socket;
      if (bytesRead - before < rateBytes && !answer.complete)
        answer.destroy(tooSlow(this.#origin.host, rateBytes, rateWindow));
      before = bytesRead;
    }, rateWindow);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The beginning of a body that is only looked into: an error document, or whatever a proxy put in its place. */
export async function readStart(answer: http.IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}

/** Reads a body that may not be longer than `limit` bytes. */
export async function readBody(answer: http.IncomingMessage, limit: number, subject: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      answer.destroy();
      throw new HauloutError({
        code: 'answer-too-long',
        step: 'bucket',
        subject,
        reason: `the answer is longer than ${limit} bytes`,
        hint: 'check that the endpoint is an S3 store',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function timedOut(host: string, what: string, after: number): HauloutError {
  return new HauloutError({
    code: 'store-timeout',
    step: 'bucket',
    subject: host,
    reason: `waited ${after / 1000} s for ${what}`,
    hint: 'check that this machine reaches the store (routes, security group, endpoint); it is tried again',
  });
}

function tooSlow(host: string, bytes: number, window: number): HauloutError {
  return new HauloutError({
    code: 'store-too-slow',
    step: 'bucket',
    subject: host,
    reason: `less than ${bytes} bytes came in ${window / 1000} s`,
    hint: 'check the network between this machine and the store; it is tried again',
  });
}
