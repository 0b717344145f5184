import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LocalCloud, type Machine } from '../../src/cloud/local.ts';
import type { Dialect } from '../../src/cloud/metadata/dialects.ts';
import type { MetadataRequest } from '../../src/cloud/metadata/handler.ts';
import type { RequestLogEntry } from '../../src/cloud/s3/server.ts';
import type { Status } from '../../src/status/status.ts';
import { haulout } from '../support/cli.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { dist } from '../support/role.ts';
import { TINY } from '../support/role-files.ts';
import { eventually } from '../support/scratch.ts';

/*
 * The world this project comes from, on a machine: an image that knows no cloud-init, but whose rc.local runs user-data that
 * begins with #!; a metadata service of version 1 only; a Walrus at a path, with ListObjectsV1 only; a bucket that anybody may
 * read, and an instance that has no keys. What it is not: Eucalyptus. Both services are the local cloud's, which speaks as they did.
 */

const WALRUS = 'http://10.77.0.1:8773/services/Walrus';
const BUCKETS = fileURLToPath(new URL('../../buckets', import.meta.url));

/** As images for Eucalyptus had it: the host's name from metadata, then user-data, unpacked if need be, once per instance. */
const RC_LOCAL = `#!/bin/sh
meta=http://169.254.169.254/latest
hostname "$(curl -fs --retry 3 -m 45 $meta/meta-data/local-hostname)"
once=/var/lib/user-data-ran.$(curl -fs --retry 3 -m 45 $meta/meta-data/instance-id)
[ ! -e "$once" ] || exit 0
file=$(mktemp /tmp/user-data.XXXXXXXX)
curl -fs --retry 3 -m 45 -o "$file" $meta/user-data || exit 0
if gzip -t "$file" 2> /dev/null; then
  gunzip < "$file" > "$file.out"
  mv "$file.out" "$file"
fi
[ "$(head -c 2 "$file")" = '#!' ] || exit 0
touch "$once"
chmod 700 "$file"
"$file"
`;
const OFTEN = '[haulout]\nschedule = */2 * * * * *\nsplay = 0s\nupgrade = never\n';

describeWith([root, command('curl', 'curl')], "the seed's own world", () => {
  const asked: MetadataRequest[] = [];
  const stored: RequestLogEntry[] = [];
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await LocalCloud.open({
      gatewayScript: join(dist, 'gateway.mjs'),
      region: 'eucalyptus',
      anonymousRead: true,
      basePath: '/services/Walrus',
      listing: 'v1-only',
      pageKeys: 5,
      onRequest: (entry) => stored.push(entry),
    });
    await cloud.expose(8773, cloud.s3.handler);
  });
  beforeEach(() => {
    asked.length = 0;
    stored.length = 0;
  });
  afterAll(() => cloud?.close());

  /** What `haulout userdata` prints, as the desk of this cloud would call it; the agent is in the bucket then. */
  const printed = async (format: 'raw' | 'gzip', bucket: string): Promise<Buffer> => {
    const env = { AWS_ACCESS_KEY_ID: cloud.accessKeyId, AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey };
    const where = ['--endpoint-url', cloud.endpoint, '--instance-endpoint-url', WALRUS, '--region', cloud.region];
    const words = [
      'userdata',
      `s3://${bucket}/${bucket}`,
      '--anonymous',
      '--settle',
      '1s',
      '--format',
      format,
      ...where,
    ];
    const { code, bytes, stderr } = await haulout(words, { env });
    if (code !== 0) throw new Error(stderr);
    return bytes;
  };

  const launch = async (dialect: Dialect, userData: Buffer): Promise<Machine> =>
    await cloud.launch({
      userData,
      starts: 'rc.local',
      files: {
        '/etc/rc.local': { content: RC_LOCAL, mode: 0o755 },
        '/etc/haulout/haulout.ini': { content: OFTEN, mode: 0o644 },
      },
      credentials: false,
      metadata: { dialect, onRequest: (request) => asked.push(request) },
    });

  const expectOldWorld = () => {
    expect(asked.some(({ path }) => path === '/latest/user-data')).toBe(true);
    // The launcher and the agent each find out for themselves that there are no tokens; nobody gets one, and nobody asks twice.
    const tokens = asked.filter(({ path }) => path === '/latest/api/token');
    expect(tokens.map(({ method, status }) => `${method} ${status}`)).toEqual(['PUT 404', 'PUT 404']);
    expect(asked.some(({ withToken }) => withToken)).toBe(false);
    // Only the desk has keys: what was asked without any was asked by the instance.
    const byInstance = stored.filter(({ accessKeyId }) => accessKeyId === undefined);
    expect(new Set(byInstance.map(({ operation }) => operation))).toEqual(new Set(['ListObjects', 'GetObject']));
    expect(byInstance.length).toBeGreaterThan(5);
  };

  it('boots the planet from raw user-data, serves its page, and follows an upload', async () => {
    await cloud.mirror(join(BUCKETS, 'planet'), 'planet', 'planet');
    const machine = await launch('eucalyptus-4', await printed('raw', 'planet'));
    const { url } = await machine.publish(80);
    expect(await eventually(async () => (await page(url)).includes('<article class="entry '), 120_000)).toBe(true);
    expect(await page(url)).toContain(`made on <code>${machine.instanceId}</code>`);

    const style = readFileSync(join(BUCKETS, 'planet/skins/night/planet.css'));
    expect(await page(`${url}planet.css`)).not.toBe(style.toString());
    await cloud.s3.put('planet', 'planet/root/srv/planet/theme/planet.css', { bytes: style });
    expect(await eventually(async () => (await page(`${url}planet.css`)) === style.toString(), 60_000)).toBe(true);
    await settled(machine);
    expect(await statusOf(machine)).toMatchObject({
      health: 'healthy',
      instanceId: machine.instanceId,
      role: 'planet',
    });
    expectOldWorld();
    await machine.terminate();
  }, 240_000);

  it('boots from gzipped user-data where there is no identity document either', async () => {
    cloud.s3.createBucket('tiny');
    for (const [path, text] of Object.entries(TINY))
      await cloud.s3.put('tiny', `tiny/${path}`, { bytes: Buffer.from(text) });
    const machine = await launch('eucalyptus-3', await printed('gzip', 'tiny'));
    const { url } = await machine.publish(8080);
    expect(await eventually(async () => (await page(url)) === 'one\n', 60_000)).toBe(true);
    await cloud.s3.put('tiny', 'tiny/root/srv/hello.txt', { bytes: Buffer.from('two\n') });
    expect(await eventually(async () => (await page(url)) === 'two\n', 30_000)).toBe(true);
    await settled(machine);
    expect(await statusOf(machine)).toMatchObject({ health: 'healthy', instanceId: machine.instanceId });
    expectOldWorld();
    await machine.terminate();
  }, 120_000);
});

/** Empty while nobody serves it. */
async function page(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return response.status === 200 ? await response.text() : '';
  } catch {
    return '';
  }
}

async function statusOf(machine: Machine): Promise<Status> {
  const { stdout } = await machine.exec(['haulout', 'status', '--json']);
  return JSON.parse(stdout) as Status;
}

/** The round that brought the upload has ended. */
async function settled(machine: Machine): Promise<void> {
  await machine.exec(['haulout', 'sync', '--json'], { timeoutMs: 60_000 });
}
