import type { Clock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import type { Patience } from '../lib/waits.ts';
import { type ImdsAnswer, sendImds, TooLong } from './imds-send.ts';
import { hopLimit, isStarting, noAnswer, notYet, refused, Unanswered, unbounded } from './imds-trouble.ts';

/**
 * The instance metadata service at its literal address: no proxy, no redirect.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 * Version 2 wherever there is one. Version 1 only where the service has no token endpoint at all (404, 405, 501: Eucalyptus
 * before 5.1, OpenStack); a token that is refused or never comes is no reason to do without.
 */
export interface ImdsOptions {
  /** Default http://169.254.169.254 */
  readonly base?: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a late service is waited for. Default 300 s; cloud images have been seen to need 240. */
  readonly waitMs?: number;
  readonly patience?: Patience;
  /** From the connection to the head of an answer; the whole of it may take twice as long. Default 2 s. */
  readonly answerMs?: number;
  /** Hears what is being waited for, once per reason, and which version of the protocol is spoken. */
  readonly say?: (words: string) => void;
}

/**
 * What `parse` makes of the text at a path (below /latest/, or absolute), or undefined where the service has nothing there (404).
 * `parse` throws when this is not what was asked for: a service that is still starting answers 200 with words of its own, so
 * the shape decides, and it is asked again. What it threw last is thrown when the patience ends.
 */
export type ReadMetadata = <T>(path: string, parse: (text: string) => T) => Promise<T | undefined>;

/** `value` undefined: this service has no tokens. */
interface Token {
  readonly value: string | undefined;
  readonly until: number;
}

const BASE = 'http://169.254.169.254';
export const PATIENCE_MS = 300_000;
const CONNECT_MS = 1_000;
const ANSWER_MS = 2_000;
const TOKEN_SECONDS = 21_600;
const TOKEN_SHAPE = /^[\x21-\x7e]{1,4096}$/;
const NO_TOKENS = [404, 405, 501];
const ANSWER_LIMIT = 256 * 1024;
/** So many tokens that never came, while plain requests are answered, are no accident. */
const HOP_LIMIT_AFTER = 3;

export class ImdsClient {
  readonly #options: ImdsOptions;
  readonly #base: string;
  #token: Token | undefined;
  #asking: Promise<Token> | undefined;
  #tokensAwaited = 0;
  #said = '';

  constructor(options: ImdsOptions) {
    this.#options = options;
    this.#base = options.base ?? BASE;
  }

  /** For questions that share one patience, beginning now; at most `mostMs`. */
  reader(mostMs = Number.POSITIVE_INFINITY): ReadMetadata {
    const { clock, waitMs = PATIENCE_MS } = this.#options;
    const until = clock.elapsed() + Math.min(waitMs, mostMs);
    return async (path, parse) => {
      const policy = { attempts: 1_000, baseMs: 50, capMs: 2_000, budgetMs: until - clock.elapsed() };
      const passing = (error: unknown) => error instanceof Unanswered;
      return await retry(policy, this.#options, passing, () => this.#once(path, parse)).catch((error) => {
        throw error instanceof Unanswered ? error.trouble : error;
      });
    };
  }

  /** One question without patience, and without a word about what is not there: for who asks again soon. */
  readonly peek: ReadMetadata = async (path, parse) => {
    return await this.#ask(path, parse).catch((error) => {
      throw error instanceof Unanswered ? error.trouble : error;
    });
  };

  async #once<T>(path: string, parse: (text: string) => T): Promise<T | undefined> {
    return await this.#ask(path, parse).catch((error) => {
      if (error instanceof Unanswered) this.#say(`waiting for it: ${error.trouble.reason}`);
      throw error;
    });
  }

  async #ask<T>(path: string, parse: (text: string) => T): Promise<T | undefined> {
    let answer = await this.#request('GET', path, await this.#tokenHeader());
    if (answer.status === 401) {
      this.#token = undefined; // the service forgot it, or it ran out on its side, or tokens are demanded by now
      answer = await this.#request('GET', path, await this.#tokenHeader());
    }
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refused(path, answer.status);
    return parsed(answer.body, path, parse);
  }

  async #tokenHeader(): Promise<Record<string, string>> {
    const now = this.#options.clock.elapsed();
    if (!this.#token || now >= this.#token.until) {
      // One for all who ask at the same time.
      this.#asking ??= this.#newToken(now).finally(() => {
        this.#asking = undefined;
      });
      this.#token = await this.#asking;
    }
    const { value } = this.#token;
    return value === undefined ? {} : { 'x-aws-ec2-metadata-token': value };
  }

  async #newToken(now: number): Promise<Token> {
    const path = 'api/token';
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) };
    const answer = await this.#request('PUT', path, headers).catch(async (error) => {
      if (!(error instanceof Unanswered) || !error.timedOut) throw error;
      this.#tokensAwaited++;
      throw this.#tokensAwaited >= HOP_LIMIT_AFTER && (await this.#answersPlainly()) ? hopLimit() : error;
    });
    this.#tokensAwaited = 0;
    if (NO_TOKENS.includes(answer.status)) {
      this.#say('it has no tokens, so its version 1 is spoken');
      return { value: undefined, until: Number.POSITIVE_INFINITY };
    }
    if (answer.status !== 200) throw refused(path, answer.status);
    if (!TOKEN_SHAPE.test(answer.body)) throw new Unanswered(notYet(path, answer.body));
    return { value: answer.body, until: now + (TOKEN_SECONDS - 60) * 1_000 };
  }

  /** The answer is not looked at, refused or not: this finds out whether there is one, and is never a way around the token. */
  async #answersPlainly(): Promise<boolean> {
    return await this.#request('GET', 'meta-data/', {}).then(
      () => true,
      () => false,
    );
  }

  async #request(method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Promise<ImdsAnswer> {
    const { answerMs = ANSWER_MS } = this.#options;
    const url = new URL(path, `${this.#base}/latest/`);
    const limits = { connectMs: CONNECT_MS, answerMs, totalMs: 2 * answerMs, limit: ANSWER_LIMIT };
    const answer = await sendImds({ method, url, headers, ...limits }).catch((error: unknown) => {
      throw error instanceof TooLong ? unbounded(path, ANSWER_LIMIT) : noAnswer(path, error);
    });
    const { status, body } = answer;
    const busy = status === 429 || (status >= 500 && !(method === 'PUT' && NO_TOKENS.includes(status)));
    if (busy) throw noAnswer(path, status);
    return { status, body };
  }

  #say(words: string): void {
    if (words !== this.#said) this.#options.say?.(words);
    this.#said = words;
  }
}

function parsed<T>(text: string, path: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    const named = error instanceof HauloutError && !isStarting(text);
    throw new Unanswered(named ? error : notYet(path, text));
  }
}
