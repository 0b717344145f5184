import { rmSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';

/*
 * The gateway of the local cloud: a program of its own, the only process in the cloud's network namespace, and what keeps that
 * namespace alive. TCP does not cross namespaces but unix sockets do, so it pipes between the two, and nothing else.
 * Orders are lines of JSON on standard input, each answered by a line on standard output; when the input ends, so does it.
 */

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}
export interface UnixAddress {
  readonly path: string;
}
type Address = TcpAddress | UnixAddress;

export interface GatewayOrder {
  readonly id: number;
  readonly do: 'listen' | 'close';
  readonly at: Address;
  /**
   * Where connections go. `{peer}` in a path stands for the client's address: that is how the metadata service knows who asks.
   * (The kernel's reverse path filter sees to it that an instance cannot speak from another one's address.)
   */
  readonly to?: Address;
}

export interface GatewayAnswer {
  readonly id: number;
  /** The error's code, when it could not be done. */
  readonly error?: string;
}

const servers = new Map<string, net.Server>();

function obey(order: GatewayOrder, answer: (error?: string) => void): void {
  if (order.do === 'close') close(order.at, answer);
  else if (order.to === undefined) answer('EINVAL');
  else listen(order.at, order.to, answer);
}

function listen(at: Address, to: Address, answer: (error?: string) => void): void {
  const server = net.createServer({ allowHalfOpen: true }, (client) => join(client, to));
  server.once('error', (error: NodeJS.ErrnoException) => answer(error.code ?? error.message));
  server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port }, () => {
    servers.set(nameOf(at), server);
    answer();
  });
}

function close(at: Address, answer: () => void): void {
  const name = nameOf(at);
  servers.get(name)?.close();
  servers.delete(name);
  if ('path' in at) rmSync(at.path, { force: true });
  answer();
}

function nameOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

function join(client: net.Socket, to: Address): void {
  const target = 'path' in to ? { path: to.path.replaceAll('{peer}', client.remoteAddress ?? 'unknown') } : to;
  const server = net.connect({ ...target, allowHalfOpen: true });
  for (const [end, other] of [
    [client, server],
    [server, client],
  ] as const) {
    // Only an error ends the other side at once: after a plain end it may still have bytes to hand on.
    end.on('error', () => other.destroy());
    end.pipe(other);
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line) as GatewayOrder;
    obey(order, (error) => say(error === undefined ? { id: order.id } : { id: order.id, error }));
  })
  .on('close', () => process.exit(0));

function say(answer: GatewayAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

// Order 0 was never given: its answer says that the namespace is there and orders are welcome.
say({ id: 0 });
