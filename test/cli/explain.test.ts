import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type FleetStore, fleetStore, KINDS, NOW, statusOf } from '../support/fleet.ts';

const FLEET = 's3://my-bucket';
const DEGRADED = `i-0de9bad0000000003  role planet  degraded
seen       2025-06-01T10:05:03.000Z, 27s ago, boot 1, lease for 10m more
machine    t3.micro, eu-west-1a, 10.0.0.3, up since 2025-05-28T09:15:30.000Z, agent 0.1.0
last sync  2025-06-01T10:05:00.000Z, 6.4 s, 2 steps, 4 requests
content    active a0a950209ab64444444444444444444444444444444444444444444444444444
           wanted b2bcacbf66062222222222222222222222222222222222222222222222222222
           set aside b2bcacbf66062222222222222222222222222222222222222222222222222222, after service:planet [hook-failed]
services   web healthy (port 80), planet unhealthy

failing    service: service:planet [hook-failed]
because    bin/configure ended with code 1
done for   file:/srv/services/planet/skin.css changed
exit code  1
tried      3 times; next in 45s (2025-06-01T10:06:15.000Z)
output     | planet: reading skin.css
           | planet: skin.css:12: no such colour: reed
next       read the end of its output in \`haulout status\`
waited     12 s for bucket: s3://my-bucket/planet (ENOTFOUND), at boot

the last round that did something
  metadata                                      4 ms  █
  bucket                                       53 ms  █
  spec                                          6 ms  █
  facts                                        81 ms  █
  files file:/srv/services/planet/skin.css     22 ms  █
  service:planet                            6,254 ms  ███████████████████████████████ failed [hook-failed]
`;

describe('haulout explain', () => {
  let store: FleetStore;
  beforeAll(async () => {
    store = await fleetStore();
  });
  afterAll(() => store.close());

  it('tells the first step that failed, what belongs to it, and where the time went', async () => {
    const { code, stdout, stderr } = await store.run('explain', 'i-0de9bad0000000003', FLEET);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: DEGRADED, stderr: '' });
  });

  it('takes as much of an id as no other has, and asks only for such names', async () => {
    const before = store.log.length;
    expect((await store.run('explain', 'i-0de', FLEET)).stdout).toBe(DEGRADED);
    const asked = store.log.slice(before).filter(({ status }) => status === 200);
    expect(asked.map(({ operation }) => operation).sort()).toEqual([
      'GetObject',
      'ListObjectsV2',
      'ListObjectsV2',
      'ListObjectsV2',
    ]);
  });

  it('says the same as JSON, with the status', async () => {
    const { stdout } = await store.run('explain', 'i-0fa', FLEET, '--json');
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      state: 's3://my-bucket/.haulout',
      at: '2025-06-01T10:05:30.000Z',
      heard: '2025-06-01T10:05:03.000Z',
      condition: 'failed',
      failing: {
        step: 'packages',
        subject: 'package:nginx',
        code: 'packages-failed',
        reason: 'apt-get install ended with 100',
        hint: 'is the name right, and the mirror reachable?',
        exitCode: 100,
        output: ['E: Unable to locate package nginx'],
      },
      status: KINDS.find(({ health }) => health === 'failed'),
    });
  });

  it('says of who is lost since when, its last words, and how to replace it', async () => {
    const { stdout } = await store.run('explain', 'i-0105', FLEET);
    expect(stdout).toContain(
      'lost       its lease ran out 2025-06-01T09:53:30.000Z, 12m ago, without a goodbye\n' +
        '           it was shut off, crashed, or does not reach the bucket any more; its last words were that it is healthy\n' +
        'next       haulout replace i-01057000000000005\n',
    );
  });

  it('says what notice came', async () => {
    const { stdout } = await store.run('explain', 'i-0d2a', FLEET);
    expect(stdout).toContain(
      'notice     spot, heard 2025-06-01T10:05:10.000Z, the machine goes 2025-06-01T10:07:10.000Z\n',
    );
  });

  it.each([
    [
      'what several begin with',
      ['i-0'],
      64,
      /8 instances are meant by it: db\/i-0a11ce00000000002, .+ \.\.\.\n.*write more of the id/,
    ],
    ['what none begins with', ['i-0123'], 69, /no instance whose id begins with i-0123/],
    ['one of another role', ['i-0de', '--role', 'db'], 69, /s3:\/\/my-bucket\/\.haulout, role db: no instance/],
    ['what is no id', ['../i-0'], 64, /this is no beginning of an instance id/],
  ])('refuses %s', async (_what, [id = '', ...words], code, said) => {
    const result = await store.run('explain', id, FLEET, ...words);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(said);
  });
});

describe('haulout explain, of others', () => {
  async function explained(
    ...change: Parameters<typeof statusOf>
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const store = await fleetStore([statusOf(...change)]);
    onTestFinished(() => store.close());
    return await store.run('explain', change[0], FLEET);
  }
  const ID = 'i-0a11ce00000000001';

  it('an instance that is well has nothing that fails', async () => {
    const { stdout } = await explained(ID);
    expect(stdout).not.toMatch(/^(failing|next|lost)/m);
    expect(stdout).toMatch(/^i-0a11ce00000000001 {2}role planet {2}healthy\n/);
  });

  it('what failed in an earlier round is told, though its output is not there any more', async () => {
    const waiting = [{ subject: 'service:web', code: 'check-failed', failures: 2, nextTry: NOW - 1 }];
    const { stdout } = await explained(ID, { health: 'degraded', waiting });
    expect(stdout).toMatch(/failing +waiting: service:web \[check-failed\]\nbecause +it failed in an earlier round/);
    expect(stdout).toContain('tried      2 times; next at the next sync (2025-06-01T10:05:29.999Z)\n');
  });

  it('only the last forty lines of output, and the longest forty steps', async () => {
    const output = Array.from({ length: 60 }, (_, line) => `line ${line}`).join('\n');
    const trouble = { code: 'x', step: 'service', subject: 'service:web', reason: 'r', hint: 'h', output };
    const timeline = Array.from({ length: 90 }, (_, at) => ({
      step: 'files',
      subject: `file:/${at}`,
      from: at,
      ms: at,
      ok: true,
    }));
    const { stdout } = await explained(ID, { trouble, timeline });
    expect(stdout.match(/\| line/g)).toHaveLength(40);
    expect(stdout).toContain('| line 59\n');
    expect(stdout.match(/█\n/g)).toHaveLength(40);
    expect(stdout).toContain('  and 50 shorter ones\n');
  });

  it('every mistake of a spec that was refused', async () => {
    const mistakes = [
      { file: 'haulout.ini', line: 3, column: 1, what: 'there is no section packags', instead: 'packages' },
    ];
    const { stdout } = await explained(ID, { mistakes });
    expect(stdout).toContain(
      'mistake    haulout.ini:3:1: there is no section packags\n           write instead: packages\n',
    );
  });

  it('what cannot be read is refused, with the reason', async () => {
    const store = await fleetStore([]);
    onTestFinished(() => store.close());
    await store.put(`planet/${ID}.json`, '[]');
    const { code, stderr } = await store.run('explain', ID, FLEET);
    expect(code).toBe(69);
    expect(stderr).toContain(`.haulout/instances/planet/${ID}.json: it is not as a status has it`);
  });
});
