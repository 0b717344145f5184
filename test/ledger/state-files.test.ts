import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recall } from '../../src/agent/memory.ts';
import { activated, emptyLedger, failed, type Ledger, withSubjects } from '../../src/ledger/ledger.ts';
import { StateFiles } from '../../src/ledger/state-files.ts';
import { snapshotOf } from '../support/planned.ts';
import { put, scratch } from '../support/scratch.ts';
import { pick, randomFrom, SEED } from '../support/seeded.ts';

const DIGEST = 'a'.repeat(64);
const PREVIOUS = { kind: 'file', sha256: DIGEST, size: 1, mode: 0o644, uid: 0, gid: 0 } as const;
const ANNOUNCED = { down: 'curl -X DELETE http://monitor/', user: 'nobody', timeoutMs: 30_000, period: 7 };
const snapshot = snapshotOf({ 'haulout.ini': 'x', 'root/etc/motd': 'y' });
const last = { digest: snapshot.digest, print: 'p', prints: ['q', 'r'] };

function fullLedger(): Ledger {
  const subjects = withSubjects(emptyLedger('i-1'), [
    ['file:/etc/motd', { ...activated(DIGEST), previous: PREVIOUS }],
    ['file:/etc/gone', { wanted: 'remove-file', previous: { kind: 'absent' } }],
    ['file:/etc/link', { wanted: 'link x', previous: { kind: 'link', target: 'x' } }],
    ['register:monitor', { ...activated(DIGEST), announced: ANNOUNCED }],
    ['service:web', { ...activated('running'), inputs: { definition: 'd', 'package:nginx': '1' } }],
  ]);
  const setAside = { [DIGEST]: { at: '2026-11-20T12:00:00.000Z', code: 'x', subject: 'service:web' } };
  const ledger = failed(subjects, 'service:web', { wanted: 'w', code: 'x', content: snapshot.digest, now: 1 });
  return {
    ...ledger,
    upgraded: true,
    content: { proven: snapshot.digest, failing: { digest: 'b', rounds: 1 }, setAside },
  };
}

async function filled(): Promise<{ state: StateFiles; directory: string }> {
  const directory = join(scratch(), 'state');
  const state = new StateFiles(directory);
  await state.writeLedger(fullLedger());
  await state.writeSnapshot(snapshot);
  await state.writeOther('last.json', last);
  return { state, directory };
}

/** What a disk, a crash or somebody may have made of a file of ours. */
const DAMAGE: Record<string, (path: string) => void> = {
  missing: (path) => rmSync(path),
  empty: (path) => truncateSync(path, 0),
  half: (path) => truncateSync(path, Math.floor(lstatSync(path).size / 2)),
  'random bytes': (path) =>
    writeFileSync(path, Buffer.from(Array.from({ length: 4_096 }, randomFrom(SEED).bind(null, 256)))),
  'a directory': (path) => replace(path, () => mkdirSync(join(path, 'with', 'things'), { recursive: true })),
  'a link to another file': (path) => replace(path, () => symlinkSync('/etc/passwd', path)),
  'a link to a directory': (path) => replace(path, () => symlinkSync('/etc', path)),
  'a link to nothing': (path) => replace(path, () => symlinkSync('/nowhere/at/all', path)),
  'a link to itself': (path) => replace(path, () => symlinkSync(path, path)),
  'a pipe': (path) => replace(path, () => spawnSync('mkfifo', [path])),
  'a link to a pipe': (path) =>
    replace(path, () => {
      spawnSync('mkfifo', [`${path}.pipe`]);
      symlinkSync(`${path}.pipe`, path);
    }),
  'a device without end': (path) => replace(path, () => symlinkSync('/dev/zero', path)),
  'huge and hollow': (path) => truncateSync(path, 200 * 1024 ** 3),
  'over the limit': (path) => truncateSync(path, 64 * 1024 * 1024 + 1),
  'a text': (path) => writeFileSync(path, '"ledger"'),
  null: (path) => writeFileSync(path, 'null'),
  'a list': (path) => writeFileSync(path, '[{"schema":1}]'),
  'an empty object': (path) => writeFileSync(path, '{}'),
  'a prototype': (path) =>
    writeFileSync(path, '{"__proto__":{"schema":1,"instanceId":"i-1","digest":"x","polluted":true}}'),
  unreadable: (path) => chmodSync(path, 0),
};

