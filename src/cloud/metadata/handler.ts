import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { systemClock } from '../../lib/clock.ts';
import type { InstanceDescription } from './description.ts';
import { lookUp, VERSIONS } from './tree.ts';

/*
 * The metadata service of one instance of the local cloud: the token protocol, status codes and listings of EC2's.
 * What it is not: there is no signature or pkcs7 of the identity document, no IPv6 address, no packet rate limit, no hop
 * limit (the instance's network has one hop), no per-version differences, and categories that haulout does not read are few.
 */

/** Faults for tests; read at every request, so a test may change the object. */
interface MetadataFaults {
  latencyMs?: number;
  /** So many answers are 503; counted down. */
  failFirst?: number;
  /** What PUT /latest/api/token answers instead of a token: 404 as old Eucalyptus, 403 as a switched-off service. */
  tokenStatus?: number;
}

export interface MetadataRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly withToken: boolean;
  readonly userAgent: string | undefined;
}

export interface MetadataOptions {
  readonly onRequest?: (request: MetadataRequest) => void;
  readonly faults?: MetadataFaults;
  /** What stands between the instance and its metadata service: a bad network, in tests. */
  readonly around?: (handler: RequestListener) => RequestListener;
}

interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const TOKEN_HEADER = 'x-aws-ec2-metadata-token';
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
const LONGEST_TTL = 21_600;
const MOST_TOKENS = 10_000;

/** A handler that answers for the one instance that `describe` tells about; asked at every request, so the facts may change. */
export function metadataHandler(describe: () => InstanceDescription, options: MetadataOptions = {}): RequestListener {
  const tokens = new Tokens();
  return (request, response) => {
    request.resume();
    const send = () => {
      const answer = failed(options.faults) ?? answerTo(request, describe(), tokens, options.faults?.tokenStatus);
      write(response, answer);
      options.onRequest?.(recordOf(request, answer.status));
    };
    if (options.faults?.latencyMs) setTimeout(send, options.faults.latencyMs);
    else send();
  };
}

function failed(faults: MetadataFaults | undefined): Answer | undefined {
  if (!faults?.failFirst) return undefined;
  faults.failFirst -= 1;
  return refusal(503);
}

function answerTo(
  request: IncomingMessage,
  about: InstanceDescription,
  tokens: Tokens,
  tokenStatus: number | undefined,
): Answer {
  const path = pathOf(request);
  if (path === undefined) return refusal(400);
  if (path.slice(1).join('/') === 'api/token') {
    if (tokenStatus !== undefined) return refusal(tokenStatus);
    return path[0] === 'latest' ? tokenAnswer(request, tokens) : refusal(403);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, { Allow: 'GET, HEAD' });
  return authorised(request, about, tokens) ? category(path, about) : refusal(401);
}

/** The names in the path, decoded; undefined when it cannot be decoded. */
function pathOf(request: IncomingMessage): string[] | undefined {
  try {
    const [path = ''] = (request.url ?? '/').split('?');
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function tokenAnswer(request: IncomingMessage, tokens: Tokens): Answer {
  if (request.method !== 'PUT') return refusal(405, { Allow: 'PUT' });
  // A request that came through a forwarder is how a confused proxy steals credentials; EC2 refuses it, and so do we.
  if (request.headers['x-forwarded-for'] !== undefined) return refusal(403);
  const written = request.headers[TTL_HEADER];
  const ttl = typeof written === 'string' && /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (ttl < 1 || ttl > LONGEST_TTL) return refusal(400);
  return { status: 200, body: tokens.issue(ttl), headers: { [TTL_HEADER]: String(ttl) } };
}

function authorised(request: IncomingMessage, about: InstanceDescription, tokens: Tokens): boolean {
  const token = request.headers[TOKEN_HEADER];
  if (token === undefined) return about.httpTokens === 'optional';
  return typeof token === 'string' && tokens.valid(token);
}

function category([version, ...path]: readonly string[], about: InstanceDescription): Answer {
  if (version === undefined) return { status: 200, body: VERSIONS.join('\n') };
  if (!VERSIONS.includes(version)) return refusal(404);
  if (path.length === 1 && path[0] === 'user-data' && about.userData !== undefined) {
    return { status: 200, body: about.userData, headers: { 'Content-Type': 'application/octet-stream' } };
  }
  const body = lookUp(about, path);
  return body === undefined ? refusal(404) : { status: 200, body };
}

const WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  503: 'Service Unavailable',
};

/** Refusals are HTML, as the real service's are: a reader that takes any body for an answer is found out here. */
function refusal(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  const title = `${status} - ${WORDS[status] ?? 'Error'}`;
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, body, headers: { 'Content-Type': 'text/html', ...headers } };
}

function write(response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'Content-Type': 'text/plain',
    'Content-Length': body.length,
    Server: 'EC2ws',
    ...answer.headers,
  });
  response.end(body);
}

function recordOf(request: IncomingMessage, status: number): MetadataRequest {
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    status,
    withToken: request.headers[TOKEN_HEADER] !== undefined,
    userAgent: request.headers['user-agent'],
  };
}

class Tokens {
  readonly #expiry = new Map<string, number>();

  issue(ttlSeconds: number): string {
    if (this.#expiry.size >= MOST_TOKENS) this.#forgetOldest();
    const token = randomBytes(42).toString('base64url');
    this.#expiry.set(token, systemClock.elapsed() + ttlSeconds * 1_000);
    return token;
  }

  valid(token: string): boolean {
    const expiry = this.#expiry.get(token);
    return expiry !== undefined && expiry > systemClock.elapsed();
  }

  #forgetOldest(): void {
    for (const token of this.#expiry.keys()) {
      this.#expiry.delete(token);
      return;
    }
  }
}
