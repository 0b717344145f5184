import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { BUCKET, RoleUnderTest } from '../support/role.ts';

const CANARY = 'CANARY-7f3a"9\\e/+x=';
/** No part of it may stand anywhere either; this one looks the same in JSON, in an ini file and in a URL. */
const PART = 'CANARY-7f3a';
const spec = (more = '') => `[haulout]
version = 1
[service.app]
image = services/app
user = www-data
health = 0s
timeout = 20s
[service.app.custom]
password = "${CANARY.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"
${more}`;
const CONFIGURE = `#!/bin/sh
[ "$(sed -n 's/^password=//p' "$2" | wc -c)" -eq ${CANARY.length + 1} ] || exit 5
grep -c '^password=CANARY' cfg/service.cfg > /tmp/found
touch /tmp/configuring
sleep 1.5
rm /tmp/configuring
`;
const BETRAY = '#!/bin/sh\ncat "$2"\ncat "$2" >&2\nsed -n "s/^password=//p" "$2"\nbase64 -w0 "$2"\nexit 1\n';

/** A secret that passes through: DESIGN §2, law 7; reliability S1, S13, S14. */
describeWith([root], 'law 7', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': spec(),
      'services/app/bin/configure': CONFIGURE,
      'services/app/bin/start': '#!/bin/sh\nsleep 77071 &\n',
    });
  }, 120_000);
  afterAll(() => role?.close());

  /** Files written since the boot that hold it, the bucket's own bytes excepted: there it is by the user's choice. */
  async function placesOf(words: string): Promise<string[]> {
    const where = '/var /etc /run /srv /tmp /usr/local /root /opt /home /dev/shm';
    const { stdout } = await role.exec(
      `find ${where} -type f -cnewer /etc/machine-id -exec grep -laF -e '${words}' {} + 2> /dev/null`,
    );
    return stdout.split('\n').filter((path) => path !== '' && !path.startsWith('/var/lib/haulout/objects/'));
  }

  async function stateObjects(): Promise<string[]> {
    const holding: string[] = [];
    for (const { key, size } of role.cloud.s3.list(BUCKET, '.haulout/')) {
      const bytes = await role.cloud.s3.get(BUCKET, key, size);
      if (bytes && Buffer.from(bytes).includes(PART)) holding.push(key);
    }
    return holding;
  }

  it('reaches the hook', async () => {
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    expect(await role.read('/tmp/found')).toBe('1\n');
  });

  it('can be found at all, where it may be', async () => {
    const { stdout } = await role.exec(`grep -rlaF '${PART}' /var/lib/haulout/objects`);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('is nowhere else after a sync: no file, no process, not in the state of the bucket', async () => {
    expect(await placesOf(PART)).toEqual([]);
    expect(await processes(role)).toEqual([]);
    expect(await stateObjects()).toEqual([]);
  });

  it('is on tmpfs alone while the hook runs, and in no argv and no environment', async () => {
    await role.put('services/app/bin/configure', `${CONFIGURE}# again\n`);
    const syncing = role.sync();
    while ((await role.exec('test -e /tmp/configuring')).code !== 0) await pause(20);
    const places = await placesOf(PART);
    expect(places).toHaveLength(1);
    expect(places[0]).toMatch(/^\/run\/haulout\/cfg\/[0-9a-f]{32}\/service\.cfg$/);
    expect((await role.exec(`stat -f -c %T ${places[0]}`)).stdout).toBe('tmpfs\n');
    expect((await role.exec(`stat -c '%a %U' ${places[0]}`)).stdout).toBe('400 www-data\n');
    expect(await processes(role)).toEqual([]);
    expect((await syncing).health).toBe('healthy');
    expect(await placesOf(PART)).toEqual([]);
  });

  it('is swept from tmpfs when the agent is killed while the hook runs', async () => {
    await role.put('services/app/bin/configure', `${CONFIGURE}# and again\n`);
    const syncing = role.exec('timeout 20 haulout sync');
    while ((await role.exec('test -e /tmp/configuring')).code !== 0) await pause(20);
    await role.killAgent();
    await role.startAgent();
    await syncing;
    expect((await role.sync()).health).toBe('healthy');
    expect(await placesOf(PART)).toEqual([]);
  }, 40_000);

  it('is redacted where a failing hook prints it, in every form', async () => {
    await role.put('services/app/bin/configure', BETRAY);
    const { trouble } = await role.sync();
    expect(trouble).toMatchObject({ code: 'hook-failed' });
    expect(trouble?.output).toContain('password=[redacted]');
    for (const words of [PART, Buffer.from(`password=${CANARY}`).toString('base64').slice(4, 20)])
      expect(JSON.stringify(await role.status())).not.toContain(words);
    const printed = await role.exec(
      'haulout status; haulout status --json; haulout logs; haulout logs --json; haulout service',
    );
    expect(printed.output).not.toContain(PART);
    expect(await placesOf(PART)).toEqual([]);
    expect(await stateObjects()).toEqual([]);
  });

  it('is not told by its end where its beginning was cut off with the rest of a long output', async () => {
    const flood = `head -c ${65_536 - CANARY.length + 2} /dev/zero | tr '\\0' x`;
    await role.put(
      'services/app/bin/configure',
      `#!/bin/sh\nsed -n "s/^password=//p" "$2" | tr -d '\\n'\n${flood}\nexit 1\n`,
    );
    const { trouble } = await role.sync();
    expect(trouble).toMatchObject({ code: 'hook-failed', output: expect.stringMatching(/^x+$/) });
  });

  it('is not told by a mistake in its line or beside it', async () => {
    await role.put(
      'haulout.ini',
      spec(`pass word = ${PART}#1\ntoken = ${PART}#2\n[service.app]\nport = ${PART}\nhealth = ${PART}\n`),
    );
    const status = await role.sync();
    expect(status.trouble?.code).toBe('spec-invalid');
    expect(status.mistakes?.length).toBeGreaterThan(1);
    expect(JSON.stringify(status)).not.toContain(PART);
    expect(await stateObjects()).toEqual([]);
  });
});

/** Processes that have it in their command line or environment. */
async function processes(role: RoleUnderTest): Promise<string[]> {
  const { stdout } = await role.exec(
    `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; tr '\\0' ' ' < $p/environ; echo; done 2> /dev/null`,
  );
  return stdout.split('\n').filter((line) => line.includes(PART));
}
