import { rmSync } from 'node:fs';
import type http from 'node:http';

/** Lets a server listen on a unix socket. Resolves to the function that ends it, its connections and the socket. */
export async function listenOn(server: http.Server, path: string): Promise<() => Promise<void>> {
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}
