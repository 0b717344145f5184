import { join } from 'node:path';
import type { StateFiles } from '../ledger/state-files.ts';
import type { Log } from '../lib/log.ts';
import { readRegular } from '../lib/read-regular.ts';
import type { Status } from '../status/status.ts';

/** `/var/lib/haulout/status.json`, what `haulout status` shows. */
const NAME = 'status.json';
const LARGEST = 16 * 1024 * 1024;
const LISTS = ['services', 'waiting', 'waited', 'notes', 'timeline'] as const;

/** undefined: there is none, or none that can be read. */
export async function readStatus(directory: string): Promise<Status | undefined> {
  try {
    const bytes = await readRegular(join(directory, NAME), LARGEST);
    const value: unknown = bytes && JSON.parse(bytes.toString('utf8'));
    return isStatus(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Of an instance of which nothing is known yet. */
export function blankStatus(role: string, instanceId: string, at: string): Status {
  const none = { services: [], waiting: [], waited: [], notes: [], timeline: [] };
  const lastSync = { startedAt: at, ms: 0, steps: 0, changed: [], requests: 0, bytes: 0 };
  return { schema: 1, instanceId, role, at, health: 'converging', content: {}, lastSync, ...none };
}

/** A disk that is full keeps no status, and that ends no round. */
export async function writeStatus(state: StateFiles, status: Status, log: Log): Promise<void> {
  const text = `${JSON.stringify(status)}\n`;
  await state.writeText(NAME, text, status.lastSync.steps > 0).catch((error) => {
    log.warn(`the status could not be written: ${error.message}`);
  });
}

/** What an agent wrote has all of it; a disk may have made anything of it. */
function isStatus(value: unknown): value is Status {
  if (!isObject(value) || !isObject(value['content'])) return false;
  const { lastSync, health, instanceId, role } = value;
  const texts = [health, instanceId, role].every((text) => typeof text === 'string');
  return (
    texts &&
    isObject(lastSync) &&
    Array.isArray(lastSync['changed']) &&
    LISTS.every((name) => Array.isArray(value[name]))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
