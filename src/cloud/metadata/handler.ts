import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { systemClock } from '../../lib/clock.ts';
import type { InstanceDescription } from './description.ts';
import { type Dialect, type DialectRules, madeUpToken, RULES } from './dialects.ts';
import { lookUp } from './tree.ts';

/*
 * The metadata service of one instance of the local cloud: the token protocol, status codes and listings of EC2's, and of those
 * who speak its language in a dialect of their own (dialects.ts says where that is known from).
 * What it is not: there is no signature or pkcs7 of the identity document, no IPv6 address, no packet rate limit, no per-version
 * differences, and categories that haulout does not read are few. The instance's network has one hop: the hop limit is a
 * fault that swallows what a limit would, the answer to PUT. Refusals have EC2's words in every dialect.
 */

/** Faults for tests; read at every request, so a test may change the object. */
export interface MetadataFaults {
  latencyMs?: number;
  /** So many answers are 503; counted down. */
  failFirst?: number;
  /** What PUT /latest/api/token answers instead of a token: 403 as a switched-off service. */
  tokenStatus?: number;
  /** As in a container on an instance with HttpPutResponseHopLimit 1: PUT is never answered, GET is. */
  hopLimit?: boolean;
  /** For so long after the first request, everything is answered as Eucalyptus does while its front end starts: 200, and words. */
  startingMs?: number;
}

export interface MetadataRequest {
  readonly method: string;
  readonly path: string;
  /** 0: it was not answered. */
  readonly status: number;
  readonly withToken: boolean;
  readonly userAgent: string | undefined;
}

export interface MetadataOptions {
  /** Whose service this one speaks like. Default: Amazon's. */
  readonly dialect?: Dialect;
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
  const { faults = {} } = options;
  const service: Service = { rules: RULES[options.dialect ?? 'aws'], tokens: new Tokens(), faults };
  const hidden = new Faulty(faults);
  return (request, response) => {
    request.resume();
    const told = (status: number) => options.onRequest?.(recordOf(request, status));
    if (faults.hopLimit && request.method === 'PUT') return told(0);
    const send = () => {
      const answer = hidden.answer() ?? answerTo(request, describe(), service);
      write(response, answer);
      told(answer.status);
    };
    if (faults.latencyMs) setTimeout(send, faults.latencyMs);
    else send();
  };
}

/** What stands before the service while it cannot answer. */
class Faulty {
  readonly #faults: MetadataFaults;
  #started: number | undefined;

  constructor(faults: MetadataFaults) {
    this.#faults = faults;
  }

  answer(): Answer | undefined {
    this.#started ??= systemClock.elapsed();
    const { startingMs = 0, failFirst = 0 } = this.#faults;
    if (systemClock.elapsed() - this.#started < startingMs) return { status: 200, body: 'System is still starting up' };
    if (failFirst === 0) return undefined;
    this.#faults.failFirst = failFirst - 1;
    return refusal(503);
  }
}

interface Service {
  readonly rules: DialectRules;
  readonly tokens: Tokens;
  readonly faults: MetadataFaults;
}

function answerTo(request: IncomingMessage, about: InstanceDescription, service: Service): Answer {
  const { rules, tokens, faults } = service;
  const path = pathOf(request);
  if (path === undefined) return refusal(400);
  if (path.slice(1).join('/') === 'api/token') {
    if (faults.tokenStatus !== undefined) return refusal(faults.tokenStatus);
    if (rules.tokens === 'any') return { status: 200, body: madeUpToken() };
    if (rules.tokens === 'checked') return path[0] === 'latest' ? tokenAnswer(request, tokens) : refusal(403);
  }
  // The others look at the path alone.
  if (rules.tokens !== 'checked') return category(path, about, rules);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, { Allow: 'GET, HEAD' });
  return authorised(request, about, tokens) ? category(path, about, rules) : refusal(401);
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

function category([version, ...path]: readonly string[], about: InstanceDescription, rules: DialectRules): Answer {
  if (version === undefined) return { status: 200, body: rules.versions.join('\n') };
  const native = version === 'openstack' ? rules.native?.(about) : undefined;
  if (!native && !rules.versions.includes(version)) return refusal(404);
  const isUserData = native ? path[1] === 'user_data' && path.length === 2 : path.join('/') === 'user-data';
  const body = lookUp(native ?? rules.tree(about), path);
  if (body === undefined) return refusal(404);
  if (!isUserData) return { status: 200, body };
  const headers = { 'Content-Type': 'application/octet-stream' };
  return { status: 200, body: about.userData ?? '', headers };
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
