import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { errorCode } from '../../lib/errors.ts';
import { Ec2Error } from './errors.ts';

/** Nothing is ever sent there. Whoever has it bound has the address; TCP connections to it are refused all the same. */
const RESERVED_PORT = 47_077;
const TRIES = 20;

export interface Reserved {
  readonly address: string;
  release(): Promise<void>;
}

/** An address of this machine's loopback network that no other local cloud has, on which all `ports` are free. */
export async function reserveAddress(ports: readonly number[]): Promise<Reserved> {
  let last: unknown;
  for (let tries = 0; tries < TRIES; tries++) {
    const address = `127.77.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    try {
      const release = await bind(address);
      const taken = await firstTaken(address, ports);
      if (taken === undefined) return { address, release };
      await release();
      last = taken;
    } catch (error) {
      last = error;
    }
  }
  throw portTaken('a loopback address', last);
}

function bind(address: string): Promise<() => Promise<void>> {
  const socket = dgram.createSocket('udp4').unref();
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port: RESERVED_PORT, exclusive: true }, () => {
      socket.on('error', () => undefined);
      resolve(() => new Promise((done) => socket.close(() => done())));
    });
  });
}

/** A program that listens on all addresses listens on this one too, and would answer in an instance's name. */
async function firstTaken(address: string, ports: readonly number[]): Promise<Error | undefined> {
  for (const port of ports) {
    const error = await new Promise<Error | undefined>((resolve) => {
      const server = net.createServer();
      server.once('error', resolve);
      server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(undefined)));
    });
    if (error) return error;
  }
  return undefined;
}

/** For the system's error, which names the port: EADDRINUSE, EACCES for ports of the superuser ... */
export function portTaken(address: string, cause: unknown): Ec2Error {
  const port = typeof cause === 'object' && cause !== null && 'port' in cause ? `port ${cause.port} of ` : '';
  return new Ec2Error(
    'InsufficientAddressCapacity',
    `On this machine ${port}${address} cannot be had (${errorCode(cause) ?? String(cause)}). Name other ports, or end what listens there.`,
  );
}
