import type { Log } from '../lib/log.ts';
import { readRegular } from '../lib/read-regular.ts';
import { parseOverride } from '../spec/parse.ts';
import type { Override } from '../spec/spec.ts';
import type { Paths } from './paths.ts';

const LARGEST_OVERRIDE = 1024 * 1024;

/** A broken override is said and left out: it must not keep a machine from its bucket. */
export async function readOverride(paths: Paths, log: Log): Promise<Override> {
  const text = await readRegular(paths.override, LARGEST_OVERRIDE).catch(() => undefined);
  if (!text) return {};
  const parsed = parseOverride(text, paths.override);
  if (parsed.ok) return parsed.override;
  for (const { at, what, instead } of parsed.mistakes)
    log.warn(`${at.file}:${at.line}:${at.column}: ${what}; ${instead}`);
  return {};
}
