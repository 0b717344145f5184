import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Writable } from 'node:stream';
import { errorCode } from '../../lib/errors.ts';

/** The package proxy's other side: an archive, or the proxy this machine's own apt goes through. */

interface Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
}

interface Way {
  readonly proxy: URL | undefined;
  readonly agent: http.Agent;
  /** No byte for so long ends it. */
  readonly idleMs: number;
  /** When this closes, nobody waits for the answer. */
  readonly client: Writable;
}

const CONNECT_MS = 15_000;
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** The answer, as soon as its head is there. */
export async function askArchive(question: Question, way: Way): Promise<http.IncomingMessage> {
  const first = send(question, way);
  try {
    return await answerOf(first);
  } catch (error) {
    // The archive closed a kept connection just as it was used again: that says nothing about this request.
    if (!first.reusedSocket || errorCode(error) !== 'ECONNRESET' || way.client.destroyed) throw error;
    return await answerOf(send(question, way));
  }
}

function send({ method, url, headers }: Question, { proxy, agent, idleMs, client }: Way): http.ClientRequest {
  const to = proxy ?? url;
  const options: http.RequestOptions = {
    method,
    headers: { ...endToEnd(headers), host: url.host, ...proxyHeaders(proxy) },
    hostname: unbracketed(to.hostname),
    port: to.port,
    path: proxy ? url.href : url.pathname + url.search,
  };
  const outgoing = proxy?.protocol === 'https:' ? https.request(options) : http.request({ ...options, agent });
  outgoing.setTimeout(idleMs, () => outgoing.destroy(timedOut()));
  client.once('close', () => outgoing.destroy());
  return outgoing.end();
}

function answerOf(outgoing: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
}

/** Headers that are for more than one hop. */
export function endToEnd(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)),
  );
}

/** A connection to an https archive, TLS not begun: that is between it and the instance. */
export function connectArchive(url: URL, proxy: URL | undefined): Promise<net.Socket> {
  return proxy ? throughProxy(proxy, url) : directly(url);
}

function directly(url: URL): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port || 443), unbracketed(url.hostname));
    socket.setTimeout(CONNECT_MS, () => socket.destroy(timedOut()));
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

function throughProxy(proxy: URL, url: URL): Promise<net.Socket> {
  const authority = `${url.hostname}:${url.port || 443}`;
  const asked = http.request({
    method: 'CONNECT',
    hostname: unbracketed(proxy.hostname),
    port: proxy.port,
    path: authority,
    headers: { host: authority, ...proxyHeaders(proxy) },
    timeout: CONNECT_MS,
  });
  return new Promise((resolve, reject) => {
    asked.once('timeout', () => asked.destroy(timedOut()));
    asked.once('error', reject);
    asked.once('connect', (answer, socket: net.Socket) => {
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy answered ${answer.statusCode}`));
    });
    asked.end();
  });
}

function proxyHeaders(proxy: URL | undefined): Record<string, string> {
  if (!proxy?.username) return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** `[::1]` in a URL is `::1` to a socket. */
function unbracketed(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function timedOut(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
}
