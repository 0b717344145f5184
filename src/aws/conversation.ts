import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { RetryBudget, type RetryPolicy, retry } from '../lib/retry.ts';
import type { Patience } from '../lib/waits.ts';
import { type Deadlines, READ_DEADLINES, readStart, Wire } from './http.ts';
import { parseErrorCode } from './listing-xml.ts';
import type { Endpoint } from './location.ts';
import { type Refusal, redirected, type Site, siteOf } from './regions.ts';
import { isPassing, retryAfterMs, S3Error } from './s3-error.ts';
import { amzDate, authorization, type Credentials, canonicalQuery, EMPTY_SHA256, encodeKey } from './sigv4.ts';

export interface ConversationOptions {
  readonly endpoint: Endpoint;
  readonly bucket: string;
  /** undefined: read without signing. Asked before each request; `fresh` after the store called them expired. */
  readonly credentials: (fresh: boolean) => Promise<Credentials | undefined>;
  /** Twelve digits: the account that must own the bucket; every request says so, and the store refuses when it is another. */
  readonly owner?: string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly connections?: number;
  readonly deadlines?: Partial<Deadlines>;
  readonly retry?: Partial<RetryPolicy>;
  readonly patience?: Patience;
}

/** One request: with a body it is a PUT, without one a GET. An empty key is the bucket itself. */
export interface BucketRequest {
  readonly operation: string;
  readonly key: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const ERROR_LIMIT = 64 * 1024;
const MOST_REDIRECTS = 2;
/** Signatures are refused at 15 minutes; a third of it is worth a correction. */
const SKEW_MS = 300_000;
const RETRY: RetryPolicy = { attempts: 5, baseMs: 200, capMs: 5_000, budgetMs: 60_000 };
/** Tries beyond the first, of all requests together: a store in trouble is not helped by a thousand of them. */
const MOST_RETRIES = 100;
const PASSING_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'HPE_INVALID_CONSTANT',
  'store-timeout',
  'store-too-slow',
  'body-incomplete',
  'body-altered',
]);

