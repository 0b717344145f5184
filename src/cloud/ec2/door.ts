import net from 'node:net';
import { joinSockets } from '../machine/join-sockets.ts';

/** Where the connections to a port of an address go: a unix socket, asked for at each of them. */
export type Behind = (port: number) => Promise<string>;

/**
 * The ports of one address of this machine, and what is behind them. While nothing is, nothing listens: connections are
 * refused. What comes to be behind the door gets all new connections at once, and those to what was there before are ended.
 */
export class Door {
  readonly #address: string;
  readonly #ports: readonly number[];
  readonly #servers: net.Server[] = [];
  readonly #open = new Set<net.Socket>();
  #behind: Behind | undefined;
  #work: Promise<unknown> = Promise.resolve();

  constructor(address: string, ports: readonly number[]) {
    this.#address = address;
    this.#ports = ports;
  }

  /** Rejects with the system's error when a port cannot be had; nothing listens then. */
  lead(behind: Behind): Promise<void> {
    this.#change(behind);
    return this.#then(async () => {
      try {
        for (const port of this.#ports.slice(this.#servers.length)) this.#servers.push(await this.#listen(port));
      } catch (error) {
        await this.#shut();
        throw error;
      }
    });
  }

  close(): Promise<void> {
    this.#change(undefined);
    return this.#then(() => this.#shut());
  }

  /** Ends all connections; what is behind stays there. */
  hangUp(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #change(behind: Behind | undefined): void {
    this.#behind = behind;
    this.hangUp();
  }

  #listen(port: number): Promise<net.Server> {
    const server = net.createServer({ allowHalfOpen: true }, (client) => void this.#enter(client, port));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.#address, () => resolve(server));
    });
  }

  async #enter(client: net.Socket, port: number): Promise<void> {
    this.#open.add(client);
    client.on('close', () => this.#open.delete(client));
    client.on('error', () => undefined);
    const path = await this.#behind?.(port).catch(() => undefined);
    if (path === undefined || client.destroyed) client.destroy();
    else joinSockets(client, net.connect({ path, allowHalfOpen: true }), this.#open);
  }

  async #shut(): Promise<void> {
    for (const server of this.#servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  }

  #then(action: () => Promise<void>): Promise<void> {
    const done = this.#work.then(action);
    this.#work = done.catch(() => undefined);
    return done;
  }
}
