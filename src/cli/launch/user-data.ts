import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { errorCode, HauloutError } from '../../lib/errors.ts';
import { parseSettings, type Settings } from '../../userdata/settings.ts';

const LARGEST = 1024 * 1024;

/** What `--user-data FILE` names. */
export async function readUserData(path: string, step: string): Promise<Buffer> {
  return await readFile(path).catch((error: unknown) => {
    const reason = `${path} cannot be read (${errorCode(error) ?? 'unknown'})`;
    const hint = 'name a file, such as one that `haulout userdata` printed';
    throw new HauloutError({ code: 'usage', step, subject: '--user-data', reason, hint }, error);
  });
}

/** What our launcher in some user-data was told, as raw, gzip or MIME text; undefined where that is not ours. */
export function settingsIn(userData: Uint8Array): Settings | undefined {
  const lines = unpacked(userData)
    .split('\n')
    .map((line) => line.trimEnd());
  const parsed = parseSettings(lines.filter((line) => /^HAULOUT_\w+=/.test(line)));
  return parsed.ok ? parsed.settings : undefined;
}

function unpacked(userData: Uint8Array): string {
  const bytes = Buffer.from(userData);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST }).toString('utf8');
  } catch {
    return '';
  }
}
