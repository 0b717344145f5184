import type { BucketAddress } from '../aws/location.ts';
import type { BucketWriter } from '../aws/write.ts';
import { HauloutError } from '../lib/errors.ts';
import { ARCHITECTURES, type Runtimes } from '../userdata/runtimes.ts';
import { readNote } from './runtime/note.ts';

export interface ChosenRuntimes {
  readonly runtimes: Runtimes;
  /** For people: what a machine without a Node will do. */
  readonly words: string;
}

const NONE =
  'none: machines must have a Node, or a package manager that has one (haulout runtime add puts one into the bucket)';

/** What `--runtime` says: `x64=SHA,arm64=SHA`, or `none`. */
export function runtimesOf(text: string): ChosenRuntimes {
  if (text === 'none') return { runtimes: {}, words: NONE };
  const pairs = text.split(',').map((pair) => {
    const [name, sha256 = ''] = pair.split('=');
    const arch = ARCHITECTURES.find((known) => known === name);
    if (arch && /^[0-9a-f]{64}$/.test(sha256)) return [arch, sha256] as const;
    throw new HauloutError({
      code: 'usage',
      step: 'userdata',
      subject: '--runtime',
      reason: 'this is no list of architectures and digests',
      hint: 'write --runtime x64=SHA256,arm64=SHA256 as haulout runtime add printed them, or --runtime none',
    });
  });
  return { runtimes: Object.fromEntries(pairs), words: pairs.map(([arch]) => arch).join(' and ') };
}

/** What was added to the state last. A note that cannot be read is none: the script works all the same where there is a Node. */
export async function runtimesInState(writer: BucketWriter, state: BucketAddress): Promise<ChosenRuntimes> {
  const note = await readNote(writer, state).catch((error: unknown) =>
    error instanceof Error ? error : new Error('unknown'),
  );
  if (note instanceof Error) return { runtimes: {}, words: `not known, ${note.name} when the state was asked` };
  const found = ARCHITECTURES.flatMap((arch) => (note[arch] ? [[arch, note[arch]] as const] : []));
  if (found.length === 0) return { runtimes: {}, words: NONE };
  return {
    runtimes: Object.fromEntries(found.map(([arch, { sha256 }]) => [arch, sha256])),
    words: found.map(([arch, { version, sha256 }]) => `${arch} ${version} (${sha256.slice(0, 12)})`).join(', '),
  };
}
