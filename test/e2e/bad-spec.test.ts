import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, PREFIX, RoleUnderTest } from '../support/role.ts';

const SPEC = `[haulout]
version = 1
[service.clock]
image = services/clock
health = 0s
`;
const BROKEN = `[haulout]
version = 1
schedule = 61 * * * *
tiemzone = UTC
[packages]
no such package! = present
[files]
relative/path = mode=0640
/etc/walrus.conf = mode=rw
/var/lib/haulout/ledger.json = absent
[service.clock]
image = services/clok
unit = nginx
port = 123456
health = soon
health = 1s
[servcie.other]
image = services/clock
[job.tick]
run = a # b
[job.tick]
schedule = * * 1 * 1
`;

describeWith([root], 'a spec that cannot be used, on a live host', () => {
  let role: RoleUnderTest;
  let pids: readonly number[];
  let number = 0;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'root/etc/walrus.conf': '0\n',
      'services/clock/bin/start': '#!/bin/sh\necho start >> /srv/log\nsleep 77021 &\n',
    });
    expect((await role.status()).health).toBe('healthy');
    pids = await role.pids('sleep 77021');
  }, 120_000);
  afterAll(() => role?.close());
  beforeEach(() => {
    number++;
  });
  /** Whatever it was: a mended upload is applied at once, and the service never noticed. */
  afterEach(async () => {
    await role.put('haulout.ini', SPEC);
    await role.put('root/etc/walrus.conf', `${number}\n`);
    const { health, trouble, lastSync } = await role.sync();
    expect({ health, trouble }).toEqual({ health: 'healthy', trouble: undefined });
    expect(lastSync.changed).toEqual(['file:/etc/walrus.conf']);
    expect(await role.read('/etc/walrus.conf')).toBe(`${number}\n`);
    expect(await role.pids('sleep 77021')).toEqual(pids);
    expect(await role.read('/srv/log')).toBe('start\n');
  });

  /** Uploaded beside a file that must not land: nothing of a broken upload is applied. */
  async function refused(spec: string | Uint8Array): Promise<Status> {
    await role.put('root/etc/walrus.conf', 'never\n');
    await role.put('haulout.ini', spec);
    const status = await role.sync();
    expect(status).toMatchObject({ health: 'degraded', trouble: { code: 'spec-invalid' } });
    expect(status.services).toMatchObject([{ id: 'clock' }]);
    expect(await role.read('/etc/walrus.conf')).toBe(`${number - 1}\n`);
    expect(await role.pids('sleep 77021')).toEqual(pids);
    return status;
  }

  it('is told with all of its mistakes, each with its line and column', async () => {
    const { mistakes = [] } = await refused(BROKEN);
    const lines = [...new Set(mistakes.map(({ line }) => line))].sort((a, b) => a - b);
    process.stdout.write(`bad spec: ${mistakes.length} mistakes on lines ${lines.join(' ')}\n`);
    expect(mistakes.length).toBeGreaterThanOrEqual(12);
    for (const { file, line, column, what, instead } of mistakes) {
      expect(file).toBe('haulout.ini');
      expect(Math.min(line, column)).toBeGreaterThan(0);
      expect(Math.min(what.length, instead.length)).toBeGreaterThan(5);
    }
    const shown = (await role.exec('haulout status')).output;
    expect(shown).toMatch(/mistake +haulout\.ini:3:\d+: /);
    expect((await role.exec('haulout status > /dev/null')).code).toBe(2);
  });

  it.each([
    ['an unknown section', `${SPEC}[sevrice.x]\nimage = services/clock\n`],
    ['a bad cron', `${SPEC}[job.x]\nschedule = * * * *\nrun = true\n`],
    ['an image that is not there', `${SPEC}[service.x]\nimage = services/x\n`],
    ['a path out of the machine', `${SPEC}[files]\n/etc/../../etc/x = absent\n`],
    ['a template that is not there', `${SPEC}[files]\n/etc/none = template\n`],
    ['binary garbage', Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 256))],
    ['zeros', Buffer.alloc(4_096)],
    ['a page of HTML', '<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head></html>\n'],
    ['nothing at all', ''],
    ['three megabytes of comment', `${SPEC}${'; a line of comment that goes on for a while\n'.repeat(70_000)}`],
    ['UTF-16', Buffer.from(SPEC, 'utf16le')],
    ['one line of a megabyte', `[haulout]\nversion = ${'1'.repeat(1_000_000)}\n`],
  ])('is refused for %s', async (_, spec) => {
    const { mistakes = [] } = await refused(spec);
    expect(mistakes.length).toBeGreaterThan(0);
    expect(JSON.stringify(mistakes).length).toBeLessThan(200_000);
  });

  it.each([
    ['root/../etc/x', 'bad-object-name'],
    ['root//etc/x', 'bad-object-name'],
    ['root/etc/x\\y', 'bad-object-name'],
    ['root/etc/line\nbreak', 'bad-object-name'],
    [`root/etc/${'x'.repeat(256)}`, 'bad-object-name'],
  ])('object %j is refused before anything is fetched', async (path, code) => {
    await role.put('root/etc/walrus.conf', 'never\n');
    await role.cloud.s3.put(BUCKET, `${PREFIX}/${path}`, { bytes: Buffer.from('x') });
    try {
      const status = await role.sync();
      expect(status).toMatchObject({ health: 'degraded', trouble: { step: 'bucket', code } });
      expect(await role.read('/etc/walrus.conf')).toBe(`${number - 1}\n`);
      expect((await role.exec('test -e /etc/x')).code).toBe(1);
    } finally {
      await role.cloud.s3.delete(BUCKET, `${PREFIX}/${path}`);
    }
  });
});
