import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../src/status/status.ts';
import type { FailureStatus } from '../../src/userdata/launcher/report.ts';
import { type Launch, prepareLaunch } from '../support/launch.ts';
import { end } from '../support/launch-wire.ts';
import { command, describeWith } from '../support/needs.ts';

let launch: Launch;
beforeEach(async () => {
  launch = await prepareLaunch();
});
afterEach(() => launch.remove());

const ranNothing = () => expect(existsSync(join(launch.root, 'installed.json'))).toBe(false);
const PATH = { PATH: process.env['PATH'] ?? '' };

describe('metadata', () => {
  test('is asked again after 503 and after an answer that is none', async () => {
    let times = 0;
    launch.wire.before = (_request, response, url) => {
      if (!url.pathname.startsWith('/latest') || ++times > 6) return false;
      end(response, times % 2 ? 503 : 200, 'System is still starting up');
      return true;
    };
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('haulout: metadata: meta-data/instance-id: it answers 503; trying again\n');
  });

  test.each([401, 403])('a refused token (%i) ends it: no request without one', async (status) => {
    launch.wire.before = (request, response) => {
      if (request.method === 'PUT') end(response, status, '');
      return request.method === 'PUT';
    };
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(69);
    expect(ran.stderr).toMatch(/^haulout: metadata: api\/token: refused \(\d+\); no weaker way is tried\. Check .*\n$/);
    expect(launch.wire.requests).toEqual(['PUT /latest/api/token']);
    ranNothing();
  });

  test('a redirect is not followed', async () => {
    launch.wire.before = (_request, response) => {
      response.setHeader('location', '/elsewhere');
      end(response, 307, '');
      return true;
    };
    expect((await launch.run([process.execPath, await launch.script()])).code).toBe(69);
    expect(launch.wire.count(/elsewhere/)).toBe(0);
  });

  test('a service that knows no tokens is asked without', async () => {
    launch.wire.tokens = 'unknown';
    expect((await launch.run([process.execPath, await launch.script()])).code).toBe(0);
  });

  test('the region comes from the identity document where there is no other', async () => {
    launch.wire.categories.delete('meta-data/placement/region');
    launch.wire.categories.set('dynamic/instance-identity/document', '{\n "region" : "eu-west-3"\n}');
    expect((await launch.run([process.execPath, await launch.script()])).code).toBe(0);
  });

  test('is not asked for what the settings say', async () => {
    launch.wire.publicRead = true;
    launch.settings = { ...launch.settings, region: 'eu-west-3', anonymous: true };
    expect((await launch.run([process.execPath, await launch.script()])).code).toBe(0);
    expect(launch.wire.count(/region|credentials/)).toBe(0);
  });

  test('no role: reads without signing and says so once', async () => {
    launch.wire.publicRead = true;
    launch.wire.categories.delete('meta-data/iam/security-credentials/');
    let refusals = 2;
    launch.wire.before = (_request, response, url) => {
      if (!url.pathname.startsWith('/s3/') || refusals-- <= 0) return false;
      end(response, 403, '');
      return true;
    };
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(0);
    expect(ran.stderr.match(/reading without signing/g)).toHaveLength(1);
  });
});

