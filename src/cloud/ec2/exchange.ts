import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { receive, type Wire } from '../s3/send.ts';
import type { Signed } from './claim.ts';
import { Ec2Error } from './errors.ts';
import { Parameters } from './parameters.ts';

/** One request with what it has come to know of itself, for the log. */
export interface Exchange extends Wire {
  readonly id: string;
  readonly started: number;
  action: string;
  parameters: Parameters;
  accessKeyId: string | undefined;
  error: string | undefined;
}

export interface Ec2LogEntry {
  readonly at: string;
  readonly action: string;
  /** As they came, user-data included: this is a log for tests. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly status: number;
  readonly ms: number;
  readonly userAgent: string;
  readonly accessKeyId?: string;
  /** The code of the refusal, or `ConnectionLost`. */
  readonly error?: string;
}

export function newExchange(incoming: IncomingMessage, response: ServerResponse): Exchange {
  // A broken socket is told by the read or write that meets it; without these it would be told to the process.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const unknown = { action: 'Unknown', parameters: new Parameters([]), accessKeyId: undefined, error: undefined };
  return {
    incoming,
    response,
    id: randomUUID(),
    started: performance.now(),
    bytesIn: 0,
    bytesOut: 0,
    ...unknown,
  };
}

/** User-data of 16 KB in base64 and in percent signs is less than 70 KB; the rest is small. */
const MOST_BODY = 1024 * 1024;

/** The request as it was signed. */
export async function readSigned(exchange: Exchange): Promise<Signed> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of receive(exchange)) {
    size += chunk.length;
    if (size > MOST_BODY) throw new Ec2Error('InvalidRequest', `The request is longer than ${MOST_BODY} bytes`);
    chunks.push(chunk);
  }
  const { incoming } = exchange;
  const target = new URL(incoming.url ?? '/', 'http://ec2');
  return { incoming, path: target.pathname, query: [...target.searchParams], body: Buffer.concat(chunks) };
}

/** From the body's form and from the query: EC2 takes both. */
export function readParameters({ incoming, path, query, body }: Signed): Parameters {
  if (path !== '/') throw new Ec2Error('InvalidRequest', `There is nothing at ${path}`);
  const type = incoming.headers['content-type'] ?? '';
  if (body.length > 0 && !/^application\/x-www-form-urlencoded\b/i.test(type)) {
    throw new Ec2Error('InvalidRequest', `The body must be application/x-www-form-urlencoded, not "${type}"`);
  }
  const pairs = [...query, ...new URLSearchParams(Buffer.from(body).toString('utf8'))];
  const parameters = new Parameters(pairs);
  const [twice] = pairs.map(([name]) => name).filter((name, index, all) => all.indexOf(name) !== index);
  if (twice === undefined) return parameters;
  throw new Ec2Error('MalformedQueryString', `The parameter ${twice} is there twice`);
}

export function logEntry(exchange: Exchange, status: number): Ec2LogEntry {
  const { incoming, accessKeyId, error, action, parameters } = exchange;
  const ms = performance.now() - exchange.started;
  return {
    at: new Date(Date.now() - ms).toISOString(),
    action,
    parameters: Object.fromEntries(parameters.pairs),
    status,
    ms,
    userAgent: incoming.headers['user-agent'] ?? '',
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
    ...(error === undefined ? {} : { error }),
  };
}
