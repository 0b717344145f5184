import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/lib/digest.ts';
import { haulout } from '../support/cli.ts';
import { dist } from '../support/role.ts';
import { KEY, REGION, type RunningS3, startS3 } from '../support/s3.ts';

const AGENT = sha256(readFileSync(join(dist, 'agent.mjs')));
const AGENT_KEY = `.haulout/agent/${AGENT}`;
const LIMIT = 16_380;

describe('haulout userdata', () => {
  let s3: RunningS3;
  let env: Record<string, string>;

  beforeAll(async () => {
    s3 = await startS3();
    env = {
      AWS_ACCESS_KEY_ID: KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
      AWS_REGION: REGION,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
  });
  afterAll(() => s3.close());
  beforeEach(async () => {
    for (const { key } of s3.endpoint.list('bkt', '')) await s3.endpoint.delete('bkt', key);
    s3.log.length = 0;
  });

  const userdata = (...words: string[]) =>
    haulout(['userdata', 's3://bkt/planet', '--endpoint-url', s3.url, ...words], { env });
  const keys = () => s3.endpoint.list('bkt', '').map(({ key }) => key);

  it('prints a script that fits, with the settings at its top, and uploads the agent under its digest', async () => {
    const { code, stdout, stderr, bytes } = await userdata();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^#!\/bin\/sh\n/);
    expect(bytes.length).toBeLessThanOrEqual(LIMIT);
    expect([...bytes].every((byte) => byte === 10 || (byte >= 32 && byte < 127))).toBe(true);
    for (const line of ['HAULOUT_BUCKET=s3://bkt/planet', `HAULOUT_ENDPOINT=${s3.url}`, `HAULOUT_AGENT=${AGENT}`])
      expect(stdout).toMatch(new RegExp(`^${line}$`, 'm'));
    expect(stdout).not.toContain(KEY.secretAccessKey);
    expect(keys()).toEqual([AGENT_KEY, '.haulout/wake']);
    expect(sha256((await s3.endpoint.get('bkt', AGENT_KEY, 10_000_000))!)).toBe(AGENT);
    expect(stderr).toContain(`uploaded to s3://bkt/${AGENT_KEY}\n`);
    expect(stderr).toContain(`user-data: ${bytes.length} bytes, ${LIMIT - bytes.length} to spare`);
    expect(stderr).toContain('next: aws ec2 run-instances --user-data file://bootstrap.js');
  });

  it('replaces no agent that is there: the second run says so, and prints the same', async () => {
    const [first, second] = [await userdata(), await userdata()];
    expect(second.stdout).toBe(first.stdout);
    expect(second.stderr).toContain('in the bucket already');
    const puts = s3.log.filter(({ method, key }) => method === 'PUT' && key === AGENT_KEY);
    expect(puts.map(({ status }) => status)).toEqual([200, 412]);
  });

  it('prints other forms of the same script', async () => {
    const { stdout } = await userdata('--dry-run');
    const gzip = await userdata('--format', 'gzip');
    expect(gunzipSync(gzip.bytes).toString()).toBe(stdout);
    expect(gzip.stderr).toContain('--user-data fileb://');
    const mime = await userdata('--format', 'mime');
    expect(mime.stdout).toMatch(/^Content-Type: multipart\/mixed; boundary="/);
    expect(mime.stdout).toContain(stdout);
    expect(await userdata('--format', 'zip')).toMatchObject({ code: 64, stdout: '' });
  });

  it('tells programs size, settings and script as JSON', async () => {
    const { code, stdout, stderr } = await userdata('--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { script, ...rest } = JSON.parse(stdout) as { script: string; size: number };
    expect(rest).toMatchObject({
      schema: 1,
      format: 'raw',
      size: Buffer.byteLength(script),
      headroom: LIMIT - Buffer.byteLength(script),
      settings: { HAULOUT_BUCKET: 's3://bkt/planet', HAULOUT_AGENT: AGENT },
      agent: { key: AGENT_KEY },
    });
    const gzip = JSON.parse((await userdata('--json', '--format', 'gzip')).stdout) as { base64: string };
    expect(gunzipSync(Buffer.from(gzip.base64, 'base64')).toString()).toBe(script);
  });

  it('--dry-run uploads nothing, and needs neither credentials nor a bucket', async () => {
    const { code, stdout } = await haulout(['userdata', 's3://nowhere/planet', '--dry-run']);
    expect(code).toBe(0);
    expect(stdout).toContain('HAULOUT_BUCKET=s3://nowhere/planet\n');
    expect(s3.log).toEqual([]);
    expect((await userdata('--dry-run')).stderr).toContain('not uploaded (--dry-run)');
    expect(keys()).toEqual([]);
  });

  it('puts what flags say into the script', async () => {
    const words = [
      '--role',
      'web',
      '--state',
      's3://bkt/state',
      '--settle',
      '2s',
      '--anonymous',
      '--region',
      'eu-west-1',
    ];
    const { stdout } = await userdata(...words, '--instance-endpoint-url', 'http://10.77.0.1:9000');
    for (const line of ['ROLE=web', 'STATE=s3://bkt/state', 'SETTLE=2s', 'ANONYMOUS=true', 'REGION=eu-west-1'])
      expect(stdout).toContain(`\nHAULOUT_${line}\n`);
    expect(stdout).toContain('\nHAULOUT_ENDPOINT=http://10.77.0.1:9000\n');
    expect(stdout).not.toContain(s3.url);
    expect(keys()).toEqual([`state/agent/${AGENT}`, 'state/wake']);
  });

  it('puts the owner of the bucket into the script, and uploads nothing into a stranger\u2019s', async () => {
    const ours = await userdata('--owner', '000000000000'); // the account of this endpoint
    expect(ours.code).toBe(0);
    expect(ours.stdout).toContain('\nHAULOUT_OWNER=000000000000\n');
    for (const key of keys()) await s3.endpoint.delete('bkt', key);
    const theirs = await userdata('--owner', '999999999999');
    expect(theirs).toMatchObject({ code: 69, stdout: '' });
    expect(theirs.stderr).toContain('AccessDenied');
    expect(keys()).toEqual([]);
    expect(await userdata('--owner', '1234')).toMatchObject({ code: 64, stdout: '' });
  });

  it('refuses what would not fit, before anything is uploaded', async () => {
    const long = `s3://bkt/${'p'.repeat(60)}/${'q'.repeat(900)}`;
    const { code, stdout, stderr } = await haulout(
      [
        'userdata',
        long,
        '--role',
        'r',
        '--instance-endpoint-url',
        `http://h/${'x'.repeat(4_000)}`,
        '--endpoint-url',
        s3.url,
      ],
      { env },
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/bootstrap\.js: \d+ bytes are \d+ more than a cloud takes\n.*--format gzip/);
    expect(s3.log.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it.each([
    ['an address that is none', ['planet'], /settings: planet: is not an s3 address\n.*next: write s3:/],
    [
      'a role that is none',
      ['s3://bkt/planet', '--role', 'a b'],
      /--role: is not a role name\n.*next: write --role name/,
    ],
    [
      'a state that is the prefix itself',
      ['s3://bkt/p', '--state', 's3://bkt/p'],
      /--state: is the prefix of the role itself\n.*next: write another prefix, or leave --state out/,
    ],
  ])('refuses %s', async (_what, words, message) => {
    const { code, stdout, stderr } = await haulout(['userdata', ...words], { env });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says what to look at when the upload is refused, and prints no script that would find no agent', async () => {
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' };
    const words = ['userdata', 's3://bkt/planet', '--endpoint-url', s3.url];
    const { code, stdout, stderr } = await haulout(words, { env: wrong });
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/the agent could not be uploaded \(SignatureDoesNotMatch\)\n.*check credentials/);
  });

  it.each([
    [
      'nobody answers',
      { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' },
      /\(ECONNREFUSED\)\n.*next: check .*--endpoint-url/,
    ],
    ['there are no credentials', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, /next: give credentials: AWS_/],
  ])('says why there is no upload when %s', async (_what, more, words) => {
    const { code, stderr } = await haulout(['userdata', 's3://bkt/planet'], {
      env: { ...env, AWS_ENDPOINT_URL_S3: s3.url, ...more },
    });
    expect(code).toBe(69);
    expect(stderr).toMatch(words);
  });
});
