import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface TlsFront {
  /** 0 on a unix socket. */
  readonly port: number;
  /** PEM; who trusts it trusts the front. */
  readonly certificate: string;
  close(): Promise<void>;
}

/** https before a plain server, on loopback or a unix socket, under a certificate for `name` alone that vouches for itself. */
export async function startTlsFront(
  directory: string,
  plain: string,
  { name = 'DNS:localhost', path = '' } = {},
): Promise<TlsFront> {
  const [key, certificate] = [join(directory, 'front-key.pem'), join(directory, 'front-certificate.pem')];
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=front -addext subjectAltName=${name}`;
  spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', certificate]);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (asked, answer) => {
    const { url, method, headers } = asked;
    const passed = request(new URL(url ?? '/', plain), { method, headers, setHost: false }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) =>
    path ? server.listen(path, () => resolve()) : server.listen(0, '127.0.0.1', resolve),
  );
  const address = server.address() as AddressInfo | string;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: typeof address === 'string' ? 0 : address.port, certificate, close };
}
