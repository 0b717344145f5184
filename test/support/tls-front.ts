import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** https on loopback before a plain server, under a certificate for `localhost` alone that vouches for itself. */
export async function startTlsFront(
  directory: string,
  plain: string,
): Promise<{ port: number; certificate: string; close: () => Promise<void> }> {
  const [key, certificate] = [join(directory, 'front-key.pem'), join(directory, 'front-certificate.pem')];
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', certificate]);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (asked, answer) => {
    const { url, method, headers } = asked;
    const passed = request(new URL(url ?? '/', plain), { method, headers, setHost: false }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port: (server.address() as AddressInfo).port, certificate, close };
}
