import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { parseErrorCode } from './listing-xml.ts';
import { bucketOrigin, type Endpoint } from './location.ts';
import { amzDate, authorization, type Credentials, canonicalQuery, encodeKey } from './sigv4.ts';

/** Where questions go. */
export interface Place {
  readonly endpoint: Endpoint;
  readonly bucket: string;
  /** undefined: not signed. */
  readonly credentials: Credentials | undefined;
}

export interface Question {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** '' is the bucket itself. */
  readonly key: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Said {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** S3's own word for a refusal, or `Http<status>` where it gave none; undefined for what succeeded. */
  readonly code: string | undefined;
  /** Milliseconds from the question to the whole answer. */
  readonly took: number;
}

const LONGEST_MS = 20_000;
const LARGEST_ANSWER = 16 * 1024 * 1024;

/**
 * One request and whatever came of it, for those who want to know how a store behaves: nothing is tried again, no redirect is
 * followed, a refusal is an answer. Rejects, with Node's own error, when no answer came within 20 s or it does not end.
 */
export function ask(place: Place, question: Question): Promise<Said> {
  const origin = bucketOrigin(place.endpoint, place.bucket);
  const { query = [], body = new Uint8Array() } = question;
  const path = origin.basePath + encodeKey(question.key);
  const search = query.length === 0 ? '' : `?${canonicalQuery(query)}`;
  const headers = signedHeaders(place, question, { path, host: origin.host });
  const { hostname, port } = origin;
  const send = origin.protocol === 'https:' ? https.request : http.request;
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = send(
      { hostname, port, method: question.method, path: path + search, headers, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_ANSWER) answer.destroy(new Error('the answer does not end'));
          else chunks.push(chunk);
        });
        answer.on('error', reject);
        answer.on('end', () => resolve(read(answer, Buffer.concat(chunks), performance.now() - started)));
      },
    );
    const late = () => request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    const deadline = setTimeout(late, LONGEST_MS);
    request.on('close', () => clearTimeout(deadline));
    request.on('error', reject);
    request.end(body);
  });
}

function read(answer: http.IncomingMessage, body: Buffer, took: number): Said {
  const status = answer.statusCode ?? 0;
  const code = status < 300 ? undefined : (parseErrorCode(body.toString('utf8')) ?? `Http${status}`);
  return { status, headers: answer.headers, body, code, took };
}

function signedHeaders(
  { credentials, endpoint }: Place,
  { method, query = [], headers, body = new Uint8Array() }: Question,
  to: { readonly path: string; readonly host: string },
): Record<string, string> {
  const length = method === 'PUT' ? { 'content-length': String(body.length) } : {};
  if (!credentials) return { host: to.host, ...length, ...headers };
  const payloadHash = createHash('sha256').update(body).digest('hex');
  const signed: Record<string, string> = {
    host: to.host,
    'x-amz-date': amzDate(Date.now()),
    'x-amz-content-sha256': payloadHash,
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
    ...headers,
  };
  const signable = { method, path: to.path, query, headers: signed, payloadHash };
  const scope = { region: endpoint.region, service: 's3' };
  return { ...signed, ...length, authorization: authorization(signable, scope, credentials) };
}
