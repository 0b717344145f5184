import net from 'node:net';
import { errorCode, HauloutError } from '../../lib/errors.ts';
import { joinSockets } from './join-sockets.ts';

export interface Publication {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** A loopback port of this machine that leads to a unix socket. */
export async function publish(path: string, wanted: number): Promise<Publication> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    joinSockets(client, net.connect({ path, allowHalfOpen: true }), open);
  });
  await listenAt(server, wanted);
  const { port } = server.address() as net.AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return { port, url: `http://127.0.0.1:${port}/`, close };
}

/** For who wants to know it before an instance boots: rejects when `wanted` cannot be had now. */
export async function checkPort(wanted: number): Promise<void> {
  const server = net.createServer();
  await listenAt(server, wanted);
  await new Promise((resolve) => server.close(resolve));
}

function listenAt(server: net.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(notOurs(port, error)));
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function notOurs(port: number, error: Error): HauloutError {
  const inUse = errorCode(error) === 'EADDRINUSE';
  return new HauloutError(
    {
      code: inUse ? 'port-in-use' : 'port-refused',
      step: 'cloud',
      subject: `port ${port}`,
      reason: inUse ? 'another program listens on it' : `it cannot be had (${errorCode(error) ?? error.message})`,
      hint: 'name another port, or none: then a free one is taken',
    },
    error,
  );
}
