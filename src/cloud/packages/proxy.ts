import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Archives } from './archives.ts';
import { defaultCacheDirectory, type Incoming, PackageCache } from './cache.ts';
import { askArchive, connectArchive, endToEnd } from './upstream.ts';

/*
 * The way of an instance's package manager to the archives of this machine's own apt, to those of another root's, and to nothing
 * else. A plain forward proxy: GET and HEAD of http URLs, cached where the name fixes the content; CONNECT for https archives, which
 * it cannot look into. Redirects are handed back, not followed: where they lead is asked for anew, and answered only if it is an
 * archive too.
 */

export interface PackageProxyOptions {
  readonly archives: Archives;
  readonly log: Log;
  /** Default: below the person's cache directory. */
  readonly cacheDirectory?: string;
  /** Default 2 GiB; the oldest are removed. 0 keeps nothing. */
  readonly cacheBytes?: number;
  /** No byte for so long ends a transfer. Default 30 s. */
  readonly idleMs?: number;
  readonly onRequest?: (request: PackageRequest) => void;
}

export interface PackageRequest {
  readonly url: string;
  readonly status: number;
  readonly from: 'archive' | 'cache' | 'refused';
  readonly bytes: number;
}

export interface PackageCounts {
  readonly requests: number;
  readonly refused: number;
  readonly fromCache: number;
  readonly bytesFromCache: number;
  readonly bytesFromArchives: number;
}

const CACHE_BYTES = 2 * 1024 ** 3;
const IDLE_MS = 30_000;

export class PackageProxy {
  /** Give it a unix socket to listen on, or expose it in a MachineRoom at PACKAGE_PORT. */
  readonly server: http.Server;
  readonly #archives: Archives;
  readonly #allowed: Set<string>;
  readonly #cache: PackageCache | undefined;
  readonly #idleMs: number;
  readonly #log: Log;
  readonly #onRequest: ((request: PackageRequest) => void) | undefined;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  #counts = { requests: 0, refused: 0, fromCache: 0, bytesFromCache: 0, bytesFromArchives: 0 };

