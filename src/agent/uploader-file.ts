import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../lib/digest.ts';
import { ensureDirectory, writeWhole } from '../lib/durable.ts';

declare const HAULOUT_UPLOADER: string;

/**
 * The uploader travels inside the agent, packed (gzip, base64), and becomes a file when it is first needed. Were it part of the
 * agent's own code, the SDK's imports would cost the resident agent 15 MB from its first second.
 */
export async function uploaderFile(state: string): Promise<string> {
  const program = gunzipSync(Buffer.from(HAULOUT_UPLOADER, 'base64'));
  const digest = sha256(program);
  const path = join(state, 'agent', `uploader-${digest}.mjs`);
  const present = await readFile(path).catch(() => undefined);
  if (present && sha256(present) === digest) return path;
  await ensureDirectory(join(state, 'agent'));
  await writeWhole(path, program, { mode: 0o600 });
  return path;
}
