import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';

export interface Limits {
  /** From the start until the answer's headers are there. */
  readonly headersMs: number;
  /** In which the body brings `idleBytes`, or its end. */
  readonly idleMs: number;
  readonly idleBytes: number;
  readonly totalMs: number;
  readonly bytes: number;
}

export interface Ask {
  readonly protocol?: string;
  readonly hostname: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/**
 * One request, one whole answer. Rejects when there is none, or only a part of one. Redirects are answers like any other,
 * and proxies of the environment are not asked (`agent: false` keeps NODE_USE_ENV_PROXY out too): both lead elsewhere.
 */
export function ask(what: Ask): Promise<Reply> {
  const { limits, body, ...options } = what;
  return new Promise((resolve, reject) => {
    const send = what.protocol === 'https:' ? tlsRequest : plainRequest;
    const request = send({ ...options, agent: false });
    const settle = () => {
      clearTimeout(total);
      clearTimeout(wait);
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
      request.destroy();
    };
    const limit = (word: string, ms: number) => setTimeout(() => fail(new Error(`${word} within ${ms / 1_000} s`)), ms);
    const total = limit('no whole answer', limits.totalMs);
    let wait = limit('no answer', limits.headersMs);
    // `on`, not `once`: a request that is destroyed may say so a second time, and nobody else listens.
    request.on('error', fail);
    request.once('response', (response) => {
      clearTimeout(wait);
      wait = limit('no more of the answer', limits.idleMs);
      let since = 0;
      response.on('error', fail).on('data', (chunk: Buffer) => {
        since += chunk.length;
        if (since < limits.idleBytes) return;
        since = 0;
        wait.refresh();
      });
      collect(response, limits.bytes, fail, (body) => {
        settle();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    request.end(body);
  });
}

function collect(
  response: IncomingMessage,
  limit: number,
  fail: (error: Error) => void,
  done: (body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) fail(new Error(`the answer is larger than ${limit} bytes`));
    else chunks.push(chunk);
  });
  response.once('end', () => (response.complete ? done(Buffer.concat(chunks)) : fail(new Error('the answer was cut'))));
}
