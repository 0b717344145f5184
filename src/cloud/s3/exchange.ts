import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from './authenticate.ts';
import { errorDocument, type Refusal, S3Error } from './errors.ts';
import type { Fault, FaultRequest } from './faults.ts';
import type { Reply } from './operation.ts';
import type { S3Request } from './request.ts';
import type { Wire } from './send.ts';

/** What one request has come to know of itself, for the log. */
export interface Exchange extends Wire {
  readonly id: string;
  operation: string;
  request: S3Request | undefined;
  identity: Identity | undefined;
  fault: Fault | undefined;
  error: string | undefined;
}

export interface RequestLogEntry {
  at: string;
  method: string;
  operation: string;
  bucket?: string;
  key?: string;
  status: number;
  /** Of the body, with its framing. */
  bytesIn: number;
  /** Of the body. */
  bytesOut: number;
  ms: number;
  userAgent: string;
  accessKeyId?: string;
  /** The code of the refusal, or `ConnectionLost`. */
  error?: string;
}

export function newExchange(incoming: IncomingMessage, response: ServerResponse): Exchange {
  // A broken socket is told by the read or write that meets it; without these it would be told to the process.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const id = randomBytes(8).toString('hex').toUpperCase();
  const unknown = { request: undefined, identity: undefined, fault: undefined, error: undefined };
  return { incoming, response, id, operation: 'Unknown', bytesIn: 0, bytesOut: 0, ...unknown };
}

export function refusalOf(error: unknown, exchange: Exchange): Reply {
  const refused = error instanceof S3Error ? error : new S3Error('InternalError');
  const reply = errorReply(refused, refused.status, exchange);
  if (refused !== error) exchange.error = `InternalError: ${error instanceof Error ? error.message : String(error)}`;
  return { ...reply, headers: refused.headers };
}

export function errorReply(refusal: Refusal, status: number, exchange: Exchange): Reply {
  exchange.error = refusal.code;
  // RFC 9110 §15.4.5 and §9.3.2: neither has a body, and a HEAD's error is told by its status alone.
  if (exchange.incoming.method === 'HEAD') return { status };
  return { status, body: errorDocument(refusal, exchange.request?.path ?? '/', exchange.id) };
}

export function named({ incoming, operation, request }: Exchange): FaultRequest {
  return {
    method: incoming.method ?? 'GET',
    operation,
    ...(request?.bucket === undefined ? {} : { bucket: request.bucket }),
    ...(request?.key === undefined ? {} : { key: request.key }),
  };
}

export function logEntry(exchange: Exchange, status: number, now: number, ms: number): RequestLogEntry {
  const { incoming, identity, error, bytesIn, bytesOut } = exchange;
  return {
    at: new Date(now - ms).toISOString(),
    ...named(exchange),
    status,
    bytesIn,
    bytesOut,
    ms,
    userAgent: incoming.headers['user-agent'] ?? '',
    ...(identity ? { accessKeyId: identity.accessKeyId } : {}),
    ...(error === undefined ? {} : { error }),
  };
}