describe('a failure', () => {
  const key = 'planet-bucket/.haulout/instances/planet/i-0abc0abc0abc0abc0.json';

  /** The bucket is elsewhere. */
  const refuse: Launch['wire']['before'] = (request, response) => {
    const agent = request.method === 'GET' && request.url?.includes('/agent/') === true;
    if (agent) end(response, 400, '<Error><Code>IllegalLocationConstraintException</Code></Error>');
    return agent;
  };

  test('stands in the bucket where the statuses are, as the agent would say it', async () => {
    launch.wire.before = refuse;
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(69);
    const failure = JSON.parse(Buffer.from(launch.wire.objects.get(key)!).toString()) as FailureStatus;
    const status: Status = failure;
    expect(status).toMatchObject({ schema: 1, instanceId: 'i-0abc0abc0abc0abc0', role: 'planet', health: 'failed' });
    expect(status.trouble).toEqual({
      code: 'launch-failed',
      step: 'bucket',
      subject: `s3://planet-bucket/.haulout/agent/${launch.settings.agent}`,
      reason: 'it answers 400 IllegalLocationConstraintException',
      hint: 'Check HAULOUT_ENDPOINT and HAULOUT_REGION',
    });
  });

  test('is not written into the bucket of a stranger, who holds the name now', async () => {
    launch.settings = { ...launch.settings, owner: '123456789012' };
    const asked: unknown[] = [];
    launch.wire.before = (request, response, url) => {
      if (!url.pathname.startsWith('/s3/')) return false;
      asked.push(request.headers['x-amz-expected-bucket-owner']);
      return refuse(request, response, url);
    };
    await launch.run([process.execPath, await launch.script()]);
    expect(asked).toEqual(['123456789012', '123456789012']);
  });

  test('that nobody may write down is said on the console alone', async () => {
    launch.wire.publicRead = true;
    launch.settings = { ...launch.settings, anonymous: true };
    launch.wire.before = (request, response, url) => {
      if (request.method === 'PUT' && request.url?.startsWith('/s3/')) end(response, 403, '');
      else return refuse(request, response, url);
      return true;
    };
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran).toMatchObject({ code: 69, stderr: expect.stringContaining('it answers 400') });
    expect(launch.wire.objects.has(key)).toBe(false);
  });
});

