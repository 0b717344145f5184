import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PEERS } from './all.ts';
import { CACHE, needPeer, type PeerKind, placeOf } from './peer.ts';

/** Gets what is not there yet; what cannot be got is said. Resolves with the names of all, in the order of the table. */
export async function installPeers(): Promise<readonly string[]> {
  await mkdir(CACHE, { recursive: true });
  for (const kind of PEERS) {
    process.stderr.write(`${kind.name} ...\n`);
    if (!needPeer(kind).met) await install(kind);
  }
  return PEERS.map(({ name }) => name);
}

async function install(kind: PeerKind): Promise<void> {
  const into = await mkdtemp(`${placeOf(kind)}.`);
  try {
    await kind.install(into);
    await writeFile(join(into, 'complete'), '');
    await rm(placeOf(kind), { recursive: true, force: true });
    await rename(into, placeOf(kind));
  } catch (error) {
    process.stderr.write(`SKIPPED: ${kind.name}: ${error instanceof Error ? error.message : error}\n`);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}
