import { join } from 'node:path';
import type { Mistake, Spec } from '../spec/spec.ts';
import { isExecutable, type RoleDirectory } from './role-directory.ts';

const ROOT = 'root/';

/**
 * Programs under root/ that would land without their exec bit: a bucket keeps none, and where a file stands says only of hooks that it
 * can be run. The spec says it of the others.
 */
export async function lostExecBits(role: RoleDirectory, spec: Spec): Promise<readonly Mistake[]> {
  const said = new Set(spec.files.flatMap((file) => ('mode' in file && file.mode !== undefined ? [file.path] : [])));
  const lost: Mistake[] = [];
  for (const { key } of role.listing.objects) {
    const target = key.slice(ROOT.length - 1);
    if (!key.startsWith(ROOT) || said.has(target) || !(await isExecutable(join(role.path, key)))) continue;
    lost.push({
      at: { file: key, line: 1, column: 1 },
      what: 'this file is executable here, and a bucket keeps no such bit: on a machine it would be 0644',
      instead: `write \`${target} = mode=0755\` under [files], or \`chmod -x\` it here`,
    });
  }
  return lost;
}