describe('refusals', () => {
  test('all bad settings at once, 78', async () => {
    const path = await launch.script('X', (text) =>
      text
        .replace(/^HAULOUT_BUCKET=.*$/m, 'HAULOUT_BUCKET = s3://planet-bucket')
        .replace(/^HAULOUT_AGENT=.*$/m, 'HAULOUT_AGENT=ABC')
        .replace(/^HAULOUT_ENDPOINT=.*$/m, 'HAULOUT_ENDPOINT=http://host:99999/'),
    );
    const ran = await launch.run([process.execPath, path]);
    expect(ran.code).toBe(78);
    expect(ran.stderr.match(/^haulout: settings: HAULOUT_\w+: .*\. Write HAULOUT_\w+=.*$/gm)).toHaveLength(4);
    expect(launch.wire.requests).toEqual([]);
  });

  test.each(['HAULOUT_ROOT=/tmp/x', 'export HAULOUT_REGION=a', 'HAULOUT_REGION=$(id)'])(
    '%s is no setting, 78',
    async (line) => {
      const path = await launch.script('X', (text) => text.replace(/^HAULOUT_AGENT/m, `${line}\nHAULOUT_AGENT`));
      const ran = await launch.run([process.execPath, path]);
      expect(ran).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('is not a setting, or not written as one'),
      });
    },
  );

  test('not root, 77', async () => {
    await chmod(launch.directory, 0o755);
    const path = await launch.script();
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const ran = await launch.run([process.execPath, path], { env: { HAULOUT_ROOT: '' }, ...uid });
    expect(ran).toMatchObject({ code: 77, stderr: 'haulout: runtime: user: this is not root. Run it with sudo\n' });
  });

  test('a disk that takes nothing, 1: says what is to be mended, as it is no fault of the script', async () => {
    await writeFile(join(launch.root, 'var'), '');
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/launcher: script: ENOTDIR: not a directory, mkdir '\S+'\. Mend that, or report it\n$/);
  });

  test('no Node that is new enough, 69: says which were found', async () => {
    const bin = join(launch.directory, 'bin');
    await mkdir(bin);
    for (const [name, version] of [
      ['node', 'v20.18.9'],
      ['nodejs', 'v18.20.4'],
    ] as const) {
      await writeFile(join(bin, name), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    }
    const elsewhere = (text: string) => text.replace(/ \/usr\/local\/bin\/node [^"]*"\$place\/bin\/node"/, '');
    const path = await launch.script('X', elsewhere);
    const ran = await launch.run(['/bin/sh', path], { env: { PATH: bin } });
    expect(ran.code).toBe(69);
    expect(ran.stderr).toContain(
      `haulout: runtime: node: found ${bin}/node v20.18.9, ${bin}/nodejs v18.20.4, needed is 20.19 or newer. ` +
        'There is neither base64 nor gzip to unpack the rest of this script. Run haulout runtime add',
    );
  });

  test('what is no Node is not run to find out: what else stands in /opt, and programs whose names begin with node-', async () => {
    const here = (path: string) => join(launch.directory, path);
    const marks = (name: string) => `#!/bin/sh\n: >${here(name)}\n`;
    const old = '#!/bin/sh\necho v18.20.4\n';
    const programs = {
      'opt/setup.sh': marks('ran'),
      'usr/bin/node-red': marks('ran'),
      'opt/node-v18/bin/node': old,
      'usr/bin/node-18': old,
    };
    for (const [path, text] of Object.entries(programs)) {
      await mkdir(dirname(here(path)), { recursive: true });
      await writeFile(here(path), text, { mode: 0o755 });
    }
    await mkdir(here('bin'));
    const elsewhere = (text: string) =>
      text
        .replace(/ \/usr\/local\/bin\/node \/usr\/bin\/node /, ' ')
        .replace(/ (\/(?:usr\/bin|opt)\/)/g, ` ${launch.directory}$1`);
    const path = await launch.script('X', elsewhere);
    const ran = await launch.run(['/bin/sh', path], { env: { PATH: here('bin') } });
    expect(ran.stderr).toContain(
      `found ${here('usr/bin/node-18')} v18.20.4, ${here('opt/node-v18/bin/node')} v18.20.4, needed`,
    );
    expect(existsSync(here('ran'))).toBe(false);
  });

  test.each(['v20.19.0', 'v22.0.0', 'v104.1.2'])('%s is new enough', async (version) => {
    const bin = join(launch.directory, 'bin');
    await mkdir(bin);
    const fake = `#!/bin/sh\n[ "$1" = --version ] && { echo ${version}; exit; }\necho "took $1"\n`;
    await writeFile(join(bin, 'node'), fake, { mode: 0o755 });
    const path = await launch.script();
    expect((await launch.run(['/bin/sh', path], { env: { PATH: bin } })).stdout).toBe(`took ${path}\n`);
  });
});

describeWith([command('python3', 'python3')], 'the console', () => {
  const PTY = `
import os, pty, subprocess, sys
master, slave = pty.openpty()
os.makedirs(sys.argv[1] + '/dev', exist_ok=True)
os.symlink(os.ttyname(slave), sys.argv[1] + '/dev/console')
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
os.set_blocking(master, False)
seen = os.read(master, 4096)
sys.stdout.write(seen.decode().replace('\\r', ''))
sys.exit(0 if seen.replace(b'\\r', b'') == done.stderr else 1)
`;
  test.each([
    ['the JavaScript part', process.execPath, 'HAULOUT_AGENT=wrong', /^haulout: settings: HAULOUT_AGENT: .*\n$/],
    ['the shell part', '/bin/sh', 'no', /^haulout: runtime: script: .*\n$/],
  ])('hears of a failure as standard error does: %s', async (_part, program, line, shape) => {
    const path = await launch.script('X', (text) =>
      line === 'no' ? text.replace('{ ":" /*', '{ ":"  /*') : text.replace(/^HAULOUT_AGENT=.*$/m, line),
    );
    const ran = await launch.run(['python3', '-c', PTY, launch.root, program, path], { env: PATH });
    expect(ran.stdout).toMatch(shape);
    expect(ran.code).toBe(0);
  });
});
