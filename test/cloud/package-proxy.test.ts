import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Incoming } from '../../src/cloud/packages/cache.ts';
import { PackageProxy, type PackageProxyOptions } from '../../src/cloud/packages/proxy.ts';
import { lineLog } from '../../src/lib/log.ts';

const log = lineLog(() => undefined);
const DEB = '/debian/pool/main/t/tree/tree_2.1.0-1_amd64.deb';

let cacheDirectory: string;
let closers: (() => void)[];
beforeEach(() => {
  cacheDirectory = mkdtempSync(join(tmpdir(), 'haulout-packages-'));
  closers = [() => rmSync(cacheDirectory, { recursive: true })];
});
afterEach(() => {
  for (const close of closers) close();
});

async function listening(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.unshift(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Archive {
  readonly origin: string;
  readonly asked: { method: string | undefined; url: string | undefined; headers: http.IncomingHttpHeaders }[];
}

async function archive(answer: http.RequestListener): Promise<Archive> {
  const asked: Archive['asked'] = [];
  const port = await listening(
    http.createServer((request, response) => {
      asked.push({ method: request.method, url: request.url, headers: request.headers });
      answer(request, response);
    }),
  );
  return { origin: `http://127.0.0.1:${port}`, asked };
}

async function proxyTo(
  origins: readonly string[],
  options: Partial<PackageProxyOptions> & { through?: URL } = {},
): Promise<{ proxy: PackageProxy; port: number }> {
  const archives = { origins, proxy: options.through };
  const proxy = new PackageProxy({ archives, log, cacheDirectory, ...options });
  return { proxy, port: await listening(proxy.server) };
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** As a package manager asks a proxy: the whole URL in the request line. */
function ask(port: number, url: string, options: http.RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: url, agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

/** As each package begins (deb(5)), and no more of one. */
const PACKAGE = '!<arch>\ndebian-binary';
const send = (response: http.ServerResponse, body: string) =>
  response.setHeader('Content-Length', body.length).end(body);
const sendDeb: http.RequestListener = (_, response) => send(response, PACKAGE);

describe('what is relayed', () => {
  test('GET and HEAD to an archive, without the headers of one hop', async () => {
    const { origin, asked } = await archive((_, response) => response.setHeader('X-Archive', 'yes').end('hello'));
    const { proxy, port } = await proxyTo([origin]);
    const headers = { 'Proxy-Connection': 'close', 'Proxy-Authorization': 'Basic x', 'If-None-Match': '"e"' };
    const answer = await ask(port, `${origin}/debian/dists/stable/InRelease?x=1`, { headers });
    expect(answer).toMatchObject({ status: 200, body: 'hello' });
    expect(answer.headers['x-archive']).toBe('yes');
    expect(asked[0]).toMatchObject({ method: 'GET', url: '/debian/dists/stable/InRelease?x=1' });
    expect(asked[0]!.headers).toMatchObject({ host: new URL(origin).host, 'if-none-match': '"e"' });
    expect(asked[0]!.headers).not.toHaveProperty('proxy-authorization');
    expect(asked[0]!.headers).not.toHaveProperty('proxy-connection');
    expect((await ask(port, `${origin}${DEB}`, { method: 'HEAD' })).status).toBe(200);
    expect(proxy.counts).toMatchObject({ requests: 2, refused: 0, bytesFromArchives: 5 });
  });

  test('the status of the archive, redirects included, is handed back', async () => {
    const { origin } = await archive((_, response) =>
      response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(),
    );
    const { port } = await proxyTo([origin]);
    const answer = await ask(port, `${origin}${DEB}`);
    expect([answer.status, answer.headers.location]).toEqual([302, 'http://127.0.0.1:1/']);
  });

  test('nothing else: another host, another port of the host, another method, another scheme', async () => {
    const stranger = await archive(sendDeb);
    const { origin, asked } = await archive(sendDeb);
    const { proxy, port } = await proxyTo([origin]);
    const refused = [
      await ask(port, `${stranger.origin}${DEB}`),
      await ask(port, `http://localhost:${new URL(origin).port}${DEB}`),
      await ask(port, `${origin}${DEB}`, { method: 'POST' }),
      await ask(port, `${origin.replace('http:', 'ftp:')}${DEB}`),
      await ask(port, '/', { headers: { Host: 'example.invalid' } }),
    ];
    expect(refused.map((answer) => answer.status)).toEqual([403, 403, 403, 403, 403]);
    expect(refused[0]!.body).toContain("not an archive that this machine's own apt uses");
    expect([...asked, ...stranger.asked]).toEqual([]);
    expect(proxy.counts.refused).toBe(5);
  });

  test('an archive that is down is 502, one that is silent is 504', async () => {
    const silent = await archive(() => undefined);
    const { port } = await proxyTo(['http://127.0.0.1:1', silent.origin], { idleMs: 100 });
    expect((await ask(port, `http://127.0.0.1:1${DEB}`)).status).toBe(502);
    expect((await ask(port, `${silent.origin}${DEB}`)).status).toBe(504);
  });

  test("through this machine's own proxy, if its apt has one", async () => {
    const upstream = await archive((_, response) => response.end('by proxy'));
    const through = new URL(upstream.origin.replace('http://', 'http://user:pass%20word@'));
    const { port } = await proxyTo(['http://archive.invalid'], { through });
    expect((await ask(port, 'http://archive.invalid/InRelease')).body).toBe('by proxy');
    expect(upstream.asked[0]).toMatchObject({ url: 'http://archive.invalid/InRelease' });
    expect(upstream.asked[0]!.headers).toMatchObject({
      host: 'archive.invalid',
      'proxy-authorization': `Basic ${Buffer.from('user:pass word').toString('base64')}`,
    });
  });
});

describe('tunnels for https archives', () => {
  function connect(port: number, authority: string): Promise<{ status: number; echo: string }> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, method: 'CONNECT', path: authority, agent: false });
      request.on('error', reject);
      request.on('connect', (response, socket) => {
        const status = response.statusCode ?? 0;
        if (status !== 200) return resolve({ status, echo: '' });
        socket.once('data', (chunk) => {
          socket.destroy();
          resolve({ status, echo: chunk.toString() });
        });
        socket.write('hello');
      });
      request.end();
    });
  }

  test('only to those hosts and ports', async () => {
    const echo = net.createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    closers.unshift(() => echo.close());
    const authority = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const { port } = await proxyTo([`https://${authority}`]);
    expect(await connect(port, authority)).toEqual({ status: 200, echo: 'hello' });
    expect((await connect(port, '127.0.0.1:22')).status).toBe(403);
    expect((await connect(port, 'example.invalid:443')).status).toBe(403);
    const plain = await proxyTo([`http://${authority}`]);
    expect((await connect(plain.port, authority)).status).toBe(403);
  });
});

