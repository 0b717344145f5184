import { createHash } from 'node:crypto';
import type { Identity } from './authenticate.ts';
import { type Checksum, checkShape, expectedChecksum, mismatch, newHash } from './checksums.ts';
import { decodeChunked, type Framing, type Trailers } from './decode-chunked.ts';
import { notImplemented, S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** A request's body as the client meant it: framing taken off, everything said about it checked. */
export interface Body {
  /** Whoever reads it must keep nothing when it throws: the checks come at the end. */
  readonly chunks: AsyncIterable<Buffer>;
  /** The checksum that was sent and held; meaningful when `chunks` has ended. */
  checksum(): Checksum | undefined;
}

export interface BodyRules {
  readonly identity: Identity | undefined;
  readonly maxBytes: number;
  readonly ignoreChecksum: boolean;
  /** The bytes as they come from the socket. */
  readonly raw: AsyncIterable<Buffer>;
}

interface Check {
  update(chunk: Buffer): void;
  finish(): void;
}

const STREAMING: Readonly<Record<string, { readonly signed: boolean; readonly trailer: boolean }>> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
};

/** Throws at once for what the head alone shows to be wrong. */
export function openBody(request: S3Request, rules: BodyRules): Body {
  const payload = rules.identity?.payload ?? request.header('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD';
  const framing = framingOf(payload, rules.identity);
  const declared = declaredLength(request, framing !== undefined);
  if (declared !== undefined && declared > rules.maxBytes) throw tooLarge(declared, rules.maxBytes);
  const trailers: Trailers = new Map();
  const sum = rules.ignoreChecksum ? undefined : checksumCheck(request, trailers);
  const checks = [lengthCheck(declared), payloadCheck(payload), md5Check(request), sum?.check];
  const data = framing ? decodeChunked(rules.raw, framing, trailers) : rules.raw;
  return {
    chunks: verified(
      data,
      checks.filter((check) => check !== undefined),
      rules.maxBytes,
    ),
    checksum: () => sum?.result(),
  };
}

async function* verified(data: AsyncIterable<Buffer>, checks: readonly Check[], max: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of data) {
    size += chunk.length;
    if (size > max) throw tooLarge(size, max);
    for (const check of checks) check.update(chunk);
    yield chunk;
  }
  for (const check of checks) check.finish();
}

function framingOf(payload: string, identity: Identity | undefined): Framing | undefined {
  const streaming = STREAMING[payload];
  if (!streaming) {
    if (payload.startsWith('STREAMING-')) throw notImplemented(`x-amz-content-sha256: ${payload}`);
    return undefined;
  }
  if (!streaming.signed) return { signing: undefined, trailer: streaming.trailer };
  if (!identity?.chunks) {
    throw new S3Error('InvalidRequest', { message: 'A presigned or anonymous request cannot have signed chunks' });
  }
  return { signing: identity.chunks, trailer: streaming.trailer };
}

/** Of the data, without its framing. */
function declaredLength(request: S3Request, framed: boolean): number | undefined {
  const text = framed ? request.header('x-amz-decoded-content-length') : request.incoming.headers['content-length'];
  if (text !== undefined && !/^\d{1,15}$/.test(text)) {
    throw new S3Error('InvalidArgument', { message: 'The length of the body is not a number' });
  }
  // S3 has no plain chunked transfer: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
  const transfer = request.incoming.headers['transfer-encoding'];
  if (!framed && transfer !== undefined) throw notImplemented(`Transfer-Encoding: ${transfer} without aws-chunked`);
  if (framed && text === undefined) throw new S3Error('MissingContentLength');
  return text === undefined ? undefined : Number(text);
}

function lengthCheck(declared: number | undefined): Check | undefined {
  if (declared === undefined) return undefined;
  let size = 0;
  return {
    update(chunk) {
      size += chunk.length;
    },
    finish() {
      if (size !== declared) throw new S3Error('IncompleteBody');
    },
  };
}

function payloadCheck(payload: string): Check | undefined {
  if (payload === 'UNSIGNED-PAYLOAD' || payload in STREAMING) return undefined;
  if (!/^[0-9a-f]{64}$/i.test(payload)) {
    throw new S3Error('InvalidArgument', {
      message: 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- word, or a valid sha256 value.',
    });
  }
  const hash = createHash('sha256');
  return {
    update: (chunk) => void hash.update(chunk),
    finish() {
      const computed = hash.digest('hex');
      if (computed === payload.toLowerCase()) return;
      throw new S3Error('XAmzContentSHA256Mismatch', {
        fields: { ClientComputedContentSHA256: payload, S3ComputedContentSHA256: computed },
      });
    },
  };
}

function md5Check(request: S3Request): Check | undefined {
  const sent = request.header('content-md5');
  if (sent === undefined) return undefined;
  const bytes = Buffer.from(sent, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== sent) throw new S3Error('InvalidDigest');
  const hash = createHash('md5');
  return {
    update: (chunk) => void hash.update(chunk),
    finish() {
      const computed = hash.digest('base64');
      if (computed === sent) return;
      throw new S3Error('BadDigest', {
        message: 'The Content-MD5 you specified did not match what we received.',
        fields: { ExpectedDigest: sent, CalculatedDigest: computed },
      });
    },
  };
}

function checksumCheck(
  request: S3Request,
  trailers: Trailers,
): { check: Check; result(): Checksum | undefined } | undefined {
  const expected = expectedChecksum(request.header);
  if (!expected) return undefined;
  const { algorithm } = expected;
  const hash = newHash(algorithm);
  let held: Checksum | undefined;
  const check: Check = {
    update: (chunk) => void hash.update(chunk),
    finish() {
      const sent = expected.value ?? trailers.get(`x-amz-checksum-${algorithm.toLowerCase()}`) ?? '';
      checkShape(algorithm, sent);
      const value = hash.digest().toString('base64');
      if (value !== sent) throw mismatch(algorithm);
      held = { algorithm, value, type: 'FULL_OBJECT' };
    },
  };
  return { check, result: () => held };
}

function tooLarge(size: number, max: number): S3Error {
  return new S3Error('EntityTooLarge', { fields: { ProposedSize: String(size), MaxSizeAllowed: String(max) } });
}

/** A request's document, whole in memory. */
export async function readText(chunks: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  return Buffer.concat(pieces).toString('utf8');
}
