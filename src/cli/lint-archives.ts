import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asTrouble } from '../lib/errors.ts';
import { unpackImage } from '../services/image.ts';
import type { Mistake, Spec } from '../spec/spec.ts';
import type { RoleDirectory } from './role-directory.ts';

export interface Findings {
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

/** Archives are unpacked as an instance would, into a directory that goes away: what it would refuse is refused here. */
export async function lintArchives(role: RoleDirectory, spec: Spec): Promise<Findings> {
  const mistakes: Mistake[] = [];
  const warnings: Mistake[] = [];
  for (const { id, source, at } of spec.services) {
    if (source.kind !== 'image' || !role.listing.objects.some(({ key }) => key === source.path)) continue;
    const services = await mkdtemp(join(tmpdir(), 'haulout-lint-'));
    try {
      const archive = { kind: 'archive', name: source.path, path: join(role.path, source.path) } as const;
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      const notes = await unpackImage(archive, id, '0'.repeat(64), owner, { services });
      warnings.push(
        ...notes.map((what) => ({ at, what: `${source.path}: ${what}`, instead: 'pack it as it should be' })),
      );
    } catch (error) {
      const { reason, hint } = asTrouble(error, 'service', `service:${id}`);
      mistakes.push({ at, what: `${source.path}: ${reason}`, instead: hint });
    } finally {
      await rm(services, { recursive: true, force: true });
    }
  }
  return { mistakes, warnings };
}
