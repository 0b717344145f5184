import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, RoleUnderTest } from '../support/role.ts';

const FILES = { 'haulout.ini': '[haulout]\nversion = 1\n', 'root/etc/walrus.conf': 'zero\n' };

/** `<state>/wake` on a real instance, whose schedule comes once a year. */
describeWith([root], 'the desk calls', () => {
  let role: RoleUnderTest;
  let looks = 0;
  beforeAll(async () => {
    const onRequest = ({ key }: { key?: string }) => {
      if (key === '.haulout/wake') looks++;
    };
    role = await RoleUnderTest.boot(FILES, { wake: '1s', cloud: { onRequest } });
  }, 120_000);
  afterAll(() => role?.close());

  const call = (text: string) => role.cloud.s3.put(BUCKET, '.haulout/wake', { bytes: Buffer.from(text) });
  const becomes = async (content: string, withinMs: number) => {
    const end = performance.now() + withinMs;
    while ((await role.read('/etc/walrus.conf')) !== content && performance.now() < end) await pause(50);
    return await role.read('/etc/walrus.conf');
  };

  it('nothing was there, and that is no trouble: it is looked for, and not spoken of', async () => {
    await pause(2_500);
    expect(looks).toBeGreaterThan(0);
    expect(await role.log()).not.toContain('wake');
    expect((await role.status()).health).toBe('healthy');
  });

  it('an upload and a call: it is there within seconds', async () => {
    await role.put('root/etc/walrus.conf', 'one\n');
    await call('first');
    const begun = performance.now();
    expect(await becomes('one\n', 10_000)).toBe('one\n');
    process.stdout.write(`wake: ${((performance.now() - begun) / 1_000).toFixed(1)} s from the call to the file\n`);
    await call('second');
    await role.put('root/etc/walrus.conf', 'two\n');
    await call('third');
    expect(await becomes('two\n', 10_000)).toBe('two\n');
  }, 40_000);

  it('a call for other roles is not for this one', async () => {
    await role.put('root/etc/walrus.conf', 'three\n');
    await call('{"schema":1,"roles":["shop"]}');
    expect(await becomes('three\n', 5_000)).toBe('two\n');
    await call('{"schema":1,"roles":["shop","role"]}');
    expect(await becomes('three\n', 10_000)).toBe('three\n');
  }, 40_000);
});
