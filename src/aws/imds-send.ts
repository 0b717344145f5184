import http from 'node:http';

/** What was asked, and for how long each part of it is waited for, in milliseconds. */
export interface ImdsQuestion {
  readonly method: 'GET' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectMs: number;
  /** From the connection to the head of the answer. */
  readonly answerMs: number;
  readonly totalMs: number;
  /** Bytes of the body. */
  readonly limit: number;
}

export interface ImdsAnswer {
  readonly status: number;
  readonly body: string;
}

/** The body is longer than it may be. */
export class TooLong extends Error {}

/** No connection, no answer or no end of it in time. */
export class OutOfTime extends Error {
  readonly code = 'ETIMEDOUT';
  /** The request was taken, and nothing came back. */
  readonly connected: boolean;

  constructor(connected: boolean) {
    super('no answer in time');
    this.connected = connected;
  }
}

/** As the common agent is, but ours: in that one's place NODE_USE_ENV_PROXY puts another, which asks a proxy. */
const agent = new http.Agent({ keepAlive: true, timeout: 5_000 });

/**
 * One request and its whole answer: no proxy, no redirect, nothing unpacked. node:http, because some of this is asked every five
 * seconds for as long as the machine lives: got took three times the CPU, and a quarter of the agent's bytes.
 */
export function sendImds(question: ImdsQuestion): Promise<ImdsAnswer> {
  const { method, url, headers, connectMs, answerMs, totalMs, limit } = question;
  return new Promise((resolve, reject) => {
    let connected = false;
    const request = http.request(url, { agent, method, headers });
    const late = () => request.destroy(new OutOfTime(connected));
    let waiting = setTimeout(late, connectMs);
    const total = setTimeout(late, totalMs);
    const onConnect = () => {
      connected = true;
      clearTimeout(waiting);
      waiting = setTimeout(late, answerMs);
    };
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', onConnect);
      else onConnect();
    });
    request.once('response', (answer) => {
      clearTimeout(waiting);
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) request.destroy(new TooLong());
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.on('error', reject);
    request.once('close', () => {
      clearTimeout(waiting);
      clearTimeout(total);
    });
    request.end();
  });
}
