import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import { s3Store } from '../../src/bucket/s3-store.ts';
import { freshMachine, snapshotOf } from '../../src/cli/plan-facts.ts';
import { contentDigest } from '../../src/cli/push/content-digest.ts';
import { differences } from '../../src/cli/push/differences.ts';
import { carryOut, localFiles } from '../../src/cli/push/upload.ts';
import { readRoleDirectory } from '../../src/cli/role-directory.ts';
import { emptyLedger } from '../../src/ledger/ledger.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { fleetStore, statusOf } from '../support/fleet.ts';
import { readerAt, rejection, s3ForTest } from '../support/readers.ts';
import { TINY, writeRole } from '../support/role-files.ts';
import { KEY, REGION } from '../support/s3.ts';
import { scratch } from '../support/scratch.ts';

/** A directory, as it was read, and its bucket. */
async function desk(options: Parameters<typeof s3ForTest>[0] = {}, sizes: Readonly<Record<string, number>> = {}) {
  const s3 = await s3ForTest(options);
  const path = writeRole(join(scratch(), 'tiny'), TINY);
  for (const [name, size] of Object.entries(sizes)) {
    writeFileSync(join(path, name), '');
    truncateSync(join(path, name), size);
  }
  const role = await readRoleDirectory(path);
  const writer = new BucketWriter({ endpoint: { url: s3.url, region: REGION }, credentials: KEY });
  onTestFinished(() => writer.close());
  const store = s3Store(readerAt(s3.url), 'bkt', 'tiny');
  const local = await localFiles(role);
  const upload = () =>
    carryOut(writer, { bucket: 'bkt', prefix: 'tiny' }, role, differences(local, []), {
      remove: true,
      told: () => undefined,
    });
  const change = (path: string, text: string) => writeFileSync(join(role.path, path), text);
  const snapshot = async () => (await snapshotOf(await readRoleDirectory(role.path))).digest;
  return { s3, role, store, local, upload, change, snapshot };
}

const HELLO = 'root/srv/hello.txt';

it('the content that is waited for is what the bucket holds, also where a file is changed or deleted during the push', async () => {
  const { role, store, local, upload, change, snapshot } = await desk();
  change(HELLO, 'during\n');
  await upload();
  const uploaded = await snapshot();
  change(HELLO, 'after\n');
  expect(await contentDigest(store, local)).toBe(uploaded);
  rmSync(join(role.path, HELLO));
  expect(await contentDigest(store, local)).toBe(uploaded);
});

it('the content that is waited for is that of another push, where one came after', async () => {
  const { s3, store, local, upload, change, snapshot } = await desk();
  await upload();
  await s3.endpoint.put('bkt', `tiny/${HELLO}`, { bytes: Buffer.from('theirs\n') });
  const digest = await contentDigest(store, local);
  change(HELLO, 'theirs\n');
  expect(digest).toBe(await snapshot());
});

it('a file that is deleted during the push ends it in words, before the spec', async () => {
  const { s3, role, upload } = await desk();
  rmSync(join(role.path, HELLO));
  expect(await rejection(upload())).toMatchObject({ code: 'file-unreadable', subject: join(role.path, HELLO) });
  expect(s3.endpoint.list('bkt', 'tiny/haulout.ini')).toEqual([]);
});

it('large files are sent one after the other, small ones beside them: a file is in memory while it is sent', async () => {
  const under = { large: 0, small: 0 };
  const most = { large: 0, small: 0 };
  const kindOf = (key = '') => (key.includes('large') ? 'large' : 'small');
  const { upload } = await desk(
    {
      faults: ({ operation, key }) => {
        if (operation !== 'PutObject') return undefined;
        const kind = kindOf(key);
        most[kind] = Math.max(most[kind], ++under[kind]);
        return { stallMs: 300 };
      },
      onRequest: ({ operation, key }) => {
        if (operation === 'PutObject') under[kindOf(key)]--;
      },
    },
    {
      ...Object.fromEntries([1, 2, 3].map((n) => [`root/srv/large-${n}`, 33 * 1024 ** 2])),
      ...Object.fromEntries([1, 2, 3].map((n) => [`root/srv/small-${n}`, 1_000])),
    },
  );
  await upload();
  expect(most.large).toBe(1);
  expect(most.small).toBeGreaterThan(1);
});