/**
 * Signed requests to one bucket, and what was learnt about the store on the way, for the life of the process: its clock, the
 * region it is in, that keys ran out.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #deadlines: Deadlines;
  readonly #policy: RetryPolicy;
  readonly #budget: RetryBudget;
  #at: { readonly site: Site; readonly wire: Wire };
  #requests = 0;
  /** Server clock minus ours, learnt when a store finds ours too wrong to sign with. */
  #skewMs = 0;
  #freshCredentials = false;
  #serverDate: number | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#deadlines = { ...READ_DEADLINES, ...options.deadlines };
    this.#policy = { ...RETRY, ...options.retry };
    this.#budget = new RetryBudget(MOST_RETRIES, options.clock);
    this.#at = this.#connect(siteOf(options.endpoint, options.bucket));
  }

  get requests(): number {
    return this.#requests;
  }

  get serverDate(): number | undefined {
    return this.#serverDate;
  }

  /** Resolves with an answer 200 (to a PUT, any 2xx), its body unread; an S3Error for any other. Follows at most two redirects. */
  async ask(request: BucketRequest): Promise<IncomingMessage> {
    for (let redirects = 0; ; redirects++) {
      const at = this.#at;
      const answer = await this.#send(request, at.site, at.wire);
      if (isGood(answer, request)) return answer;
      const refusal = await readRefusal(answer);
      const { endpoint, bucket } = this.#options;
      const next = redirects < MOST_REDIRECTS ? redirected(at.site, endpoint, bucket, refusal) : undefined;
      if (!next) throw this.#error(refusal, request);
      this.#move(next);
    }
  }

  /**
   * Tries an action of one or more questions again while that is worth it: pauses, attempts and the time are bounded, by `policy`
   * where this action is to be less patient than the others.
   */
  retried<T>(operation: string, action: () => Promise<T>, policy: Partial<RetryPolicy> = {}): Promise<T> {
    let relearnt = false;
    let signedWith = 0; // others may learn the skew while this one is under way
    const again = (error: unknown): boolean => {
      if (error instanceof S3Error && !relearnt && this.#relearn(error, signedWith)) {
        relearnt = true;
        return true;
      }
      return isWorthAnotherTry(error);
    };
    const tools = { ...this.#options, budget: this.#budget, askedFor: retryAfterMs };
    const attempt = () => {
      signedWith = this.#skewMs;
      return action();
    };
    return retry({ ...this.#policy, ...policy }, tools, again, attempt).catch((error: unknown) => {
      throw isNetwork(error) ? unreachable(this.#at.site.origin.host, operation, error) : error;
    });
  }

  close(): void {
    this.#at.wire.close();
  }

  #connect(site: Site): { site: Site; wire: Wire } {
    return { site, wire: new Wire(site.origin, this.#deadlines, this.#options.connections ?? 16) };
  }

  /** What is under way on the old connections ends there; idle ones end by themselves. */
  #move(site: Site): void {
    const { wire, site: before } = this.#at;
    this.#at = site.origin.host === before.origin.host ? { site, wire } : this.#connect(site);
  }

  async #send(
    { key, query = [], headers: extra = {}, body }: BucketRequest,
    { origin, region }: Site,
    wire: Wire,
  ): Promise<IncomingMessage> {
    const path = key === '' ? origin.basePath : `${origin.basePath}${encodeKey(key)}`;
    const method = body ? 'PUT' : 'GET';
    const credentials = await this.#options.credentials(this.#freshCredentials);
    this.#freshCredentials = false;
    const headers: Record<string, string> = { host: origin.host, ...extra };
    if (this.#options.owner !== undefined) headers['x-amz-expected-bucket-owner'] = this.#options.owner;
    if (credentials) {
      headers['x-amz-date'] = amzDate(this.#options.clock.now() + this.#skewMs);
      const payloadHash = body ? createHash('sha256').update(body).digest('hex') : EMPTY_SHA256;
      headers['x-amz-content-sha256'] = payloadHash;
      if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
      const signable = { method, path, query, headers, payloadHash };
      headers['authorization'] = authorization(signable, { region, service: 's3' }, credentials);
    }
    if (body) headers['content-length'] = String(body.length);
    this.#requests++;
    const search = query.length === 0 ? '' : `?${canonicalQuery(query)}`;
    const answer = await wire.send({ method, path: path + search, headers, ...(body ? { body } : {}) });
    const date = Date.parse(answer.headers.date ?? '');
    if (!Number.isNaN(date)) this.#serverDate = date;
    return answer;
  }

  /** Whether the store's answer taught something that makes the same request worth sending again. */
  #relearn({ status, s3Code }: S3Error, signedWith: number): boolean {
    if (s3Code === 'ExpiredToken' || s3Code === 'InvalidToken') {
      this.#freshCredentials = true;
      return true;
    }
    if (status !== 403 || this.#serverDate === undefined) return false;
    // Not every store says why: one that is minutes from our time and refuses us may do so for that.
    const skew = this.#serverDate - this.#options.clock.now();
    if (s3Code !== 'RequestTimeTooSkewed' && Math.abs(skew - signedWith) < SKEW_MS) return false;
    this.#skewMs = skew;
    return true;
  }

  #error(refusal: Refusal, { key, operation }: BucketRequest): S3Error {
    const subject = key === '' ? `s3://${this.#options.bucket}` : key;
    const retryAfter = refusal.headers['retry-after'];
    const { owner } = this.#options;
    return new S3Error(refusal.status, refusal.code, operation, subject, { retryAfter, owner });
  }
}

function isGood({ statusCode = 0 }: IncomingMessage, { body }: BucketRequest): boolean {
  return body ? statusCode >= 200 && statusCode < 300 : statusCode === 200;
}

async function readRefusal(answer: IncomingMessage): Promise<Refusal> {
  const document = (await readStart(answer, ERROR_LIMIT)).toString('utf8');
  const status = answer.statusCode ?? 0;
  return { status, code: parseErrorCode(document) ?? `Http${status}`, headers: answer.headers, document };
}

/** A broken connection, a store that does not answer: nothing of the object or of our asking. */
export function isPassingCode(error: unknown): boolean {
  return PASSING_CODES.has(errorCode(error) ?? '');
}

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof S3Error ? isPassing(error) : isPassingCode(error);
}

/** Node's own words for what went wrong below HTTP, and nobody else's. */
function isNetwork(error: unknown): boolean {
  return !(error instanceof HauloutError) && !(error instanceof SinkFailure);
}

/** What the sink threw: it is not the store's, so it is neither tried again nor renamed. */
export class SinkFailure extends Error {}

function unreachable(host: string, operation: string, cause: unknown): HauloutError {
  return new HauloutError(
    {
      code: 'store-unreachable',
      step: 'bucket',
      subject: host,
      reason: `${operation} did not get through (${errorCode(cause) ?? 'connection failed'})`,
      hint: 'check the endpoint and the network of this machine; it is tried again at the next sync',
    },
    cause,
  );
}
