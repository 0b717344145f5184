import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DeskGround } from '../support/desk-ground.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';

const COUNT = 3;

describeWith(MACHINE_NEEDS, 'a push', () => {
  let ground: DeskGround;
  let hosts: readonly string[];

  beforeAll(async () => {
    ground = await DeskGround.open();
    hosts = await ground.launch(COUNT);
  }, 90_000);
  afterAll(() => ground?.close(), 60_000);

  const push = (...words: string[]) => ground.run(['push', ground.role, ground.bucket, '--timeout', '60s', ...words]);
  const write = (path: string, text: string) => {
    mkdirSync(join(ground.role, path, '..'), { recursive: true });
    writeFileSync(join(ground.role, path), text);
  };
  const reads = async (host: string, path: string) => (await ground.cloud.machine(host)!.exec(['cat', path])).output;

  it('says before what would change where, and uploads nothing then', async () => {
    write('root/srv/hello.txt', 'two\n');
    const { code, stdout, talk } = await push('--plan');
    expect(code, talk).toBe(0);
    expect(talk).toContain('would upload 1 of 3 objects');
    for (const host of hosts) expect(stdout).toContain(host);
    expect(stdout.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^ {2}file:\/srv\/hello\.txt {2}/),
      expect.stringMatching(/^ {2}service:hello {2}/),
    ]);
    for (const host of hosts) expect(await reads(host, '/srv/hello.txt')).toBe('one\n');
  }, 60_000);

  it('uploads what differs and is followed by every instance, long before their schedule', async () => {
    const { code, stdout, talk } = await push('--json');
    expect(code, talk).toBe(0);
    expect(talk).toContain('uploading 1 of 3 objects');
    expect(talk).toContain(`${COUNT} of ${COUNT} instances have it`);
    for (const host of hosts) expect(await reads(host, '/srv/hello.txt')).toBe('two\n');
    const told = JSON.parse(stdout) as { followers: { instanceId: string; following: { state: string } }[] };
    expect(told.followers.map(({ instanceId, following }) => [instanceId, following.state]).sort()).toEqual(
      [...hosts].sort().map((host) => [host, 'followed']),
    );
  }, 90_000);

  it('of what is there already uploads nothing, and is followed at once', async () => {
    const { code, talk } = await push();
    expect(code, talk).toBe(0);
    expect(talk).toContain('uploading 0 of 3 objects');
  }, 60_000);

  it('leaves what only the bucket has, until it is told to delete it', async () => {
    await ground.cloud.s3.put('fleet', 'tiny/root/srv/extra.txt', { bytes: Buffer.from('x\n') });
    await ground.cloud.s3.put('fleet', 'tiny/services/hello/x', { bytes: Buffer.from('x\n') });
    const left = await push();
    expect(left.code, left.talk).toBe(0);
    expect(left.talk).toContain(
      'leaving 2 in the bucket that the directory has not: root/srv/extra.txt, services/hello/x',
    );
    for (const host of hosts) expect(await reads(host, '/srv/extra.txt')).toBe('x\n');
    const planned = await push('--plan');
    expect(planned.stdout).toContain(': nothing to do');
    const gone = await push('--delete');
    expect(gone.code, gone.talk).toBe(0);
    expect(ground.cloud.s3.list('fleet', 'tiny/').map(({ key }) => key)).not.toContain('tiny/root/srv/extra.txt');
  }, 120_000);

  it('is refused with every mistake, and an exec bit that would be lost is one', async () => {
    write('root/usr/local/bin/tool', '#!/bin/sh\n');
    chmodSync(join(ground.role, 'root/usr/local/bin/tool'), 0o755);
    const before = ground.cloud.s3.list('fleet', 'tiny/').length;
    const { code, talk } = await push();
    expect(code).toBe(78);
    expect(talk).toContain('`/usr/local/bin/tool = mode=0755` under [files]');
    expect(ground.cloud.s3.list('fleet', 'tiny/')).toHaveLength(before);
    chmodSync(join(ground.role, 'root/usr/local/bin/tool'), 0o644);
  }, 60_000);

  it('names who cannot follow, with its step', async () => {
    const [broken, ...others] = hosts;
    // On this machine alone the hook has nothing to run.
    await ground.cloud
      .machine(broken!)!
      .exec([
        '/bin/sh',
        '-c',
        'mkdir -p /srv/services/hello/pid; rm -rf /srv/services/hello/pid; echo > /srv/only-here',
      ]);
    write(
      'services/hello/bin/configure',
      '#!/bin/sh\n[ ! -e /srv/only-here ] || { echo "no licence here"; exit 3; }\n',
    );
    chmodSync(join(ground.role, 'services/hello/bin/configure'), 0o755);
    const { code, talk } = await push('--timeout', '30s');
    expect(code, talk).toBe(1);
    expect(talk).toContain(`${COUNT - 1} of ${COUNT} instances have it`);
    expect(talk).toMatch(new RegExp(`${broken}: service:hello: .*\\[hook-failed\\]`));
    for (const host of others) expect(talk).toContain(`${host}: followed`);
    expect(talk).toContain(`next: haulout explain ${broken}`);
  }, 120_000);
});
