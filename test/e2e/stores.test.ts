import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import type { RequestLogEntry } from '../../src/cloud/s3/server.ts';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, RoleUnderTest } from '../support/role.ts';

/** The account of the local cloud. */
const OURS = '123456789012';
const MANY = Array.from({ length: 20 }, (_, i) => `/srv/walrus/${String(i).padStart(2, '0')}`);
const FILES = {
  'haulout.ini': '[haulout]\nversion = 1\n[service.clock]\nimage = services/clock\nhealth = 0s\n',
  'services/clock/bin/start': '#!/bin/sh\necho started >> /srv/clock.log\nsleep 77041 &\n',
  ...Object.fromEntries(MANY.map((path) => [`root${path}`, `${path}\n`])),
};

/** Walrus as it was: a path, ListObjectsV1 alone, entity tags compared without quotes; and an account that must own the bucket. */
describeWith([root], 'an instance in front of a store that is not Amazon\u2019s', () => {
  let role: RoleUnderTest;
  let fault: Fault | undefined;
  const log: RequestLogEntry[] = [];
  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES, {
      settings: { owner: OURS },
      faults: () => fault,
      cloud: {
        listing: 'v1-only',
        pageKeys: 6,
        ifMatch: 'bare',
        basePath: '/services/Walrus',
        onRequest: (entry) => log.push(entry),
      },
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('boots with everything that the bucket holds, beyond the first page too', async () => {
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    for (const path of MANY) expect(await role.read(path)).toBe(`${path}\n`);
    expect(log.filter(({ operation }) => operation === 'ListObjects')).toHaveLength(6);
  });

  it('keeps its status in the bucket, and looks again in as many requests as there are pages', async () => {
    const key = `.haulout/instances/role/${role.machine.instanceId}.json`;
    await expect.poll(() => role.cloud.s3.list(BUCKET, key).length, { timeout: 20_000 }).toBe(1);
    log.length = 0;
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
    const looks = log.filter(({ operation }) => operation !== 'PutObject');
    expect(looks.map(({ operation, error }) => [operation, error])).toEqual(Array(6).fill(['ListObjects', undefined]));
  });

  it('when the bucket is said to be a stranger\u2019s, says so by a reason of its own, and stops nothing', async () => {
    const [clock] = await role.pids('sleep 77041');
    expect(clock).toBeGreaterThan(0);
    fault = { status: 403, code: 'AccessDenied' };
    for (const _ of ['once', 'again']) {
      const { health, trouble } = await role.sync();
      expect({ health, trouble }).toMatchObject({
        health: 'degraded',
        trouble: { step: 'bucket', code: 'bucket-owner-refused', hint: expect.stringContaining('HAULOUT_OWNER') },
      });
    }
    expect(await role.pids('sleep 77041')).toEqual([clock]);
    for (const path of MANY) expect(await role.read(path)).toBe(`${path}\n`);
    fault = undefined;
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { steps: 0 } });
  });
});

/** The script is refused as well (test/userdata/launcher-refusals.test.ts): this is an agent that was there before. */
describeWith([root], 'an instance whose bucket belongs to another account than HAULOUT_OWNER by now', () => {
  let role: RoleUnderTest;
  const log: RequestLogEntry[] = [];
  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES, { cloud: { onRequest: (entry) => log.push(entry) } });
  }, 120_000);
  afterAll(() => role?.close());

  it('takes nothing out of it and writes nothing into it, and keeps what it has', async () => {
    await role.killAgent();
    await role.exec('echo HAULOUT_OWNER=999999999999 >> /var/lib/haulout/settings');
    await role.put(`root${MANY[0]}`, 'of a stranger\n');
    const instances = () => role.cloud.s3.list(BUCKET, '.haulout/instances/').map(({ etag }) => etag);
    const before = instances();
    log.length = 0;
    await role.startAgent();
    expect(await role.sync()).toMatchObject({ trouble: { code: 'bucket-owner-refused' } });
    expect(await role.read(MANY[0]!)).toBe(`${MANY[0]}\n`);
    const done = () => log.filter(({ error }) => error === undefined).map(({ operation }) => operation);
    const refused = () => log.map(({ operation, error }) => `${operation} ${error}`);
    await expect.poll(refused, { timeout: 20_000 }).toContain('PutObject AccessDenied');
    expect(done()).toEqual([]);
    expect(instances()).toEqual(before);
  });
});
