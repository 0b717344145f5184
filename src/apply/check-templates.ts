import { asTrouble } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Mistake, Spec } from '../spec/spec.ts';
import { renderTemplate, templateValues } from './templates.ts';

/**
 * Every template of the spec, rendered as this machine would, the result thrown away: one that cannot be is a mistake of the
 * content, like one in haulout.ini, and found before anything is looked at or swapped.
 */
export async function checkTemplates(
  spec: Spec,
  identity: Identity,
  role: string,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<Mistake[]> {
  const values = templateValues(spec, identity, role);
  const mistakes: Mistake[] = [];
  for (const { kind, path } of spec.files) {
    const source = kind === 'template' ? await read(`root${path}`) : undefined;
    if (!source) continue;
    try {
      await renderTemplate(Buffer.from(source).toString('utf8'), values, path);
    } catch (error) {
      const { reason, hint } = asTrouble(error, 'files', `file:${path}`);
      mistakes.push({ at: { file: `root${path}`, ...placeIn(reason) }, what: reason, instead: hint });
    }
  }
  return mistakes;
}

/** liquidjs ends its messages with `line:2, col:6`. */
function placeIn(reason: string): { line: number; column: number } {
  const [, line = '1', column = '1'] = /line:(\d+), col:(\d+)/.exec(reason) ?? [];
  return { line: Number(line), column: Number(column) };
}
