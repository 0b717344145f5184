import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { amzDate, authorization, type Credentials, encodeKey, type Signable } from '../../src/aws/sigv4.ts';
import { listen } from '../../src/cloud/s3/listen.ts';
import { type RequestLogEntry, S3Endpoint, type S3Options } from '../../src/cloud/s3/server.ts';
import { sha256 } from '../../src/lib/digest.ts';

export const REGION = 'eu-west-1';
export const KEY: Credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'a secret of the tests' };
export const TEMPORARY_KEY: Credentials = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'another secret',
  sessionToken: 'a/token+with=signs',
};

export interface RunningS3 {
  readonly url: string;
  readonly endpoint: S3Endpoint;
  readonly log: RequestLogEntry[];
  /** A directory for the test's own files, gone with the endpoint. */
  readonly directory: string;
  close(): Promise<void>;
}

/** A real endpoint on a free port of 127.0.0.1, with the bucket `bkt`. */
export async function startS3(options: Partial<S3Options> = {}): Promise<RunningS3> {
  const directory = mkdtempSync(join(tmpdir(), 'haulout-s3-'));
  const log: RequestLogEntry[] = [];
  const keys = new Map([KEY, TEMPORARY_KEY].map((key) => [key.accessKeyId, key]));
  const endpoint = new S3Endpoint({
    region: REGION,
    keys,
    dataDirectory: join(directory, 'data'),
    onRequest: (entry) => log.push(entry),
    ...options,
  });
  endpoint.createBucket('bkt');
  const { url, close } = await listen(endpoint.handler, { host: '127.0.0.1', port: 0 });
  return {
    url,
    endpoint,
    log,
    directory,
    async close() {
      await close();
      await endpoint.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface RawRequest {
  readonly method?: string;
  /** Decoded; encoded here. `rawPath` is sent as it is. */
  readonly path?: string;
  readonly rawPath?: string;
  readonly query?: Signable['query'];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly key?: Credentials;
  readonly payloadHash?: string;
  readonly at?: number;
  readonly region?: string;
}

export interface RawReply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
  /** The Code element of an error. */
  readonly code: string | undefined;
}

/** A request signed by hand, so that it can be wrong. */
export function signed(url: string, request: RawRequest): Promise<RawReply> {
  const rawPath = (request.rawPath ?? encodeKey(request.path ?? '/bkt')) + queryText(request.query ?? []);
  return raw(url, { ...request, rawPath, headers: signedHeaders(url, request) });
}

export function signedHeaders(url: string, request: RawRequest): Record<string, string> {
  const { method = 'GET', query = [], key = KEY, region = REGION, path, rawPath } = request;
  const payloadHash = request.payloadHash ?? sha256(request.body ?? '');
  const headers: Record<string, string> = {
    host: new URL(url).host,
    'x-amz-date': amzDate(request.at ?? Date.now()),
    'x-amz-content-sha256': payloadHash,
    ...(key.sessionToken === undefined ? {} : { 'x-amz-security-token': key.sessionToken }),
    ...request.headers,
  };
  const decoded = rawPath === undefined ? (path ?? '/bkt') : decodeURIComponent(rawPath);
  const signable = { method, path: encodeKey(decoded), query, headers, payloadHash };
  return { ...headers, authorization: authorization(signable, { region, service: 's3' }, key) };
}

export function queryText(query: Signable['query']): string {
  const pairs = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Just what is given, nothing added but a content-length. */
export function raw(url: string, request: RawRequest): Promise<RawReply> {
  const { hostname, port } = new URL(url);
  const body = Buffer.from(request.body ?? '');
  const headers = { ...(body.length > 0 ? { 'content-length': String(body.length) } : {}), ...request.headers };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { hostname, port, method: request.method ?? 'GET', path: request.rawPath ?? '/', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve(readReply(response, Buffer.concat(chunks))));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function readReply(response: IncomingMessage, body: Buffer): RawReply {
  const text = body.toString('utf8');
  const code = /<Error>.*?<Code>([\w.]+)<\/Code>/s.exec(text)?.[1];
  return { status: response.statusCode ?? 0, headers: response.headers, body, text, code };
}
