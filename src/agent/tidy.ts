import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { allImageDigests } from '../bucket/image.ts';
import { makeSnapshot } from '../bucket/snapshot.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { sweepImages } from '../services/image-sweep.ts';
import { trimLogs } from '../services/trim-logs.ts';
import type { Memory } from './memory.ts';
import type { World } from './world.ts';

/**
 * Keeps what a way back needs (the proven snapshot, the bucket's, what files held before) and removes the rest, so that the
 * state does not grow with the number of uploads. Never fails a round.
 */
export async function tidy(world: World, ledger: Ledger, memory: Memory, acted: boolean): Promise<void> {
  try {
    for (const logs of [world.paths.log, join(world.paths.log, 'services')]) await trimLogs(logs);
    if (!acted) return;
    const digests = [ledger.content.proven, memory.last?.snapshot.digest].filter((digest) => digest !== undefined);
    const keep = new Set<string>();
    const images = new Set<string>();
    for (const digest of digests) {
      const snapshot = (await world.state.readSnapshot(digest)) ?? makeSnapshot([]);
      for (const { sha256 } of snapshot.entries) keep.add(sha256);
      for (const image of allImageDigests(snapshot)) images.add(image);
    }
    for (const { previous, wanted } of Object.values(ledger.subjects)) {
      keep.add(wanted); // a rendered template's content is wanted by its file alone
      if (previous?.kind === 'file') keep.add(previous.sha256);
    }
    await world.eyes.cache.sweep(keep);
    // Law 3: an empty list would mean that every service is gone, and only a spec may say that.
    if (images.size > 0) await sweepImages({ services: world.paths.services }, () => [...images]);
    const snapshots = join(world.paths.state, 'snapshots');
    for (const name of await readdir(snapshots)) {
      if (!digests.some((digest) => name === `${digest}.json`)) await rm(join(snapshots, name), { force: true });
    }
  } catch (error) {
    world.log.warn(`tidying up: ${error instanceof Error ? error.message : String(error)}`);
  }
}
