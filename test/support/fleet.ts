import type { Status } from '../../src/status/status.ts';
import { haulout } from './cli.ts';
import { KEY, REGION, type RunningS3, startS3 } from './s3.ts';

/** When all of it happens: the store's own clock stands there, and leases are held against that. */
export const NOW = Date.parse('2025-06-01T10:05:30.000Z');
export const OLD = `a0a950209ab6${'4'.repeat(52)}`;
export const NEW = `b2bcacbf6606${'2'.repeat(52)}`;

const iso = (ms: number) => new Date(ms).toISOString();

/** The status of a machine that is well; what is given is another. */
export function statusOf(instanceId: string, change: Partial<Status> = {}): Status {
  const number = Number.parseInt(instanceId.slice(-4), 16);
  return {
    schema: 1,
    instanceId,
    role: 'planet',
    at: iso(NOW - 27_000),
    lease: { generation: 1, expires: iso(NOW + 600_000), state: 'active' },
    instance: {
      localIpv4: `10.0.${number >> 8}.${number & 255}`,
      publicIpv4: '',
      instanceType: 't3.micro',
      availabilityZone: 'eu-west-1a',
      region: 'eu-west-1',
      bootedAt: iso(NOW - 4 * 86_400_000 - 3_000_000),
      agent: '0.1.0',
    },
    health: 'healthy',
    content: { wanted: OLD, active: OLD },
    lastSync: { startedAt: iso(NOW - 28_000), ms: 812, steps: 0, changed: [], requests: 3, bytes: 6181 },
    services: [{ id: 'web', state: 'healthy', port: 80 }],
    waiting: [],
    waited: [],
    notes: [],
    timeline: [
      { step: 'metadata', from: 0, ms: 4, ok: true },
      { step: 'bucket', from: 4, ms: 53, ok: true },
      { step: 'spec', from: 57, ms: 6, ok: true },
      { step: 'facts', from: 63, ms: 81, ok: true },
    ],
    ...change,
  };
}

const SKIN = 'file:/srv/services/planet/skin.css';

/** One of each kind that there is, as instances of a planet write them. */
export const KINDS: readonly Status[] = [
  statusOf('i-0a11ce00000000001'),
  statusOf('i-0a11ce00000000002', { role: 'db', services: [{ id: 'mysql', state: 'healthy', port: 3306 }] }),
  statusOf('i-0de9bad0000000003', {
    health: 'degraded',
    content: { wanted: NEW, active: OLD, setAside: { digest: NEW, code: 'hook-failed', subject: 'service:planet' } },
    services: [
      { id: 'web', state: 'healthy', port: 80 },
      { id: 'planet', state: 'unhealthy' },
    ],
    trouble: {
      code: 'hook-failed',
      step: 'service',
      subject: 'service:planet',
      reason: 'bin/configure ended with code 1',
      hint: 'read the end of its output in `haulout status`',
      output: 'planet: reading skin.css\nplanet: skin.css:12: no such colour: reed',
    },
    waiting: [{ subject: 'service:planet', code: 'hook-failed', failures: 3, nextTry: NOW + 45_000 }],
    waited: [
      {
        step: 'bucket',
        subject: 's3://my-bucket/planet',
        code: 'ENOTFOUND',
        since: iso(NOW - 3_600_000),
        ms: 12_400,
        over: true,
        boot: true,
      },
    ],
    lastSync: { startedAt: iso(NOW - 30_000), ms: 6420, steps: 2, changed: [SKIN], requests: 4, bytes: 9_120 },
    timeline: [
      { step: 'metadata', from: 0, ms: 4, ok: true },
      { step: 'bucket', from: 4, ms: 53, ok: true },
      { step: 'spec', from: 57, ms: 6, ok: true },
      { step: 'facts', from: 63, ms: 81, ok: true },
      { step: 'files', subject: SKIN, why: 'its content differs', from: 144, ms: 22, ok: true },
      {
        step: 'service',
        subject: 'service:planet',
        why: `${SKIN} changed`,
        from: 166,
        ms: 6_254,
        ok: false,
        code: 'hook-failed',
      },
    ],
  }),
  statusOf('i-0fa11ed0000000004', {
    health: 'failed',
    content: { wanted: NEW },
    services: [],
    trouble: {
      code: 'packages-failed',
      step: 'packages',
      subject: 'package:nginx',
      reason: 'apt-get install ended with 100',
      hint: 'is the name right, and the mirror reachable?',
      output: 'E: Unable to locate package nginx',
    },
  }),
  statusOf('i-01057000000000005', { lease: { generation: 2, expires: iso(NOW - 720_000), state: 'active' } }),
  statusOf('i-0d2a1000000000006', {
    lease: {
      generation: 1,
      expires: iso(NOW + 600_000),
      state: 'draining',
      notice: { kind: 'spot', heard: iso(NOW - 20_000), deadline: iso(NOW + 100_000) },
    },
  }),
  statusOf('i-0c0e0000000000007', { health: 'converging', content: { wanted: NEW, active: OLD } }),
  statusOf('i-0e4ded00000000008', {
    lease: {
      generation: 3,
      expires: iso(NOW - 86_400_000),
      state: 'ended',
      notice: { kind: 'shutdown', heard: iso(NOW) },
    },
  }),
];

