import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type fc from 'fast-check';
import { HauloutError } from '../../../src/lib/errors.ts';
import { readArchive } from '../../../src/services/archive.ts';
import { type ImagePlace, unpackImage } from '../../../src/services/image.ts';
import { LIMITS, type Limits, Refusal } from '../../../src/services/image-policy.ts';
import { contentOf, fillTree, settleTree } from '../../../src/services/image-tree.ts';
import type { Outcome, Subject } from './subject.ts';

/** The product's own, but small enough that a bomb is refused in milliseconds. */
const SMALL: Limits = {
  ...LIMITS,
  entries: 500,
  bytes: 4 * 1024 ** 2,
  graceBytes: 256 * 1024,
  metadataBytes: 256 * 1024,
};
const CANARIES = ['canary', 'a/canary', 'a/b/canary', 'a/b/c/canary', 'etc/passwd', 'a/b/c/tree-canary'];
const SONG = 'sings\n';
const OWNER = { uid: process.getuid!(), gid: process.getgid!() };
/** Each so many inputs one goes the whole way: staging, modes, sync, rename. The others are unpacked and get modes and owners. */
const WHOLE_WAY = 200;
/** Mistakes of a program, not of an archive: the product would tell them as a bad archive, and a test must not. */
const OF_PROGRAMMERS = [TypeError, ReferenceError, RangeError, SyntaxError];

/** An archive format: each input is unpacked three directories below canaries, and only files and directories may come of it. */
export function archives(format: string, suffix: string, inputs: fc.Arbitrary<Buffer>): Subject {
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const base = mkdtempSync(join(memory, 'haulout-inputs-'));
  const room = join(base, 'a', 'b', 'c');
  for (const canary of CANARIES) {
    mkdirSync(join(base, canary, '..'), { recursive: true });
    writeFileSync(join(base, canary), SONG);
  }
  mkdirSync(join(room, 'services'));
  const archive = join(base, `archive${suffix}`);
  const expected = snapshotOf(base, room);
  let count = 0;
  return {
    name: format,
    inputs,
    async feed(bytes) {
      writeFileSync(archive, bytes);
      const outcome = await (++count % WHOLE_WAY === 0
        ? wholeWay(archive, suffix, room)
        : unpacked(archive, suffix, room));
      if (snapshotOf(base, room) !== expected)
        throw new Error(`something was left outside of the image: ${snapshotOf(base, room)}`);
      return outcome;
    },
    damage: () => CANARIES.find((canary) => readFileSync(join(base, canary), 'utf8') !== SONG),
    close: async () => rmSync(base, { recursive: true, force: true }),
  };
}

async function unpacked(archive: string, suffix: string, room: string): Promise<Outcome> {
  const tree = join(room, 'tree');
  mkdirSync(tree, { mode: 0o700 });
  try {
    await fillTree(tree, readArchive(`x${suffix}`, archive, SMALL), SMALL.entries);
    await settleTree(await contentOf(tree), OWNER);
    refuseStrange(tree);
    return 'good';
  } catch (error) {
    return refusal(error);
  } finally {
    rmSync(tree, { recursive: true });
  }
}

async function wholeWay(archive: string, suffix: string, room: string): Promise<Outcome> {
  const place: ImagePlace = { services: join(room, 'services') };
  try {
    await unpackImage(
      { kind: 'archive', name: `x${suffix}`, path: archive },
      'web',
      '0'.repeat(64),
      OWNER,
      place,
      SMALL,
    );
    refuseStrange(place.services);
    return 'good';
  } catch (error) {
    return refusal(error);
  } finally {
    rmSync(place.services, { recursive: true });
    mkdirSync(place.services);
  }
}

/** Neither links nor devices nor sockets, whatever an archive says. */
function refuseStrange(tree: string): void {
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() && !entry.isDirectory()) throw new TypeError(`${entry.name} is neither a file nor a directory`);
    if ((lstatSync(join(entry.parentPath, entry.name)).mode & 0o7000) !== 0)
      throw new TypeError(`${entry.name} has a special mode`);
  }
}

function refusal(error: unknown): Outcome {
  const cause = error instanceof HauloutError && error.cause !== undefined ? error.cause : error;
  if (OF_PROGRAMMERS.some((kind) => cause instanceof kind)) throw cause;
  if (error instanceof Error && 'syscall' in error) throw error; // the disk said it: the name or the size should have been refused
  if (error instanceof HauloutError && error.code !== 'image-refused') throw error;
  if (!(error instanceof Error) || (!(error instanceof Refusal) && error.message === '')) throw error;
  return 'refused';
}

/** All that stands around the place where images are unpacked, names and sizes. */
function snapshotOf(base: string, room: string): string {
  const names: string[] = [];
  for (const directory of [base, join(base, 'etc'), join(base, 'a'), join(base, 'a', 'b'), room]) {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const found = lstatSync(path);
      if (!name.startsWith('archive')) names.push(`${path} ${found.mode} ${found.isFile() ? found.size : ''}`);
    }
  }
  return names.sort().join('\n');
}
