/**
 * The S3 endpoint of the local cloud: enough of S3 for haulout's agent and desk, the AWS SDKs, the AWS CLI and rclone, with
 * real signatures, real conditions and real errors, over contents on disk and an index in memory. The way of a request:
 *
 *   request (where does it point) -> operations (what is it) -> authenticate -> the operation's function -> send -> log
 *
 * ## What it is not
 * Not a store: what it holds is gone when it closes; the watched directory of `haulout try` is the truth. Not Amazon: no
 * TLS, one region, one account, no policies of buckets (a key may do everything, or what the policy that it was given allows:
 * policy.ts says how much of IAM that is), no versions, no encryption, no storage classes, no ACLs, no tags, no object lock, no lifecycle, no website, no events, no CORS, no browser forms, no S3 Select.
 *
 * ## Refused, not pretended: 501 NotImplemented with the operation's name
 * - every operation without a row in operations.ts (DeleteBucket, GetObjectAttributes, anything with a subresource ...);
 * - words of a query the operation does not know (versionId, partNumber on GetObject, delimiter on ListMultipartUploads);
 * - headers that would change the meaning (REFUSED_HEADERS in operations.ts): encryption, tagging, ACLs but the private ones,
 *   storage classes but STANDARD, object lock; conditions on writes other than `If-None-Match: *` and `If-Match`;
 * - entries of DeleteObjects that say more than a key; UploadPartCopy into an upload with checksums;
 * - Transfer-Encoding: chunked without aws-chunked, as S3 itself refuses it.
 * Signature versions 2 and 4A are refused with InvalidRequest, as S3 does.
 *
 * ## By design
 * - A HEAD that fails has no body: clients see a status only.
 * - Every x-amz- header must be signed, keys with a session token must send it, the clock may be 15 minutes off.
 * - A key is never a path: contents have random names. Times are whole seconds.
 * - Two writers with `If-None-Match: *`: the later one gets 412, never S3's 409 ConditionalRequestConflict.
 * - Several ranges in one request, or a range in another unit: the whole object.
 * - No checksum is made up: S3 would add CRC64NVME to an upload that came without any; here there is then none to return.
 * - GET and HEAD with x-amz-checksum-mode: ENABLED return the checksum the client sent, for the whole object only.
 * - `start-after` within a group of keys still lists the group's common prefix.
 * - CompleteMultipartUpload answers when it is done; it sends no blanks meanwhile, and cannot be repeated once it succeeded.
 *
 * ## Ways of other stores, for tests that ask for them
 * - `listing: 'v1-only'`: list-type, continuation-token, start-after and fetch-owner are not heard; ListObjects answers.
 * - `basePath`: the endpoint has a path; requests beside it get 404 NoSuchBucket.
 * - `pageKeys`: shorter pages.
 * - `elsewhere`: buckets of other regions; 301 PermanentRedirect with region, endpoint and Location, before any check.
 * - `ifMatch: 'bare'`: an entity tag in If-Match is compared as text with the tag without quotes.
 * - `conditionalWrites`: If-None-Match and If-Match on writes are not heard (`ignored`) or get 501 (`refused`).
 *
 * ## Client quirks
 * - The JavaScript SDK adds `?x-id=` to the query, and streams in chunks with a trailer.
 * - Presigners move x-amz- headers into the query; there they mean the same.
 * - botocore sends headers as UTF-8, Node as Latin-1: the signature is checked over what the bytes say.
 * - Signed trailers come as `name:value`, line feed, empty line, signature from some signers.
 * - Entity tags come with quotes, without, or weak.
 * - A client behind a proxy's address sends the absolute form of the target.
 * - Listed keys under encoding-type=url have a plus for a space, as S3 writes them.
 * - `x-amz-acl: private` (rclone, always) and `x-amz-storage-class: STANDARD` say what happens anyway and are welcome.
 */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../../lib/clock.ts';