it('a plan knows the role by its prefix, whatever the directory is called', async () => {
  const store = await fleetStore([statusOf('i-0a11ce00000000001')]);
  onTestFinished(() => store.close());
  const directory = writeRole(join(scratch(), 'planet-of-ann'), {
    'haulout.ini': '[haulout]\nversion = 1\nupgrade = never\n[files]\n/etc/motd = template\n',
    'root/etc/motd': 'a {{ role }}\n',
  });
  const motd = { kind: 'file', sha256: sha256('a planet\n'), size: 9, mode: 0o644, uid: 0, gid: 0 };
  const none = { packages: {}, services: {}, rendered: {}, jobs: {}, registrations: {}, bootId: 'b' };
  const facts = { ...none, files: { '/etc/motd': motd }, users: { root: 0 }, groups: { root: 0 } };
  const live = { schema: 1, identity: freshMachine.identity, facts, ledger: emptyLedger('') };
  const key = '.haulout/facts/planet/i-0a11ce00000000001.json';
  await store.endpoint.put('my-bucket', key, { bytes: Buffer.from(JSON.stringify(live)) });
  const { stdout, stderr } = await store.run('push', directory, 's3://my-bucket/planet', '--plan');
  expect(stdout, stderr).toBe('i-0a11ce00000000001: nothing to do\n');
});

it('a link to a directory, or to nothing, is a mistake: nothing of it would be uploaded, and what is there be deleted', async () => {
  const store = await fleetStore([]);
  onTestFinished(() => store.close());
  const there = writeRole(join(scratch(), 'shared'), { 'nginx/nginx.conf': 'x\n', motd: 'hello\n' });
  const directory = writeRole(join(scratch(), 'planet'), {
    'haulout.ini': '[haulout]\nversion = 1\n',
    'root/a': 'a\n',
  });
  symlinkSync(join(there, 'motd'), join(directory, 'root/motd'));
  const push = () => store.run('push', directory, 's3://my-bucket/planet', '--no-watch', '--delete');
  expect((await push()).code).toBe(0);
  await store.endpoint.put('my-bucket', 'planet/root/nginx/nginx.conf', { bytes: Buffer.from('x\n') });
  symlinkSync(join(there, 'nginx'), join(directory, 'root/nginx'));
  symlinkSync(join(there, 'gone'), join(directory, 'root/gone'));
  symlinkSync(there, join(directory, 'services'));
  const { code, stderr } = await push();
  expect([code, stderr]).toEqual([78, expect.stringContaining('3 mistakes')]);
  for (const [link, what] of Object.entries({
    'root/nginx': 'a directory',
    services: 'a directory',
    'root/gone': 'nothing',
  }))
    expect(stderr).toContain(`${link}:1:1: this is a link to ${what}`);
  const keys = store.endpoint.list('my-bucket', 'planet/root').map(({ key }) => key);
  expect(keys).toEqual(['planet/root/a', 'planet/root/motd', 'planet/root/nginx/nginx.conf']);
  expect((await store.run('lint', directory)).stdout).toContain('link to a directory');
});

it('a file that is too large for one piece is refused before anything is uploaded', async () => {
  const { role, change } = await desk();
  change('root/srv/huge', '');
  truncateSync(join(role.path, 'root/srv/huge'), 2 ** 31);
  const refused = await rejection(readRoleDirectory(role.path).then(localFiles));
  expect(refused).toMatchObject({ code: 'file-too-large', subject: join(role.path, 'root/srv/huge') });
});
