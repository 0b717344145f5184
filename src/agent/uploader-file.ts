import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../lib/digest.ts';
import { ownDirectory, writeWhole } from '../lib/durable.ts';
import { readRegular } from '../lib/read-regular.ts';

declare const HAULOUT_UPLOADER: string;
const LARGEST = 64 * 1024 * 1024;

/**
 * The uploader travels inside the agent, packed (gzip, base64), and becomes a file when it is first needed. Were it part of the
 * agent's own code, the SDK's imports would cost the resident agent 15 MB from its first second.
 */
export async function uploaderFile(state: string): Promise<string> {
  const program = gunzipSync(Buffer.from(HAULOUT_UPLOADER, 'base64'));
  const digest = sha256(program);
  const path = join(state, 'agent', `uploader-${digest}.mjs`);
  const present = await readRegular(path, LARGEST).catch(() => undefined);
  if (present && sha256(present) === digest) return path;
  await ownDirectory(join(state, 'agent'));
  // Law 5: what stands there may be a directory, which no rename replaces.
  await rm(path, { recursive: true, force: true });
  await writeWhole(path, program, { mode: 0o600 });
  return path;
}
