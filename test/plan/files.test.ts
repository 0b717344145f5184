import { describe, expect, it } from 'vitest';
import type { FileFact } from '../../src/plan/facts.ts';
import { fileStep } from '../../src/plan/files.ts';
import { type WantedFile, wantedFiles } from '../../src/plan/wanted-files.ts';
import { contentOf, factsOf, fileFact, fileSpec, snapshotOf } from '../support/planned.ts';

const ROOT = { user: 'root', group: 'root' };
const path = '/etc/thing';
const WANTED: Record<WantedFile['kind'], WantedFile> = {
  file: { path, kind: 'file', content: contentOf('new'), mode: 0o644, owner: ROOT },
  directory: { path, kind: 'directory', mode: 0o755, owner: ROOT },
  link: { path, kind: 'link', target: '../here' },
  absent: { path, kind: 'absent' },
};
const FOUND = {
  absent: { kind: 'absent' },
  other: { kind: 'other' },
  same: fileFact('new'),
  bytes: fileFact('old'),
  mode: fileFact('new', { mode: 0o600 }),
  owner: fileFact('new', { uid: 33 }),
  group: fileFact('new', { gid: 33 }),
  directory: { kind: 'directory', mode: 0o755, uid: 0, gid: 0 },
  closed: { kind: 'directory', mode: 0o700, uid: 0, gid: 0 },
  theirs: { kind: 'directory', mode: 0o755, uid: 33, gid: 33 },
  link: { kind: 'link', target: '../here' },
  elsewhere: { kind: 'link', target: '../there' },
} satisfies Record<string, FileFact>;

describe('a file, by what is wanted and what is found', () => {
  it.each<[WantedFile['kind'], keyof typeof FOUND, string | undefined, string?]>([
    ['file', 'same', undefined],
    ['file', 'bytes', 'write-file', 'its content differs from the bucket'],
    ['file', 'mode', 'write-file', 'its mode is 0600, not 0644'],
    ['file', 'owner', 'write-file', 'its owner is not root:root'],
    ['file', 'group', 'write-file', 'its owner is not root:root'],
    ['file', 'absent', 'write-file', 'it is not there'],
    ['file', 'other', 'write-file', 'a device, socket or pipe is in its place'],
    ['file', 'link', 'write-file', 'a link is in its place'],
    ['file', 'directory', 'write-file', 'a directory is in its place'],
    ['directory', 'directory', undefined],
    ['directory', 'closed', 'make-directory', 'its mode is 0700, not 0755'],
    ['directory', 'theirs', 'make-directory', 'its owner is not root:root'],
    ['directory', 'absent', 'make-directory', 'it is not there'],
    ['directory', 'same', 'make-directory', 'a file is in its place'],
    ['directory', 'link', 'make-directory', 'a link is in its place'],
    ['link', 'link', undefined],
    ['link', 'elsewhere', 'link', 'something else is there'],
    ['link', 'absent', 'link', 'the link is not there'],
    ['link', 'same', 'link', 'something else is there'],
    ['link', 'directory', 'link', 'something else is there'],
    ['absent', 'same', 'remove-file', 'it is there, and the spec wants it absent'],
    ['absent', 'link', 'remove-file', 'it is there, and the spec wants it absent'],
    ['absent', 'directory', undefined],
    ['absent', 'other', undefined],
    ['absent', 'absent', undefined],
  ])('wanted %s, found %s: %s', (wanted, found, step, why) => {
    const facts = factsOf({ files: { [path]: FOUND[found] } });
    const made = fileStep(WANTED[wanted], facts, []);
    expect([made?.do, made?.why]).toEqual([step, why]);
  });

  it('that was not looked at counts as not there', () => {
    expect(fileStep(WANTED.file, factsOf(), [])?.why).toBe('it is not there');
    expect(fileStep(WANTED.absent, factsOf(), [])).toBeUndefined();
  });

  it('whose owner does not exist yet is written, and the hand will say what is missing', () => {
    const facts = factsOf({ files: { [path]: FOUND.same }, users: {} });
    expect(fileStep(WANTED.file, facts, [])?.why).toBe('its owner is not root:root');
  });

  it('that is a template with no content yet waits', () => {
    expect(fileStep({ ...WANTED.file, kind: 'file', content: undefined } as WantedFile, factsOf(), [])).toBeUndefined();
  });

  it('is held for the services that validate it', () => {
    const facts = factsOf({ files: { [path]: FOUND.bytes } });
    for (const kind of ['file', 'link', 'absent'] as const) {
      expect(fileStep(WANTED[kind], facts, ['web'])).toMatchObject({ subject: `file:${path}`, heldFor: ['web'] });
    }
  });
});

describe('what is wanted', () => {
  const snapshot = snapshotOf({
    'root/etc/motd': 'hi',
    'root/etc/a/b': 'b',
    'services/x/bin/start': 's',
    'haulout.ini': '',
  });

  it('is what stands under root/, 0644 root:root, parents first; services and the spec are no files', () => {
    expect(wantedFiles({ files: [] }, snapshot, {})).toEqual([
      { path: '/etc/a/b', kind: 'file', content: contentOf('b'), mode: 0o644, owner: ROOT },
      { path: '/etc/motd', kind: 'file', content: contentOf('hi'), mode: 0o644, owner: ROOT },
    ]);
  });

  it('has the exceptions that [files] says', () => {
    const owner = { user: 'www', group: 'adm' };
    const files = [
      fileSpec('/etc/motd', 'file', { mode: 0o600, owner }),
      fileSpec('/etc/a', 'directory', { mode: 0o700 }),
      fileSpec('/etc/a/link', 'link', { target: '../b' }),
    ];
    expect(wantedFiles({ files }, snapshot, {})).toMatchObject([
      { path: '/etc/a', kind: 'directory', mode: 0o700, owner: ROOT },
      { path: '/etc/a/b', kind: 'file' },
      { path: '/etc/a/link', kind: 'link', target: '../b' },
      { path: '/etc/motd', kind: 'file', mode: 0o600, owner },
    ]);
  });

  it.each(['absent', 'link', 'directory'] as const)(
    'is %s where [files] says so, whatever stands under root/',
    (kind) => {
      const [, motd] = wantedFiles({ files: [fileSpec('/etc/motd', kind, { target: 'x' })] }, snapshot, {});
      expect(motd).toMatchObject({ path: '/etc/motd', kind });
    },
  );

  it('has the rendered content for a template, and none before it is rendered', () => {
    const files = [fileSpec('/etc/motd', 'template')];
    expect(wantedFiles({ files }, snapshot, { '/etc/motd': contentOf('out') })[1]).toMatchObject({
      content: contentOf('out'),
    });
    expect(wantedFiles({ files }, snapshot, {})[1]).toMatchObject({ kind: 'file', content: undefined });
  });

  it('is nothing for a line of [files] that has no content under root/', () => {
    const files = [fileSpec('/etc/none', 'file'), fileSpec('/etc/none2', 'template')];
    expect(wantedFiles({ files }, snapshotOf(), {})).toEqual([]);
  });
});
