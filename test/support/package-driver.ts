/**
 * A program for inside an instance: asks the package manager it finds there what its first argument (a list, JSON) says, one
 * order after the other in one life, and prints the answers as JSON.
 * Bundled by the test, because nothing of this repository is inside.
 */
import { choosePackageManager } from '../../src/apply/packages/choose.ts';
import { systemClock } from '../../src/lib/clock.ts';

export interface PackageOrder {
  readonly upgrade?: true;
  readonly install?: readonly { readonly name: string; readonly version?: string; readonly latest?: true }[];
  readonly remove?: readonly string[];
  readonly ask?: readonly string[];
}

export interface PackageAnswer {
  readonly manager: string;
  readonly trouble?: {
    readonly code: string;
    readonly subject: string;
    readonly reason: string;
    readonly hint: string;
  };
  readonly warnings: readonly string[];
  readonly installed: Readonly<Record<string, readonly string[]>>;
  readonly candidates: Readonly<Record<string, string | undefined>>;
  readonly ms: number;
}

let warnings: string[] = [];
const manager = await choosePackageManager({
  clock: systemClock,
  onOutput: (text) => process.stderr.write(text),
  onWarning: (text) => warnings.push(text),
});
const orders = JSON.parse(process.argv[2] ?? '[]') as PackageOrder[];
const answers: PackageAnswer[] = [];
for (const order of orders) answers.push(await carryOut(order));
process.stdout.write(JSON.stringify(answers));

async function carryOut({ upgrade, install, remove, ask = [] }: PackageOrder): Promise<PackageAnswer> {
  const started = performance.now();
  warnings = [];
  let trouble: PackageAnswer['trouble'];
  const fail = (error: unknown) => {
    const { code, subject, reason, hint } = error as NonNullable<PackageAnswer['trouble']>;
    trouble = { code, subject, reason, hint };
  };
  try {
    if (upgrade) await manager.upgrade();
    if (install) await manager.install(install.map(({ name, version, latest = false }) => ({ name, version, latest })));
    if (remove) await manager.remove(remove);
  } catch (error) {
    fail(error);
  }
  const ms = performance.now() - started;
  const installed = await manager.installed(ask).catch((error: unknown) => {
    fail(error);
    return {};
  });
  const candidates = upgrade || install || remove ? {} : await manager.candidates(ask);
  return { manager: manager.name, ...(trouble ? { trouble } : {}), warnings, installed, candidates, ms };
}
