import { mkdtempSync, rmSync } from 'node:fs';
import http, {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What befalls an answer on its way. Of all that count bytes, they are bytes of its body. */
export type NetFault =
  /** Refused in the store's stead. `share`: of so many of 100 requests. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string; readonly share?: number }
  /** Cut off; `told`: with the length that was promised, else as if it were whole. */
  | { readonly kind: 'cut'; readonly at: number; readonly told: boolean }
  /** Nothing ever comes, or nothing after so many bytes. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'stall'; readonly at: number }
  /** The right body, and then more without end. */
  | { readonly kind: 'endless' }
  /** As long as it should be, under the right entity tag, and not what was asked for. `share` as above. */
  | { readonly kind: 'wrong'; readonly share?: number }
  /** So many bytes each 100 ms. */
  | { readonly kind: 'drip'; readonly bytes: number }
  /** The connection is reset before the answer, or after so many bytes of it. */
  | { readonly kind: 'reset'; readonly at?: number }
  /** Right, but so much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** No HTTP at all. */
  | { readonly kind: 'noise' };

export interface Befalls {
  readonly fault: NetFault;
  /** Which requests; all, when left out. */
  readonly where?: (request: IncomingMessage) => boolean;
}

/**
 * A bad network between a client and a server: it forwards requests as they are (Host and signature untouched) and does to the
 * answers what a test says. What it is not: it sees requests, not packets, so a connection that is never accepted and a handshake
 * that never ends are made elsewhere; and an answer is read whole before it is passed on.
 */
export class FaultProxy {
  befalls: Befalls | undefined;
  /** Requests that came, and those of them that something befell. */
  seen = 0;
  struck = 0;
  readonly #random: () => number;
  readonly #servers: { readonly server: http.Server; readonly directory: string }[] = [];

  /** `random` in [0, 1): which requests a share is. */
  constructor(random: () => number = () => 0) {
    this.#random = random;
  }

  /** A handler that stands before `handler`, with a real connection between the two. */
  readonly before = (handler: RequestListener): RequestListener => {
    const directory = mkdtempSync(join(tmpdir(), 'haulout-proxy-'));
    const socketPath = join(directory, 'upstream');
    const server = http.createServer(handler);
    const listening = new Promise<void>((resolve) => server.listen(socketPath, () => resolve()));
    this.#servers.push({ server, directory });
    return (request, response) =>
      void this.#pass(
        request,
        response,
        listening.then(() => socketPath),
      );
  };

  close(): void {
    for (const { server, directory } of this.#servers) {
      server.close();
      server.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async #pass(request: IncomingMessage, response: ServerResponse, upstream: Promise<string>): Promise<void> {
    this.seen++;
    response.on('error', () => undefined);
    const fault = this.#faultFor(request);
    if (fault) this.struck++;
    if (fault && befellBefore(fault, response)) return;
    const answer = await forward(request, await upstream).catch(() => undefined);
    if (!answer) response.socket?.destroy();
    else if (fault) befall(fault, answer, response);
    else whole(answer, response);
  }

  #faultFor(request: IncomingMessage): NetFault | undefined {
    const { fault, where } = this.befalls ?? {};
    if (!fault || (where && !where(request))) return undefined;
    const share = 'share' in fault ? (fault.share ?? 100) : 100;
    return this.#random() * 100 < share ? fault : undefined;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

function forward(request: IncomingMessage, socketPath: string): Promise<Answer> {
  const { method, url: path } = request;
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ socketPath, method, path, headers: request.rawHeaders, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = answer.headers;
        resolve({ status: answer.statusCode ?? 0, headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.on('error', reject);
    request.pipe(outgoing);
  });
}

/** What needs no answer of the server. */
function befellBefore(fault: NetFault, response: ServerResponse): boolean {
  if (fault.kind === 'status') refuse(fault.status, fault.code, response);
  else if (fault.kind === 'noise') noise(response);
  else if (fault.kind === 'reset' && fault.at === undefined) reset(response);
  else return fault.kind === 'silence';
  return true;
}

function befall(fault: NetFault, answer: Answer, response: ServerResponse): void {
  if (fault.kind === 'cut') cut(fault.at, fault.told, answer, response);
  else if (fault.kind === 'stall') begin(answer, fault.at, response);
  else if (fault.kind === 'endless') endless(answer, response);
  else if (fault.kind === 'wrong') whole({ ...answer, body: altered(answer.body) }, response);
  else if (fault.kind === 'drip') drip(answer, fault.bytes, response);
  else if (fault.kind === 'reset') begin(answer, fault.at ?? 0, response, () => setTimeout(() => reset(response), 20));
  else if (fault.kind === 'delay') setTimeout(() => whole(answer, response), fault.ms);
}

function refuse(status: number, code: string, response: ServerResponse): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>on purpose</Message></Error>`;
  response.writeHead(status, { 'content-length': body.length }).end(body);
}

/** A unix socket, which is how instances come here, knows no reset: it is closed, and theirs is reset or closed in its turn. */
function reset({ socket }: ServerResponse): void {
  if (socket?.remoteAddress) socket.resetAndDestroy();
  else socket?.destroy();
}

function noise(response: ServerResponse): void {
  response.socket?.write('\u0016\u0003\u0001 220 this is no HTTP server\r\n\r\n');
  setTimeout(() => response.socket?.destroy(), 50);
}

function whole({ status, headers, body }: Answer, response: ServerResponse): void {
  response.writeHead(status, headers).end(body);
}

/** The head and a part of the body, less than all of it. */
function begin({ status, headers, body }: Answer, at: number, response: ServerResponse, then?: () => void): void {
  response.writeHead(status, headers);
  response.write(body.subarray(0, Math.min(at, Math.max(0, body.length - 1))), then);
  response.flushHeaders();
}

function cut(at: number, told: boolean, answer: Answer, response: ServerResponse): void {
  if (told) {
    begin(answer, at, response, () => response.socket?.destroySoon());
    return;
  }
  const { 'content-length': _, ...headers } = answer.headers;
  whole(
    { ...answer, headers, body: answer.body.subarray(0, Math.min(at, Math.max(0, answer.body.length - 1))) },
    response,
  );
}

function endless(
  { status, headers: { 'content-length': _, ...headers }, body }: Answer,
  response: ServerResponse,
): void {
  response.writeHead(status, headers);
  response.write(body);
  const more = Buffer.alloc(1_048_576, 'x');
  const timer = setInterval(() => response.write(more), 5);
  response.once('close', () => clearInterval(timer));
}

/** Two bytes are others: text stays text. */
function altered(body: Buffer): Buffer {
  const wrong = Buffer.from(body);
  for (const at of [Math.floor(wrong.length / 2), wrong.length - 1])
    if (at >= 0) wrong[at] = wrong[at] === 0x58 ? 0x59 : 0x58;
  return wrong;
}

function drip({ status, headers, body }: Answer, bytes: number, response: ServerResponse): void {
  response.writeHead(status, headers);
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, at + bytes));
    at += bytes;
    if (at >= body.length) response.end();
  }, 100);
  response.once('close', () => clearInterval(timer));
}
