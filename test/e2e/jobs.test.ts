import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const tick = (line: string) => `[job.tick]\nschedule = * * * * * *\nuser = www-data\nrun = ${line}\n`;
const SPEC = `[haulout]
version = 1
[files]
/srv/told = directory owner=www-data
${tick('id -un >> /srv/told/tick')}
[job.slow]
schedule = * * * * * *
user = www-data
run = "mkdir /srv/told/lock || echo twice >> /srv/told/twice; echo run >> /srv/told/slow; sleep 2.2; rmdir /srv/told/lock"
[job.endless]
schedule = * * * * * *
timeout = 1s
run = "echo $HAULOUT_JOB >> /srv/told/endless; sleep 77111 & sleep 77111"
`;

describeWith([root], 'jobs', () => {
  let role: RoleUnderTest;
  const lines = async (name: string) => (await role.read(`/srv/told/${name}`).catch(() => '')).split('\n').slice(0, -1);
  beforeAll(async () => {
    role = await RoleUnderTest.boot({ 'haulout.ini': SPEC });
    expect((await role.status()).health).toBe('healthy');
    await pause(7_000);
  }, 120_000);
  afterAll(() => role?.close());

  it('run each second as their user', async () => {
    const users = await lines('tick');
    expect(new Set(users)).toEqual(new Set(['www-data']));
    expect(users.length).toBeGreaterThanOrEqual(4);
    expect(users.length).toBeLessThanOrEqual(12);
  });

  it('are not run twice at once', async () => {
    expect(await lines('twice')).toEqual([]);
    expect((await lines('slow')).length).toBeGreaterThanOrEqual(2);
  });

  it('end at their time limit, with all they forked', async () => {
    expect((await lines('endless')).length).toBeGreaterThanOrEqual(2);
    expect(new Set(await lines('endless'))).toEqual(new Set(['endless']));
    // One run of two processes, and its shell, at most: nothing of the runs before is left.
    expect((await role.pids('sleep 77111')).length).toBeLessThanOrEqual(3);
    expect(await role.log()).toContain('job:endless did not end within its time limit');
  });

  it('are neither hurried nor doubled by syncs, changed by an upload and ended by taking them out', async () => {
    const before = (await lines('tick')).length;
    const from = performance.now();
    for (let i = 0; i < 8; i++) expect((await role.sync()).lastSync.steps).toBe(0);
    const seconds = (performance.now() - from) / 1_000;
    expect((await lines('tick')).length - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);

    await role.put('haulout.ini', SPEC.replace(tick('id -un >> /srv/told/tick'), tick('echo new >> /srv/told/new')));
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['job:tick'] } });
    await pause(2_200);
    expect((await lines('new')).length).toBeGreaterThan(0);
    const old = (await lines('tick')).length;

    await role.put('haulout.ini', '[haulout]\nversion = 1\n');
    expect((await role.sync()).health).toBe('healthy');
    await pause(3_500);
    const counts = [await lines('new'), await lines('slow'), await lines('endless')].map(({ length }) => length);
    await pause(2_200);
    const later = [await lines('new'), await lines('slow'), await lines('endless')].map(({ length }) => length);
    expect(later).toEqual(counts);
    expect((await lines('tick')).length).toBe(old);
    expect(await role.pids('sleep 77111')).toEqual([]);
  }, 60_000);
});
