import { join } from 'node:path';
import { StateFiles } from '../ledger/state-files.ts';
import { HauloutError } from '../lib/errors.ts';
import { readRegular } from '../lib/read-regular.ts';
import { parseSettings, type Settings, settingsRecord } from '../userdata/settings.ts';
import type { Paths } from './paths.ts';

/** What was said at launch, kept for the next boot: `/var/lib/haulout/settings`, the lines of user-data again. */
const NAME = 'settings';
const LARGEST = 64 * 1024;

export async function writeSettings(paths: Paths, settings: Settings): Promise<void> {
  const lines = Object.entries(settingsRecord(settings)).map(([name, value]) => `${name}=${value}\n`);
  await new StateFiles(paths.state).writeText(NAME, lines.join(''));
}

export async function readSettings(paths: Paths): Promise<Settings> {
  const bytes = await readRegular(join(paths.state, NAME), LARGEST).catch(() => undefined);
  const pairs = (bytes?.toString('utf8') ?? '').split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  const parsed = parseSettings(Object.fromEntries(pairs));
  if (parsed.ok) return parsed.settings;
  throw new HauloutError({
    code: 'settings-lost',
    step: 'settings',
    subject: join(paths.state, NAME),
    reason: 'the settings of this instance are not there, or damaged',
    hint: 'run the user-data script again: `sh /var/lib/cloud/instance/scripts/part-001`',
  });
}
