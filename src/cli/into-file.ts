import { readFile } from 'node:fs/promises';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { fillLaunchFile } from '../userdata/launch-file.ts';

/** `--into FILE`: what is printed is that launch file, with the user-data in it; the file itself stays as it is. */
export async function intoFile(path: string, userdata: Buffer): Promise<Buffer> {
  const file = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason = `it cannot be read (${errorCode(error) ?? 'unknown'})`;
    const hint = 'name a launch file, such as those in userdata/';
    throw new HauloutError({ code: 'usage', step: 'userdata', subject: path, reason, hint }, error);
  });
  return Buffer.from(fillLaunchFile(file, userdata, path));
}