describe('the cache', () => {
  test('a package file is fetched once, an index every time', async () => {
    const { origin, asked } = await archive(sendDeb);
    const { proxy, port } = await proxyTo([origin]);
    await ask(port, `${origin}${DEB}`);
    expect(await ask(port, `${origin}${DEB}`)).toMatchObject({ status: 200, body: PACKAGE });
    await ask(port, `${origin}/debian/dists/stable/InRelease`);
    await ask(port, `${origin}/debian/dists/stable/InRelease`);
    expect(asked.map((request) => request.url)).toEqual([
      DEB,
      '/debian/dists/stable/InRelease',
      '/debian/dists/stable/InRelease',
    ]);
    expect(proxy.counts).toMatchObject({ fromCache: 1, bytesFromCache: PACKAGE.length });
  });

  test('it serves when the archive is gone, to another proxy too', async () => {
    const { origin } = await archive(sendDeb);
    const first = await proxyTo([origin]);
    await ask(first.port, `${origin}${DEB}`);
    closers.shift()!();
    closers.shift()!();
    const second = await proxyTo([origin]);
    expect((await ask(second.port, `${origin}${DEB}`)).body).toBe(PACKAGE);
  });

  test('a page in the place of a package, as networks give it that want a password first, is handed on and not kept', async () => {
    let isOpen = false;
    const { origin } = await archive((_, response) => send(response, isOpen ? PACKAGE : '<html>Room number?</html>'));
    const { port } = await proxyTo([origin]);
    expect((await ask(port, `${origin}${DEB}`)).body).toContain('Room number');
    isOpen = true;
    expect((await ask(port, `${origin}${DEB}`)).body).toBe(PACKAGE);
    expect(readdirSync(cacheDirectory)).toHaveLength(1);
  });

  test('half a file, an error, a part and a wrong by-hash content are not kept', async () => {
    const digest = createHash('sha256').update('bytes').digest('hex');
    const { origin } = await archive((request, response) => {
      if (request.url?.includes('half'))
        response.setHeader('Content-Length', 100).write(PACKAGE, () => response.destroy());
      else if (request.url?.includes('part'))
        response.writeHead(206, { 'Content-Length': PACKAGE.length }).end(PACKAGE);
      else if (request.url?.includes('gone'))
        response.writeHead(404, { 'Content-Length': PACKAGE.length }).end(PACKAGE);
      else response.setHeader('Content-Length', 5).end(request.url?.includes('wrong') ? 'BYTES' : 'bytes');
    });
    const { port } = await proxyTo([origin]);
    await expect(ask(port, `${origin}/half.deb`)).rejects.toThrow();
    await ask(port, `${origin}/part.deb`);
    await ask(port, `${origin}/gone.deb`);
    await ask(port, `${origin}/wrong/by-hash/SHA256/${digest}`);
    await expect.poll(() => readdirSync(cacheDirectory)).toEqual([]);
    await ask(port, `${origin}/right/by-hash/SHA256/${digest}`);
    const [name] = readdirSync(cacheDirectory);
    expect(readFileSync(join(cacheDirectory, name!), 'utf8')).toBe('bytes');
  });

  test('the oldest go when it is full, and so does what a killed process left', async () => {
    const { origin } = await archive(sendDeb);
    const { port } = await proxyTo([origin], { cacheBytes: 2.5 * PACKAGE.length });
    writeFileSync(join(cacheDirectory, '.haulout-tmp-x'), 'torn');
    utimesSync(join(cacheDirectory, '.haulout-tmp-x'), 1, 1);
    for (const [age, name] of ['a', 'b'].entries()) {
      await ask(port, `${origin}/${name}.deb`);
      const kept = createHash('sha256').update(`${origin}/${name}.deb`).digest('hex');
      utimesSync(join(cacheDirectory, kept), 1_000 + age, 1_000 + age);
    }
    await ask(port, `${origin}/c.deb`);
    const oldest = createHash('sha256').update(`${origin}/a.deb`).digest('hex');
    expect(readdirSync(cacheDirectory)).not.toContain(oldest);
    expect(readdirSync(cacheDirectory)).toHaveLength(2);
  });

  test('a directory that cannot be written stops nobody', async () => {
    const { origin } = await archive(sendDeb);
    writeFileSync(join(cacheDirectory, 'file'), '');
    const { port } = await proxyTo([origin], { cacheDirectory: join(cacheDirectory, 'file') });
    expect((await ask(port, `${origin}${DEB}`)).body).toBe(PACKAGE);
  });

  test('nor does a full disk, and nothing is kept of what did not fit', async () => {
    const temporary = join(cacheDirectory, '.haulout-tmp-x');
    const path = join(cacheDirectory, 'x');
    writeFileSync(temporary, '');
    const expected = { temporary, path, size: PACKAGE.length, sha256: undefined, start: '' };
    const incoming = new Incoming(await open('/dev/full', 'w'), expected, async () => undefined);
    await incoming.write(Buffer.from(PACKAGE));
    await incoming.finish();
    expect(readdirSync(cacheDirectory)).toEqual([]);
  });
});