import { authenticate, type S3Key } from './authenticate.ts';
import { openBody } from './body.ts';
import { withoutConditions } from './conditions.ts';
import { sendElsewhere } from './elsewhere.ts';
import { S3Error } from './errors.ts';
import {
  type Exchange,
  errorReply,
  logEntry,
  named,
  newExchange,
  type RequestLogEntry,
  refusalOf,
} from './exchange.ts';
import { asVersion1 } from './list-objects.ts';
import { Uploads } from './multipart.ts';
import { ObjectStore } from './objects.ts';
import type { Call, Reply } from './operation.ts';
import { findOperation, type Operation, operationName, refuseHeaders, refuseUnknown } from './operations.ts';
import type { S3Options } from './options.ts';
import { type Permit, permitOf } from './permit.ts';
import { checkKey } from './put-object.ts';
import { readRequest, type S3Request, type Where } from './request.ts';
import { receive, send } from './send.ts';

export type { RequestLogEntry, S3Options };

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModified: number;
}

const GIB = 1024 ** 3;

export class S3Endpoint {
  readonly #options: S3Options;
  readonly #now: () => number;
  readonly #accountId: string;
  readonly #store: ObjectStore;
  readonly #uploads: Uploads;
  readonly #closing = new AbortController();

  constructor(options: S3Options) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#accountId = options.accountId ?? '000000000000';
    this.#store = new ObjectStore(options.dataDirectory, this.#now);
    this.#uploads = new Uploads(this.#store);
  }

  /** For any http.Server; its owner sets the deadlines of its sockets (`listen` in listen.ts does). */
  readonly handler = (incoming: IncomingMessage, response: ServerResponse): void => {
    void this.#serve(incoming, response);
  };

  /** Throws for a name S3 would not take. A bucket that exists stays as it is. */
  createBucket(name: string): void {
    this.#store.createBucket(name);
  }

  /** Rejects when the bucket or the file does not exist, and leaves what stood under the key. */
  async put(bucket: string, key: string, source: { file: string } | { bytes: Uint8Array }): Promise<{ etag: string }> {
    checkKey(key);
    this.#store.bucket(bucket);
    const content = await this.#store.contents.write(chunksOf(source));
    const headers = { 'content-type': 'binary/octet-stream' };
    const object = await this.#store.commit(bucket, {
      key,
      content,
      etag: content.md5,
      headers,
      checksum: undefined,
    });
    return { etag: object.etag };
  }

  /** Whether there was something to delete. */
  delete(bucket: string, key: string): Promise<boolean> {
    return this.#store.delete(bucket, key);
  }

  list(bucket: string, prefix: string): readonly ListedObject[] {
    const held = this.#store.bucket(bucket);
    return held.keys
      .filter((key) => key.startsWith(prefix))
      .map((key) => {
        const { content, etag, lastModified } = held.get(key)!;
        return { key, size: content.size, etag, lastModified };
      });
  }

  /** undefined: no such object. Rejects with RangeError when it is longer than `maxBytes`. */
  async get(bucket: string, key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const object = this.#store.bucket(bucket).get(key);
    if (!object) return undefined;
    if (object.content.size > maxBytes) {
      throw new RangeError(`${key} has ${object.content.size} bytes, more than ${maxBytes}`);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of this.#store.contents.read(object.content)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Removes what it made in the data directory. Requests that come later get 503. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#store.contents.remove();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const exchange = newExchange(incoming, response);
    const status = await this.#converse(exchange).catch((error) => {
      exchange.error = exchange.error ?? 'ConnectionLost';
      response.destroy(error);
      return response.statusCode;
    });
    // What is left of a body that nobody wanted must go by before the socket can carry the next request.
    incoming.resume();
    this.#options.onRequest?.(logEntry(exchange, status, this.#now(), performance.now() - started));
  }

  async #converse(exchange: Exchange): Promise<number> {
    const reply = await this.#answer(exchange).catch((error) => refusalOf(error, exchange));
    const headers = { ...this.#commonHeaders(exchange), ...reply.headers };
    const cut = exchange.fault && 'cutAfterBytes' in exchange.fault ? exchange.fault.cutAfterBytes : undefined;
    await send(exchange, { ...reply, headers }, cut);
    return reply.status;
  }

  async #answer(exchange: Exchange): Promise<Reply> {
    if (this.#closing.signal.aborted) throw new S3Error('ServiceUnavailable');
    const { region } = this.#options;
    const request = readRequest(exchange.incoming, this.#where());
    exchange.request = request;
    const meant = this.#heard(request);
    exchange.operation = operationName(meant);
    const refused = await this.#misbehave(exchange);
    if (refused) return refused;
    const elsewhere = this.#options.elsewhere?.get(request.bucket ?? '');
    if (elsewhere) sendElsewhere(request, elsewhere);
    const key = (id: string) => findKey(this.#options.keys, id);
    exchange.identity = authenticate(request, { region, key, now: this.#now });
    const operation = findOperation(meant);
    if (exchange.identity === undefined && !this.#isPublic(operation)) throw new S3Error('AccessDenied');
    this.#checkOwner(request);
    if (!operation) refuseUnknown(meant);
    refuseHeaders(meant);
    const permit = permitOf(exchange.identity?.policy);
    permit.operation(operation, meant);
    const answering = async () => operation.handle(this.#call(exchange, meant, permit));
    return await answering().catch((error) => {
      throw isMissing(error) && !permit.seesAbsence(request.bucket ?? '') ? new S3Error('AccessDenied') : error;
    });
  }

  #call(exchange: Exchange, request: S3Request, permit: Permit): Call {
    const most = this.#options.maxBodyBytes ?? 5 * GIB;
    const { identity } = exchange;
    return {
      request,
      bucket: request.bucket ?? '',
      key: request.key ?? '',
      anonymous: identity === undefined,
      permit,
      store: this.#store,
      uploads: this.#uploads,
      region: this.#options.region,
      accountId: this.#accountId,
      pageKeys: this.#options.pageKeys ?? 1_000,
      tags: this.#options.ifMatch ?? 'quoted or bare',
      body: ({ maxBytes = most, ignoreChecksum = false } = {}) =>
        openBody(request, { identity, maxBytes: Math.min(maxBytes, most), ignoreChecksum, raw: receive(exchange) }),
    };
  }

  async #misbehave(exchange: Exchange): Promise<Reply | undefined> {
    const fault = this.#options.faults?.(named(exchange));
    exchange.fault = fault;
    if (fault && 'stallMs' in fault) await this.#stall(exchange.response, fault.stallMs);
    if (!fault || !('status' in fault)) return undefined;
    return errorReply({ code: fault.code, message: 'A fault on purpose', fields: {} }, fault.status, exchange);
  }

  /** Ends early when the client gives up or the endpoint closes. */
  async #stall(response: ServerResponse, milliseconds: number): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const over = AbortSignal.any([gone.signal, this.#closing.signal]);
    await systemClock.sleep(milliseconds, over).catch(() => {
      throw new S3Error('ServiceUnavailable');
    });
  }

  /** The request as a store of the asked-for kind hears it; what was signed stays what was sent. */
  #heard(request: S3Request): S3Request {
    const { listing, conditionalWrites } = this.#options;
    const written = conditionalWrites ? withoutConditions(request, conditionalWrites) : request;
    return listing === 'v1-only' ? asVersion1(written) : written;
  }

  #where(): Where {
    const { region, basePath = '', virtualHosts = ['localhost', `s3.${region}.haulout`] } = this.#options;
    return { virtualHosts, basePath };
  }

  #isPublic(operation: Operation | undefined): boolean {
    const { anonymousRead = false, anonymousWrite = false } = this.#options;
    return operation?.reads ? anonymousRead : operation?.level === 'object' && anonymousWrite;
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html */
  #checkOwner(request: S3Request): void {
    const expected = request.header('x-amz-expected-bucket-owner');
    if (expected !== undefined && expected !== this.#accountId) throw new S3Error('AccessDenied');
  }

  #commonHeaders(exchange: Exchange): Record<string, string> {
    return {
      'x-amz-request-id': exchange.id,
      'x-amz-id-2': exchange.id,
      date: new Date(this.#now()).toUTCString(),
      server: 'haulout',
    };
  }
}

/** The file is opened when it is read, so that its errors meet the reader. */
async function* chunksOf(source: { file: string } | { bytes: Uint8Array }): AsyncGenerator<Uint8Array> {
  if ('file' in source) yield* createReadStream(source.file);
  else yield source.bytes;
}

/** To those who may not list: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
function isMissing(error: unknown): boolean {
  return error instanceof S3Error && error.code === 'NoSuchKey';
}

function findKey(keys: S3Options['keys'], accessKeyId: string): S3Key | undefined {
  return typeof keys === 'function' ? keys(accessKeyId) : keys.get(accessKeyId);
}