function replace(path: string, make: () => void): void {
  rmSync(path);
  make();
}

const FILES = ['ledger.json', 'last.json', join('snapshots', `${snapshot.digest}.json`)];

describe('law 5: a state file may be anything', () => {
  it.each(Object.keys(DAMAGE).flatMap((kind) => FILES.map((file) => [kind, file] as const)))(
    '%s: %s',
    async (kind, file) => {
      const { state, directory } = await filled();
      DAMAGE[kind]!(join(directory, file));
      const ledger = await state.readLedger('i-1');
      const found = await state.readSnapshot(snapshot.digest);
      const memory = await recall(state);
      const readable = kind === 'unreadable' && process.getuid?.() === 0;
      if (!readable) {
        expect(ledger).toEqual(file === 'ledger.json' ? emptyLedger('i-1') : fullLedger());
        expect(found).toEqual(file.startsWith('snapshots') ? undefined : snapshot);
        expect(memory.last).toEqual(file === 'ledger.json' ? { snapshot, print: 'p', prints: ['q', 'r'] } : undefined);
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      await state.writeLedger(fullLedger());
      await state.writeSnapshot(snapshot);
      await state.writeOther('last.json', last);
      expect(await state.readLedger('i-1')).toEqual(fullLedger());
      expect((await recall(state)).last).toEqual({ snapshot, print: 'p', prints: ['q', 'r'] });
      expect(readFileSync('/etc/passwd', 'utf8')).toContain('root:');
      expect(lstatSync(join(directory, file)).mode & 0o7777).toBe(0o600);
    },
    10_000,
  );

  it('a write works where something is in the way and nobody has read', async () => {
    for (const kind of ['a directory', 'a pipe', 'a link to a directory', 'a link to itself']) {
      const { state, directory } = await filled();
      DAMAGE[kind]!(join(directory, 'ledger.json'));
      await state.writeLedger(fullLedger());
      expect(await state.readLedger('i-1')).toEqual(fullLedger());
    }
  });

  it('a state that was deleted whole, or in part, while the agent lives comes back', async () => {
    const { state, directory } = await filled();
    rmSync(directory, { recursive: true });
    await state.writeLedger(fullLedger());
    await state.writeSnapshot(snapshot);
    expect(await state.readSnapshot(snapshot.digest)).toEqual(snapshot);
    expect(lstatSync(directory).mode & 0o7777).toBe(0o700);
    rmSync(join(directory, 'snapshots'), { recursive: true });
    put(join(directory, 'snapshots'), 'no directory');
    put(join(directory, 'damaged'), 'no directory');
    expect(await state.readSnapshot(snapshot.digest)).toBeUndefined();
    await state.writeSnapshot(snapshot);
    expect(await state.readSnapshot(snapshot.digest)).toEqual(snapshot);
  });

  it('what is damaged is put aside once, for whoever wants to look, and closed to others', async () => {
    const { state, directory } = await filled();
    for (const text of ['first', 'second']) {
      writeFileSync(join(directory, 'ledger.json'), text);
      await state.readLedger('i-1');
    }
    expect(readdirSync(join(directory, 'damaged'))).toEqual(['state-ledger.json']);
    expect(readFileSync(join(directory, 'damaged', 'state-ledger.json'), 'utf8')).toBe('second');
    expect(lstatSync(join(directory, 'damaged')).mode & 0o777).toBe(0o700);
  });

  it("another instance's ledger is none of ours, and stays where it is", async () => {
    const { state, directory } = await filled();
    expect(await state.readLedger('i-2')).toEqual(emptyLedger('i-2'));
    expect(existsSync(join(directory, 'damaged'))).toBe(false);
  });

  it('a snapshot under a name that is not its digest is none', async () => {
    const { state, directory } = await filled();
    const other = snapshotOf({ 'haulout.ini': 'other' });
    put(join(directory, 'snapshots', `${other.digest}.json`), JSON.stringify(snapshot));
    expect(await state.readSnapshot(other.digest)).toBeUndefined();
    expect(await state.readSnapshot('../ledger')).toBeUndefined();
  });
});

describe('what takes an announcement back', () => {
  const read = async (subject: string, announced: unknown) => {
    const { state, directory } = await filled();
    const ledger = { ...fullLedger(), subjects: { [subject]: { ...activated(DIGEST), announced } } };
    writeFileSync(join(directory, 'ledger.json'), JSON.stringify(ledger));
    return (await state.readLedger('i-1')).subjects[subject];
  };

  it('is read as it was written, and a ledger of an older agent has none of it', async () => {
    expect(await read('register:a', ANNOUNCED)).toEqual({ ...activated(DIGEST), announced: ANNOUNCED });
    expect(await read('register:a', undefined)).toEqual(activated(DIGEST));
    const least = { user: 'nobody', timeoutMs: 1 };
    expect(await read('register:a', least)).toEqual({ ...activated(DIGEST), announced: least });
  });

  it.each([
    ['a name that is a path', 'register:../../etc', ANNOUNCED],
    ['no name', 'register:', ANNOUNCED],
    ['a subject that is announced nowhere', 'service:web', ANNOUNCED],
    ['null', 'register:a', null],
    ['a line that is a list', 'register:a', { ...ANNOUNCED, down: ['rm'] }],
    ['no user', 'register:a', { ...ANNOUNCED, user: undefined }],
    ['a time that no timer takes', 'register:a', { ...ANNOUNCED, timeoutMs: 2 ** 31 }],
    ['no time', 'register:a', { ...ANNOUNCED, timeoutMs: 0 }],
    ['a period that is none', 'register:a', { ...ANNOUNCED, period: 'x' }],
  ])('is not believed with %s', async (_case, subject, announced) => {
    expect(await read(subject, announced)).toBeUndefined();
  });
});

const VALUES = [
  null,
  true,
  -1,
  1e308,
  '',
  'x',
  '2',
  [],
  {},
  { __proto__: null },
  Number.MAX_SAFE_INTEGER,
  ['a'],
  'a'.repeat(70),
];
const MUTANTS = 2_000;

/** A leaf or a branch of the tree replaced, removed or joined by something else; or a few bytes of the text. */
function mutated(text: string, random: (below: number) => number): string {
  if (random(4) === 0) {
    const at = random(text.length);
    return (
      text.slice(0, at) +
      pick(['"', '}', '\u0000', '__proto__', '9'.repeat(400), ',', ''], random) +
      text.slice(at + random(9))
    );
  }
  const tree: unknown = JSON.parse(text);
  let node = tree as Record<string, unknown>;
  for (let depth = random(4); depth > 0; depth--) {
    const branches = Object.values(node).filter((value) => typeof value === 'object' && value !== null);
    if (branches.length > 0) node = pick(branches, random) as Record<string, unknown>;
  }
  const key =
    random(5) === 0
      ? pick(['__proto__', 'constructor', 'toString', 'failures'], random)
      : pick(Object.keys(node).concat('x'), random);
  if (random(4) === 0) delete node[key];
  else
    Object.defineProperty(node, key, {
      value: pick(VALUES, random),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return JSON.stringify(tree);
}

it('2,000 mutated ledgers are read without harm, and what is believed can be worked with', async () => {
  const random = randomFrom(SEED);
  const { state, directory } = await filled();
  const text = JSON.stringify(fullLedger());
  let believed = 0;
  for (let index = 0; index < MUTANTS; index++) {
    writeFileSync(join(directory, 'ledger.json'), mutated(text, random));
    const ledger = await state.readLedger('i-1');
    if (Object.keys(ledger.subjects).length > 0) believed++;
    for (const { wanted, failures, announced } of Object.values(ledger.subjects)) {
      expect(typeof wanted).toBe('string');
      if (announced) expect(typeof announced.user + typeof announced.timeoutMs).toBe('stringnumber');
      if (failures) expect(Number.isFinite(failures.count + failures.nextTry)).toBe(true);
    }
    const { failing, setAside, proven } = ledger.content;
    expect(typeof (failing?.digest ?? '') + typeof (failing?.rounds ?? 0) + typeof (proven ?? '')).toBe(
      'stringnumberstring',
    );
    for (const aside of Object.values(setAside)) expect(typeof aside.code + typeof aside.subject).toBe('stringstring');
    failed(ledger, 'service:web', { wanted: 'w', code: 'x', content: 'c', now: 0 });
  }
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  console.log(`mutated ledgers: seed ${SEED}, ${MUTANTS} read, ${believed} believed`);
  expect(believed).toBeGreaterThan(MUTANTS / 20);
  expect(believed).toBeLessThan(MUTANTS);
}, 60_000);
