import net from 'node:net';

export interface Publication {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** A loopback port of this machine that leads to a unix socket. */
export async function publish(path: string, wanted: number): Promise<Publication> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const target = net.connect({ path, allowHalfOpen: true });
    for (const [end, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(end);
      end.on('close', () => open.delete(end));
      end.on('error', () => other.destroy());
      end.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as net.AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return { port, url: `http://127.0.0.1:${port}/`, close };
}
