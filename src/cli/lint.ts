import { join } from 'node:path';
import { checkTemplates } from '../apply/check-templates.ts';
import { EXIT } from '../lib/exit.ts';
import { checkContent } from '../spec/check-content.ts';
import { formatMistakes, toFinding } from '../spec/format.ts';
import { lintHook } from '../spec/lint-hooks.ts';
import { parseSpec } from '../spec/parse.ts';
import type { Mistake, Spec } from '../spec/spec.ts';
import { lostExecBits } from './exec-bits.ts';
import { type Findings, lintArchives } from './lint-archives.ts';
import { lostLinks } from './lost-links.ts';
import { freshMachine } from './plan-facts.ts';
import { isExecutable, type RoleDirectory, readRoleDirectory, readStart } from './role-directory.ts';
import { data, paint, say } from './talk.ts';

const HOOK = /^services\/[^/]+\/bin\/[^/]+$/;
const HOOK_START = 4096;
const LARGEST_TEMPLATE = 1024 * 1024;

/** `haulout lint`: 0 nothing to say or warnings only, 2 mistakes. */
export async function lint(directory: string, options: { json?: boolean }): Promise<number> {
  const role = await readRoleDirectory(directory);
  const { mistakes, warnings } = await lintRole(role);
  if (options.json) {
    const findings = [...mistakes.map((m) => toFinding(m)), ...warnings.map((w) => toFinding(w, 'warning'))];
    data({ schema: 1, directory, role: role.role, findings });
  } else {
    process.stdout.write(formatMistakes(mistakes) + formatMistakes(warnings, 'warning'));
    if (mistakes.length === 0)
      say(
        `${directory}: ${paint.green('no mistakes')}${count(warnings.length, ', ', 'warning')}`,
        `next: haulout try ${directory}`,
      );
    else
      say(
        `${directory}: ${paint.red(count(mistakes.length, '', 'mistake'))}${count(warnings.length, ', ', 'warning')}`,
      );
  }
  return mistakes.length > 0 ? EXIT.differences : EXIT.done;
}

/** Everything that can be known of a directory without a machine. */
export async function lintRole(role: RoleDirectory): Promise<Findings> {
  const parsed = parseSpec(role.spec);
  const findings = { mistakes: [] as Mistake[], warnings: [...parsed.warnings] };
  const add = (more: Findings) => {
    findings.mistakes.push(...more.mistakes);
    findings.warnings.push(...more.warnings);
  };
  if (!parsed.ok) add({ mistakes: parsed.mistakes, warnings: [] });
  else add(checkContent(parsed.spec, contentOf(role)));
  for (const { key } of role.listing.objects) if (HOOK.test(key)) add(await lintHookFile(role, key));
  add({ mistakes: [], warnings: await lostLinks(role) });
  if (parsed.ok) {
    add(await lintArchives(role, parsed.spec));
    add({ mistakes: [], warnings: await lostExecBits(role, parsed.spec) });
    add({ mistakes: await lintTemplates(role, parsed.spec), warnings: [] });
  }
  return findings;
}

/** Rendered for a machine that does not exist: a name that no machine has is found all the same. */
function lintTemplates(role: RoleDirectory, spec: Spec): Promise<readonly Mistake[]> {
  const read = (path: string) => readStart(join(role.path, path), LARGEST_TEMPLATE).catch(() => undefined);
  return checkTemplates(spec, freshMachine.identity, role.role, read);
}

/** As the agent would read it, or the mistakes that keep it from that. */
export async function specOf(role: RoleDirectory): Promise<{ spec: Spec } | { mistakes: readonly Mistake[] }> {
  const parsed = parseSpec(role.spec);
  if (!parsed.ok) return { mistakes: parsed.mistakes };
  const found = checkContent(parsed.spec, contentOf(role)).mistakes;
  const mistakes = [...found, ...(await lintTemplates(role, parsed.spec))];
  return mistakes.length > 0 ? { mistakes } : { spec: parsed.spec };
}

function contentOf(role: RoleDirectory): { path: string; size: number }[] {
  const objects = role.listing.objects.map(({ key, size }) => ({ path: key, size }));
  return [...objects, ...role.listing.strangers.map((path) => ({ path, size: 0 }))];
}

async function lintHookFile(role: RoleDirectory, key: string): Promise<Findings> {
  const path = join(role.path, key);
  return lintHook(key, await readStart(path, HOOK_START), (await isExecutable(path)) ? 0o755 : 0o644);
}

function count(number: number, before: string, word: string): string {
  return number === 0 ? '' : `${before}${number} ${word}${number === 1 ? '' : 's'}`;
}
