import type { Clock } from '../lib/clock.ts';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import type { Patience } from '../lib/waits.ts';

/**
 * The instance metadata service, version 2 only:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 * A literal address, no proxy, no redirect, no retreat to version 1: a service that refuses a token is believed.
 */
export interface ImdsOptions {
  /** Default http://169.254.169.254 */
  readonly base?: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a late service is waited for. Default 300 s; cloud images have been seen to need 240. */
  readonly waitMs?: number;
  readonly patience?: Patience;
}

const BASE = 'http://169.254.169.254';
const TOKEN_SECONDS = 21_600;
const ANSWER_LIMIT = 256 * 1024;
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EPIPE',
]);

export class ImdsClient {
  readonly #options: ImdsOptions;
  readonly #base: string;
  #token: { readonly value: string; readonly until: number } | undefined;

  constructor(options: ImdsOptions) {
    this.#options = options;
    this.#base = options.base ?? BASE;
  }

  /** The text at `/latest/<path>`, or undefined where the service has nothing there (404). */
  async get(path: string): Promise<string | undefined> {
    const first = await this.#request('GET', path, await this.#validToken());
    if (first.status !== 401) return textOf(first, path);
    this.#token = undefined; // the service forgot it, or it ran out on its side
    return textOf(await this.#request('GET', path, await this.#validToken()), path);
  }

  async #validToken(): Promise<string> {
    const now = this.#options.clock.elapsed();
    if (this.#token && now < this.#token.until) return this.#token.value;
    const answer = await this.#request('PUT', 'api/token', undefined);
    if (answer.status !== 200 || !/^[\x21-\x7e]{1,4096}$/.test(answer.body)) {
      throw refused('api/token', answer.status);
    }
    this.#token = { value: answer.body, until: now + (TOKEN_SECONDS - 60) * 1_000 };
    return this.#token.value;
  }

  async #request(method: 'GET' | 'PUT', path: string, token: string | undefined): Promise<Answer> {
    const { default: got } = await import('got');
    const headers: Record<string, string> =
      token === undefined
        ? { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
        : { 'x-aws-ec2-metadata-token': token };
    const policy = {
      attempts: 1_000,
      baseMs: 50,
      capMs: 2_000,
      budgetMs: this.#options.waitMs ?? 300_000,
    };
    const passing = (error: unknown) => error instanceof Passing || PASSING.has(errorCode(error) ?? '');
    return await retry(policy, this.#options, passing, async () => {
      const asking = got(`${this.#base}/latest/${path}`, {
        method,
        headers,
        timeout: { connect: 1_000, response: 2_000, request: 4_000 },
        retry: { limit: 0 },
        followRedirect: false,
        throwHttpErrors: false,
        decompress: false,
      });
      let tooLong = false;
      asking.on('downloadProgress', ({ transferred }) => {
        tooLong ||= transferred > ANSWER_LIMIT;
        if (tooLong) asking.cancel();
      });
      const answer = await asking.catch((error: unknown) => {
        throw tooLong ? unbounded(path) : error;
      });
      if (answer.statusCode >= 500 || answer.statusCode === 429) throw new Passing(answer.statusCode);
      return { status: answer.statusCode, body: answer.body };
    }).catch((error: unknown) => {
      throw error instanceof HauloutError ? error : unreachable(path, error);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

class Passing extends Error {
  readonly code: string;

  constructor(status: number) {
    super(`status ${status}`);
    this.code = `http-${status}`;
  }
}

function textOf(answer: Answer, path: string): string | undefined {
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw refused(path, answer.status);
  return answer.body;
}

function refused(path: string, status: number): HauloutError {
  return new HauloutError({
    code: 'metadata-refused',
    step: 'metadata',
    subject: `/latest/${path}`,
    reason: `the metadata service answered ${status}`,
    hint: 'enable the metadata service of this instance (HttpEndpoint=enabled); its version 1 is never used',
  });
}

function unbounded(path: string): HauloutError {
  return new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject: `/latest/${path}`,
    reason: `the answer is longer than ${ANSWER_LIMIT} bytes`,
    hint: 'is something else answering at 169.254.169.254? It is asked again at the next sync',
  });
}

function unreachable(path: string, cause: unknown): HauloutError {
  return new HauloutError(
    {
      code: 'metadata-unreachable',
      step: 'metadata',
      subject: `/latest/${path}`,
      reason: `the metadata service did not answer (${errorCode(cause) ?? (cause instanceof Error ? cause.message : 'no answer')})`,
      hint: 'is this a cloud instance? In a container the hop limit must be 2 (HttpPutResponseHopLimit)',
    },
    // Not got's own error: it carries the request with the token, and what came of an answer.
    cause instanceof Error ? cause.cause : undefined,
  );
}
