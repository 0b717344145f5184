import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { S3Error } from './errors.ts';
import type { Reply } from './operation.ts';

/** A request with its answer, as the two ends of one socket, and what went through it. */
export interface Wire {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  bytesIn: number;
  bytesOut: number;
}

/** More of an unwanted body than this is not waited for: the connection is closed instead. */
const MOST_DRAINED = 16 * 1024 * 1024;

const awaitingContinue = new WeakSet<IncomingMessage>();

/**
 * The client sent `Expect: 100-continue` to a server that leaves the word to us: it is given when the body is wanted, so
 * that a refusal comes before gigabytes do. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html
 */
export function holdContinue(incoming: IncomingMessage): void {
  awaitingContinue.add(incoming);
}

/** The body's bytes as they come. Stopping early leaves the socket alive, so that the answer still gets through. */
export async function* receive(wire: Wire): AsyncGenerator<Buffer> {
  if (awaitingContinue.delete(wire.incoming)) wire.response.writeContinue();
  const chunks: AsyncIterable<Buffer> = wire.incoming.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) {
      wire.bytesIn += chunk.length;
      yield chunk;
    }
  } catch {
    throw new S3Error('IncompleteBody');
  }
  if (!wire.incoming.complete) throw new S3Error('IncompleteBody');
}

/** Sends the answer to its end, or until `cutAfterBytes` of its body, when the connection breaks. */
export async function send(wire: Wire, reply: Reply, cutAfterBytes = Number.POSITIVE_INFINITY): Promise<void> {
  const { incoming, response } = wire;
  const content = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  try {
    response.writeHead(reply.status, {
      ...lengthOf(content, reply.status),
      ...(typeof reply.body === 'string' ? { 'content-type': 'application/xml' } : {}),
      ...reply.headers,
      ...(bodyLeftBehind(incoming) ? { connection: 'close' } : {}),
    });
    if (content === undefined || incoming.method === 'HEAD') await ended(response);
    else await pour(Buffer.isBuffer(content) ? [content] : content, wire, cutAfterBytes);
  } finally {
    if (content && !Buffer.isBuffer(content)) content.destroy();
  }
}

function lengthOf(content: Buffer | Readable | undefined, status: number): Record<string, number> {
  if (Buffer.isBuffer(content)) return { 'content-length': content.length };
  return content === undefined && status !== 204 && status !== 304 ? { 'content-length': 0 } : {};
}

async function pour(
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
  wire: Wire,
  cutAfterBytes: number,
): Promise<void> {
  for await (const chunk of content) {
    const piece = chunk.subarray(0, cutAfterBytes - wire.bytesOut);
    await written(wire.response, piece);
    wire.bytesOut += piece.length;
    if (wire.bytesOut < cutAfterBytes) continue;
    wire.response.destroy();
    return;
  }
  await ended(wire.response);
}

/** Rejects when the client has gone, which `write` alone does not always say. */
function written(response: ServerResponse, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the client closed the connection'));
    if (response.destroyed) return gone();
    response.once('close', gone);
    response.write(piece, (error) => {
      response.off('close', gone);
      if (error) reject(error);
      else resolve();
    });
  });
}

function ended(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the client closed the connection'));
    if (response.destroyed) return gone();
    response.once('close', gone);
    response.end(resolve);
  });
}

function bodyLeftBehind(incoming: IncomingMessage): boolean {
  if (awaitingContinue.has(incoming)) return true;
  const length = incoming.headers['content-length'];
  const unknown = length === undefined && incoming.headers['transfer-encoding'] !== undefined;
  return !incoming.complete && (unknown || Number(length ?? 0) > MOST_DRAINED);
}
