import { describe, expect, it } from 'vitest';
import { type Live, StatusUpload } from '../../src/agent/upload.ts';
import { S3Error } from '../../src/aws/s3-error.ts';
import { LARGEST_STATUS } from '../../src/cli/fleet/read-fleet.ts';
import { activated, emptyLedger } from '../../src/ledger/ledger.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { lineLog } from '../../src/lib/log.ts';
import { readStatus } from '../../src/status/read-status.ts';
import type { Status } from '../../src/status/status.ts';
import { VirtualClock } from '../support/clock.ts';
import { statusOf } from '../support/fleet.ts';

const LIVE = { schema: 1, ledger: { subjects: {} } } as Live;
const KEYS = { accessKeyId: 'a', secretAccessKey: 'b' };

function uploading(parts: { refuse?: () => Error | undefined; keys?: () => typeof KEYS | undefined } = {}) {
  const clock = new VirtualClock();
  const written: string[] = [];
  const bodies: Buffer[] = [];
  const said: string[] = [];
  const put = async (key: string, body: Uint8Array) => {
    const error = parts.refuse?.();
    if (error) throw error;
    bodies.push(Buffer.from(body));
    written.push(`${key} ${Buffer.from(body).length > 60 ? 'status' : 'facts'}`);
  };
  const upload = new StatusUpload({
    clock,
    log: lineLog((line) => said.push(line.slice(31).trim())),
    settings: { state: { bucket: 'b', prefix: 'state' }, role: 'web' },
    objects: () => ({ put }),
    credentials: async () => (parts.keys ? parts.keys() : KEYS),
  });
  const tell = async (health: Status['health'] = 'healthy') => {
    const expires = new Date(clock.now() + 600_000).toISOString();
    const status = {
      ...{ schema: 1, instanceId: 'i-1', role: 'web', at: new Date(clock.now()).toISOString(), health },
      ...{ lastSync: { changed: [] }, waiting: [], waited: [], lease: { generation: 1, expires, state: 'active' } },
    } as unknown as Status;
    await upload.write(status, LIVE);
    return written.splice(0);
  };
  return { clock, tell, said, upload, bodies };
}

const STATUS = 'state/instances/web/i-1.json status';
const FACTS = 'state/facts/web/i-1.json facts';

it('the facts in the bucket tell of a line that takes an announcement back by its digest alone', async () => {
  const down = 'curl -H "authorization: Bearer very-secret" -X DELETE http://monitor/';
  const subjects = {
    'register:monitor': { ...activated('d'), announced: { down, user: 'nobody', timeoutMs: 1 } },
    'register:quiet': { ...activated('d'), announced: { user: 'nobody', timeoutMs: 1 } },
  };
  const written: string[] = [];
  const upload = new StatusUpload({
    clock: new VirtualClock(),
    log: lineLog(() => undefined),
    settings: { state: { bucket: 'b', prefix: 'state' }, role: 'web' },
    objects: () => ({ put: async (_key, body) => void written.push(Buffer.from(body).toString()) }),
    credentials: async () => KEYS,
  });
  const status = { instanceId: 'i-1', lastSync: { changed: [] }, waiting: [], waited: [] } as unknown as Status;
  await upload.write(status, { schema: 1, ledger: { ...emptyLedger('i-1'), subjects } } as unknown as Live);
  expect(written.join()).not.toContain('secret');
  expect((JSON.parse(written[1]!) as Live).ledger.subjects).toEqual({
    ...subjects,
    'register:monitor': { ...activated('d'), announced: { down: sha256(down), user: 'nobody', timeoutMs: 1 } },
  });
});

describe('the status in the bucket', () => {
  it('can be read by everybody, also after a first boot with as many files as a role may have', async () => {
    const { upload, bodies } = uploading();
    const changed = Array.from({ length: 100_000 }, (_, index) => `file:/srv/planet/cache/${index}.html`);
    const whole = statusOf('i-0a11ce00000000001');
    const lastSync = { ...whole.lastSync, steps: changed.length, changed };
    await upload.write({ ...whole, lastSync }, LIVE);
    const body = bodies[0]!;
    expect(body.length).toBeLessThan(LARGEST_STATUS);
    const read = readStatus(body, { role: 'planet', instanceId: 'i-0a11ce00000000001' });
    expect(read.lastSync).toMatchObject({ steps: 100_000, changed: changed.slice(0, 1_000) });
  });

  it('is written when there is news, with the facts; else to renew the lease, without them, once a minute at most', async () => {
    const { clock, tell } = uploading();
    expect(await tell()).toEqual([STATUS, FACTS]);
    for (let second = 0; second < 59; second += 2) {
      clock.advance(2_000);
      expect(await tell()).toEqual(second < 58 ? [] : [STATUS]);
    }
    expect(await tell('degraded')).toEqual([STATUS, FACTS]);
    clock.advance(59_000);
    expect(await tell('degraded')).toEqual([]);
    clock.advance(300_000);
    expect(await tell('degraded')).toEqual([STATUS]);
  });

  it('that is refused is said once, and the same words are not repeated for an hour', async () => {
    let refused = 0;
    const refuse = () => (++refused > 0 ? new S3Error(403, 'AccessDenied', 'PutObject', 'k') : undefined);
    const { clock, tell, said } = uploading({ refuse });
    for (let minute = 0; minute < 59; minute++) {
      await tell();
      clock.advance(60_000);
    }
    expect(refused).toBe(1);
    await tell('degraded');
    expect(refused).toBe(2);
    clock.advance(3_600_000);
    await tell('degraded');
    expect([refused, said]).toEqual([
      3,
      ['the bucket refuses s3://b/state/instances/web/i-1.json: the status stays on this disk'],
    ]);
  });

  it.each([
    [new S3Error(503, 'SlowDown', 'PutObject', 'k')],
    [new S3Error(429, 'TooManyRequests', 'PutObject', 'k')],
    [new S3Error(408, 'RequestTimeout', 'PutObject', 'k')],
    [new Error('no network')],
  ])('that did not get through (%s) is tried at the next sync, news and renewals', async (error) => {
    let broken = true;
    const { clock, tell, said } = uploading({ refuse: () => (broken ? error : undefined) });
    for (let time = 0; time < 3; time++) expect(await tell()).toEqual([]);
    broken = false;
    expect(await tell()).toEqual([STATUS, FACTS]);
    broken = true;
    clock.advance(60_000);
    expect(await tell()).toEqual([]);
    broken = false;
    expect(await tell()).toEqual([STATUS]);
    expect(said).toHaveLength(2);
  });

  it('stays on the disk where there are no keys, said once', async () => {
    let keys: typeof KEYS | undefined;
    const { tell, said } = uploading({ keys: () => keys });
    for (let time = 0; time < 3; time++) expect(await tell()).toEqual([]);
    expect(said).toEqual(['this instance has no credentials: its status stays on its own disk']);
    keys = KEYS;
    expect(await tell()).toEqual([STATUS, FACTS]);
  });

  it('of nobody is not written', async () => {
    const { upload } = uploading({ refuse: () => new Error('asked') });
    await upload.write({ instanceId: '', lastSync: {}, waiting: [], waited: [] } as unknown as Status, undefined);
  });
});
