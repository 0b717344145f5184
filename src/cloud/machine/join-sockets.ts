import type net from 'node:net';

/** Makes one connection of two, each with half-open ends allowed. `open` holds both while they are. */
export function joinSockets(client: net.Socket, target: net.Socket, open: Set<net.Socket>): void {
  for (const [end, other] of [
    [client, target],
    [target, client],
  ] as const) {
    open.add(end);
    end.on('close', () => open.delete(end));
    // After a plain end it may still have bytes to hand on: only an error ends the other side at once.
    end.on('error', () => other.destroy());
    end.pipe(other);
  }
}
