import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { embeddedText } from '../../src/userdata/embed.ts';
import { agentText, type Launch, prepareLaunch } from '../support/launch.ts';
import { command, describeWith } from '../support/needs.ts';

const SHELLS = [['/bin/dash'], ['/bin/bash'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh']];
const digestOf = (data: Buffer) => createHash('sha256').update(data).digest('hex');

let launch: Launch;
beforeEach(async () => {
  launch = await prepareLaunch();
});
afterEach(() => launch.remove());

const installed = () => JSON.parse(readFileSync(join(launch.root, 'installed.json'), 'utf8'));
const ranNothing = () => expect(existsSync(join(launch.root, 'installed.json'))).toBe(false);
const PATH = { PATH: process.env['PATH'] ?? '' };

describeWith(
  [command('dash', 'dash'), command('bash', 'bash'), command('busybox', 'busybox')],
  'every way to run it',
  () => {
    describe.each(SHELLS.map((shell) => [shell.join(' '), shell] as const))('%s', (_name, shell) => {
      test('sh X', async () => {
        const ran = await launch.run([...shell, await launch.script()], { env: PATH });
        expect(ran).toMatchObject({ code: 0, stdout: '' });
        expect(installed().argv.at(-1)).toBe('install');
      });

      test('node X', async () => {
        const ran = await launch.run([...shell, '-c', `node ${await launch.script()}`], { env: PATH });
        expect(ran.code).toBe(0);
        expect(installed().mark).toBe('first');
      });

      test('./X', async () => {
        await launch.script();
        const ran = await launch.run([...shell, '-c', './bootstrap.js'], { env: PATH, cwd: launch.directory });
        expect(ran.code).toBe(0);
        expect(installed().mark).toBe('first');
      });

      test('as part-001 in an empty environment', async () => {
        const ran = await launch.run([...shell, await launch.script('part-001')]);
        expect(ran.code).toBe(0);
        expect(ran.stderr).toContain('haulout: i-0abc0abc0abc0abc0 in eu-west-3, role planet\n');
        expect(installed().env).toMatchObject({ HOME: '/root', LANG: 'C.UTF-8' });
      });

      test('from standard input it says what to do instead', async () => {
        const ran = await launch.run([...shell, '-c', `${shell.join(' ')} < ${await launch.script()}`], { env: PATH });
        expect(ran.code).toBe(64);
        expect(ran.stderr).toMatch(/^haulout: runtime: script: .* Save it, then run: sh FILE\n$/);
      });
    });
  },
);

describe('the file', () => {
  test.each(['bootstrap.mjs', 'part-001', 'bootstrap.js'])('runs as an ES module too: %s', async (name) => {
    await writeFile(join(launch.directory, 'package.json'), '{"type":"module"}');
    expect((await launch.run([process.execPath, await launch.script(name)])).code).toBe(0);
  });

  test('says so when the Node that reads it is too old', async () => {
    const old = join(launch.directory, 'old.cjs');
    await writeFile(old, 'process.getBuiltinModule = undefined;');
    const ran = await launch.run([process.execPath, '--require', old, await launch.script()]);
    expect(ran.code).toBe(69);
    expect(ran.stderr).toMatch(
      /^haulout: runtime: node: v\S+ is too old\. Put Node 20\.19 or newer on this machine\n$/,
    );
  });

  test.each(['top', 'ask', 'sign', 'object', 'packages', 'runtime', 'main', 'last'])('%s.sh passes sh -n', (part) => {
    expect(spawnSync('/bin/sh', ['-n', `src/userdata/launcher/${part}.sh`]).status).toBe(0);
  });
});

describe('the agent', () => {
  test('is called with the settings, in a clean environment, umask 077', async () => {
    launch.settings = { ...launch.settings, role: 'a-role', settleMs: 1_500 };
    await launch.run(['/bin/sh', await launch.script()], {
      env: { ...PATH, SECRET: 'x', HAULOUT_BUCKET: 's3://other' },
    });
    const { env, umask, argv } = installed();
    expect(env).toEqual({
      PATH: PATH.PATH,
      HOME: '/root',
      LANG: 'C.UTF-8',
      HAULOUT_ROOT: launch.root,
      HAULOUT_METADATA: launch.wire.metadata,
      HAULOUT_BUCKET: 's3://planet-bucket/envs/prod/planet',
      HAULOUT_ENDPOINT: launch.wire.endpoint,
      HAULOUT_ROLE: 'a-role',
      HAULOUT_SETTLE: '1500ms',
      HAULOUT_AGENT: launch.settings.agent,
    });
    expect(umask).toBe(0o077);
    expect(argv).toEqual([join(launch.agents, `${launch.settings.agent}.mjs`), 'install']);
  });

  test('lies root-only under its digest, and is current', async () => {
    await launch.run([process.execPath, await launch.script()]);
    const name = `${launch.settings.agent}.mjs`;
    expect((await readdir(launch.agents)).sort()).toEqual([name, 'current'].sort());
    expect((await stat(launch.agents)).mode & 0o777).toBe(0o700);
    expect((await stat(join(launch.agents, name))).mode & 0o777).toBe(0o600);
    expect(await readlink(join(launch.agents, 'current'))).toBe(name);
  });

  test('is not run when its bytes are others', async () => {
    const altered = Buffer.from(agentText());
    altered[altered.length - 2] = altered[altered.length - 2]! ^ 1;
    launch.wire.objects.set(`planet-bucket/.haulout/agent/${launch.settings.agent}`, altered);
    const ran = await launch.run([process.execPath, await launch.script()]);
    expect(ran.code).toBe(69);
    expect(ran.stderr).toContain('altered, not run. Run haulout userdata again');
    ranNothing();
    expect(existsSync(launch.agents)).toBe(false);
  }, 90_000);

  test('ends the launcher with its own exit code, said aloud', async () => {
    await launch.remove();
    launch = await prepareLaunch(agentText(7));
    const ran = await launch.run(['/bin/sh', await launch.script()], { env: PATH });
    expect(ran.code).toBe(7);
    expect(ran.stderr).toContain('haulout: agent: install: ended by exit code 7. Read the lines above');
  });
});

describe('a script with its agent in it', () => {
  const embedded = (text: string) => (template: string) =>
    template.replace('HAULOUT_JS\n#*/', () => `${embeddedText(Buffer.from(text))}HAULOUT_JS\n#*/`);

  test('asks nobody', async () => {
    const path = await launch.script('X', embedded(agentText().toString()));
    const ran = await launch.run(['/bin/sh', path], { env: PATH });
    expect(ran.code).toBe(0);
    expect(installed().mark).toBe('first');
    expect(launch.wire.requests).toEqual([]);
  });

  test('fetches the one that is pinned when it is another', async () => {
    const path = await launch.script('X', embedded(agentText(0, 'another').toString()));
    expect((await launch.run(['/bin/sh', path], { env: PATH })).code).toBe(0);
    expect(installed().mark).toBe('first');
  });
});

describe('run again', () => {
  test('the agent that is there is kept: nothing is asked', async () => {
    const script = await launch.script();
    await launch.run([process.execPath, script]);
    launch.wire.requests.length = 0;
    expect((await launch.run([process.execPath, script])).code).toBe(0);
    expect(launch.wire.requests).toEqual([]);
  });

  const newer = agentText(0, 'newer');
  const putNewer = async (bytes: Buffer) => {
    await mkdir(launch.agents, { recursive: true });
    await writeFile(join(launch.agents, `${digestOf(newer)}.mjs`), bytes);
    await symlink(`${digestOf(newer)}.mjs`, join(launch.agents, 'current'));
  };

  test('a newer agent that was verified is not replaced by the pinned one', async () => {
    await putNewer(newer);
    await launch.run([process.execPath, await launch.script()]);
    expect(installed().mark).toBe('newer');
    expect(launch.wire.requests).toEqual([]);
  });

  test('a current agent whose bytes are not what its name says is not run', async () => {
    await putNewer(Buffer.concat([newer, Buffer.from('//')]));
    await launch.run([process.execPath, await launch.script()]);
    expect(installed().mark).toBe('first');
    expect(await readlink(join(launch.agents, 'current'))).toBe(`${launch.settings.agent}.mjs`);
  });

  test('a current that leads out of the directory is not followed', async () => {
    await mkdir(launch.agents, { recursive: true });
    await writeFile(join(launch.root, `${digestOf(newer)}.mjs`), newer);
    await symlink(`../../../../${digestOf(newer)}.mjs`, join(launch.agents, 'current'));
    await launch.run([process.execPath, await launch.script()]);
    expect(installed().mark).toBe('first');
  });
});