  constructor(options: PackageProxyOptions) {
    const limit = options.cacheBytes ?? CACHE_BYTES;
    this.#archives = options.archives;
    this.#allowed = new Set(options.archives.origins);
    this.#cache =
      limit === 0 ? undefined : new PackageCache(options.cacheDirectory ?? defaultCacheDirectory(), limit, options.log);
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#log = options.log;
    this.#onRequest = options.onRequest;
    this.server = http.createServer((request, response) => void this.#answer(request, response));
    this.server.on('connect', (request, socket) => this.#tunnel(request, socket));
    this.server.on('close', () => this.#agent.destroy());
  }

  /** More archives, by their origins: those of an image's own apt. */
  allow(origins: readonly string[]): void {
    for (const origin of origins) this.#allowed.add(origin);
  }

  get counts(): PackageCounts {
    return { ...this.#counts };
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    try {
      const url = urlOf(request);
      const refusal = this.#refusal(request.method, url);
      if (refusal !== undefined || url === undefined) this.#refuse(request, response, refusal ?? 'not a URL');
      else if (!(await this.#fromCache(request, response, url))) await this.#fromArchive(request, response, url);
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  #refusal(method: string | undefined, url: URL | undefined): string | undefined {
    if (url?.protocol !== 'http:') return 'this proxy takes http:// URLs only';
    if (method !== 'GET' && method !== 'HEAD') return 'this proxy does GET and HEAD only';
    if (!this.#allowed.has(url.origin)) return `${url.host} is not an archive that this machine's own apt uses`;
    return undefined;
  }

  #refuse(request: http.IncomingMessage, response: http.ServerResponse, why: string): void {
    response.writeHead(403, { 'Content-Type': 'text/plain' }).end(`${why}\n`);
    this.#count({ url: request.url ?? '', status: 403, from: 'refused', bytes: 0 });
  }

  /** Half an answer cannot be taken back: the connection is cut, and apt sees that it is not whole. */
  #fail(request: http.IncomingMessage, response: http.ServerResponse, error: unknown): void {
    const reason = errorCode(error) ?? String(error);
    this.#log.debug(`package proxy: ${request.url}: ${reason}`);
    if (response.headersSent) response.destroy();
    else response.writeHead(reason === 'ETIMEDOUT' ? 504 : 502).end(`the archive does not answer: ${reason}\n`);
  }

  async #fromCache(request: http.IncomingMessage, response: http.ServerResponse, url: URL): Promise<boolean> {
    if (!this.#cache || request.method !== 'GET' || !PackageCache.keeps(url)) return false;
    const found = await this.#cache.find(url);
    if (found === undefined) return false;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': found.size });
    this.#count({ url: url.href, status: 200, from: 'cache', bytes: found.size });
    await pipeline(found.file.createReadStream(), response);
    return true;
  }

  async #fromArchive(request: http.IncomingMessage, response: http.ServerResponse, url: URL): Promise<void> {
    const upstream = await askArchive(
      { method: request.method ?? 'GET', url, headers: request.headers },
      { proxy: this.#archives.proxy, agent: this.#agent, idleMs: this.#idleMs, client: response },
    );
    const status = upstream.statusCode ?? 502;
    response.writeHead(status, endToEnd(upstream.headers));
    const size = Number(upstream.headers['content-length'] ?? Number.NaN);
    const worthKeeping = request.method === 'GET' && status === 200 && Number.isFinite(size) && PackageCache.keeps(url);
    const incoming = worthKeeping ? await this.#cache?.add(url, size) : undefined;
    const log = this.#log;
    let bytes = 0;
    const copying = async function* (chunks: AsyncIterable<Buffer>) {
      let held: Buffer | undefined;
      for await (const chunk of chunks) {
        bytes += chunk.length;
        await incoming?.write(chunk);
        if (held) yield held;
        held = chunk;
      }
      // Before the last piece goes out: what a client has whole is in the cache.
      await finished(incoming, log);
      if (held) yield held;
    };
    try {
      await pipeline(upstream, copying, response);
    } catch (error) {
      await incoming?.abandon();
      throw error;
    } finally {
      this.#count({ url: url.href, status, from: 'archive', bytes });
    }
  }

  /** For https archives: bytes from end to end, to those hosts and ports only. */
  #tunnel(request: http.IncomingMessage, client: Duplex): void {
    client.on('error', () => undefined);
    const authority = request.url ?? '';
    const url = URL.canParse(`https://${authority}`) ? new URL(`https://${authority}`) : undefined;
    if (url === undefined || !this.#allowed.has(url.origin)) {
      client.end('HTTP/1.1 403 Not an archive of this machine\r\nConnection: close\r\n\r\n');
      this.#count({ url: authority, status: 403, from: 'refused', bytes: 0 });
      return;
    }
    connectArchive(url, this.#archives.proxy).then(
      (archive) => this.#splice(client, archive, authority),
      () => client.end('HTTP/1.1 502 The archive does not answer\r\nConnection: close\r\n\r\n'),
    );
  }

  #splice(client: Duplex, archive: net.Socket, authority: string): void {
    archive.setTimeout(this.#idleMs, () => archive.destroy());
    archive.on('error', () => undefined);
    archive.on('close', () => {
      client.destroy();
      this.#count({ url: authority, status: 200, from: 'archive', bytes: archive.bytesRead });
    });
    client.on('close', () => archive.destroy());
    client.write('HTTP/1.1 200 Connected\r\n\r\n');
    archive.pipe(client);
    client.pipe(archive);
  }

  #count(request: PackageRequest): void {
    const counts = this.#counts;
    counts.requests += 1;
    if (request.from === 'refused') counts.refused += 1;
    else if (request.from === 'archive') counts.bytesFromArchives += request.bytes;
    else {
      counts.fromCache += 1;
      counts.bytesFromCache += request.bytes;
    }
    this.#onRequest?.(request);
  }
}

async function finished(incoming: Incoming | undefined, log: Log): Promise<void> {
  // The client has its file; a cache that cannot be written is only slower the next time.
  await incoming?.finish().catch((error) => log.debug(`package cache: ${String(error)}`));
}

/** The absolute URL of a proxy request; of a plain one, by its Host header. */
function urlOf(request: http.IncomingMessage): URL | undefined {
  const written = request.url ?? '';
  const text = written.startsWith('/') ? `http://${request.headers.host ?? ''}${written}` : written;
  return URL.canParse(text) ? new URL(text) : undefined;
}
