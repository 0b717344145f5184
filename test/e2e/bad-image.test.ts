import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type TarEntry, tar, zip } from '../support/archives.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const spec = (image: string) => `[haulout]\nversion = 1\n[service.app]\nimage = ${image}\nhealth = 0s\ntimeout = 5s\n`;
const START = (name: string) => `#!/bin/sh\necho ${name} >> /srv/log\nsleep 77025 &\n`;
const STOP = '#!/bin/sh\necho stop >> /srv/log\n';
const entries = (name: string, ...more: TarEntry[]): TarEntry[] => [
  { name: 'app/bin/start', content: START(name) },
  { name: 'app/bin/stop', content: STOP },
  ...more,
];
const tgz = (...args: Parameters<typeof entries>) => gzipSync(tar(entries(...args)));

describeWith([root, command('bzip2', 'bzip2')], 'archives as service images', () => {
  let role: RoleUnderTest;
  let log = '';
  beforeAll(async () => {
    role = await RoleUnderTest.boot({ 'haulout.ini': spec('services/app.tgz'), 'services/app.tgz': tgz('first') });
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    log = await role.read('/srv/log');
    expect(log).toBe('first\n');
  }, 120_000);
  afterAll(() => role?.close());

  const pids = () => role.pids('sleep 77025');

  const good: readonly (readonly [string, () => Promise<Buffer>])[] = [
    ['.tgz', async () => tgz('second')],
    ['.tar.gz', async () => tgz('third')],
    ['.tar', async () => tar(entries('fourth'))],
    ['.tar.bz2', async () => bzip2(tar(entries('fifth')))],
    ['.zip', () => zip(entries('sixth').map(({ name, content }) => ({ name: String(name), content: content ?? '' })))],
  ];
  it.each(good)('a good %s replaces the image that runs', async (suffix, make) => {
    const image = `services/good-${suffix.replaceAll('.', '')}${suffix}`;
    await role.put(image, await make());
    await role.put('haulout.ini', spec(image));
    const { health, trouble, lastSync } = await role.sync();
    expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
    expect(lastSync.changed).toEqual(['service:app']);
    const now = await role.read('/srv/log');
    expect(now.slice(log.length)).toMatch(/^stop\n[a-z]+\n$/);
    log = now;
    expect(await pids()).toHaveLength(1);
  });

  const bad: readonly (readonly [string, string, () => Buffer | string, RegExp])[] = [
    ['a link', '.tgz', () => tgz('x', { name: 'app/passwd', type: '2', link: '/etc/passwd' }), /app\/passwd/],
    ['a hard link', '.tgz', () => tgz('x', { name: 'app/hard', type: '1', link: 'app/bin/start' }), /app\/hard/],
    ['a device', '.tgz', () => tgz('x', { name: 'app/null', type: '3' }), /app\/null/],
    [
      'a name that leads out',
      '.tgz',
      () => tgz('x', { name: '../../etc/evil', content: 'x' }),
      /\.\.\/\.\.\/etc\/evil/,
    ],
    ['an absolute name', '.tgz', () => tgz('x', { name: '/etc/evil', content: 'x' }), /\/etc\/evil/],
    [
      '100 MB of zeros',
      '.tgz',
      () => tgz('x', { name: 'app/zeros', content: Buffer.alloc(100_000_000) }),
      /unpacks to more/,
    ],
    [
      'half of itself',
      '.tgz',
      () => half(tgz('x', { name: 'app/data', content: 'walrus '.repeat(9_999) })),
      /archive|cut|end/,
    ],
    ['a page of HTML', '.tgz', () => '<html><body>404 Not Found</body></html>\n', /archive|gzip|header/],
    ['nothing', '.tgz', () => '', /./],
    ['a tgz by the name of a zip', '.zip', () => tgz('x'), /./],
    ['a zip cut short', '.zip', () => Buffer.from('PK\u0003\u0004 and then no more'), /./],
    ['a broken bzip2', '.tar.bz2', () => 'BZh9 not really', /bzip2/],
  ];
  it.each(bad)('an archive with %s (%s) is refused, and what runs goes on', async (title, suffix, make, says) => {
    const before = await pids();
    const image = `services/bad-${title.replaceAll(' ', '-')}${suffix}`;
    await role.put(image, make());
    await role.put('haulout.ini', spec(image));
    const { health, trouble } = await role.sync();
    expect({ health, code: trouble?.code }).toEqual({ health: 'degraded', code: 'image-refused' });
    expect(trouble?.reason).toMatch(says);
    expect(trouble?.hint.length).toBeGreaterThan(10);
    expect(await pids()).toEqual(before);
    expect(await role.read('/srv/log')).toBe(log);
    expect((await role.exec('ls /etc/evil /srv/etc; find /srv/services -name ".haulout-tmp-*"')).stdout).toBe('');
    await role.delete(image);
  });

  afterEach(async ({ task }) => {
    if (!task.name.includes('refused')) return;
    await role.put('haulout.ini', spec('services/good-zip.zip'));
    expect(await role.sync()).toMatchObject({ health: 'healthy' });
    log = await role.read('/srv/log');
  });
});

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2);

function bzip2(bytes: Buffer): Buffer {
  const { status, stdout } = spawnSync('bzip2', ['-c'], { input: bytes, maxBuffer: 10_000_000 });
  expect(status).toBe(0);
  return stdout;
}