/** What a machine that was taken over might write: for a terminal, for a browser, for an eye. */
export const HOSTILE_TEXT =
  '\u001b[2J\u202etxt.exe\u2066<script>alert(1)</script><img src=x onerror=alert(2)>\u009b31m\r\n"\'`&lt;';
const evil = { step: HOSTILE_TEXT, subject: HOSTILE_TEXT, code: HOSTILE_TEXT };
export const HOSTILE = statusOf('i-0a11ce00000000001', {
  health: 'failed',
  services: [{ id: HOSTILE_TEXT, state: 'unhealthy' }],
  trouble: { ...evil, reason: HOSTILE_TEXT, hint: HOSTILE_TEXT, output: `${HOSTILE_TEXT}\n${HOSTILE_TEXT}` },
  mistakes: [{ file: HOSTILE_TEXT, line: 1, column: 1, what: HOSTILE_TEXT, instead: HOSTILE_TEXT }],
  waiting: [{ ...evil, failures: 1, nextTry: NOW }],
  waited: [{ ...evil, since: HOSTILE_TEXT, ms: 1, over: false, boot: false }],
  notes: [HOSTILE_TEXT],
  timeline: [{ ...evil, why: HOSTILE_TEXT, from: 0, ms: 1, ok: false }],
});

/** As a large fleet is: mostly well, one in a hundred is not, each with the timeline of a boot. */
export function* largeFleet(count: number): Generator<Status> {
  for (let index = 0; index < count; index++) {
    const instanceId = `i-0${index.toString(16).padStart(16, '0')}`;
    const role = ['planet', 'db', 'cache'][index % 3]!;
    const ill = index % 100 === 50 ? KINDS[2 + (Math.floor(index / 100) % 4)] : undefined;
    const timeline = Array.from({ length: 30 }, (_, at) => {
      return { step: 'files', subject: `file:/etc/planet/conf.d/${at}.conf`, from: at * 20, ms: 18, ok: true };
    });
    yield { ...statusOf(instanceId, { timeline }), ...ill, instanceId, role };
  }
}

export interface FleetStore extends RunningS3 {
  /** An instance writes its status. */
  tell(status: Status): Promise<void>;
  /** Anything, below `instances/`. */
  put(path: string, text: string): Promise<void>;
  /** `haulout ...` with the keys and the endpoint of this store. */
  run(...words: string[]): ReturnType<typeof haulout>;
  readonly env: Readonly<Record<string, string>>;
  /** Time passes for the store, and so for the fleet. */
  pass(ms: number): void;
}

/** A real endpoint whose clock stands still, with the bucket `my-bucket`, and the desk at it. */
export async function fleetStore(
  statuses: readonly Status[] = KINDS,
  options: Parameters<typeof startS3>[0] = {},
): Promise<FleetStore> {
  let now = NOW;
  const s3 = await startS3({ now: () => now, ...options });
  const { endpoint } = s3;
  endpoint.createBucket('my-bucket');
  const put = async (path: string, text: string) => {
    await endpoint.put('my-bucket', `.haulout/instances/${path}`, { bytes: Buffer.from(text) });
  };
  const tell = (status: Status) => put(`${status.role}/${status.instanceId}.json`, JSON.stringify(status));
  for (const status of statuses) {
    now = Math.min(NOW, Date.parse(status.at));
    await tell(status);
  }
  now = NOW;
  const env = {
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_REGION: REGION,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { ...s3, put, tell, env, pass, run: (...words) => haulout(words, { env }) };
}
