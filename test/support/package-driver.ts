/**
 * A program for inside an instance: asks apply/apt.ts what its first argument (a list, JSON) says, one order after the
 * other in one life, and prints the answers as JSON.
 * Bundled by the test, because nothing of this repository is inside.
 */
import { apt } from '../../src/apply/apt.ts';
import { systemClock } from '../../src/lib/clock.ts';

export interface PackageOrder {
  readonly install?: readonly { readonly name: string; readonly version?: string }[];
  readonly remove?: readonly string[];
  readonly ask?: readonly string[];
}

export interface PackageAnswer {
  readonly trouble?: { readonly code: string; readonly subject: string; readonly reason: string };
  readonly installed: Readonly<Record<string, string | undefined>>;
  readonly candidates: Readonly<Record<string, string | undefined>>;
  readonly ms: number;
}

const manager = apt({ clock: systemClock, onOutput: (text) => process.stderr.write(text) });
const orders = JSON.parse(process.argv[2] ?? '[]') as PackageOrder[];
const answers: PackageAnswer[] = [];
for (const order of orders) answers.push(await carryOut(order));
process.stdout.write(JSON.stringify(answers));

async function carryOut({ install, remove, ask = [] }: PackageOrder): Promise<PackageAnswer> {
  const started = performance.now();
  let trouble: PackageAnswer['trouble'];
  try {
    if (install) await manager.install(install.map(({ name, version }) => ({ name, version })));
    if (remove) await manager.remove(remove);
  } catch (error) {
    const { code, subject, reason } = error as NonNullable<PackageAnswer['trouble']>;
    trouble = { code, subject, reason };
  }
  const ms = performance.now() - started;
  const installed = await manager.installed(ask);
  const candidates = install || remove ? {} : await manager.candidates(ask);
  return { ...(trouble ? { trouble } : {}), installed, candidates, ms };
}
