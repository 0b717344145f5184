import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { tar } from '../support/archives.ts';
import { installImage } from '../support/install-image.ts';
import { put, scratch, treeOf } from '../support/scratch.ts';

vi.mock('../../src/lib/exec.ts', async (original) => ({
  ...(await original<typeof import('../../src/lib/exec.ts')>()),
  SYSTEM_ENVIRONMENT: { PATH: '/nonexistent', HOME: '/', LANG: 'C' },
}));

const OWNER = { uid: process.getuid!(), gid: process.getgid!() };

it('says which package brings bzip2 on a machine without it', async () => {
  const services = join(scratch(), 'services');
  const path = put(join(scratch(), 'web.tar.bz2'), 'BZh9');
  const done = installImage({ kind: 'archive', name: 'web.tar.bz2', path }, 'web', 'a'.repeat(64), OWNER, { services });
  await expect(done).rejects.toMatchObject({
    code: 'image-refused',
    hint: expect.stringMatching(/bzip2 =.*\[packages\].*\.tgz/),
  });
});

it('syncs file by file on a machine without sync -f', async () => {
  const services = join(scratch(), 'services');
  const path = put(join(scratch(), 'web.tar'), tar([{ name: 'bin/start', content: '#!/bin/sh\n' }]));
  await installImage({ kind: 'archive', name: 'web.tar', path }, 'web', 'a'.repeat(64), OWNER, { services });
  expect(treeOf(join(services, 'web/.'))).toContain('bin/ 755');
});
