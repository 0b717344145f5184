import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { canonicalRequest, signature } from '../../src/aws/sigv4.ts';
import { sha256 } from '../../src/lib/digest.ts';

/**
 * The two services a launch talks to, on one loopback port: metadata under /latest/, an S3 store under /s3/ (an endpoint with a
 * path). It checks every token and every signature. What it is not: it lists nothing, takes whatever is signed, knows one region and one
 * role, never throttles, and speaks plain HTTP only.
 */
export interface LaunchWire {
  readonly metadata: string;
  readonly endpoint: string;
  /** `METHOD /path`, in order. */
  readonly requests: string[];
  readonly objects: Map<string, Uint8Array>;
  /** Answers instead of the services while it returns true. */
  before: (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;
  /** Metadata categories; one that is deleted answers 404. */
  readonly categories: Map<string, string>;
  tokens: 'required' | 'unknown';
  publicRead: boolean;
  /** The store's clock less this machine's. */
  offsetMs: number;
  count(pattern: RegExp): number;
  close(): Promise<void>;
}

const SECRET = 'wire-secret/with+signs=';
const SESSION = 'wire-session-token==';
const ACCESS = 'WIREACCESSKEY';
const TOKEN = 'wire-token-AQAEAA==';
/** What no argument, environment or log may show. */
export const SECRETS: readonly string[] = [SECRET, SESSION, ACCESS, TOKEN];
const SKEW_MS = 900_000;

export async function startLaunchWire(): Promise<LaunchWire> {
  const server = createServer((request, response) => answer(wire, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const wire: LaunchWire = {
    metadata: `http://127.0.0.1:${port}`,
    endpoint: `http://127.0.0.1:${port}/s3`,
    requests: [],
    objects: new Map(),
    before: () => false,
    categories: new Map([
      ['meta-data/instance-id', 'i-0abc0abc0abc0abc0'],
      ['meta-data/placement/region', 'eu-west-3'],
      ['meta-data/iam/security-credentials/', 'planet-role'],
      [
        'meta-data/iam/security-credentials/planet-role',
        JSON.stringify({ Code: 'Success', AccessKeyId: ACCESS, SecretAccessKey: SECRET, Token: SESSION }, null, 2),
      ],
    ]),
    tokens: 'required',
    publicRead: false,
    offsetMs: 0,
    count: (pattern) => wire.requests.filter((line) => pattern.test(line)).length,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return wire;
}

function answer(wire: LaunchWire, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', wire.metadata);
  wire.requests.push(`${request.method} ${url.pathname}`);
  if (wire.before(request, response, url)) return;
  if (url.pathname.startsWith('/latest/')) metadata(wire, request, response, url.pathname.slice('/latest/'.length));
  else if (url.pathname.startsWith('/s3/')) store(wire, request, response, url);
  else end(response, 404, '');
}

function metadata(wire: LaunchWire, request: IncomingMessage, response: ServerResponse, path: string): void {
  const [status, body] = path === 'api/token' ? token(wire, request) : category(wire, request, path);
  end(response, status, body);
}

function token(wire: LaunchWire, request: IncomingMessage): [number, string] {
  if (wire.tokens === 'unknown') return [404, ''];
  const ttl = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds']);
  return ttl >= 1 && ttl <= 21_600 && request.method === 'PUT' ? [200, TOKEN] : [400, ''];
}

function category(wire: LaunchWire, request: IncomingMessage, path: string): [number, string] {
  if (wire.tokens === 'required' && request.headers['x-aws-ec2-metadata-token'] !== TOKEN) return [401, ''];
  const text = wire.categories.get(path);
  return text === undefined ? [404, 'Not Found'] : [200, text];
}

function store(wire: LaunchWire, request: IncomingMessage, response: ServerResponse, url: URL): void {
  response.setHeader('date', new Date(Date.now() + wire.offsetMs).toUTCString());
  const refused = request.headers.authorization === undefined ? anonymous(wire) : verify(wire, request, url);
  const key = decodeURIComponent(url.pathname.slice('/s3/'.length));
  const object = wire.objects.get(key);
  if (refused !== undefined) s3Error(response, 403, refused);
  else if (request.method === 'PUT') void take(wire, key, request, response);
  else if (object) end(response, 200, object);
  else s3Error(response, 404, 'NoSuchKey');
}

async function take(wire: LaunchWire, key: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  if (sha256(body) !== request.headers['x-amz-content-sha256']) s3Error(response, 400, 'XAmzContentSHA256Mismatch');
  else {
    wire.objects.set(key, body);
    end(response, 200, '');
  }
}

const anonymous = (wire: LaunchWire) => (wire.publicRead ? undefined : 'AccessDenied');

function verify(wire: LaunchWire, request: IncomingMessage, url: URL): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (!match) return 'AuthorizationHeaderMalformed';
  const [, access, day, region, signed, given] = match;
  const headers = request.headers as Record<string, string>;
  const date = headers['x-amz-date'] ?? '';
  const names = (signed ?? '').split(';');
  const needed = ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'];
  if (access !== ACCESS || headers['x-amz-security-token'] !== SESSION) return 'InvalidAccessKeyId';
  if (!needed.every((name) => names.includes(name)) || day !== date.slice(0, 8)) return 'AccessDenied';
  const sent = Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
  if (!(Math.abs(sent - Date.now() - wire.offsetMs) < SKEW_MS)) return 'RequestTimeTooSkewed';
  const payloadHash = headers['x-amz-content-sha256'] ?? '';
  const canonical = canonicalRequest(
    { method: request.method ?? '', path: url.pathname, query: [...url.searchParams], headers, payloadHash },
    names,
  );
  const wanted = signature(canonical, date, { region: region ?? '', service: 's3' }, SECRET);
  return wanted === given && region === 'eu-west-3' ? undefined : 'SignatureDoesNotMatch';
}

export function s3Error(response: ServerResponse, status: number, code: string): void {
  end(response, status, `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
}

export function end(response: ServerResponse, status: number, body: string | Uint8Array): void {
  response.statusCode = status;
  response.end(body);
}
